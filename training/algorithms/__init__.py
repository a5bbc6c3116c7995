"""Advantages, credit, losses, KL, the log-prob head and the catalogue: pure functions, independent of engines,
processes and files."""
