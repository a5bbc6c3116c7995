"""Evaluations as commands: measure a model, judge kept answers again, compare. Independent of runs and their stages."""
