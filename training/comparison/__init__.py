"""Runs side by side: arms against a baseline, paired by seed and problem, and one page of them. Independent of how the
runs were started."""
