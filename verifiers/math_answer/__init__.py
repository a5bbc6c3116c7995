"""Accuracy of a mathematical answer, in tiers: extract, normalise, exact rationals, structure, and last sympy
in workers.

Text that a model wrote is never evaluated as code, and sympy never runs in the caller's process.
"""
