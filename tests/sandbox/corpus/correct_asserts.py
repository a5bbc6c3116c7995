"""Correct programs whose tests are Python text: asserts one by one, MBPP's and HumanEval's forms."""

from __future__ import annotations

from typing import Any

from tests.sandbox.corpus.program import ROOMY, Program, asserts

SQUARE = "def square(n):\n    return n * n\n"
RAISES = "def square(n):\n    if n < 0: raise ValueError('negative')\n    return n * n\n"
CYCLIC = (
    "def encode_cyclic(s: str):\n    groups = [s[i:i + 3] for i in range(0, len(s), 3)]\n"
    "    return ''.join(g[1:] + g[0] if len(g) == 3 else g for g in groups)\n\n\n"
    "def decode_cyclic(s: str):\n    return encode_cyclic(encode_cyclic(s))\n"
)
POINT = (
    "class Point:\n    def __init__(self, x, y=0): self.x, self.y, self.moves = x, y, []\n"
    "    def move(self, dx): self.x += dx; self.moves.append(dx); return self\n"
    "    def __len__(self): return 2\n    def __iter__(self): return iter((self.x, self.y))\n"
    "    def __getitem__(self, i): return (self.x, self.y)[i]\n    @property\n    def far(self): return self.x > 5\n"
    "    @classmethod\n    def at(cls, x): return cls(x)\n    ORIGIN = (0, 0)\n"
)


def good(name: str, code: str, *texts: str, **options: Any) -> Program:
    return asserts(name, code, "pass", texts, **{"limits": ROOMY, **options})


def text(name: str, *texts: str, **options: Any) -> Program:
    """A right `square` under this test text."""
    return good(name, SQUARE, *texts, **options)


def gives(name: str, expression: str, test: str, head: str = "") -> Program:
    """A function `make` that returns one value, which the test looks at by the name `x`."""
    return good(name, f"{head}\ndef make():\n    return {expression}\n", f"x = make()\n{test}", entry_point="make")


TEXTS = (
    text("plain asserts", "assert square(3) == 9", "assert square(12) == 144"),
    text("asserts with messages", "assert square(3) == 9, 'three'", "assert square(0) == 0, f'zero: {square(0)}'"),
    text("asserts without an entry point", "assert square(3) == 9", entry_point=None),
    text("asserts in one text", "assert square(3) == 9\nassert square(4) == 16\n\nassert square(5) == 25\n"),
    text("asserts with parentheses", "assert(square(3)==9)", "assert (square(3) == 9) == True"),
    text("an assert over lines", "assert square(\n    3,\n) == 9 \\\n    and True"),
    text("a tolerance by abs", "assert abs(square(0.1) - 0.01) < 1e-9"),
    text("a tolerance by isclose", "import math\nassert math.isclose(square(1.1), 1.21, rel_tol=1e-9)"),
    text("a rounded value", "assert round(square(1.1), 2) == 1.21"),
    text("a loop in the test", "for n in range(50):\n    assert square(n) == n ** 2"),
    text("random numbers in the test", "import random\nrng = random.Random(1)\nfor _ in range(50):\n"
         "    n = rng.randint(-99, 99)\n    assert square(n) == n * n"),
    text("a helper function in the test", "def reference(n):\n    return n ** 2\n"
        "assert all(square(n) == reference(n) for n in range(9))"),
    text("a class in the test", "class Case:\n    def __init__(self, n, want): self.n, self.want = n, want\n"
         "for c in (Case(2, 4), Case(3, 9)):\n    assert square(c.n) == c.want"),
    text("names kept from one text to the next", "import math\nn = 3", "assert square(n) == math.pow(n, 2)"),
    text("a comprehension in the test", "assert [square(n) for n in range(4)] == [0, 1, 4, 9]"),
    text("a map in the test", "assert list(map(square, [1, 2])) == [1, 4]"),
    text("a lambda in the test", "f = lambda n: square(n) + 1\nassert f(3) == 10"),
    text("the function sorted by", "assert sorted([-3, 2], key=square) == [2, -3] and max([-3, 2], key=square) == -3"),
    text("the function under another name", "f = square\nassert f(3) == 9"),
    text("a keyword argument", "assert square(n=3) == 9"),
    text("arguments unpacked", "assert square(*[3]) == square(**{'n': 3}) == 9"),
    text("a comparison of the type", "assert type(square(3)) is int and isinstance(square(1.5), float)"),
    text("the function is callable", "assert callable(square)"),
    text("HumanEval's check", "METADATA = {\n    'author': 'someone',\n    'dataset': 'test'\n}\n\n\n"
        "def check(candidate):\n"
         "    assert candidate(3) == 9\n    assert candidate(0.5) == 0.25\n    assert True, 'shown if it fails'\n"),
    text("a check that is called in the text", "def check(candidate):\n    assert candidate(3) == 9\n\n\n"
        "check(square)\n"),
    text("a check with a helper and imports", "import math\n\ndef near(a, b):\n    return math.fabs(a - b) < 1e-6\n\n"
         "def check(candidate):\n    assert near(candidate(0.1), 0.01)\n"),
    text("a check with an inner helper", "def check(f):\n    def same(n):\n        assert f(n) == n * n\n    same(3)\n"
        "    same(4)\n"),
    text("a test case of unittest in the text", "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n"
         "        self.assertEqual(square(3), 9)\nresult = unittest.TestResult()\nT('test').run(result)\n"
         "assert result.wasSuccessful() and result.testsRun == 1"),
    text("only imports", "import math, collections", "assert square(math.floor(3.5)) == 9"),
    text("a test that prints", "print(square(3))\nassert square(3) == 9"),
    text("thirty texts", *[f"assert square({n}) == {n * n}" for n in range(30)]),
    text("names with other scripts", "réponse = square(3)\nassert réponse == 9, 'ně'"),
)  # fmt: skip

