"""openqwq: the QwQ-32B recipe as one thing that runs - two-stage, outcome-reward reinforcement learning.

The code lives in the top-level folders; this package only links to them, so that one import root works
installed, from a bare checkout and inside a Ray worker (docs/adr/0001-import-root.md).
"""

__version__ = "0.1.0"
