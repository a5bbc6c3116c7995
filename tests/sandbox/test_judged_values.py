"""Values that a program returns to its test: of the library, of numpy, deep ones, and those that lie."""

from __future__ import annotations

import pytest

from openqwq.sandbox import LocalSandbox
from tests.sandbox.judging import Judged, judged, name_of

CASES = (
    judged("np alias", "pass", "import numpy as np\ndef f(): return np.arange(3)",
           "import numpy as np\nassert (f()==np.array([0,1,2])).all()\nassert np.array_equal(f(),[0,1,2])\n"
           "np.testing.assert_allclose(f(),[0,1,2])"),
    judged("np wrong", "fail", "import numpy as np\ndef f(): return np.arange(4)",
           "import numpy as np\nassert np.array_equal(f(),[0,1,2])"),
    judged("np inplace", "pass", "import numpy as np\ndef f(a): a[0]=9",
           "import numpy as np\na=np.zeros(3)\nf(a)\nassert a[0]==9"),
    judged("np types", "pass", "import numpy as np\ndef f(): return np.float32(0.5), np.bool_(True)",
           "import numpy as np\na,b=f()\nassert isinstance(a,np.floating) and a.dtype==np.float32 and b"),
    judged("defaultdict", "pass",
           "from collections import defaultdict\ndef f(): \n    d=defaultdict(list)\n    d['a'].append(1)\n"
           "    return d", "d=f()\nassert d['a']==[1] and d['q']==[] and isinstance(d,dict)"),
    judged("defaultdict lambda", "pass",
           "from collections import defaultdict\ndef f(): return defaultdict(lambda: 7)", "assert f()['x']==7"),
    judged("views", "pass", "def f(d): return d.keys(), d.values(), d.items()",
           "k,v,i=f({'a':1})\nassert k=={'a'} and list(v)==[1] and ('a',1) in i and k & {'a','b'}=={'a'}"),
    judged("set ops", "pass", "def f(): return {1,2}, frozenset({3})",
           "a,b=f()\nassert a|b=={1,2,3} and a-{1}=={2}"),
    judged("match", "pass", "import re\ndef f(s): return re.search(r'(?P<y>\\d+)-(\\d+)',s)", "m=f('x 12-34')\n"
           "assert m and m.group(1)=='12' and m['y']=='12' and m.groups()==('12','34') and m.span()==(2,7) a"
           "nd m.start(2)==5 and m.groupdict()=={'y':'12'}\nassert f('x') is None"),
    judged("gen", "pass", "def g(n):\n    for i in range(n):\n        x=yield i\n",
           "it=g(3)\nassert next(it)==0 and it.send(None)==1\nassert list(it)==[2]\nassert next(g(0),'end')=='end'"),
    judged("closure", "pass",
           "def counter():\n    n=0\n    def inc():\n        nonlocal n\n        n+=1\n        return n\n"
           "    return inc", "c=counter()\nassert c()==1 and c()==2 and callable(c)"),
    judged("deep back", "fail",
           "def deep(s):\n    r=[s]\n    for _ in range(390): r=[r]\n    return r\ndef enc(s): return deep(s)\n"
           "def dec(x): return 0", "assert dec(enc('ab'))=='ab'"),
    judged("module back", "fail", "import os\ndef enc(s): return os\ndef dec(x): return 0",
           "assert dec(enc('ab'))=='ab'"),
    judged("gen back", "fail", "def enc(s): return (x for x in s)\ndef dec(x): return 0",
           "assert dec(enc('ab'))=='ab'"),
    judged("lambda back", "fail", "def enc(s): return lambda: s\ndef dec(x): return 0",
           "assert dec(enc('ab'))=='ab'"),
    judged("type back", "fail", "def enc(s): return int\ndef dec(x): return x", "assert dec(enc('ab'))=='ab'"),
    judged("excinst back", "fail", "def enc(s): return ValueError(s)\ndef dec(x): return x",
           "assert dec(enc('ab'))=='ab'"),
    judged("surrogate value", "fail", "def f(x): return '\\ud800'", "assert f(1)=='a', f(1)"),
    judged("surrogate exc", "fail", "def f(x): raise ValueError('\\ud800')", "assert f(1)=='a'"),
    judged("huge int", "fail", "def f(x): return 10**6000", "assert f(1)==1, f'{f(1)}'"),
    judged("recursion", "fail", "def f(x): return f(x)", "assert f(1)==1"),
    judged("deep types asserts", "fail", "def f(x):\n    r=1\n    for _ in range(350): r=[r]\n    return r",
           "def n():\n    r=1\n    for _ in range(350): r=(r,)\n    return r\nassert f(1)==n()"),
    judged("deep 250 ok", "pass", "def f(x):\n    r=1\n    for _ in range(250): r=[r]\n    return r",
           "def n():\n    r=1\n    for _ in range(250): r=[r]\n    return r\nassert f(1)==n()"),
    judged("fake class attr", "fail",
           "class A:\n    def __getattr__(s,n): return lambda *a: A()\n    __eq__=lambda s,o:True\n"
           "def f(x): return A()", "assert f(1).value == 3"),
    judged("touch liar", "fail", "class A:\n    def items(s): return s\n    __eq__=lambda s,o:True\n"
           "    def __contains__(s,o): return True\ndef f(x): return A()", "assert sorted(f(1).items())==[1]"),
    judged("getattr error chosen", "fail",
           "class A:\n    def __getattr__(s,n): raise AttributeError(n)\ndef f(x): return A()",
           "assert f(1).value == 3"),
    judged("exc deep args", "fail", "def f(x):\n    r=[]\n    for _ in range(600): r=[r]\n    raise ValueError(r)",
           "assert f(1)==1"),
    judged("exc obj args", "pass", "class O: pass\ndef f(x): raise ValueError(O())",
           "try:\n    f(1)\n    assert False\nexcept ValueError as e:\n    assert len(e.args)==1"),
    judged("import err by program", "fail", "def f(x):\n    import pandas\n    return 1", "assert f(1)==1"),
    judged("import err by program raise", "fail", "def f(x): raise ImportError('x')", "assert f(1)==1"),
    judged("modulenotfound by program", "fail",
           'def f(x): raise ModuleNotFoundError("No module named \'pandas\'", name=\'pandas\')',
           "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(1),1)"),
    judged("syntax by program", "fail", "def f(x): raise SyntaxError('x')", "assert f(1)==1"),
    judged("name err by program", "fail", "def f(x): return undefined_name", "assert f(1)==1"),
    judged("nothere fake", "fail", "class NotHere(Exception): pass\ndef f(x): raise NotHere('x')", "assert f(1)==1"),
    judged("skip by program", "fail", "import unittest\ndef f(x): raise unittest.SkipTest('x')",
           "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(1),1)"),
    judged("skip by program2", "fail", "import unittest\ndef f(x): raise unittest.SkipTest('x')",
           "import pytest\ndef test_a():\n    assert f(1)==1"),
    judged("Skipped name", "fail", "class Skipped(Exception): pass\ndef f(x): raise Skipped('x')",
           "import pytest\ndef test_a():\n    assert f(1)==1"),
    judged("expectedFailure", "fail", "def f(x): return 1",
           "import unittest\nclass T(unittest.TestCase):\n    @unittest.expectedFailure\n    def test_a(self):\n"
           "        self.assertEqual(f(1),1)"),
    judged("exc sub value", "pass", "class E(ValueError):\n    pass\ndef f(): return E('x')",
           "e=f()\nassert isinstance(e,E) and str(e)=='x'"),
    judged("lru", "pass",
           "from functools import lru_cache\n@lru_cache(None)\ndef fib(n): return n if n<2 else fib(n-1)+fib(n-2)",
           "assert fib(30)==832040\nfib.cache_clear()\nassert fib.cache_info().currsize==0"),
    judged("annotations", "pass", "def f(x: int) -> str: return str(x)",
           "assert f.__annotations__=={'x':int,'return':str} and f.__name__=='f'"),
    judged("fraction", "pass", "from fractions import Fraction\ndef f(): return Fraction(1,2)",
           "from fractions import Fraction\nassert f()==Fraction(1,2) and f()+1==Fraction(3,2) and f()==0.5"),
    judged("complex", "pass", "def f(): return 1+2j", "assert f()==1+2j"),
    judged("frozenset keys", "pass", "def f(): return {frozenset({1}):(1,2)}", "assert f()=={frozenset({1}):(1,2)}"),
    judged("datetime", "pass", "import datetime\ndef f(d): return d+datetime.timedelta(days=1)",
           "import datetime as dt\nassert f(dt.date(2020,1,1))==dt.date(2020,1,2)"),
    judged("string io ret", "pass", "import io\ndef f(): return io.StringIO('ab')", "assert f().read()=='ab'"),
    judged("float tol", "pass", "def f(): return 0.30000000000000004",
           "import math\nassert math.isclose(f(),0.3)\nassert round(f(),5)==0.3\nassert abs(f()-0.3)<1e-9"),
    judged("nan", "pass", "def f(): return float('nan')", "import math\nassert math.isnan(f())"),
    judged("any_of", "pass", "def f(): return [2,1]",
           "assert f() in ([1,2],[2,1])\nassert sorted(f())==[1,2]\nassert set(f())=={1,2}"),
    judged("recursive test helper", "pass",
           "class N:\n    def __init__(s,v,n=None): s.v,s.n=v,n\ndef build(k):\n    h=None\n"
           "    for i in range(k): h=N(i,h)\n    return h",
           "def ln(n): return 0 if n is None else 1+ln(n.n)\nassert ln(build(300))==300"),
    judged("Match types", "pass", "import re\ndef f(s): return re.match('a',s)",
           "import re\nassert isinstance(f('a'),re.Match)\nassert f('b') is None"),
    judged("zip ret", "pass", "def f(): return zip([1],[2])", "assert list(f())==[(1,2)]"),
    judged("map eq list", "fail", "def f(): return map(str,[1])", "assert f()==['1']"),
    judged("fin liar base", "fail",
           "class L(list):\n    def __eq__(s,o): return True\n    def peek(s): return 9\ndef f(): return L([1])",
           "assert f()==[2]"),
    judged("nested liar", "fail",
           "class A:\n    __eq__=lambda s,o:True\n    __hash__=lambda s:1\ndef f(): return {'a':[A(),(A(),)]}",
           "assert f()=={'a':[1,(2,)]}"),
    judged("liar key", "fail",
           "class A(str):\n    __eq__=lambda s,o:True\n    __hash__=lambda s:hash('b')\ndef f(): return {A('a'):1}",
           "assert f()['b']==1"),
    judged("np liar", "fail",
           "import numpy as np\nclass A(np.ndarray):\n    def __eq__(s,o): return np.array([True])\n"
           "def f(): return np.zeros(3).view(A)", "import numpy as np\nassert (f()==np.ones(3)).all()"),
    judged("np liar2", "fail", "import numpy as np\nclass A:\n    def __array__(s,*a,**k): return np.ones(3)\n"
           "    def __eq__(s,o): return np.True_\ndef f(): return A()",
           "import numpy as np\nassert (f()==np.ones(3))"),
    judged("numpy obj liar", "fail", "import numpy as np\nclass A:\n    __eq__=lambda s,o:True\n"
           "    __sub__=__rsub__=__add__=__radd__=lambda s,o:0\n    __abs__=lambda s:0\n"
           "    __le__=__lt__=lambda s,o:True\n    __bool__=lambda s:True\n"
           "def f(): return np.array([A(),A()],dtype=object)", "import numpy as np\nassert (f()==np.ones(2)).all()"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_returned_value_is_compared_as_in_one_process(sandbox: LocalSandbox, case: Judged) -> None:
    case.check(sandbox)
