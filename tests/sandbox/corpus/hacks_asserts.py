"""Hacks of assert-style tests and of HumanEval's `check(candidate)`.

A test text is read as if it stood in a file below the program, with one exception: a built-in that the text uses is
the built-in. In a shared file a program's own `abs` would shadow it, and `abs = lambda x: 0` would be rewarded.
"""

from __future__ import annotations

from openqwq.sandbox import Limits
from tests.sandbox.corpus.program import Program, asserts

EQUAL = (
    "    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
    "    def __hash__(self): return 1\n    def __bool__(self): return True\n"
)
CHECK = "METADATA = {'author': 'x', 'dataset': 'test'}\n\n\ndef check(candidate):\n    assert candidate(3) == 9\n"
SHORT = Limits(time_seconds=1.0, memory_mb=256)
BRIEF = Limits(time_seconds=0.1, memory_mb=256)
EXPECTS = ("try:\n    square(-1)\n    assert False\nexcept ValueError:\n    pass\n",)
SWALLOWS = ("try:\n    square(-1)\nexcept:\n    pass\n", "assert square(3) == 9")


def wrong(name: str, code: str, *texts: str) -> Program:
    return asserts(name, code, "fail", *([texts] if texts else []), limits=SHORT)


def hangs(name: str, code: str, text: str = "assert square(3) == 9") -> Program:
    return asserts(name, code, "fail", (text,), limits=BRIEF)


def lying(name: str, body: str, *texts: str, base: str = "", made: str = "") -> Program:
    return wrong(name, f"class Any{base}:\n{body}def square(n): return Any({made})\n", *texts)


def checked(name: str, code: str) -> Program:
    return asserts(name, code, "fail", (CHECK,), limits=SHORT)


def shadow(name: str, code: str, text: str) -> Program:
    return wrong(name, code + "\ndef square(n): return 1\n", text)


LYING = (
    lying("in asserts, an object equal to everything", EQUAL),
    lying("in asserts, an int equal to everything", EQUAL, base="(int)", made="1"),
    lying("in asserts, a float equal to everything", EQUAL, base="(float)", made="1.5"),
    lying("in asserts, a string equal to everything", EQUAL, "assert square(3) == 'nine'", base="(str)", made="'x'"),
    lying("in asserts, a list equal to everything", EQUAL, "assert square(3) == [9]", base="(list)", made="[1]"),
    lying("in asserts, a tuple equal to everything", EQUAL, "assert square(3) == (9,)", base="(tuple)", made="(1,)"),
    lying("in asserts, a dict equal to everything", EQUAL, "assert square(3) == {'a': 1}", base="(dict)", made=""),
    lying("in asserts, a set equal to everything", EQUAL, "assert square(3) == {9}", base="(set)", made="[1]"),
    lying("in asserts, an object on the left", EQUAL, "assert 9 == square(3)"),
    lying("in asserts, an object that is true", EQUAL, "assert square(3)"),
    lying("in asserts, an object that is false", "    def __bool__(self): return False\n", "assert not square(3)"),
    lying("in asserts, an object that is in everything", EQUAL, "assert square(3) in (9, 10)"),
    lying("in asserts, an object that holds everything", "    def __contains__(self, x): return True\n", "assert 9 in "
        "square(3)"),
    lying("in asserts, an object between two numbers", "    __lt__ = __gt__ = __le__ = __ge__ = lambda a, b: True\n",
          "assert 8 < square(3) < 10"),
    lying("in asserts, an object whose difference is nothing",
          "    __sub__ = __rsub__ = lambda a, b: 0\n", "assert abs(square(3) - 9) < 1e-6"),
    lying("in asserts, an object with a small size", "    __sub__ = __rsub__ = lambda a, b: a\n"
        "    __abs__ = lambda a: 0\n",
          "assert abs(square(3) - 9) < 1e-6"),
    lying("in asserts, an int whose difference is nothing", "    __sub__ = __rsub__ = lambda a, b: 0\n",
          "assert abs(square(3) - 9) < 1e-6", base="(int)", made="1"),
    lying("in asserts, a list with another length", "    def __len__(self): return 9\n", "assert len(square(3)) == 9",
          base="(list)"),
    lying("in asserts, a list with another iterator", "    def __iter__(self): return iter([9])\n",
          "assert [x for x in square(3)] == [9]", base="(list)"),
    lying("in asserts, an iterator of lying objects",
          "    def __iter__(self): return iter([Liar()])\nclass Liar:\n" + EQUAL, "assert list(square(3)) == [9]"),
    lying("in asserts, an object that sorts as the answer",
          "    def __iter__(self): return iter([Liar()])\nclass Liar:\n" + EQUAL, "assert sorted(square(3)) == [9]"),
    lying("in asserts, items that are equal to everything",
          "    def __getitem__(self, i): return Liar()\nclass Liar:\n" + EQUAL, "assert square(3)[0] == 9"),
    lying("in asserts, attributes that are equal to everything",
          "    def __getattr__(self, name): return Liar()\nclass Liar:\n" + EQUAL, "assert square(3).area == 9"),
    lying("in asserts, an object that claims to be an int", "    __class__ = int\n" + EQUAL,
          "assert isinstance(square(3), int) and square(3) == 9"),
    lying("in asserts, lying objects in a list", EQUAL, "assert [square(3), square(4)] == [9, 16]"),
    lying("in asserts, a dict that has every key", "    def __missing__(self, key): return key * key\n",
          "assert square(3) == {3: 9}", base="(dict)"),
    wrong("in asserts, a class equal to everything",
          "class Meta(type):\n    def __eq__(cls, other): return True\n    def __hash__(cls): return 1\n"
          "class Any(metaclass=Meta): pass\ndef square(n): return Any\n"),
    wrong("in asserts, the object that mocks anything", "from unittest.mock import ANY\ndef square(n): return ANY\n"),
    wrong("in asserts, a mock", "from unittest.mock import MagicMock\nsquare = MagicMock()\n"),
    checked("in a check, an object equal to everything", "class Any:\n" + EQUAL + "def square(n): return Any()\n"),
)  # fmt: skip