EXCEPTIONS = (
    good("a wanted exception", RAISES, "try:\n    square(-1)\n    assert False\nexcept ValueError:\n    pass\n"),
    good("a wanted exception's text", RAISES, "try:\n    square(-1)\nexcept ValueError as e:\n"
        "    assert str(e) == 'negative'\n"
         "else:\n    assert False\n"),
    good("a wanted exception by a flag", RAISES, "raised = False\ntry:\n    square(-1)\n"
        "except (ValueError, TypeError):\n"
         "    raised = True\nassert raised"),
    good("a wanted exception in a check", RAISES, "def check(candidate):\n    try:\n        candidate(-1)\n"
        "        assert False\n"
         "    except Exception as e:\n        assert isinstance(e, ValueError)\n"),
    good("a wanted exception by unittest", RAISES, "import unittest\n"
        "with unittest.TestCase().assertRaises(ValueError):\n    square(-1)"),
    good("a type error of a wrong argument", SQUARE, "try:\n    square('x')\n    assert False\nexcept TypeError:\n"
        "    pass"),
    good("a key error with its key", "def square(d): return d['x']\n", "try:\n    square({})\n    assert False\n"
         "except KeyError as e:\n    assert e.args == ('x',) and str(e) == \"'x'\""),
    good("a division by zero", "def square(n): return 9 / n\n", "try:\n    square(0)\n    assert False\n"
        "except ZeroDivisionError:\n    pass"),
    good("a subclass of a wanted exception", "class Bad(ValueError): pass\ndef square(n): raise Bad('x')\n",
         "try:\n    square(0)\n    assert False\nexcept ValueError:\n    pass"),
    good("the program's own exception by its name", "class Bad(Exception): pass\ndef square(n): raise Bad('x')\n",
         "try:\n    square(0)\n    assert False\nexcept Bad:\n    pass"),
    good("an index error on the program's object", "class Row:\n    def __getitem__(self, i): return [1][i]\n",
         "try:\n    Row()[5]\n    assert False\nexcept IndexError:\n    pass"),
    good("an exception made by its own assert", "def square(n):\n    assert n > 0, 'small'\n    return n * n\n",
         "try:\n    square(-1)\n    raised = False\nexcept AssertionError:\n    raised = True\nassert raised"),
)  # fmt: skip

