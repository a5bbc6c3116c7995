"""Test texts that ask or compare nothing are errors; those that fail by themselves too."""

from __future__ import annotations

import pytest

from openqwq.sandbox import LocalSandbox
from tests.sandbox.judging import Judged, judged, name_of

SQ = """\
def sq(n): return n*n
"""
CASES = (
    judged("import pandas", "error", SQ, "import pandas as pd\nassert sq(2)==4"),
    judged("import hypothesis", "error", SQ, "from hypothesis import given\ndef test_a():\n    assert sq(2)==4"),
    judged("test typo syntax", "error", SQ, "assert sq(2)=4"),
    judged("dead function", "error", SQ, "def run():\n    assert sq(2)==4\n"),
    judged("call only", "error", SQ, "sq(2)"),
    judged("print only", "error", SQ, "print(sq(2)==4)"),
    judged("assert true", "error", SQ, "sq(2)\nassert True"),
    judged("assert true2", "error", SQ, "assert 1 == 1"),
    judged("vacuous", "fail", "def f(): return []", "for a,b in zip(f(),[1,2]):\n    assert a==b"),
    judged("fails unasked", "error", SQ, "assert 1 == 2"),
    judged("skip all", "error", SQ, "import pytest\n@pytest.mark.skip\ndef test_a():\n    assert sq(2)==4"),
    judged("name missing", "fail", "def g(x): return f(x)", "assert f(1)==1"),
    judged("__name__ block", "pass", SQ, "def main():\n    assert sq(2)==4\nif __name__=='__main__':\n    main()"),
    judged("tmp_path", "error", "def f(p): return open(p).read()",
           "def test_a(tmp_path):\n    p=tmp_path/'x'\n    p.write_text('a')\n    assert f(p)=='a'"),
    judged("text 0 that checks nothing", "error", "def sq(n): return 0", '"""doc"""'),
    judged("text 1 that checks nothing", "error", "def sq(n): return 0", "pass"),
    judged("text 2 that checks nothing", "error", "def sq(n): return 0", "import math"),
    judged("text 3 that checks nothing", "error", "def sq(n): return 0", "def check(candidate): pass",
           entry_point="sq"),
    judged("text 4 that checks nothing", "error", "def sq(n): return 0", "def check(candidate):\n    assert True",
           entry_point="sq"),
    judged("text 5 that checks nothing", "error", "def sq(n): return 0", "def test_a():\n    sq(2)"),
    judged("text 6 that checks nothing", "error", "def sq(n): return 0", "class TestX:\n    pass"),
    judged("text 7 that checks nothing", "error", "def sq(n): return 0",
           "class TestX:\n    def a(self):\n        assert sq(2)==4"),
    judged("text 8 that checks nothing", "error", "def sq(n): return 0",
           'import unittest\nif __name__=="__main__":\n    unittest.main()'),
    judged("text 9 that checks nothing", "error", "def sq(n): return 0", '"assert sq(2)==4"'),
    judged("text 10 that checks nothing", "error", "def sq(n): return 0", "lambda: sq(2)"),
    judged("text 11 that checks nothing", "error", "def sq(n): return 0", "x=[sq]"),
    judged("text 12 that checks nothing", "error", "def sq(n): return 0", '"""\n>>> sq(2)\n4\n"""'),
    judged("text 13 that checks nothing", "error", "def sq(n): return 0",
           "def check(candidate):\n    candidate(3)", entry_point="sq"),
    judged("text 14 that checks nothing", "error", "def sq(n): return 0", "def run_tests():\n    assert sq(2)==4"),
    judged("text 15 that checks nothing", "error", "def sq(n): return 0", "print(sq(3)==9)"),
    judged("text 16 that checks nothing", "error", "def sq(n): return 0", "r = sq(3) == 9"),
    judged("text 17 that checks nothing", "error", "def sq(n): return 0", "sq(3) == 9"),
    judged("text 18 that checks nothing", "error", "def sq(n): return 0",
           "class T:\n    def test_a(self):\n        assert sq(2)==4"),
    judged("text 19 that checks nothing", "error", "def sq(n): return 0",
           "try:\n    sq(2)\nexcept Exception:\n    pass"),
    judged("text 20 that checks nothing", "error", "def sq(n): return 0", "..."),
    judged("text 21 that checks nothing", "error", "def sq(n): return 0", "\n\n\n"),
    judged("text 22 that checks nothing", "error", "def sq(n): return 0",
           "def f():\n    def test_a():\n        assert sq(2)==4"),
    judged("text 23 that checks nothing", "error", "def sq(n): return 0",
           'METADATA={}\n\n\ndef check(candidate):\n    """nothing"""', entry_point="sq"),
    judged("open in test", "error", "def f(p): return open(p).read()",
           "open('x','w').write('a')\nassert f('x')=='a'"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_text_that_asks_or_compares_nothing_is_an_error(sandbox: LocalSandbox, case: Judged) -> None:
    case.check(sandbox)