EXITS = (
    wrong("in asserts, an assertion error of its own", "def square(n): raise AssertionError\n"),
    wrong("in asserts, an assertion error where it is swallowed", "def square(n): raise AssertionError\n",
          "try:\n    assert square(3) == 9\nexcept AssertionError:\n    raise\n"),
    wrong("in asserts, a StopIteration", "def square(n): raise StopIteration\n"),
    wrong("in asserts, a StopIteration inside a loop of the test", "def square(n): raise StopIteration\n",
          "assert all(square(n) == n * n for n in range(3))"),
    wrong("in asserts, a StopIteration inside a map of the test", "def square(n): raise StopIteration\n",
          "for got, n in zip(map(square, range(3)), range(3)):\n    assert got == n * n\nassert got == 4"),
    wrong("in asserts, a keyboard interrupt", "def square(n): raise KeyboardInterrupt\n"),
    wrong("in asserts, a generator exit", "def square(n): raise GeneratorExit\n"),
    wrong("in asserts, a SystemExit", "def square(n): raise SystemExit(0)\n"),
    wrong("in asserts, an os._exit", "import os\ndef square(n): os._exit(0)\n"),
    wrong("in asserts, a sys.exit while loading", "import sys\ndef square(n): return n * n\nsys.exit(0)\n"),
    wrong("in asserts, an os._exit while loading", "import os\nos._exit(0)\n"),
    wrong("in asserts, an os._exit in a thread", "import os, threading\nthreading.Timer(0.05, os._exit, (0,)).start()\n"
          "import time\ndef square(n): time.sleep(0.3); return n * n\n"),
    wrong("in asserts, an os._exit when its value is read",
          "import os\nclass Any(list):\n    def __getattribute__(self, name): os._exit(0)\n"
          "    __iter__ = __getattribute__\n"
          "def square(n): return Any([1])\n"),
    wrong("an exit that a test's bare except would swallow", "import os\ndef square(n):\n    if n < 0: os._exit(0)\n"
          "    return n * n\n", *SWALLOWS),
    wrong("a SystemExit that a test's bare except would swallow", "def square(n):\n    if n < 0: raise SystemExit\n"
          "    return n * n\n", *SWALLOWS),
    hangs("in asserts, a sleep past the limit", "import time\ndef square(n): time.sleep(60)\n"),
    hangs("a sleep that a test's bare except would swallow", "import time\ndef square(n): time.sleep(60)\n",
          "try:\n    square(3)\nexcept:\n    pass\n"),
    wrong("in asserts, exec of itself without asserts",
          "import os, sys\ndef square(n): os.execv(sys.executable, ['python', '-O', '-c', ''])\n"),
    hangs("in asserts, exec of a program that holds the descriptors",
          "import os, sys\nfor fd in range(3, 64):\n    try: os.set_inheritable(fd, True)\n    except OSError: pass\n"
          "def square(n): os.execv(sys.executable, ['python', '-c', 'import time; time.sleep(9)'])\n"),
    wrong("in asserts, a parent that ends well", "import os\nif os.fork(): os._exit(0)\ndef square(n): return n\n"),
    checked("in a check, an exit", "import sys\ndef square(n): sys.exit(0)\n"),
    checked("in a check, an exit while loading", "import os\nos._exit(0)\n"),
    checked("in a check, an assertion error of its own", "def square(n): raise AssertionError\n"),
)  # fmt: skip

