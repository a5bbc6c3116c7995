"""Test texts in the forms of pytest, unittest and plain files are collected and run."""

from __future__ import annotations

import pytest

from openqwq.sandbox import LocalSandbox
from tests.sandbox.judging import Judged, judged, name_of

SQ = """\
def sq(n): return n*n
"""
CASES = (
    judged("parametrize", "pass", SQ,
           "import pytest\n@pytest.mark.parametrize('n,w',[(2,4),(3,9)])\ndef test_a(n,w):\n    assert sq(n)==w"),
    judged("parametrize wrong", "fail", SQ,
           "import pytest\n@pytest.mark.parametrize('n,w',[(2,4),(3,10)])\ndef test_a(n,w):\n    assert sq(n)==w"),
    judged("parametrize ids param", "pass", SQ, "import pytest\n"
           "@pytest.mark.parametrize(('n','w'),[pytest.param(2,4,id='x'),pytest.param(3,10,marks=pytest.mark"
           ".xfail)])\ndef test_a(n,w):\n    assert sq(n)==w"),
    judged("two parametrize", "pass", "def add(a,b): return a+b",
           "import pytest\n@pytest.mark.parametrize('a',[1,2])\n@pytest.mark.parametrize('b',[1,2])\n"
           "def test_a(a,b):\n    assert add(a,b)==a+b"),
    judged("fixture", "pass", SQ,
           "import pytest\n@pytest.fixture\ndef n():\n    return 3\n@pytest.fixture\ndef w(n):\n    yield n*n\n"
           "def test_a(n,w):\n    assert sq(n)==w"),
    judged("fixture class", "pass",
           "class Stack:\n    def __init__(self): self.x=[]\n    def push(self,v): self.x.append(v)\n"
           "    def __len__(self): return len(self.x)\n",
           "import pytest\nfrom solution import Stack\nclass TestStack:\n    @pytest.fixture(autouse=True)\n"
           "    def made(self):\n        self.s = Stack()\n    def test_push(self):\n        self.s.push(1)\n"
           "        assert len(self.s)==1\n    def test_new(self):\n        assert len(self.s)==0\n"
           "        assert not self.s"),
    judged("setup_method", "pass", SQ,
           "class TestSq:\n    def setup_method(self):\n        self.n=3\n    def test_a(self):\n"
           "        assert sq(self.n)==9"),
    judged("setup_method wrong", "fail", SQ,
           "class TestSq:\n    def setup_method(self, method):\n        self.n=3\n    def test_a(self):\n"
           "        assert sq(self.n)==8"),
    judged("raises match", "pass", "def f(): raise ValueError('bad x')",
           "import pytest\ndef test_a():\n    with pytest.raises(ValueError, match='bad') as e:\n        f()\n"
           "    assert 'x' in str(e.value)"),
    judged("raises match wrong", "fail", "def f(): raise ValueError('good')",
           "import pytest\ndef test_a():\n    with pytest.raises(ValueError, match='bad') as e:\n        f()"),
    judged("raises other", "fail", "def f(): raise KeyError('good')",
           "import pytest\ndef test_a():\n    with pytest.raises(ValueError):\n        f()"),
    judged("raises tuple", "pass", "def f(): raise KeyError('good')",
           "import pytest\ndef test_a():\n    with pytest.raises((ValueError,KeyError)):\n        f()"),
    judged("approx", "pass", "def f(): return 0.1+0.2",
           "import pytest\ndef test_a():\n    assert f() == pytest.approx(0.3)\n"
           "    assert [f()] == pytest.approx([0.3])\n    assert {'a':f()} == pytest.approx({'a':0.3}, abs=1e-3)"),
    judged("approx wrong", "fail", "def f(): return 0.31",
           "import pytest\ndef test_a():\n    assert f() == pytest.approx(0.3)"),
    judged("approx liar", "fail",
           "class A:\n    __eq__=lambda s,o:True\n    __sub__=__rsub__=lambda s,o:0\n    __float__=lambda s:0.3\n"
           "def f(): return A()", "import pytest\ndef test_a():\n    assert f() == pytest.approx(0.3)"),
    judged("unittest", "pass", SQ,
           "import unittest\nfrom solution import sq\nclass TestSq(unittest.TestCase):\n    @classmethod\n"
           "    def setUpClass(cls): cls.k=2\n    def setUp(self): self.n=3\n    def test_a(self):\n"
           "        self.assertEqual(sq(self.n),9)\n        self.assertIn(sq(2),[4])\n    def test_b(self):\n"
           "        for i in range(3):\n            with self.subTest(i=i):\n"
           "                self.assertEqual(sq(i),i*i)\n    def test_c(self):\n"
           "        with self.assertRaises(TypeError):\n            sq('a')\nif __name__=='__main__':\n"
           "    unittest.main()"),
    judged("unittest sub wrong", "fail", "def sq(n): return n*n if n<2 else 0",
           "import unittest\nclass TestSq(unittest.TestCase):\n    def test_b(self):\n        for i in range(3):\n"
           "            with self.subTest(i=i):\n                self.assertEqual(sq(i),i*i)\n"
           "if __name__=='__main__':\n    unittest.main(argv=['x'],exit=False)"),
    judged("unittest no raise", "fail", "def sq(n): return 0",
           "import unittest\nclass T(unittest.TestCase):\n    def test_c(self):\n"
           "        self.assertRaises(TypeError, sq, 'a')\n"),
    judged("unittest suite", "fail", "def sq(n): return 0",
           "import unittest\nclass T(unittest.TestCase):\n    def test_c(self):\n"
           "        self.assertEqual(sq(2),4)\nsuite=unittest.TestLoader().loadTestsFromTestCase(T)\n"
           "unittest.TextTestRunner().run(suite)"),
    judged("unittest almost", "pass", "def f(): return 0.1+0.2",
           "import unittest\nclass T(unittest.TestCase):\n    def test_c(self):\n"
           "        self.assertAlmostEqual(f(),0.3)\n        self.assertListEqual([f()],[0.1+0.2])"),
    judged("pytest main", "pass", SQ,
           "import pytest, sys\ndef test_a():\n    assert sq(2)==4\nif __name__=='__main__':\n"
           "    sys.exit(pytest.main([__file__]))"),
    judged("sys exit ok", "pass", SQ, "import sys\nif sq(2)!=4:\n    sys.exit(1)\nsys.exit(0)"),
    judged("sys exit bad", "fail", "def sq(n): return 5", "import sys\nif sq(2)!=4:\n    sys.exit(1)\nsys.exit(0)"),
    judged("helper test", "pass", SQ,
           "def check_one(n,w):\n    assert sq(n)==w\ndef test_all():\n    check_one(2,4)\n"),
    judged("test self called", "pass", "k=[]\ndef f():\n    k.append(1)\n    return len(k)",
           "def test_a():\n    assert f()==1\ntest_a()"),
    judged("test in list texts", "pass", SQ, "import math", "# c", "assert sq(2)==4"),
    judged("raise check", "fail", "def f(): return 1", "if f()!=2:\n    raise Exception('bad')"),
    judged("raise check ok", "pass", "def f(): return 2", "if f()!=2:\n    raise Exception('bad')"),
    judged("walrus", "pass", SQ, "assert (y:=sq(2))==4 and y==4"),
    judged("match stmt", "pass", SQ,
           "match sq(2):\n    case 4:\n        ok=True\n    case _:\n        ok=False\nassert ok"),
    judged("fstring assert", "pass", SQ, "for i in range(3):\n    assert sq(i)==i*i, f'{sq(i)} != {i*i}'"),
    judged("exec in test", "pass", SQ, "exec('assert sq(2)==4')\nassert sq(3)==9"),
    judged("globals in test", "pass", SQ, "f=globals().get('sq') or sq\nassert f(2)==4"),
    judged("global eval name", "pass", SQ, "assert eval('sq(2)')==4"),
    judged("tests list", "pass", SQ, "tests=[(1,1),(2,4)]\nfor a,b in tests:\n    try:\n        assert sq(a)==b\n"
           "    except AssertionError:\n        print('x')\n        raise"),
    judged("exit1", "fail", "def sq(n): return 0", "import sys\nok=sq(2)==4\nsys.exit(0 if ok else 1)"),
    judged("exit1 ok", "pass", SQ, "import sys\nok=sq(2)==4\nsys.exit(0 if ok else 1)"),
    judged("fixture scope", "pass", SQ,
           "import pytest\n@pytest.fixture(scope='module')\ndef data():\n    yield [1,2]\n"
           "@pytest.fixture(params=[1,2,3])\ndef n(request): return request.param\ndef test_a(n,data):\n"
           "    assert sq(n)==n*n and data"),
    judged("indirect ids", "pass", SQ,
           "import pytest\n@pytest.mark.parametrize('a, b',[(1,1),(2,4)],ids=['x','y'])\nclass TestA:\n"
           "    def test_a(self,a,b):\n        assert sq(a)==b"),
    judged("pytestmark", "pass", SQ,
           "import pytest\npytestmark=pytest.mark.slow\ndef test_a():\n    assert sq(2)==4"),
    judged("skipif", "pass", SQ,
           "import pytest,sys\n@pytest.mark.skipif(sys.version_info<(3,0),reason='x')\ndef test_a():\n"
           "    assert sq(2)==4\n@pytest.mark.timeout(5)\ndef test_b():\n    assert sq(3)==9"),
    judged("setup_module", "pass", SQ,
           "def setup_module():\n    global n\n    n=3\ndef test_a():\n    assert sq(n)==9"),
    judged("setup_function", "pass", SQ,
           "n=0\ndef setup_function():\n    global n\n    n=3\ndef test_a():\n    assert sq(n)==9"),
    judged("unittest in text call", "pass", SQ,
           "import unittest\nt=unittest.TestCase()\nt.assertEqual(sq(2),4)\nt.assertAlmostEqual(sq(0.1),0.01)"),
    judged("assertRaisesRegex", "pass", "def f(): raise ValueError('bad 3')",
           "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
           "        with self.assertRaisesRegex(ValueError,'bad \\\\d'):\n            f()\n"
           "        with self.assertRaises(ValueError) as cm:\n            f()\n"
           "        self.assertEqual(str(cm.exception),'bad 3')"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_test_text_is_run_as_the_runner_of_its_form_would(sandbox: LocalSandbox, case: Judged) -> None:
    case.check(sandbox)
