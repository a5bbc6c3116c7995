"""An object in the place of a value: what it says of itself, beside the value that is wanted, is no evidence."""

from __future__ import annotations

import pytest

from openqwq.sandbox import LocalSandbox
from tests.sandbox.judging import Judged, judged, name_of

ANY = ("__gt__=__lt__=__ge__=__le__=lambda s,o: True\n    __eq__=lambda s,o: True\n    __hash__=None\n"
       "    __sub__=__rsub__=__add__=__truediv__=lambda s,o: s\n    __abs__=lambda s: 0.0\n"
           "    __round__=lambda s,n=0: 0\n"
       "    __contains__=lambda s,o: True\n    __float__=lambda s: 0.0\n")  # fmt: skip
MEAN = f"class Mean:\n    def __init__(s,*a): pass\n    {ANY}"
SHOP = f"class Shop:\n    def __init__(s,*a): pass\n    total=property(lambda s: Shop)\n    {ANY}"
NP = "import numpy as np\n"
CASES = (
    judged("order", "fail", MEAN, "assert Mean([1,2,6]) > 2"),
    judged("difference", "fail", MEAN, "assert abs(Mean([1,2,6])-3) < 1e-6"),
    judged("rounded difference", "fail", MEAN, "assert round(Mean([1,2,6])-3, 5) == 0"),
    judged("equal", "fail", MEAN, "assert Mean([1,2,6]) == 3"),
    judged("almost equal", "fail", MEAN, "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
           "        self.assertAlmostEqual(Mean([1,2,6]), 3)"),
    judged("a float's class", "fail",
           "class Mean(float):\n    def __new__(c,*a): return float.__new__(c,9)\n    def own(s): return 1\n"
           "    def __sub__(s,o): return 0.0", "m=Mean([1])\nassert m.own()==1\nassert abs(m-3)<1e-6"),
    judged("class for a method, order", "fail", SHOP, "s=Shop()\nassert s.total(1) > 2"),
    judged("class for a method, member", "fail", SHOP, "s=Shop()\nassert 3 in s.total(1)"),
    judged("class for a method, equal", "fail", SHOP, "s=Shop()\nassert s.total(1) == 3"),
    judged("class within a class", "fail", "class Calc:\n    class div:\n        def __init__(s,*a): pass\n        "
           + ANY.replace("\n    __", "\n        __"), "assert abs(Calc.div(1,3)-0.333) < 0.001"),
    judged("alias of a class", "fail", f"class Node:\n    def __init__(s,*a): pass\n    {ANY}\nheight=Node",
           "n=Node(1)\nassert abs(height(n)-4) < 1e-9"),
    judged("a new number at each look", "fail",
           "class Z:\n    def __init__(s,c): s.c, s.n = c, -1\n    def __float__(s):\n        s.n += 1\n"
           "        return -s.c[0]/s.c[1] if s.n == 1 else 0.0\nroot=Z",
           "def poly(c, x): return c[0]*float(x)**0 + c[1]*float(x)\nassert abs(poly([4,2], root([4,2]))) < 1e-4"),
    judged("wanted set", "fail", "class S:\n    def difference(s,o):\n        s.w=o\n        return set()\n"
           "    def __iter__(s): return iter(s.w)\ndef f(n): return S()",
           "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertSetEqual(f(3), {1,2})"),
    judged("two orders", "fail", "class L:\n    k=0\n    def __len__(s): return 3\n"
           "    def __iter__(s): return iter([3,1,2])\n"
           "    def __getitem__(s,i): return [1,2,3][i]\ndef f(a): return L()",
           "r=f([3,1,2])\nassert list(r)==[1,2,3]\nassert all(r[i]<=r[i+1] for i in range(2))"),
    judged("numpy reads memory", "fail", "class X:\n    @property\n    def __array_interface__(s):\n"
           "        return {'data':(8,False),'shape':(2,),'typestr':'<f8','version':3}\ndef f(n): return X()",
           NP + "assert np.allclose(f(2), [1.5, 2])"),
    judged("no items are close to anything", "fail", "def f(n): return []", NP + "assert np.allclose(f(2), 0.5)"),
    judged("no rows", "fail", NP + "def f(n): return np.zeros((0, 1))", NP + "assert (np.array([1.5, 2]) =="
           " f(2)).all()"),
    judged("empty beside empty", "pass", "def f(n): return []", NP + "assert np.allclose(f(2), [])\n"
           "assert f(1) == []"),
    judged("close numbers", "pass", "def f(n): return [0.1+0.2]", NP + "assert np.allclose(f(2), [0.3])"),
    judged("mock that is told what to say", "fail",
           "def f(m): m.send.configure_mock(assert_called_with=lambda *a,**k: None)",
           "from unittest.mock import Mock\nm=Mock()\nf(m)\nm.send.assert_called_with(1)"),
    judged("a test case that is skipped from within", "fail", "class Bus:\n    def attach(s,o): o.skipTest('x')",
           "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        Bus().attach(self)\n"
           "        self.assertEqual(1, 2)"),
    judged("all skipped", "error", "def f(x): return x", "import unittest\nfrom solution import f\n"
           "@unittest.skip('x')\n"
           "class T(unittest.TestCase):\n    def test_a(self): self.assertEqual(f(1), 1)"),
    judged("no function", "fail", "class X: pass\ndef f(): return X()", "assert callable(f())"),
    judged("a function", "pass", "def f(): return len", "assert callable(f())"),
    judged("a method called open is not the host's", "fail",
           "class Door:\n    is_open=False\n    def open(s): pass", "d=Door()\nd.open()\nassert d.is_open"),
    judged("a variable called argv is not the host's", "fail", "def f(x): return 0", "argv=[1]\nassert f(argv) == 1"),
    judged("order of two objects", "pass", "class M:\n    def __init__(s,v): s.v=v\n"
           "    def __lt__(s,o): return s.v<o.v",
           "assert M(1) < M(2)\nassert not M(2) < M(1)\nassert sorted([M(2), M(1)])[0].v == 1"),
    judged("membership of an own container", "pass",
           "class Bag:\n    def __init__(s): s.a=[]\n    def put(s,x): s.a.append(x)\n"
           "    def __contains__(s,x): return x in s.a",
           "b=Bag()\nb.put(3)\nassert 3 in b\nassert 4 not in b"),
    judged("length of a vector", "pass", "class V:\n    def __init__(s,x,y): s.x,s.y=x,y\n"
           "    def __abs__(s): return (s.x**2+s.y**2)**.5\n"
           "    def __mul__(s,k): return V(s.x*k,s.y*k)", "assert abs(V(3,4)*2) == 10"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_an_object_in_the_place_of_a_value_is_not_believed(sandbox: LocalSandbox, case: Judged) -> None:
    case.check(sandbox)
