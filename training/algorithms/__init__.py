"""Advantages, credit, losses, KL, the log-prob head, the catalogue: pure functions. Know no engine, process or file."""
