"""Correct functions: each way in which people define one, and each kind of value that one returns."""

from __future__ import annotations

from typing import Any

from openqwq.sandbox import Compare, TestCase
from tests.sandbox.corpus.program import ROOMY, SQUARE_CALLS, Program, call, returns


def good(name: str, code: str, tests: tuple[TestCase, ...] = SQUARE_CALLS, **options: Any) -> Program:
    return call(name, code, "pass", tests, **{"limits": ROOMY, **options})


def value(name: str, expression: str, wanted: Any, head: str = "", **options: Any) -> Program:
    return returns(name, expression, wanted, "pass", head, **options)


SHAPES = (
    good("a plain function", "def square(n): return n * n\n"),
    good("a function with annotations", "from typing import List\ndef square(n: int) -> int:\n    x: List[int] = [n]\n"
         "    return x[0] ** 2\n"),
    good("a lambda", "square = lambda n: n * n\n"),
    good("a function inside of a function", "def square(n):\n    def f(x): return x * x\n    return f(n)\n"),
    good("a function with a helper", "def times(a, b): return a * b\ndef square(n): return times(n, n)\n"),
    good("a cached function", "from functools import lru_cache\n@lru_cache(None)\ndef square(n): return n * n\n"),
    good("a decorated function", "import functools\ndef d(f):\n    @functools.wraps(f)\n"
        "    def g(*a, **k): return f(*a, **k)\n"
         "    return g\n@d\ndef square(n): return n * n\n"),
    good("a partial function", "from functools import partial\nsquare = partial(lambda p, n: n ** p, 2)\n"),
    good("a callable object", "class Power:\n    def __init__(self, p): self.p = p\n"
        "    def __call__(self, n): return n ** self.p\n"
         "square = Power(2)\n"),
    good("a bound method", "class Power:\n    def of(self, n): return n * n\nsquare = Power().of\n"),
    good("a built-in under another name", "square = len\n", (TestCase([[1, 2, 3]], 3),)),
    good("a default argument", "def square(n, p=2): return n ** p\n"),
    good("any number of arguments", "def square(*n): return sum(x * x for x in n)\n", (TestCase([1, 2, 3], 14),)),
    good("no arguments", "def square(): return 9\n", (TestCase([], 9),)),
    good("a recursive function", "def square(n): return 0 if n == 0 else square(n - 1) + 2 * n - 1\n"),
    good("a deep recursive function", "import sys\nsys.setrecursionlimit(10 ** 6)\n"
         "def square(n): return 0 if n == 0 else square(n - 1) + 2 * n - 1\n", (TestCase([50000], 2500000000),)),
    good("a memory in a global", "memo = {}\ndef square(n):\n    if n not in memo: memo[n] = n * n\n"
        "    return memo[n]\n"),
    good("a constant made while loading", "TABLE = [n * n for n in range(100)]\ndef square(n): return TABLE[n]\n"),
    good("a method of Solution", "class Solution:\n    def square(self, n: int) -> int:\n        return n * n\n"),
    good("a Solution with helpers", "class Solution:\n    def __init__(self): self.p = 2\n"
        "    def power(self, n): return n ** self.p\n"
         "    def square(self, n): return self.power(n)\n"),
    good("a static method of Solution", "class Solution:\n    @staticmethod\n    def square(n): return n * n\n"),
    good("a class method of Solution", "class Solution:\n    @classmethod\n    def square(cls, n): return n * n\n"),
    good("an inherited method of Solution", "class Base:\n    def square(self, n): return n * n\n"
        "class Solution(Base): pass\n"),
    good("a Solution beside its own test", "class Solution:\n    def square(self, n): return n * n\n"
         "s = Solution()\nprint(s.square(3))\n"),
    good("a function that prints", "def square(n):\n    print('trying', n)\n    return n * n\nprint('loaded')\n"),
    good("a function that writes to standard error", "import sys\ndef square(n):\n    print(n, file=sys.stderr)\n"
        "    return n * n\n"),
    good("a function beside a guarded main", "def square(n): return n * n\n"
        "if __name__ == '__main__': print(square(int(input())))\n"),
    good("a function beside a guarded test case", "import unittest\ndef square(n): return n * n\n"
         "if __name__ == '__main__': unittest.main()\n"),
    good("a function beside asserts that hold", "def square(n): return n * n\nassert square(2) == 4\n"),
    good("a function that changes its argument", "def square(x):\n    x.sort()\n    return x\n",
         (TestCase([[3, 1]], [1, 3]),)),
    good("a function that empties its argument", "def square(x):\n    s = 0\n    while x: s += x.pop()\n    return s\n",
         (TestCase([[3, 1]], 4),)),
    good("built-ins used for its own names", "def square(list):\n    sum = 0\n    for max in list: sum += max\n"
        "    return sum\n"
         "def len(x): return 0\n", (TestCase([[3, 1]], 4),)),
    good("a function that catches an exit", "import sys\ndef square(n):\n    try: sys.exit()\n"
        "    except SystemExit: return n * n\n"),
    good("a function that uses threads", "from concurrent.futures import ThreadPoolExecutor\ndef square(n):\n"
         "    with ThreadPoolExecutor(4) as p: return sum(p.map(lambda x: n, range(n)))\n"),
    good("a function that uses processes", "from multiprocessing import Pool\ndef f(x): return x * x\ndef square(n):\n"
         "    with Pool(2) as p: return p.map(f, [n])[0]\n"),
    good("a function that uses a file", "def square(n):\n    open('x', 'w').write(str(n))\n"
        "    return int(open('x').read()) ** 2\n"),
    good("a function that pickles its own objects", "import pickle\nclass P:\n    def __init__(self, x): self.x = x\n"
         "def square(n): return pickle.loads(pickle.dumps(P(n))).x ** 2\n"),
    good("a dataclass with annotations from the future", "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
         "@dataclass\nclass P:\n    x: int\n    y: P | None = None\ndef square(n): return P(n).x ** 2\n"),
    good("a function with tabs", "def square(n):\n\tif n:\n\t\treturn n * n\n"),
    good("a function in an asynchronous dress", "import asyncio\nasync def f(n): return n * n\n"
        "def square(n): return asyncio.run(f(n))\n"),
    good("a generator made a list", "def gen(n):\n    for i in range(n): yield i\ndef square(n): return list(gen(n))\n",
         (TestCase([3], [0, 1, 2]),)),
    good("a function that ends with a running daemon thread", "import threading, time\n"
         "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\ndef square(n): return n * n\n"),
    good("a name with other scripts", "def carré(n): return n * n\n", entry_point="carré"),
)  # fmt: skip

