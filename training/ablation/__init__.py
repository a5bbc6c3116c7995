"""Ablations: arms of a recipe over seeds, with their recipes, folders, runs and one table. Independent of what happens
inside a run."""
