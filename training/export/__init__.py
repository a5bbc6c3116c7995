"""Hands a checkpoint over to others: `openqwq export`. Independent of how the checkpoint was trained, and of what will
serve it."""