VALUES = (
    value("None", "None", None),
    value("a boolean", "n == 3", True),
    value("an empty list", "[]", []),
    value("an empty text", "''", ""),
    value("text in other scripts", "'žluť 漢字 🎈'", "žluť 漢字 🎈"),
    value("text with a lone surrogate", "'\\ud800'", "\ud800"),
    value("text with NULs and line ends", "'a\\0b\\r\\n'", "a\0b\r\n"),
    value("bytes", "bytes([0, 255])", b"\x00\xff"),
    value("a bytearray where bytes are wanted", "bytearray(b'ab')", b"ab"),
    value("a complex number", "complex(1, -2)", 1 - 2j),
    value("a large integer", "10 ** 60", 10**60),
    value("a negative integer", "-n", -3),
    value("a float", "n / 7", 3 / 7),
    value("a float that is a whole number", "9.0", 9),
    value("an integer where a whole float is wanted", "9", 9.0),
    value("minus zero", "-0.0", 0.0),
    value("not a number where it is wanted", "float('nan')", float("nan")),
    value("an infinity", "float('-inf')", float("-inf")),
    value("a float within a tolerance", "1 / 3", 0.333333, compare=Compare(1e-5)),
    value("floats in a list within a tolerance", "[1 / 3, 2 / 3]", [0.333333, 0.666667], compare=Compare(1e-5)),
    value("a relative error within a tolerance", "1e12 + 1", 1e12, compare=Compare(1e-6, rel=True)),
    value("a tuple where a list is wanted", "(1, 2)", [1, 2]),
    value("a list where a tuple is wanted", "[1, (2,)]", (1, [2])),
    value("a dict", "{'b': [1], 'a': {}}", {"a": {}, "b": [1]}),
    value("a dict with number keys", "{2: 'b', 1: 'a'}", {1: "a", 2: "b"}),
    value("a dict with tuple keys", "{(0, 1): True}", {(0, 1): True}),
    value("a dict with None as a key", "{None: 1}", {None: 1}),
    value("a set", "{3, 1, 2}", {1, 2, 3}),
    value("a set of tuples", "{(1, 'a'), (2, 'b')}", {(2, "b"), (1, "a")}),
    value("a frozen set where a set is wanted", "frozenset([1])", {1}),
    value("an empty set", "set()", set()),
    value("a default dict", "d", {"a": 1}, "from collections import defaultdict\nd = defaultdict(int)\nd['a'] += 1"),
    value("a counter", "Counter('aab')", {"a": 2, "b": 1}, "from collections import Counter"),
    value("an ordered dict", "OrderedDict(a=1, b=2)", {"b": 2, "a": 1}, "from collections import OrderedDict"),
    value("a named tuple", "P(1, 2)", (1, 2), "from collections import namedtuple\nP = namedtuple('P', 'x y')"),
    value("an integer enumeration", "E.A", 9, "from enum import IntEnum\nclass E(IntEnum): A = 9"),
    value("a subclass of str", "S('x')", "x", "class S(str): pass"),
    value("a subclass of list with a new method", "L([1])", [1], "class L(list):\n    def top(self): return self[-1]"),
    value("lists two hundred deep", "x", eval("[" * 60 + "]" * 60), "x = []\nfor _ in range(59): x = [x]"),
    value("the same list twice", "[x, x]", [[1], [1]], "x = [1]"),
    value("a list of a hundred thousand numbers", "list(range(10 ** 5))", list(range(10**5))),
    value("a list of many texts", "[str(i) for i in range(10 ** 4)]", [str(i) for i in range(10**4)]),
    value("mixed data", "[1, 'a', None, True, 1.5, [2], {'k': (3,)}]", [1, "a", None, True, 1.5, [2], {"k": [3]}]),
)  # fmt: skip