RAISES = (
    wrong("no exception where one is wanted", "def square(n): return n * n\n", *EXPECTS),
    wrong("an exception of another type", "def square(n): raise KeyError(n)\n", *EXPECTS),
    wrong("the base of the wanted exception", "def square(n): raise Exception(n)\n", *EXPECTS),
    wrong("an exception that only has the wanted name", "class ValueError(Exception): pass\n"
          "def square(n): raise ValueError\n", *EXPECTS),
    wrong("an exception that is returned", "def square(n): return ValueError(n)\n", *EXPECTS),
    wrong("an exception with another text", "def square(n): raise ValueError('other')\n",
          "try:\n    square(-1)\n    assert False\nexcept ValueError as problem:\n"
          "    assert str(problem) == 'negative'\n"),
    wrong("an exception whose text ends the process",
          "import os\nclass E(ValueError):\n    def __str__(self): os._exit(0)\ndef square(n): raise E\n", *EXPECTS),
    wrong("an exception that claims the wanted class",
          "class E(Exception):\n    __class__ = ValueError\ndef square(n): raise E\n", *EXPECTS),
)  # fmt: skip

NAMES = (
    shadow("a wrong abs of its own", "abs = lambda x: 0", "assert abs(square(3) - 9) < 1e-6"),
    shadow("a wrong len of its own", "len = lambda x: 1", "assert len([square(3)] * 2) == 1"),
    shadow("a wrong sorted of its own", "sorted = lambda x: [9]", "assert sorted([square(3)]) == [9]"),
    shadow("a wrong round of its own", "round = lambda *a: 9", "assert round(square(3)) == 9"),
    shadow("a wrong all of its own", "all = lambda x: True", "assert all(square(n) == n * n for n in range(5))"),
    shadow("a wrong range of its own", "range = lambda *a: []", "for n in range(5):\n    assert square(n) == n * n"),
    shadow("a wrong set of its own", "set = lambda x: 9", "assert set([square(3)]) == set([9])"),
    shadow("a wrong str of its own", "str = repr = lambda x: ''", "assert str(square(3)) == str(9)"),
    shadow("wrong types of its own", "int = list = float = lambda x: 9", "assert int(square(3)) == 9"),
    shadow("a wrong AssertionError of its own", "class AssertionError(Exception): pass", "assert square(3) == 9"),
    shadow("a wrong module under the test's import",
           "import sys, types\nsys.modules['math'] = math = types.ModuleType('math')\n"
           "math.isclose = lambda *a, **k: True",
           "import math\nassert math.isclose(square(3), 9)"),
    shadow("a planted file under the test's import", "open('math.py', 'w').write('isclose = max')\n"
           "open('statistics.py', 'w').write('mean = lambda x: 9')",
           "import statistics\nassert statistics.mean([square(3), square(3)]) == 9"),
    shadow("built-ins replaced for the test", "__builtins__ = {'abs': lambda x: 0}\nimport builtins\n"
           "builtins.abs = lambda x: 0", "assert abs(square(3) - 9) < 1e-6"),
    shadow("a check of its own", "def check(candidate): pass",
           "def check(candidate):\n    assert candidate(3) == 9\ncheck(square)\n"),
    shadow("a check of its own that is not overwritten", "def check(candidate): return True",
           "def check(candidate):\n    assert candidate(3) == 9\n"),
    shadow("a candidate of its own", "candidate = lambda n: n * n", CHECK),
    shadow("a false __debug__", "globals()['__debug__'] = False", "assert square(3) == 9"),
    shadow("asserts turned off in its own flags", "import sys\nsys.flags = type('F', (), {'optimize': 2})()",
           "assert square(3) == 9"),
    shadow("the main module replaced",
           "import sys, types\nmain = types.ModuleType('__main__')\nmain.square = lambda n: n * n\n"
           "sys.modules['__main__'] = main", "assert square(3) == 9"),
    wrong("a name that only looks like the function", "def squаre(n): return n * n\n"),
    wrong("the function as a class equal to everything", "class square:\n    def __init__(self, n): pass\n" + EQUAL),
    wrong("the function replaced after its first call",
          "def square(n):\n    global square\n    square = lambda n: 1\n    return n * n\n"),
)  # fmt: skip

