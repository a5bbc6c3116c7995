"""Supervised stages: the cold start and the reward model, by TRL's trainers."""
