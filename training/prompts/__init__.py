"""Loads prompts from files and hub data sets, and streams them in a deterministic order. Independent of the rest of
training."""