OBJECTS = (
    good("attributes of the program's object", POINT, "p = Point(1, 2)\nassert p.x == 1 and p.y == 2"),
    good("methods of the program's object", POINT, "p = Point(1)\np.move(2)\n"
        "assert p.move(3).x == 6 and p.moves == [2, 3]"),
    good("a property of the program's object", POINT, "assert Point(9).far and not Point(1).far"),
    good("a class method and a constant of the program's class", POINT, "assert Point.at(4).x == 4 and Point.ORIGIN "
        "== (0, 0)"),
    good("the length and items of the program's object", POINT, "p = Point(1, 2)\n"
        "assert len(p) == 2 and p[0] == 1 and list(p) == [1, 2]"),
    good("the program's object unpacked", POINT, "x, y = Point(1, 2)\nassert (x, y) == (1, 2)"),
    good("the program's object handed back to it", POINT + "def norm(p): return abs(p.x) + abs(p.y)\n",
         "assert norm(Point(-3, 4)) == 7", "assert sum(map(norm, [Point(1), Point(2)])) == 3"),
    good("the program's objects in a list handed back", POINT + "def total(ps): return sum(p.x for p in ps)\n",
         "assert total([Point(1), Point(2)]) == 3"),
    good("the program's function handed back to it", "def inc(n): return n + 1\n"
        "def apply(f, n): return f(n)\n", "assert apply(inc, 3) == 4"),
    good("a function that returns a function", "def adder(n): return lambda m: n + m\n", "assert adder(2)(3) "
        "== 5", "f = adder(1)\nassert f(1) == 2"),
    good("an attribute set by the test", POINT, "p = Point(1)\np.x = 5\nassert p.x == 5 and p.move(1).x == 6"),
    good("an item set by the test", "class Row(object):\n    def __init__(self): self.d = {}\n"
        "    def __setitem__(self, k, v): self.d[k] = v\n"
         "    def __getitem__(self, k): return self.d[k]\n", "r = Row()\nr['a'] = 1\nassert r['a'] == 1"),
    good("the text of the program's object", "class P:\n    def __str__(self): return 'P!'\n"
        "    def __repr__(self): return 'P()'\n",
         "assert str(P()) == 'P!' and repr(P()) == 'P()' and f'{P()}' == 'P!'"),
    good("the program's class of an object", POINT, "assert isinstance(Point(1), Point)"),
    good("an object is itself", POINT, "p = Point(1)\nq = p.move(0)\nassert p == q"),
    good("a linked list", "class Node:\n    def __init__(self, v, next=None): self.v, self.next = v, next\n"
         "def build(xs):\n    head = None\n    for v in reversed(xs): head = Node(v, head)\n    return head\n",
         "n = build([1, 2])\nassert n.v == 1 and n.next.v == 2 and n.next.next is None"),
    good("a context manager of the program", "class Box:\n    def __enter__(self): self.n = 9; return self\n"
        "    def __exit__(self, *a): self.n = 0\n",
         "with Box() as b:\n    assert b.n == 9\nassert b.n == 0"),
    good("constants of the program", "LIMIT = 10\nNAMES = ['a']\ndef square(n): return n * n\n", "assert LIMIT == 10 "
        "and NAMES == ['a']"),
    good("a generator of the program", "def count(n):\n    for i in range(n): yield i * i\n", "assert list(count(4)) "
        "== [0, 1, 4, 9]",
         "g = count(3)\nassert next(g) == 0 and next(g) == 1 and sum(g) == 4"),
    good("an iterator that is stopped early", "import itertools\ndef count(): return itertools.count(1)\n",
         "import itertools\nassert list(itertools.islice(count(), 3)) == [1, 2, 3]"),
    good("zip over the program's generator", "def count(n): yield from range(n)\n", "assert list(zip(count(2), 'ab')) "
        "== [(0, 'a'), (1, 'b')]"),
)  # fmt: skip

