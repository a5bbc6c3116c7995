"""Whole test files, as people and models write them."""

from __future__ import annotations

import pytest

from openqwq.sandbox import LocalSandbox
from tests.sandbox.judging import Judged, judged, name_of

SQ = """\
def sq(n): return n*n
"""
CASES = (
    judged("imports only", "error", SQ, "from solution import sq\nx=3\nassert x==3"),
    judged("typing only", "error", SQ, "x: List[int] = []\nassert len(x)==0"),
    judged("callable", "pass", SQ, "from solution import sq\nassert callable(sq)"),
    judged("endless test", "error", SQ, "while True: pass"),
    judged("loops over METADATA", "error", SQ, "METADATA={'a':1}\nassert METADATA['a']==1"),
    judged("random only", "error", SQ, "import random\nx=random.random()\nassert 0<=x<1"),
    judged("check in class", "pass", SQ,
           "class Solution:\n    pass\ndef check(candidate):\n    assert candidate(2)==4", entry_point="sq"),
    judged("kod 1", "pass", "def add_item(items,item):\n    items.append(item)\n    return items",
           "from solution import add_item\nimport pytest\n\n@pytest.fixture\ndef items():\n    return ['a']\n\n"
           "def test_add(items):\n    result = add_item(items,'b')\n    assert result == ['a','b']\n"
           "    assert result is items\n"),
    judged("kod 2", "pass", "class BankAccount:\n    def __init__(self,balance=0):\n"
           "        if balance<0: raise ValueError('Initial balance cannot be negative')\n"
           "        self._b=balance\n    @property\n    def balance(self): return self._b\n"
           "    def deposit(self,a):\n        if a<=0: raise ValueError('Deposit amount must be positive')\n"
           "        self._b+=a\n    def withdraw(self,a):\n"
           "        if a>self._b: raise ValueError('Insufficient funds')\n        self._b-=a\n"
           "    def __repr__(self): return f'BankAccount({self._b})'\n"
           "    def __eq__(self,o): return isinstance(o,BankAccount) and self._b==o._b\n",
           "import pytest\nfrom solution import BankAccount\n\ndef test_initial():\n    acc=BankAccount()\n"
           "    assert acc.balance==0\n    assert repr(acc)=='BankAccount(0)'\n\ndef test_neg():\n"
           "    with pytest.raises(ValueError, match='negative'):\n        BankAccount(-1)\n\nclass TestDeposit:\n"
           "    @pytest.mark.parametrize('amount,expected',[(10,10),(5.5,5.5)])\n"
           "    def test_deposit(self,amount,expected):\n        acc=BankAccount()\n        acc.deposit(amount)\n"
           "        assert acc.balance==pytest.approx(expected)\n    def test_withdraw_too_much(self):\n"
           "        acc=BankAccount(1)\n        with pytest.raises(ValueError) as exc_info:\n"
           "            acc.withdraw(2)\n        assert str(exc_info.value)=='Insufficient funds'\n"
           "        assert exc_info.type is ValueError\n\ndef test_eq():\n"
           "    assert BankAccount(5)==BankAccount(5)\n    assert BankAccount(5)!=BankAccount(6)\n"),
    judged("kod 3", "pass", "import re\nfrom collections import Counter, defaultdict\n"
           "def word_freq(t): return Counter(re.findall(r'\\w+',t.lower()))\ndef group(ws):\n"
           "    d=defaultdict(list)\n    for w in ws: d[''.join(sorted(w))].append(w)\n    return d",
           "from solution import word_freq, group\ndef test_a():\n    r=word_freq('A a b')\n"
           "    assert r['a']==2 and r['zz']==0 and r.most_common(1)==[('a',2)]\n"
           "    assert dict(r)=={'a':2,'b':1}\n    assert isinstance(r,dict)\n    g=group(['ab','ba'])\n"
           "    assert dict(g)=={'ab':['ab','ba']}\n    assert sorted(map(sorted,g.values()))==[['ab','ba']]"),
    judged("kod linked list", "pass",
           "class Node:\n    def __init__(self,v): self.value=v; self.next=None\nclass LinkedList:\n"
           "    def __init__(self): self.head=None\n    def append(self,v):\n        n=Node(v)\n"
           "        if not self.head: self.head=n; return\n        c=self.head\n        while c.next: c=c.next\n"
           "        c.next=n\n    def to_list(self):\n        r=[];c=self.head\n"
           "        while c: r.append(c.value); c=c.next\n        return r\n    def reverse(self):\n"
           "        p=None;c=self.head\n        while c: c.next,p,c=p,c,c.next\n        self.head=p\n"
           "    def __iter__(self):\n        c=self.head\n        while c:\n            yield c.value\n"
           "            c=c.next\n    def __len__(self): return sum(1 for _ in self)",
           "from solution import Node, LinkedList\ndef to_list(head):\n    out=[]\n    while head:\n"
           "        out.append(head.value)\n        head=head.next\n    return out\ndef test_ll():\n"
           "    l=LinkedList()\n    assert l.head is None\n    assert len(l)==0 and not l\n"
           "    for i in range(3): l.append(i)\n    assert to_list(l.head)==[0,1,2]\n    l.reverse()\n"
           "    assert l.to_list()==[2,1,0]==list(l)\n    assert l.head.next.next.next is None\n"
           "    assert isinstance(l.head,Node)\n    assert 1 in l\n"),
    judged("kod bst", "pass", "class TreeNode:\n"
           "    def __init__(self,val=0,left=None,right=None): self.val=val;self.left=left;self.right=right\n"
           "def insert(root,v):\n    if root is None: return TreeNode(v)\n"
           "    if v<root.val: root.left=insert(root.left,v)\n    else: root.right=insert(root.right,v)\n"
           "    return root\ndef inorder(r): return inorder(r.left)+[r.val]+inorder(r.right) if r else []",
           "from solution import TreeNode, insert, inorder\ndef test_t():\n    root=None\n"
           "    for v in [3,1,2]: root=insert(root,v)\n    assert inorder(root)==[1,2,3]\n"
           "    assert root.left.right.val==2\n    t=TreeNode(1,TreeNode(2))\n    assert inorder(t)==[2,1]\n"
           "    assert inorder(None)==[]"),
    judged("kod graph", "pass", "class Graph:\n    def __init__(self): self.adj={}\n"
           "    def add_edge(self,a,b): self.adj.setdefault(a,set()).add(b); self.adj.setdefault(b,set()).add(a)\n"
           "    def bfs(self,s):\n        seen=[s];q=[s]\n        while q:\n            c=q.pop(0)\n"
           "            for n in sorted(self.adj[c]):\n"
           "                if n not in seen: seen.append(n);q.append(n)\n        return seen",
           "import pytest\nfrom solution import Graph\n@pytest.fixture\ndef graph():\n    g=Graph()\n"
           "    g.add_edge(1,2)\n    g.add_edge(2,3)\n    return g\ndef test_bfs(graph):\n"
           "    assert graph.bfs(1)==[1,2,3]\n    assert graph.adj=={1:{2},2:{1,3},3:{2}}\n"
           "    assert 2 in graph.adj[1]\ndef test_missing(graph):\n    with pytest.raises(KeyError):\n"
           "        graph.bfs(9)"),
    judged("kod lru", "pass", "from collections import OrderedDict\nclass LRU:\n"
           "    def __init__(self,c): self.c=c;self.d=OrderedDict()\n    def get(self,k):\n"
           "        if k not in self.d: return -1\n        self.d.move_to_end(k)\n        return self.d[k]\n"
           "    def put(self,k,v):\n        self.d[k]=v;self.d.move_to_end(k)\n"
           "        if len(self.d)>self.c: self.d.popitem(last=False)",
           "from solution import LRU\ndef test_lru():\n    c=LRU(2)\n    c.put(1,1);c.put(2,2)\n"
           "    assert c.get(1)==1\n    c.put(3,3)\n    assert c.get(2)==-1\n    assert list(c.d.keys())==[1,3]\n"
           "    assert list(c.d)==[1,3]"),
    judged("kod matrix", "pass", "class Matrix:\n    def __init__(self,d): self.data=d\n"
           "    def __add__(self,o): return Matrix([[a+b for a,b in zip(r,s)] for r,s in zip(self.data,o.data)])\n"
           "    def __mul__(self,o):\n"
           "        if isinstance(o,(int,float)): return Matrix([[a*o for a in r] for r in self.data])\n"
           "        return Matrix([[sum(a*b for a,b in zip(r,c)) for c in zip(*o.data)] for r in self.data])\n"
           "    __rmul__=__mul__\n    def __eq__(self,o): return self.data==o.data\n"
           "    def __getitem__(self,ij): return self.data[ij[0]][ij[1]]\n    @property\n"
           "    def T(self): return Matrix([list(c) for c in zip(*self.data)])\n    @property\n"
           "    def shape(self): return len(self.data),len(self.data[0])",
           "from solution import Matrix\ndef test_m():\n    a=Matrix([[1,2],[3,4]]);b=Matrix([[1,0],[0,1]])\n"
           "    assert a*b==a\n    assert (a+b)==Matrix([[2,2],[3,5]])\n    assert 2*a==Matrix([[2,4],[6,8]])\n"
           "    assert (a*2).data==[[2,4],[6,8]]\n"
           "    assert a.T==Matrix([[1,3],[2,4]]) and a.shape==(2,2) and a[0,1]==2\n    assert a!=b"),
    judged("kod matrix wrong", "fail",
           "class Matrix:\n    def __init__(self,d): self.data=d\n    def __add__(self,o): return self\n"
           "    def __mul__(self,o): return self\n    __rmul__=__mul__\n    def __eq__(self,o): return True",
           "from solution import Matrix\ndef test_m():\n    a=Matrix([[1,2],[3,4]]);b=Matrix([[1,0],[0,1]])\n"
           "    assert (a+b)==Matrix([[2,2],[3,5]])"),
    judged("kod abc", "pass", "from abc import ABC, abstractmethod\nclass Shape(ABC):\n    @abstractmethod\n"
           "    def area(self): pass\nclass Circle(Shape):\n    def __init__(self,r): self.r=r\n"
           "    def area(self): return 3.14159*self.r**2\nclass Sq(Shape):\n    def __init__(self,a): self.a=a\n"
           "    def area(self): return self.a**2\ndef total(shapes): return sum(s.area() for s in shapes)",
           "from solution import *\nimport math, pytest\ndef test_s():\n    with pytest.raises(TypeError):\n"
           "        Shape()\n    assert total([Circle(1),Sq(2)])==pytest.approx(7.14159)\n    class Tri(Shape):\n"
           "        def area(self): return 1\n    assert total([Tri(),Sq(1)])==2\n"
           "    assert issubclass(Circle,Shape)"),
    judged("kod strategy", "pass", "class Sorter:\n    def __init__(self,key=None): self.key=key\n"
           "    def sort(self,xs): return sorted(xs,key=self.key)", "from solution import Sorter\ndef test_a():\n"
           "    assert Sorter(key=lambda x:-x).sort([1,3,2])==[3,2,1]\n"
           "    assert Sorter(len).sort(['aa','b'])==['b','aa']\n"
           "    assert Sorter(key=lambda d:d['a']).sort([{'a':2},{'a':1}])==[{'a':1},{'a':2}]"),
    judged("kod observer", "pass",
           "class Subject:\n    def __init__(self): self.o=[]\n    def attach(self,o): self.o.append(o)\n"
           "    def notify(self,m):\n        for o in self.o: o.update(m)",
           "from solution import Subject\nclass Obs:\n    def __init__(self): self.got=[]\n"
           "    def update(self,m): self.got.append(m)\ndef test_a():\n    s=Subject();o=Obs()\n    s.attach(o)\n"
           "    s.notify('x')\n    assert o.got==['x']\n    assert s.o==[o] and s.o[0] is o"),
    judged("kod context", "pass", "class Timer:\n    def __enter__(self): self.on=True; return self\n"
           "    def __exit__(self,*a): self.on=False; return False",
           "from solution import Timer\nimport pytest\ndef test_a():\n    with Timer() as t:\n"
           "        assert t.on\n    assert not t.on\n    with pytest.raises(ValueError):\n        with Timer():\n"
           "            raise ValueError('x')"),
    judged("kod json", "pass",
           "import json\ndef dump(o): return json.dumps(o,sort_keys=True)\ndef load(s): return json.loads(s)",
           "from solution import dump, load\nimport json\ndef test_a():\n"
           "    assert json.loads(dump({'b':1,'a':[1,None]}))=={'a':[1,None],'b':1}\n"
           "    assert load('[1,2]')==[1,2]\n    import pytest\n    with pytest.raises(json.JSONDecodeError):\n"
           "        load('x')"),
    judged("kod datetime", "pass",
           "from datetime import datetime, timedelta\ndef nxt(d): return d+timedelta(days=1)\n"
           "def parse(s): return datetime.strptime(s,'%Y-%m-%d')",
           "from solution import *\nfrom datetime import datetime, timedelta\nimport pytest\ndef test_a():\n"
           "    assert parse('2020-01-01')==datetime(2020,1,1)\n    assert nxt(datetime(2020,2,28)).day==29\n"
           "    with pytest.raises(ValueError):\n        parse('x')"),
    judged("kod memo", "pass",
           "def memoize(f):\n    cache={}\n    def w(*a):\n        if a not in cache: cache[a]=f(*a)\n"
           "        return cache[a]\n    w.cache=cache\n    return w",
           "from solution import memoize\ndef test_a():\n    n=0\n    @memoize\n    def f(x):\n"
           "        nonlocal n\n        n+=1\n        return x*2\n    assert f(2)==4 and f(2)==4 and n==1\n"
           "    assert f.cache=={(2,):4}"),
    judged("kod retry mock", "pass",
           "def retry(n):\n    def deco(f):\n        def w(*a,**k):\n            for i in range(n):\n"
           "                try: return f(*a,**k)\n                except Exception:\n"
           "                    if i==n-1: raise\n        return w\n    return deco",
           "from solution import retry\nfrom unittest.mock import Mock\nimport pytest\ndef test_a():\n"
           "    m=Mock(side_effect=[ValueError('x'),'ok'])\n    assert retry(3)(m)()=='ok'\n"
           "    assert m.call_count==2\n    m2=Mock(side_effect=ValueError('y'))\n"
           "    with pytest.raises(ValueError):\n        retry(2)(m2)(1,a=2)\n    assert m2.call_count==2\n"
           "    m2.assert_called_with(1,a=2)"),
    judged("kod generator", "pass", "def chunks(xs,n):\n    for i in range(0,len(xs),n): yield xs[i:i+n]",
           "from solution import chunks\nimport types\ndef test_a():\n    g=chunks([1,2,3],2)\n"
           "    assert hasattr(g,'__next__')\n    assert next(g)==[1,2]\n    assert list(g)==[[3]]\n"
           "    assert list(chunks([],2))==[]"),
    judged("kod generatortype", "pass", "def chunks(n):\n    yield 1",
           "from solution import chunks\nimport types\ndef test_a():\n"
           "    assert isinstance(chunks(1),types.GeneratorType)"),
    judged("kod function type", "pass", "def mk():\n    return lambda x:x",
           "from solution import mk\nimport types\ndef test_a():\n    assert isinstance(mk(),types.FunctionType)"),
    judged("kod collections abc", "pass", "def f(): return [1]\ndef g():\n    yield 1",
           "from collections.abc import Iterable, Iterator\ndef test_a():\n"
           "    assert isinstance(f(),Iterable) and isinstance(g(),Iterator) and isinstance(g(),Iterable)"),
    judged("kod large", "pass", "def f(n): return [i*i for i in range(n)]", "def test_a():\n    r=f(100000)\n"
           "    assert len(r)==100000 and r[-1]==99999**2 and all(isinstance(x,int) for x in r)"),
    judged("doc", "pass", "def f():\n    '''Doc here.'''\n    return 1",
           "assert f.__doc__ and 'Doc' in f.__doc__ and f()==1"),
    judged("class as value", "pass",
           "class A: pass\nclass B(A): pass\nREG={'a':A,'b':B}\ndef make(n): return REG[n]()",
           "assert isinstance(make('b'),B) and isinstance(make('b'),A) and not isinstance(make('a'),B)\n"
           "assert REG['a'] is A"),
    judged("slots", "pass", "class P:\n    __slots__=('x','y')\n    def __init__(s,x,y): s.x,s.y=x,y\n"
           "    def __eq__(s,o): return (s.x,s.y)==(o.x,o.y)",
           "import pytest\np=P(1,2)\nassert p==P(1,2) and p!=P(2,1)\nwith pytest.raises(AttributeError):\n"
           "    p.z=1"),
    judged("frozen dataclass", "pass",
           "from dataclasses import dataclass, FrozenInstanceError, field\n@dataclass(frozen=True,order=True)\n"
           "class P:\n    x:int\n    y:int=0\n    tags:list=field(default_factory=list,compare=False)",
           "import pytest\np=P(1)\nassert p==P(1,0) and p<P(2) and hash(p)==hash(P(1))\n"
           'assert repr(p)=="P(x=1, y=0, tags=[])"\nassert sorted([P(2),P(1)])[0].x==1\n'
           "assert {P(1):'a'}[P(1,0)]=='a'\nwith pytest.raises(AttributeError):\n    p.x=3"),
    judged("str compare", "pass", "class P:\n    def __init__(s,n): s.n=n\n    def __str__(s): return s.n",
           'assert str(P(\'a\'))==\'a\' and f\'{P("b")}\'==\'b\' and \'{}\'.format(P(\'c\'))==\'c\'\n'
           "assert ' '.join(map(str,[P('a'),P('b')]))=='a b'"),
    judged("sort by attr", "pass",
           "class P:\n    def __init__(s,n): s.n=n\ndef top(ps,k): return sorted(ps,key=lambda p:-p.n)[:k]",
           "ps=[P(i) for i in range(5)]\nassert [p.n for p in top(ps,2)]==[4,3]\n"
           "assert max(ps,key=lambda p:p.n).n==4\nassert sum(p.n for p in ps)==10"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_whole_test_file_is_judged_as_in_one_process(sandbox: LocalSandbox, case: Judged) -> None:
    case.check(sandbox)
