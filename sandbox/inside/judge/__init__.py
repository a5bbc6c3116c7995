"""The tests' side of assert texts, beside `asserts.py`: what a text asks, where its names come from, how it is run."""