VALUES = (
    gives("a list against a list only", "[1, 2]", "assert x == [1, 2] and x != (1, 2) and isinstance(x, list)"),
    gives("a tuple against a tuple only", "(1, 2)", "assert x == (1, 2) and x != [1, 2] and type(x) == tuple"),
    gives("a set in an assert", "{2, 1}", "assert x == {1, 2} and 1 in x and len(x) == 2"),
    gives("a dict in an assert", "{'a': 1}", "assert x == {'a': 1} and x['a'] == 1 and list(x.items()) == [('a', 1)]"),
    gives("the order of a dict", "{'b': 1, 'a': 2}", "assert list(x) == ['b', 'a']"),
    gives("nothing in an assert", "None", "assert x is None and not x"),
    gives("truth in an assert", "True", "assert x is True and x == 1"),
    gives("a sorted answer", "[3, 1, 2]", "assert sorted(x) == [1, 2, 3] and set(x) == {1, 2, 3}"),
    gives("a list of lists", "[[1], [2]]", "assert x[1][0] == 2 and sum(map(sum, x)) == 3"),
    gives("a counter in an assert", "Counter('aab')", "assert x == {'a': 2, 'b': 1}", "from collections import "
        "Counter"),
    gives("a counter against a counter", "Counter('aab')", "from collections import Counter\n"
        "assert x == Counter('aba')",
          "from collections import Counter"),
    gives("a named tuple in an assert", "P(1, 2)", "assert x == (1, 2)", "from collections import namedtuple\n"
        "P = namedtuple('P', 'a b')"),
    gives("a named tuple by its names", "P(1, 2)", "assert x.a == 1 and x.b == 2",
          "from collections import namedtuple\nP = namedtuple('P', 'a b')"),
    gives("an ordered dict in an assert", "OrderedDict(a=1)", "assert x == {'a': 1}", "from collections import "
        "OrderedDict"),
    gives("a deque in an assert", "deque([1, 2])", "from collections import deque\nassert x == deque([1, 2])",
        "from collections import deque"),
    gives("a deque made a list", "deque([1, 2])", "assert list(x) == [1, 2] and len(x) == 2 and x[0] == 1",
        "from collections import deque"),
    gives("a range in an assert", "range(3)", "assert x == range(3)"),
    gives("a range made a list", "range(3)", "assert list(x) == [0, 1, 2] and len(x) == 3"),
    gives("keys made a list", "{'a': 1}.keys()", "assert list(x) == ['a'] and sorted(x) == ['a']"),
    gives("a map made a list", "map(str, [1, 2])", "assert list(x) == ['1', '2']"),
    gives("a fraction in an assert", "Fraction(1, 3)", "from fractions import Fraction\n"
        "assert x == Fraction(1, 3)", "from fractions import Fraction"),
    gives("a decimal in an assert", "Decimal('0.1')", "from decimal import Decimal\n"
        "assert x == Decimal('0.1')", "from decimal import Decimal"),
    gives("a date in an assert", "date(2024, 2, 29)", "import datetime\n"
        "assert x == datetime.date(2024, 2, 29)", "from datetime import date"),
    gives("a date by its parts", "date(2024, 2, 29)", "assert x.year == 2024 and x.isoformat() == "
        "'2024-02-29'", "from datetime import date"),
    gives("bytes in an assert", "b'ab'", "assert x == b'ab' and x.decode() == 'ab'"),
    gives("a bytearray in an assert", "bytearray(b'ab')", "assert x == b'ab'"),
    gives("a complex number in an assert", "1 + 2j", "assert x == 1 + 2j and x.imag == 2"),
    gives("not a number in an assert", "float('nan')", "import math\nassert math.isnan(x) and x != x"),
    gives("an infinity in an assert", "float('inf')", "assert x == float('inf') and x > 10 ** 300"),
    gives("a large integer in an assert", "2 ** 200", "assert x == 1 << 200 and x % 7 == pow(2, 200, 7)"),
    gives("an enumeration by its name", "E.A", "assert x.name == 'A' and x.value == 9", "from enum import Enum\n"
        "class E(Enum): A = 9"),
    gives("a subclass of int", "I(9)", "assert x == 9 and x + 1 == 10", "class I(int): pass"),
    gives("lists two hundred deep in an assert", "x", "d = 0\nwhile x:\n    x = x[0]\n    d += 1\nassert d == 199",
          "x = []\nfor _ in range(199): x = [x]"),
    gives("a text of many lines", "'a\\nb\\tc\\\\'", "assert x.splitlines() == ['a', 'b\\tc\\\\']"),
)  # fmt: skip

