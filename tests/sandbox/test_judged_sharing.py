"""Containers that program and test both keep: what one changes, the other sees."""

from __future__ import annotations

import pytest

from openqwq.sandbox import LocalSandbox
from tests.sandbox.judging import Judged, judged, name_of

S = """\
class S:
    def __init__(s,l): s.l=l
    def sort(s): s.l.sort()
    def total(s): return sum(s.l)
    def get(s): return s.l
"""
D = """\
class S:
    def __init__(s,l): s.l=list(l)
    def sort(s): s.l.sort()
    def total(s): return sum(s.l)
    def get(s): return s.l
"""
CASES = (
    judged("kept list sorted by a method", "pass", S, "l=[3,1]\nS(l).sort()\nassert l==[1,3]",
           "l=[3,1]\ns=S(l)\ns.sort()\nassert l==[1,3]"),
    judged("kept list changed by the test", "pass", S, "l=[1]\ns=S(l)\nl.append(2)\nassert s.total()==3"),
    judged("a copy is a copy", "pass", D,
           "l=[1]\ns=S(l)\nl.append(2)\nassert s.total()==1 and s.get()==[1]\ns.get().append(5)\n"
           "assert s.total()==6"),
    judged("no copy where one is wanted", "fail", S, "l=[1]\ns=S(l)\nl.append(2)\nassert s.total()==1"),
    judged("returned list is the kept one", "pass", S,
           "l=[1]\ns=S(l)\nassert s.get() is l\ns.get().append(3)\nassert l==[1,3] and s.total()==4"),
    judged("nested kept", "pass",
           "class G:\n    def __init__(s): s.d={}\n    def add(s,a,b): s.d.setdefault(a,[]).append(b)",
           "g=G()\ng.add(1,2)\nd=g.d\ng.add(1,3)\ng.add(2,4)\nassert d=={1:[2,3],2:[4]} and g.d is d"),
    judged("many kept", "pass",
           "k=[]\ndef f(x): k.append(x)\ndef last(): return k[-1]\ndef bump():\n    for x in k: x.append(0)",
           "ls=[[i] for i in range(50)]\nfor l in ls: f(l)\nbump()\n"
           "assert ls[0]==[0,0] and ls[49]==[49,0] and last() is ls[49]"),
    judged("numpy kept", "pass",
           "import numpy as np\nclass A:\n    def __init__(s,a): s.a=a\n    def inc(s): s.a+=1",
           "import numpy as np\na=np.zeros(2)\nA(a).inc()\nassert a.tolist()==[1,1]\nb=A(a)\nb.inc()\n"
           "assert a.tolist()==[2,2]"),
    judged("callback sees kept", "pass", "def walk(l,f):\n    l.append(1)\n    f()\n    l.append(2)",
           "l=[]\nseen=[]\nwalk(l,lambda: seen.append(1))\nassert l==[1,2] and seen==[1]"),
    judged("event list", "pass",
           "class Bus:\n    def __init__(s): s.h={}\n    def on(s,n,f): s.h.setdefault(n,[]).append(f)\n"
           "    def emit(s,n,*a):\n        for f in s.h.get(n,[]): f(*a)",
           "b=Bus()\ngot=[]\nb.on('x',got.append)\nb.on('x',lambda v: got.append(v*2))\nb.emit('x',3)\n"
           "assert got==[3,6]"),
    judged("two objects share", "pass", "class N:\n    def __init__(s,k=None): s.k=k if k is not None else []\n",
           "a=N()\nb=N(a.k)\nb.k.append(1)\nassert a.k==[1]"),
    judged("mutable default", "pass", "def f(x,acc=[]):\n    acc.append(x)\n    return acc",
           "assert f(1)==[1]\nassert f(2)==[1,2]"),
    judged("set kept", "pass", "class V:\n    def __init__(s): s.seen=set()\n    def add(s,x): s.seen.add(x)",
           "v=V()\ns=v.seen\nv.add(1)\nassert s=={1} and 1 in v.seen"),
    judged("deque", "pass", "from collections import deque\nclass Q:\n    def __init__(s): s.q=deque(maxlen=2)\n"
           "    def push(s,x): s.q.append(x)",
           "q=Q()\nd=q.q\nfor i in range(3): q.push(i)\nassert list(d)==[1,2] and d.maxlen==2"),
    judged("late change by hack", "fail",
           "k=[]\ndef f(x):\n    k.append(x)\n    return 0\ndef g(x):\n    for y in k: y.clear()\n    return 0",
           "a=[1,2]\nf(a)\nassert g(5)==sum(a)+1"),
    judged("dict of lists arg changed then raise", "pass",
           "class T:\n    def __init__(s,d): s.d=d\n    def go(s):\n        s.d['x']=1\n        raise ValueError",
           "d={}\nt=T(d)\ntry:\n    t.go()\nexcept ValueError:\n    pass\nassert d=={'x':1}"),
    judged("generator keeps arg", "pass", "def g(l):\n    while l: yield l.pop()",
           "l=[1,2,3]\nit=g(l)\nassert next(it)==3 and l==[1,2]\nl.append(9)\nassert next(it)==9"),
    judged("stdin number", "pass", "def f(x): return x", "a=[1]\nb=[a,a]\nr=f(b)\nassert r is b and r[0] is a"),
    judged("same list new each", "pass", "def f(): return [1]",
           "a=f()\nb=f()\na.append(2)\nassert b==[1] and f()==[1]"),
    judged("global mutated by test", "pass", "conf={'n':1}\ndef f(): return conf['n']",
           "import solution\nsolution.conf['n']=5\nassert solution.f()==5"),
    judged("global replaced by test", "pass", "N=1\ndef f(): return N",
           "import solution\nsolution.N=5\nassert solution.f()==5"),
    judged("class attr list", "pass", "class C:\n    reg=[]\n    def __init__(s): C.reg.append(1)",
           "C()\nassert len(C.reg)==1\nC.reg.clear()\nassert C.reg==[]\nC()\nassert C.reg==[1]"),
    judged("matrix in place", "pass", "def rot(m):\n    m[:]=[list(r) for r in zip(*m[::-1])]",
           "m=[[1,2],[3,4]]\nrot(m)\nassert m==[[3,1],[4,2]]"),
    judged("list node two", "pass", "class L:\n    def __init__(s): s.a=[];s.b=s.a",
           "l=L()\nl.a.append(1)\nassert l.b==[1]"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_container_that_both_keep_is_one_container(sandbox: LocalSandbox, case: Judged) -> None:
    case.check(sandbox)
