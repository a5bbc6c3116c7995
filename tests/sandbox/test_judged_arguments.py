"""What a test hands to the program: functions, its own objects, aliases, changes in place."""

from __future__ import annotations

import pytest

from openqwq.sandbox import LocalSandbox
from tests.sandbox.judging import Judged, judged, name_of

SQ = """\
def sq(n): return n*n
"""
TREE = """\
class TreeNode:
    def __init__(self,val=0,left=None,right=None):
        self.val=val;self.left=left;self.right=right
"""
INV = """\
class Solution:
    def inv(self,root):
        if not root: return None
        root.left,root.right=self.inv(root.right),self.inv(root.left)
        return root
"""
SAME = """\
def tree_node(v):
    if not v: return None
    return TreeNode(v[0],tree_node(v[1:2]),tree_node(v[2:3]))
def is_same_tree(p,q):
    if not p and not q: return True
    if not p or not q: return False
    return p.val==q.val and is_same_tree(p.left,q.left) and is_same_tree(p.right,q.right)
"""
TREE_INV = TREE + INV
TREE_SAME = TREE + SAME
CASES = (
    judged("tree setup", "pass", TREE_INV,
           "def check(candidate):\n    assert is_same_tree(candidate(tree_node([1,2,3])),tree_node([1,3,2]))",
           setup=TREE_SAME, entry_point="Solution().inv"),
    judged("tree setup new", "pass",
           TREE + "class Solution:\n    def inv(self,root):\n        if not root: return None\n"
           "        return TreeNode(root.val,self.inv(root.right),self.inv(root.left))\n",
           "def check(candidate):\n    assert is_same_tree(candidate(tree_node([1,2,3])),tree_node([1,3,2]))",
           setup=TREE_SAME, entry_point="Solution().inv"),
    judged("tree setup wrong", "fail", TREE + "class Solution:\n    def inv(self,root): return root\n",
           "def check(candidate):\n    assert is_same_tree(candidate(tree_node([1,2,3])),tree_node([1,3,2]))",
           setup=TREE_SAME, entry_point="Solution().inv"),
    judged("callback", "pass", "def ap(f,xs): return [f(x) for x in xs]",
           "assert ap(lambda x:x+1,[1,2])==[2,3]\nassert ap(str,[1])==['1']\nassert ap(len,['ab'])==[2]\n"
           "import math\nassert ap(math.sqrt,[4])==[2.0]\nassert ap(str.upper,['a'])==['A']"),
    judged("callback wrong", "fail", "def ap(f,xs): return xs", "assert ap(lambda x:x+1,[1,2])==[2,3]"),
    judged("callback nested", "pass", "def sq(n): return n*n\ndef ap(f,xs): return [f(x) for x in xs]",
           "assert ap(lambda x:sq(x)+1,[1,2])==[2,5]"),
    judged("decorator", "pass",
           "def memo(f):\n    c={}\n    def g(*a):\n        if a not in c: c[a]=f(*a)\n        return c[a]\n"
           "    return g", "calls=[]\n@memo\ndef slow(x):\n    calls.append(x)\n    return x*2\n"
           "assert slow(2)==4 and slow(2)==4 and calls==[2]"),
    judged("wraps", "pass",
           "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def g(*a,**k): return f(*a,**k)+1\n"
           "    return g", "@deco\ndef hello(x):\n    return x\nassert hello(1)==2 and hello.__name__=='hello'"),
    judged("cb raises", "pass",
           "def retry(f,n):\n    for i in range(n):\n        try: return f()\n        except ValueError: pass\n"
           "    return None\ndef call(f): return f()",
           "n=[0]\ndef flaky():\n    n[0]+=1\n    if n[0]<3: raise ValueError('x')\n    return 'ok'\n"
           "assert retry(flaky,5)=='ok' and n==[3]\nclass Mine(Exception): pass\ndef boom(): raise Mine('z')\n"
           "try:\n    call(boom)\n    assert False\nexcept Mine as e:\n    assert str(e)=='z'"),
    judged("exc class arg", "pass",
           "def safe(f,kind):\n    try: return f()\n    except kind as e: return 'caught '+str(e)",
           "class Mine(Exception): pass\ndef boom(): raise Mine('z')\nassert safe(boom,Mine)=='caught z'\n"
           "assert safe(lambda:1/0,ZeroDivisionError).startswith('caught')"),
    judged("own class", "pass", "def size(n): return 0 if n is None else 1+size(n.next)\ndef setv(n): n.v=9",
           "class Node:\n    def __init__(self,v,next=None): self.v,self.next=v,next\nn=Node(1,Node(2))\n"
           "assert size(n)==2\nsetv(n)\nassert n.v==9"),
    judged("own class ops", "pass", "def total(xs): return sum(xs[1:],xs[0])\ndef lo(xs): return min(xs)",
           "class V:\n    def __init__(s,x): s.x=x\n    def __add__(s,o): return V(s.x+o.x)\n"
           "    def __lt__(s,o): return s.x<o.x\n    def __eq__(s,o): return s.x==o.x\n"
           "assert total([V(1),V(2)])==V(3)\nassert lo([V(3),V(2)])==V(2)"),
    judged("class arg", "pass",
           "def build(c,n): return [c(i) for i in range(n)]\ndef isit(x,c): return isinstance(x,c)",
           "class V:\n    def __init__(s,x): s.x=x\nassert [v.x for v in build(V,3)]==[0,1,2]\n"
           "assert isit(V(1),V) and not isit(3,V)\nassert isit(3,int)"),
    judged("generator arg", "pass", "def tot(it): return sum(it)",
           "assert tot(x for x in range(4))==6\nassert tot(iter([1,2]))==3\nassert tot(map(int,'12'))==3"),
    judged("stringio arg", "pass", "def rd(f): return [l.strip() for l in f]\ndef wr(f): f.write('x')",
           "import io\nassert rd(io.StringIO('a\\nb'))==['a','b']\nb=io.StringIO()\nwr(b)\n"
           "assert b.getvalue()=='x'"),
    judged("alias", "pass", "def f(m): m['k'].append(2)", "a=[1]\nm={'k':a}\nf(m)\nassert a==[1,2] and m['k'] is a"),
    judged("alias2", "pass", "def f(m): m[0].append(2)", "m=[[]]*2\nf(m)\nassert m==[[2],[2]]"),
    judged("kw inplace", "pass", "def f(*,d): d.update(a=1)", "d={}\nf(d=d)\nassert d=={'a':1}"),
    judged("returns arg", "pass", "def f(x):\n    x.sort()\n    return x",
           "x=[2,1]\nr=f(x)\nassert r is x and r==[1,2]"),
    judged("returns copy", "fail", "def f(x):\n    return x", "x=[2,1]\nassert f(x) is not x"),
    judged("raise inplace", "pass", "def f(x):\n    x.append(1)\n    raise ValueError",
           "x=[]\ntry:\n    f(x)\nexcept ValueError:\n    pass\nassert x==[1]"),
    judged("cyclic", "pass", "def f(x): return len(x[0])", "x=[1]\nx[0]=x\nassert f(x)==1"),
    judged("counter arg", "pass", "def f(c): return c['z'], type(c).__name__",
           "from collections import Counter, OrderedDict, defaultdict\nassert f(Counter('aab'))==(0,'Counter')\n"
           "d=defaultdict(list)\nassert f(d)==([],'defaultdict') and 'z' in d"),
    judged("walk hack", "fail", "def f(cb):\n    try: return cb.__globals__\n    except Exception as e: return 0",
           "def cb(): return 1\nassert f(cb)==1"),
    judged("held attr hack", "fail",
           "def f(n):\n    for a in ('gi_frame','__class__','__dict__','__init__'):\n        try: getattr(n,a)\n"
           "        except Exception: pass\n    return n.want", "class Node:\n    want=5\nassert f(Node())==6"),
    judged("callback flood", "fail", "def f(g):\n    while True: g()", "n=[]\nassert f(lambda: n.append(1))==1"),
    judged("callback deep", "fail", "def f(g): return g(g)", "def g(h): return sub(h)\nassert f(lambda h: f(h))==1"),
    judged("generator inplace", "pass",
           "def f(xs):\n    for i in range(len(xs)):\n        xs[i]+=1\n        yield xs[i]",
           "a=[1,2]\nassert list(f(a))==[2,3]"),
    judged("nested in place obj", "pass",
           "class S:\n    def __init__(s,l): s.l=l\n    def add(s,x): s.l.append(x)",
           "l=[1]\ns=S(l)\ns.add(2)\nassert s.l==[1,2]"),
    judged("sort key obj", "pass",
           "class P:\n    def __init__(s,n,a): s.n,s.a=n,a\ndef by_age(ps): return sorted(ps,key=lambda p:p.a)",
           "ps=[P('a',3),P('b',1)]\nassert [p.n for p in by_age(ps)]==['b','a']\nassert by_age(ps)[0] is ps[1]\n"
           "assert by_age(ps)==[ps[1],ps[0]]"),
    judged("obj in list", "pass", "class N:\n    def __init__(s): s.k=[]\n    def add(s,c): s.k.append(c)",
           "a,b=N(),N()\na.add(b)\nassert b in a.k and a not in a.k\nassert a.k==[b]\nassert a.k[0] is b"),
    judged("dict of obj", "pass", "class N: pass\ndef reg(n,d):\n    d['x']=n\n    return d",
           "n=N()\nd=reg(n,{})\nassert d=={'x':n} and d['x'] is n"),
    judged("bytes", "pass", "def f(b): b.extend(b'x'); return bytes(b)",
           "b=bytearray(b'a')\nassert f(b)==b'ax' and b==bytearray(b'ax')"),
    judged("thread", "pass", SQ,
           "import threading\nr=[]\nt=threading.Thread(target=lambda: r.append(sq(2)))\nt.start();t.join()\n"
           "assert r==[4]"),
    judged("threadpool program", "pass", "from concurrent.futures import ThreadPoolExecutor\ndef pm(f,xs):\n"
           "    with ThreadPoolExecutor(2) as e: return list(e.map(f,xs))",
           "assert pm(lambda x:x+1,[1,2,3])==[2,3,4]"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_what_a_test_hands_over_behaves_as_in_one_process(sandbox: LocalSandbox, case: Judged) -> None:
    case.check(sandbox)
