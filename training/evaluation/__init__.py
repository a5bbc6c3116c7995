"""Held-out accuracy with intervals, and the gates that depend on it. Independent of stages and updates."""