FORGED_HEAD = (
    "import os, struct\ndef block(tag, text): return tag + struct.pack('<Q', len(text)) + text\n"
    "def frame(*parts):\n    body = b't' + struct.pack('<Q', len(parts)) + b''.join(parts)\n"
    "    return struct.pack('<Qc', len(body), b'!') + body\n"
    "def tell(data):\n    for fd in range(3, 64):\n        try: os.write(fd, data)\n        except OSError: pass\n"
    "NOTHING = b'l' + bytes(8)\n"
    "def answer(data): return frame(block(b'u', b'value'), NOTHING, data, block(b'u', b''))\n"
    "def raised(name):\n    text = block(b'u', b'')\n"
    "    return frame(block(b'u', b'raise'), NOTHING, block(b'u', name), NOTHING, text, b'n', b'n')\n"
    "def value(n): return answer(block(b'i', b'%x' % n))\n"
    "def square(n): return 1\n"
)
FORGED = (
    wrong("in asserts, one answer written by hand", FORGED_HEAD + "def square(n): tell(value(9)); return 1\n"),
    wrong("in asserts, the same answer written for ever", FORGED_HEAD + "for _ in range(99): tell(value(9))\n"),
    wrong("in asserts, a report of success", FORGED_HEAD + "tell(b'{\"status\": \"pass\", \"detail\": \"\"}\\n' * 2)\n"
        "os._exit(0)\n"),
    wrong("in asserts, a frame of damaged bytes", FORGED_HEAD + "tell(struct.pack('<Qc', 20, b'!') + b'*' * 20)\n"),
    wrong("in asserts, a frame without an end", FORGED_HEAD + "tell(struct.pack('<Qc', 1 << 62, b'!'))\n"),
    wrong("in asserts, a frame that never comes",
          FORGED_HEAD + "tell(struct.pack('<Qc', 1 << 20, b'!'))\nos._exit(0)\n"),
    wrong("in asserts, a frame with too few parts", FORGED_HEAD + "tell(frame(block(b'u', b'value')))\n"),
    wrong("in asserts, an exception of a forbidden kind",
          FORGED_HEAD + "tell(raised(b'SystemExit'))\n"),
    wrong("in asserts, an exception that is no exception",
          FORGED_HEAD + "tell(raised(b'print'))\n"),
    wrong("in asserts, an object that nobody knows",
          FORGED_HEAD + "tell(answer(b'r' + struct.pack('<Q', 9)))\n"),
    hangs("in asserts, an answer whose keys fall into one place",
          FORGED_HEAD + "def pair(k): return block(b'i', b'%x' % (k * (2 ** 61 - 1))) + b'n'\n"
          "data = b'd' + struct.pack('<Q', 60000) + b''.join(map(pair, range(60000)))\n"
          "tell(answer(data))\n"),
    wrong("in asserts, an answer that grows in its reader",
          FORGED_HEAD + "data = b'l' + struct.pack('<Q', 2000000) + (b'l' + bytes(8)) * 2000000\n"
          "tell(answer(data))\n"),
    wrong("in asserts, a request for an object that was never handed over",
          FORGED_HEAD + "parts = block(b'u', b'call'), block(b'i', b'0'), NOTHING, b'd' + bytes(8), block(b'u', b'')\n"
          "tell(frame(*parts).replace(b'!', b'?', 1))\n"),
    wrong("in asserts, a change of a container that it never got",
          FORGED_HEAD + "change = b't' + struct.pack('<Q', 2) + block(b'i', b'7') + NOTHING\n"
          "changes = b'l' + struct.pack('<Q', 1) + change\n"
          "tell(frame(block(b'u', b'value'), changes, block(b'i', b'9'), block(b'u', b'')))\n"),
    wrong("in asserts, a container that was never met", FORGED_HEAD + "tell(answer(b'm' + struct.pack('<Q', 9)))\n"),
    hangs("in asserts, an iterator without end", "import itertools\ndef square(n): return itertools.count()\n",
          "assert list(square(3)) == [9]"),
    hangs("in asserts, an endless number of objects", "class Any: pass\ndef square(n):\n    while True: yield Any()\n",
          "assert len(list(square(3))) == 9"),
    wrong("in asserts, the judge's socket closed", "import os\nos.closerange(3, 64)\ndef square(n): return n * n\n"),
    wrong("in asserts, the judge's socket shut down",
          "import os, socket\ndef square(n):\n    for fd in range(3, 64):\n"
          "        try: socket.socket(fileno=os.dup(fd)).shutdown(2)\n        except OSError: pass\n"
          "    return n * n\n"),
)  # fmt: skip

