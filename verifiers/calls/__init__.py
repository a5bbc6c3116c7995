"""From an assistant's turn to its tool calls: one small file for each written format, one registry of them
(`formats.py`), strict JSON, and the check of arguments against the offered tools. Independent of what a call is worth.
"""
