"""Objects of the program in a test text: operators, classes, equality by evidence."""

from __future__ import annotations

import pytest

from openqwq.sandbox import LocalSandbox
from tests.sandbox.judging import Judged, judged, name_of

VEC = """\
class Vec:
    def __init__(self,x,y): self.x,self.y=x,y
    def __add__(self,o): return Vec(self.x+o.x,self.y+o.y)
    def __mul__(self,k): return Vec(self.x*k,self.y*k)
    __rmul__=__mul__
    def __eq__(self,o): return (self.x,self.y)==(o.x,o.y)
    def __lt__(self,o): return self.x<o.x
    def __abs__(self): return (self.x**2+self.y**2)**.5
    def __neg__(self): return Vec(-self.x,-self.y)
    def __bool__(self): return bool(self.x or self.y)
    def __hash__(self): return hash((self.x,self.y))
    def __repr__(self): return f'Vec({self.x}, {self.y})'
"""
CASES = (
    judged("vec eq", "pass", VEC, "assert Vec(1,2)+Vec(3,5)==Vec(4,7)\nassert Vec(1,2)!=Vec(2,1)"),
    judged("vec eq wrong", "fail",
           "class Vec:\n    def __init__(self,x,y): self.x,self.y=x,y\n    def __add__(self,o): return Vec(0,0)\n"
           "    def __mul__(self,k): return Vec(self.x*k,self.y*k)\n    __rmul__=__mul__\n"
           "    def __eq__(self,o): return True\n    def __lt__(self,o): return self.x<o.x\n"
           "    def __abs__(self): return (self.x**2+self.y**2)**.5\n"
           "    def __neg__(self): return Vec(-self.x,-self.y)\n"
           "    def __bool__(self): return bool(self.x or self.y)\n"
           "    def __hash__(self): return hash((self.x,self.y))\n"
           "    def __repr__(self): return f'Vec({self.x}, {self.y})'\n", "assert Vec(1,2)+Vec(3,5)==Vec(4,7)"),
    judged("vec eq empty", "fail",
           "class Vec:\n    def __init__(self,*a): pass\n    def __add__(s,o): return Vec()\n"
           "    def __eq__(s,o): return True", "assert Vec(1,2)+Vec(3,5)==Vec(4,7)"),
    judged("vec ops", "pass", VEC,
           "v=2*Vec(1,2)\nassert v.x==2 and (v*3).y==12\nassert abs(Vec(3,4))==5\nassert abs(-Vec(3,4))==5\n"
           "assert Vec(1,1)<Vec(2,0)\nassert not Vec(0,0)\nassert Vec(1,0)\nassert Vec(2,0)>Vec(1,0)\n"
           "assert sorted([Vec(2,0),Vec(1,0)])[0].x==1\nassert repr(Vec(1,2))=='Vec(1, 2)'\n"
           "assert len({Vec(1,2),Vec(1,2)})==1"),
    judged("vec liar norm", "fail",
           "class Vec:\n    def __init__(self,*a): pass\n    def norm(self): return self\n"
           "    def __sub__(s,o): return 0\n    __abs__=lambda s:0", "assert abs(Vec(3,4).norm()-5)<1e-9"),
    judged("stack list", "pass",
           "class Stack(list):\n    def push(self,x): self.append(x)\n    def peek(self): return self[-1]",
           "s=Stack()\ns.push(1)\ns.push(2)\nassert s.peek()==2 and len(s)==2 and s==[1,2] and s.pop()==2\n"
           "assert list(s)==[1]\nassert s[0]==1 and 1 in s"),
    judged("stack list wrong", "fail",
           "class Stack(list):\n    def push(self,x): pass\n    __eq__=lambda s,o:True",
           "s=Stack()\ns.push(1)\nassert s==[1]"),
    judged("int sub", "pass", "class Money(int):\n    def fmt(self): return f'${int(self)}'",
           "m=Money(5)\nassert m.fmt()=='$5' and m==5 and m+1==6"),
    judged("intenum", "pass",
           "from enum import IntEnum, Enum\nclass Color(IntEnum):\n    RED=1\n    BLUE=2\nclass K(Enum):\n"
           "    A='a'\n    B='b'\ndef f(x): return Color(x)\ndef g(x): return K(x)",
           "assert f(1)==Color.RED and f(1)==1 and f(2).name=='BLUE'\nassert f(1)!=Color.BLUE\n"
           "assert g('a')==K.A and g('a') is K.A and g('b')!=K.A"),
    judged("intenum wrong", "fail",
           "from enum import Enum\nclass K(Enum):\n    A='a'\n    B='b'\ndef g(x): return K.B",
           "assert g('a')==K.A"),
    judged("dataclass", "pass", "from dataclasses import dataclass\n@dataclass\nclass P:\n    x:int\n    y:int\n"
           "def mv(p): return P(p.x+1,p.y)", "assert mv(P(1,2))==P(2,2)\nassert mv(P(1,2))!=P(1,2)"),
    judged("dataclass wrong", "fail",
           "from dataclasses import dataclass\n@dataclass\nclass P:\n    x:int\n    y:int\n"
           "def mv(p): return P(p.x,p.y)", "assert mv(P(1,2))==P(2,2)"),
    judged("factory", "pass", "class Q:\n    def __init__(s): s.i=[]\n    def add(s,x): s.i.append(x)\n"
           "    def __contains__(s,x): return x in s.i\n    def __len__(s): return len(s.i)\n"
           "def make(): return Q()", "q=make()\nq.add(3)\nassert 3 in q and 4 not in q and len(q)==1\nassert q"),
    judged("type of", "pass", "class P: pass\ndef f(): return P()",
           "assert type(f()) is P\nassert type(f()).__name__=='P'\nassert f().__class__.__name__=='P'\n"
           "assert isinstance(f(),P)\nassert type(3) is int"),
    judged("issubclass", "pass", "class A: pass\nclass B(A): pass",
           "assert issubclass(B,A) and not issubclass(A,B)"),
    judged("iadd", "pass", "class B:\n    def __init__(s): s.i=[]\n    def __iadd__(s,x):\n        s.i.append(x)\n"
           "        return s\n    def __reversed__(s): return reversed(s.i)\n    def __int__(s): return len(s.i)\n"
           "    def __call__(s,k): return s.i*k",
           "b=B()\nb+=1\nb+=2\nassert b.i==[1,2] and list(reversed(b))==[2,1] and int(b)==2 and b(2)==[1,2,1,2]"),
    judged("copy", "pass", "class B:\n    def __init__(s): s.i=[]",
           "import copy\nb=B()\nd=copy.deepcopy(b)\nd.i\nb.i=[1]\nassert d.i==[]"),
    judged("custom exc", "pass",
           "class MyErr(Exception):\n    def __init__(s,m,code):\n        super().__init__(m)\n"
           "        s.code=code\ndef f(): raise MyErr('x',5)",
           "import pytest\nfrom solution import f, MyErr\ndef test_a():\n    with pytest.raises(MyErr) as e:\n"
           "        f()\n    assert e.value.code==5 and str(e.value)=='x'"),
    judged("exit chosen", "fail", "def f(x): return object()", "assert f(1)==f(1)"),
    judged("exit chosen2", "fail", "class A:\n    __eq__=lambda s,o:True\ndef f(x): return A()",
           "assert f(1)==f(1)"),
    judged("static", "pass",
           "class M:\n    @staticmethod\n    def add(a,b): return a+b\n    @property\n    def p(self): return 4",
           "assert M.add(1,2)==3 and M().p==4"),
    judged("NamedTuple", "pass", "from typing import NamedTuple\nclass P(NamedTuple):\n    x:int\n    y:int=0\n"
           "    def norm(self): return self.x\ndef mk(): return P(1,2)",
           "assert P(1,2)==(1,2) and P(1).y==0 and mk().x==1 and mk()==P(1,2)\nassert P(5).norm()==5"),
    judged("is None eq", "pass", VEC, "assert Vec(1,2) is not None and Vec(1,2)!=None"),
    judged("program is __main__?", "pass", "def f(x): return __name__", "assert f(1)"),
    judged("alias through object", "pass",
           "class S:\n    def __init__(s,l): s.l=l\n    def add(s,x): s.l.append(x)",
           "l=[1]\ns=S(l)\ns.add(2)\nassert l==[1,2]"),
    judged("alias attr", "pass", "class S:\n    def __init__(s): s.items=[]",
           "s=S()\ns.items.append(2)\nassert s.items==[2]"),
    judged("global list", "pass", "data=[]\ndef add(x): data.append(x)",
           "from solution import data, add\ndef test_a():\n    add(1)\n    assert data==[1]"),
    judged("str fmt", "pass", "class P:\n    def __str__(s): return 'P'\n    def __format__(s,f): return 'F'+f",
           "p=P()\nassert f'{p:x}'=='Fx' and str(p)=='P' and '%s'%p=='P' and 'a'+str(p)=='aP'"),
    judged("len in", "pass", "class D(dict):\n    def total(s): return sum(s.values())", "d=D(a=1,b=2)\n"
           "assert d.total()==3 and d['a']==1 and 'a' in d and len(d)==2 and d=={'a':1,'b':2} and sorted(d)="
           "=['a','b'] and isinstance(d,dict)"),
    judged("str sub", "pass", "class S(str):\n    def shout(s): return s.upper()+'!'", "s=S('ab')\n"
           "assert s.shout()=='AB!' and s=='ab' and s+'c'=='abc' and len(s)==2 and s[0]=='a' and s.upper()=="
           "'AB' and isinstance(s,str)"),
    judged("tuple sub", "pass", "class V(tuple):\n    def norm(s): return sum(x*x for x in s)",
           "v=V((3,4))\nassert v.norm()==25 and v==(3,4) and v[0]==3 and len(v)==2"),
    judged("raise from test own", "pass",
           "class E(ValueError):\n    def __init__(s,m,c): super().__init__(m); s.c=c",
           "try:\n    raise E('m',3)\nexcept E as e:\n    assert e.args"),
    judged("total_ordering", "pass",
           "import functools\n@functools.total_ordering\nclass V:\n    def __init__(s,x): s.x=x\n"
           "    def __eq__(s,o): return s.x==o.x\n    def __lt__(s,o): return s.x<o.x",
           "assert V(1)<=V(2) and V(2)>=V(1) and max([V(1),V(3)]).x==3 and V(1)==V(1) and V(1)!=V(2)"),
    judged("chained", "pass", "class V:\n    def __init__(s,x): s.x=x\n    def __lt__(s,o): return s.x<o.x",
           "assert V(1)<V(2)<V(3)"),
    judged("hash eq dict", "pass", "class V:\n    def __init__(s,x): s.x=x\n    def __eq__(s,o): return s.x==o.x\n"
           "    def __hash__(s): return hash(s.x)", "d={V(1):'a'}\nassert d[V(1)]=='a' and V(2) not in d"),
    judged("bool num", "pass", "class V:\n    def __init__(s,x): s.x=x\n    def __len__(s): return s.x",
           "assert V(1) and not V(0)"),
    judged("float int", "pass", "class V:\n    def __float__(s): return 2.5\n    def __int__(s): return 2\n"
           "    def __index__(s): return 2\n    def __round__(s,n=0): return 3",
           "v=V()\nassert float(v)==2.5 and int(v)==2 and [1,2,3][v]==3 and round(v)==3 and round(v,1)==3"),
    judged("matmul", "pass", "class M:\n    def __init__(s,r): s.r=r\n"
           "    def __matmul__(s,o): return sum(a*b for a,b in zip(s.r,o.r))\n"
           "    def __pow__(s,n): return M([x**n for x in s.r])\n    def __getitem__(s,i): return s.r[i]",
           "assert M([1,2])@M([3,4])==11 and (M([2])**3).r==[8] and M([1,2,3])[1:]==[2,3]"),
    judged("radd sum", "pass", "class M:\n    def __init__(s,x): s.x=x\n"
           "    def __add__(s,o): return M(s.x+(o.x if isinstance(o,M) else o))\n    __radd__=__add__",
           "assert sum([M(1),M(2)]).x==3"),
    judged("ctx", "pass", "from contextlib import contextmanager\n@contextmanager\ndef f():\n    yield 3",
           "with f() as x:\n    assert x==3"),
    judged("ctx suppress", "pass", "class S:\n    def __enter__(s): return s\n    def __exit__(s,*a): return True",
           "ok=False\nwith S():\n    ok=True\nassert ok"),
    judged("property set", "pass",
           "class T:\n    def __init__(s): s._c=0\n    @property\n    def f(s): return s._c*2\n    @f.setter\n"
           "    def f(s,v):\n        if v<0: raise ValueError('neg')\n        s._c=v",
           "import pytest\nt=T()\nt.f=3\nassert t.f==6\nwith pytest.raises(ValueError):\n    t.f=-1"),
    judged("abstract", "pass",
           "from abc import ABC,abstractmethod\nclass A(ABC):\n    @abstractmethod\n    def x(self): ...\n"
           "class B(A):\n    def x(self): return 1", "import pytest\nwith pytest.raises(TypeError):\n    A()\n"
           "assert B().x()==1 and isinstance(B(),A) and issubclass(B,A)"),
    judged("subclass by test", "pass",
           "class Shape:\n    def area(self): raise NotImplementedError\n    def twice(self): return 2*self.area()",
           "class Sq(Shape):\n    def area(self): return 4\nassert Sq().twice()==8"),
    judged("static var", "pass", "class C:\n    n=0\n    def __init__(self): C.n+=1", "C();C()\nassert C.n==2"),
    judged("reset", "pass", "class C:\n    n=5", "C.n=0\nassert C.n==0"),
    judged("iter class", "pass",
           "class R:\n    def __init__(s,n): s.n=n\n    def __iter__(s):\n        for i in range(s.n): yield i",
           "assert list(R(3))==[0,1,2] and [x for x in R(2)]==[0,1] and sum(R(3))==3 and 2 in R(3)"),
    judged("iterator class", "pass",
           "class R:\n    def __init__(s,n): s.n=n;s.i=0\n    def __iter__(s): return s\n    def __next__(s):\n"
           "        if s.i>=s.n: raise StopIteration\n        s.i+=1\n        return s.i",
           "r=R(2)\nassert next(r)==1 and next(r)==2\nimport pytest\nwith pytest.raises(StopIteration):\n"
           "    next(r)"),
    judged("call cls", "pass", "class A:\n    def __call__(s,x): return x+1", "assert A()(1)==2 and callable(A())"),
    judged("hasattr", "pass", "class A:\n    x=1",
           "assert hasattr(A,'x') and not hasattr(A,'y') and getattr(A(),'z',5)==5"),
    judged("vars", "pass", "class A:\n    def __init__(s): s.a=1",
           "assert vars(A())=={'a':1} and A().__dict__=={'a':1}"),
    judged("asdict", "error", "from dataclasses import dataclass\n@dataclass\nclass P:\n    x:int",
           "from dataclasses import asdict\nassert asdict(P(1))=={'x':1}"),
    judged("enum iter", "pass", "from enum import Enum\nclass C(Enum):\n    A=1\n    B=2",
           "assert [c.name for c in C]==['A','B'] and C(1) is C.A and C['B']==C.B and len(C)==2 and isinstan"
           "ce(C.A,C) and C.A in C"),
    judged("flag", "pass", "from enum import Flag,auto\nclass P(Flag):\n    R=auto()\n    W=auto()",
           "assert (P.R|P.W)&P.W==P.W\nassert bool(P.R&P.W) is False"),
    judged("named liar list", "fail",
           "class Stack(list):\n    def __eq__(s,o): return True\n    def peek(s): return 9",
           "s=Stack([1])\nassert s==[2]"),
    judged("named liar int", "fail",
           "class Money(int):\n    def __eq__(s,o): return True\n    def __ne__(s,o): return False\n"
           "    def v(s): return 1", "assert Money(1)==2"),
    judged("made liar arith", "fail", "class Vec:\n    def __init__(s,*a): pass\n    def dot(s,o): return s\n"
           "    __sub__=__rsub__=lambda s,o:0\n    __lt__=__gt__=__le__=__ge__=lambda s,o:True\n"
           "    __eq__=lambda s,o:True", "assert abs(Vec(1).dot(Vec(2))-11)<1e-9"),
    judged("made liar eq", "fail",
           "class Vec:\n    def __init__(s,*a): pass\n    def dot(s,o): return s\n    __eq__=lambda s,o:True",
           "assert Vec(1).dot(Vec(2))==11"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_an_object_of_the_program_behaves_as_in_one_process_and_lies_in_vain(
    sandbox: LocalSandbox, case: Judged
) -> None:
    case.check(sandbox)
