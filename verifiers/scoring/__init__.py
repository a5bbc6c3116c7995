"""Scores of answers behind one contract (`item.py`): a reward model in this process, services over HTTP, a generative
judge. From a score to a verdict: `verdicts.py`."""