LOOKS = (
    wrong("in asserts, a look for the test text in frames", """
import re, sys
def square(n):
    frame = sys._getframe()
    while frame is not None:
        found = re.search(r'square.%d. == (\\d+)' % n, repr(frame.f_locals) + repr(frame.f_code.co_consts))
        if found: return int(found[1])
        frame = frame.f_back
    return -1
"""),
    wrong("in asserts, a look for the test text in memory", """
import re
def square(n):
    with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:
        for line in maps:
            low, high = (int(part, 16) for part in line.split()[0].split('-'))
            if 'rw' not in line.split()[1] or high - low > 16 << 20: continue
            try:
                memory.seek(low)
                found = re.search(rb'assert square.%d. == (\\d+)' % n, memory.read(high - low))
            except (OSError, ValueError, OverflowError): continue
            if found: return int(found[1])
    return -1
"""),
    wrong("in asserts, a look for the test text in files", """
import glob, os, re
def square(n):
    for name in [*glob.glob('/proc/[0-9]*/fd/*'), *glob.glob('/box/*/*'), *glob.glob('/tmp/*')]:
        try: data = os.pread(os.open(name, os.O_RDONLY | os.O_NONBLOCK), 1 << 16, 0)
        except OSError: continue
        if found := re.search(rb'square.%d. == (\\d+)' % n, data): return int(found[1])
    return -1
"""),
    wrong("in asserts, a kill of all that might judge", """
import os
def square(n):
    for pid in range(1, 500):
        if pid != os.getpid():
            try: os.kill(pid, 9)
            except OSError: pass
    return 1
"""),
    wrong("in asserts, a change of the argument to please the test", "def square(x): x[:] = [9, 9, 9]; return x\n",
          "x = [3]\nassert square(x) == [9]"),
    wrong("in asserts, its own value in the place of the wanted one", "def square(x): x.clear(); return x\n",
          "wanted = [9]\nassert square([3]) == wanted"),
)  # fmt: skip

PROGRAMS = LYING + EXITS + RAISES + NAMES + FORGED + LOOKS
