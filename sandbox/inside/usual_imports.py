"""What the judges of LeetCode-like sites import ahead of every program, and their two node classes."""

from __future__ import annotations

from typing import Any

RECURSION_LIMIT = 50_000
_TEXT = """
from typing import *
from collections import *
from itertools import *
from functools import *
from heapq import *
from bisect import *
from math import *
import bisect, collections, copy, datetime, functools, heapq, io, itertools, json, math, operator, random, re
import statistics, string, sys, typing
del pow

class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val, self.left, self.right = val, left, right

class ListNode:
    def __init__(self, val=0, next=None):
        self.val, self.next = val, next
"""


def names() -> dict[str, Any]:
    """The names, made once in a worker. math's `pow` is left out, since the built-in one takes three arguments."""
    namespace: dict[str, Any] = {"__name__": "solution"}
    exec(_TEXT, namespace)
    return {name: value for name, value in namespace.items() if not name.startswith("__")}
