"""Held-out accuracy with intervals, and the gates that decide by it. Knows nothing of stages or updates."""
