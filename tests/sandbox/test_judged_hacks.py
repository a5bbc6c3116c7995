"""Programs that try to end, skip, forge or outwit their test texts."""

from __future__ import annotations

import pytest

from openqwq.sandbox import LocalSandbox
from tests.sandbox.judging import Judged, judged, name_of

FORGE = """\
import os, struct
def block(tag, text): return tag + struct.pack('<Q', len(text)) + text
def frame(*parts, kind=b'!'):
    body = b't' + struct.pack('<Q', len(parts)) + b''.join(parts)
    return struct.pack('<Qc', len(body), kind) + body
def tell(data):
    for fd in range(3, 64):
        try: os.write(fd, data)
        except OSError: pass
NONE=b't'+bytes(8)
"""
CASES = (
    judged("exit forged", "fail", FORGE + "n=0\ndef square(x):\n    global n\n    n+=1\n"
           "    if n>1: tell(frame(block(b'u',b'raise'),NONE,block(b'u',b'exit'),b't'+struct.pack('<Q',1)+bl"
           "ock(b'i',b'0'),block(b'u',b''),b'n',NONE))\n    return x*x if n==1 else 0",
           "assert square(3)==9\nassert square(4)==16"),
    judged("exit wanted elsewhere", "fail",
           "import sys\nn=0\ndef square(x):\n    global n\n    n+=1\n    if n>1: sys.exit(0)\n    return 9",
           "assert square(3)==9\nassert square(4)==16\ntry:\n    square(-1)\nexcept SystemExit:\n    pass"),
    judged("exit wanted ok", "pass", "import sys\ndef square(x):\n    if x<0: sys.exit(2)\n    return x*x",
           "assert square(3)==9\ntry:\n    square(-1)\n    assert False\nexcept SystemExit as e:\n"
           "    assert e.code==2"),
    judged("exit in unittest", "fail", "import sys\ndef square(x): sys.exit(0)",
           "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
           "        self.assertEqual(square(3),9)\n    def test_b(self):\n"
           "        with self.assertRaises(SystemExit):\n            square(-1)"),
    judged("exit by callback", "fail", "def square(f):\n    f()\n    return 0",
           "import sys\ndef stop(): sys.exit(0)\nassert square(stop)==9"),
    judged("exit by named", "fail", "def square(f):\n    f()\n    return 0",
           "import sys\nassert square(sys.exit)==9"),
    judged("os exit by named", "fail", "def square(f):\n    f(0)\n    return 0",
           "import os\nassert square(os._exit)==9"),
    judged("borg", "fail",
           "class V:\n    s={}\n    def __init__(s,x,y):\n        s.__dict__=V.s\n        s.x,s.y=x,y\n"
           "    def __add__(s,o): return s\n    __eq__=lambda s,o:True", "assert V(1,2)+V(3,5)==V(4,7)"),
    judged("lying dict", "fail", "A={}\nclass V:\n    def __init__(s,*a):\n        for v in a: A[str(len(A))]=v\n"
           "    __dict__=property(lambda s:A)\n    def __add__(s,o): return V()\n    __eq__=lambda s,o:True",
           "assert V(1,2)+V(3,5)==V(4,7)"),
    judged("lying slots", "fail",
           "A={}\nclass V:\n    __slots__=()\n    def __init__(s,*a):\n        for v in a: A['a%d'%len(A)]=v\n"
           "    __dict__=property(lambda s:A)\n    def __getattr__(s,n): return A[n]\n"
           "    def __add__(s,o): return V()\n    __eq__=lambda s,o:True", "assert V(1,2)+V(3,5)==V(4,7)"),
    judged("liar sort", "fail",
           "class L:\n    def sort(s): pass\n    def append(s,x): pass\n    __contains__=lambda s,x:True\n"
           "    __bool__=lambda s:True\n    __len__=lambda s:1\n    __lt__=__gt__=lambda s,o:True\n"
           "def f(): return L()", "r=f()\nr.sort()\nassert 9 in r"),
    judged("liar keys", "fail",
           "class L:\n    def keys(s): return s\n    def get(s,*a): return s\n    __contains__=lambda s,x:True\n"
           "def f(): return L()", "r=f()\nassert 'a' in r.keys()"),
    judged("held attack", "fail", "def f(o):\n    bad=[]\n"
           "    for n in dir(type(o))+['gi_frame','f_globals','__globals__','__class__','__dict__','func_glo"
           "bals','check','want','__init__','__func__','__self__','tb_frame']:\n"
           "        try: v=getattr(o,n); bad.append((n,v))\n        except BaseException: pass\n"
           "    for n,v in list(bad):\n"
           "        for m in ('gi_frame','f_globals','__globals__','__code__','__closure__','__func__','__se"
           "lf__'):\n            try: bad.append((n+m,getattr(v,m)))\n            except BaseException: pass\n"
           "    try: o.check=lambda *a: None\n    except BaseException: pass\n"
           "    try: type(o).check=lambda *a: None\n    except BaseException: pass\n    try: o.__class__=int\n"
           "    except BaseException: pass\n    return 0",
           "class Case:\n    def __init__(self,n): self.n=n\n    def check(self,got): assert got==self.n*2\n"
           "c=Case(3)\nc.check(f(c))"),
    judged("held set", "fail", "def f(o):\n    o.ok=True\n    return 0",
           "class P:\n    ok=False\n    def done(self): return self.ok\np=P()\nassert f(p)==1 and p.done()"),
    judged("type hack", "fail", "class int2(int): pass\ndef f(x): return True",
           "assert type(f(1)) is int and f(1)==1"),
    judged("unittest Skip via pytest.skip", "fail", "def f(x):\n    import pytest\n    pytest.skip('x')",
           "import pytest\ndef test_a():\n    assert f(1)==1"),
    judged("program raises AssertionError in raises", "fail", "def f(x): raise AssertionError",
           "import pytest\ndef test_a():\n    with pytest.raises(ValueError):\n        f(1)"),
    judged("program stopiteration in next", "fail",
           "class I:\n    def __iter__(s): return s\n    def __next__(s): raise StopIteration\ndef f(): return I()",
           "for x,y in zip(f(),[1,2]):\n    assert x==y"),
    judged("generator empty", "fail", "def f():\n    return\n    yield",
           "n=0\nfor x in f():\n    n+=1\n    assert x==n\nassert n==3"),
    judged("program deletes held", "fail", "def f(xs):\n    xs.clear()\n    return xs",
           "xs=[3,1]\nassert f(xs)==sorted([3,1])"),
    judged("setup hack", "fail", "def helper(x): return x\ndef f(x): return 0", "assert f(3)==helper(9)",
           setup="def helper(x): return x+1"),
    judged("setup names class", "fail", "class Config: n=0\ndef f(): return 0", "assert f()==Config.n",
           setup="class Config:\n    n=5"),
    judged("check_args", "fail", "def check(c): pass\ndef f(x): return 0",
           "def check(candidate):\n    assert candidate(1)==1\n", entry_point="f"),
    judged("tests name", "fail", "inputs=[]\nresults=[]\ndef f(x): return 0",
           "inputs=[[1]]\nresults=[1]\ndef check(candidate):\n    for i,(a,b) in enumerate(zip(inputs,results)):\n"
           "        assert candidate(*a)==b\n", entry_point="f"),
    judged("is_floats own", "fail", "def assertion(*a): pass\ndef is_floats(x): return True\ndef f(x): return 0",
           "def assertion(out,exp,atol):\n    assert out==exp\ndef check(candidate):\n"
           "    assertion(candidate(1),1,0)\n", entry_point="f"),
    judged("np fake in plus", "fail",
           "class np:\n    allclose=staticmethod(lambda *a,**k:True)\n    ndarray=float\ndef f(x): return 0.5",
           "import numpy as np\ndef check(candidate):\n    assert np.allclose(candidate(1),1.0)\n", entry_point="f"),
    judged("sys modules np", "fail",
           "import sys,types\nm=types.ModuleType('numpy')\nm.allclose=lambda *a,**k:True\nsys.modules['numpy']=m\n"
           "def f(x): return 0.5",
           "import numpy as np\ndef check(candidate):\n    assert np.allclose(candidate(1),1.0)\n", entry_point="f"),
    judged("time hack", "fail", "import time\ndef f(x):\n    time.sleep(30)\n    return x", "assert f(1)==1"),
    judged("cpu hack", "fail", "def f(x):\n    while True: pass",
           "try:\n    f(1)\nexcept BaseException:\n    pass\nassert 1"),
    judged("fork answer", "fail", "import os\ndef f(x):\n    if os.fork(): return 0\n    return 1",
           "assert f(1)==1 and f(2)==1 and f(3)==1 and f(4)==4"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_program_that_tries_to_outwit_its_test_is_not_paid(sandbox: LocalSandbox, case: Judged) -> None:
    case.check(sandbox)