ARGUMENTS = (
    good("many arguments", "def square(a, b, c, d): return [a, b, c, d]\n", (TestCase([1, "x", None, [2]], [1,
        "x", None, [2]]),)),
    good("a nested list", "def square(m): return sum(map(sum, m))\n", (TestCase([[[1, 2], [3]]], 6),)),
    good("a dict as argument", "def square(d): return sorted(d)[0]\n", (TestCase([{"b": 1, "a": 2}], "a"),)),
    good("number keys in an argument", "def square(d): return d[1]\n", (TestCase([{1: "x"}], "x"),)),
    good("a tuple as argument", "def square(t): return isinstance(t, tuple)\n", (TestCase([(1, 2)], True),)),
    good("a set as argument", "def square(s): return s | {3}\n", (TestCase([{1}], {1, 3}),)),
    good("bytes as argument", "def square(b): return b.decode()\n", (TestCase([b"ab"], "ab"),)),
    good("floats as arguments", "def square(x): return x != x, x\n",
         (TestCase([1.5], (False, 1.5)), TestCase([2], (False, 2)))),
    good("a text of a megabyte", "def square(s): return len(s)\n", (TestCase(["x" * (1 << 20)], 1 << 20),)),
    good("a list of a hundred thousand numbers as argument", "def square(x): return sum(x)\n",
         (TestCase([list(range(10**5))], sum(range(10**5))),)),
    good("lists sixty deep as argument", "def square(x):\n    d = 0\n    while x: x = x[0]; d += 1\n    return d\n",
         (TestCase([eval("[" * 60 + "]" * 60)], 59),)),
    good("one argument changed in a test does not reach the next", "def square(x): x.append(1); return len(x)\n",
         (TestCase([[]], 1), TestCase([[]], 1))),
)  # fmt: skip

PROGRAMS = SHAPES + VALUES + ARGUMENTS
