"""Plays an episode of an environment in the terminal, by hand or by a model. Independent of runs, rewards and their
verifiers."""