PROGRAM_FORMS = (
    good("the name and the text of a function", "def square(n):\n    'Squares.'\n    return n * n\n",
         "assert square.__name__ == 'square' and square.__doc__ == 'Squares.'"),
    good("a pair of coders", CYCLIC, "from random import randint, choice\nimport string\n\n\ndef check(candidate):\n"
         "    for _ in range(20):\n"
         "        s = ''.join(choice(string.ascii_lowercase) for i in range(randint(10, 20)))\n"
         "        encoded = encode_cyclic(s)\n        assert candidate(encoded) == s\n", entry_point="decode_cyclic"),
    good("an argument changed in place", "def square(n):\n    n[0] = n[0] ** 2\n", "x = [4]\nsquare(x)\n"
        "assert x == [16]"),
    good("an inner list changed in place", "def square(m):\n    m[0][0] = 9\n", "m = [[1], [2]]\nsquare(m)\n"
        "assert m == [[9], [2]]"),
    good("a dict changed in place", "def square(d):\n    d['n'] = 9\n    del d['m']\n", "d = {'m': 1}\nsquare(d)\n"
        "assert d == {'n': 9}"),
    good("a set changed in place", "def square(s):\n    s.add(9)\n", "s = {1}\nsquare(s)\nassert s == {1, 9}"),
    good("an argument that is returned", "def square(x):\n    x.append(9)\n    return x\n", "x = [1]\n"
        "assert square(x) == [1, 9] and x == [1, 9]"),
    good("an argument that is left alone", "def square(x):\n    return sorted(x)\n", "x = [2, 1]\n"
        "assert square(x) == [1, 2] and x == [2, 1]"),
    good("a Solution made by the test", "class Solution:\n    def square(self, n): return n * n\n", "s = Solution()\n"
        "assert s.square(3) == 9",
         "assert Solution().square(4) == 16"),
    good("a Solution called by the method's name", "class Solution:\n    def square(self, n): return n * n\n",
        "assert square(3) == 9"),
    good("a check for a Solution", "class Solution:\n    def square(self, n): return n * n\n",
         "def check(candidate):\n    assert candidate(n=3) == 9\n\ncheck(Solution().square)\n"),
    good("a function named like a built-in", "def hash(text):\n    return text[::-1]\n", "assert hash('ab') == "
        "'ba'", entry_point="hash"),
    good("a check of a function named like a built-in", "def sum(xs):\n    return 'sum of %d' % len(xs)\n",
         "def check(candidate):\n    assert candidate([1, 2]) == 'sum of 2'\n", entry_point="sum"),
    # The second text means the built-in, see hacks_asserts.
    good("a name of a built-in for its own use", "def max(a, b):\n    return a if a > b else b\ndef square(n):\n"
        "    return max(n, -n) ** 2\n",
         "assert square(-3) == 9", "assert max([1, 5, 2]) == 5"),
    good("a program with a name of the test", "import math\ndef reference(n): return -1\nn = 99\n"
        "def square(n): return n * n\n",
         "n = 3\ndef reference(n): return n * n\nassert square(n) == reference(n)"),
    good("a program that prints", "print('loaded')\ndef square(n):\n    print(n)\n    return n * n\n",
        "assert square(3) == 9"),
    good("a program with a guarded main", SQUARE + "if __name__ == '__main__':\n    print(square(2))\n",
        "assert square(3) == 9"),
    good("a program that recurses", "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n",
        "assert fib(15) == 610"),
    good("a program that remembers", "calls = []\ndef count():\n    calls.append(1)\n    return len(calls)\n",
        "assert count() == 1", "assert count() == 2"),
    good("a wrong argument number is a type error", SQUARE, "try:\n    square()\n    assert False\nexcept TypeError:\n"
        "    pass"),
    good("a large argument and a large answer", "def square(x): return [v * v for v in x]\n",
         "x = list(range(20000))\nassert square(x) == [v * v for v in x]"),
    good("many calls", SQUARE, "assert sum(square(n) for n in range(1000)) == 332833500"),
)  # fmt: skip

PROGRAMS = TEXTS + EXCEPTIONS + OBJECTS + VALUES + PROGRAM_FORMS
