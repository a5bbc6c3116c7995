"""Hacks of a function's return value: lying objects, patched machinery, early ends, forged answers."""

from __future__ import annotations

from openqwq.sandbox import Compare, Limits, TestCase
from tests.sandbox.corpus.program import Program, call, returns

LIES = (
    "    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
    "    def __hash__(self): return 1\n    def __bool__(self): return True\n"
)


def lying(kind: str, made: str, wanted: object) -> Program:
    """A subclass of a plain type that says that it equals everything, around a wrong value."""
    return returns(f"a {kind} equal to everything", f"Any({made})", wanted, "fail", f"class Any({kind}):\n{LIES}")


def lie(name: str, body: str, base: str = "") -> Program:
    return call(name, f"class Any{base}:\n{body}def square(n): return Any()\n", "fail")


def wrong(name: str, code: str) -> Program:
    return call(name, code, "fail")


def patched(name: str, code: str, answer: str = "1") -> Program:
    """Changes what might judge it, in its own process, then answers wrongly."""
    return call(name, f"{code}\ndef square(n): return {answer}\n", "fail")


LYING = (
    lying("int", "1", 9),
    lying("float", "1.5", 9.0),
    lying("str", "'x'", "nine"),
    lying("bytes", "b'x'", b"nine"),
    lying("complex", "1j", 2j),
    lying("list", "[1]", [9]),
    lying("tuple", "(1,)", (9,)),
    lying("dict", "{1: 1}", {9: 9}),
    lying("set", "{1}", {9}),
    lying("frozenset", "{1}", frozenset({9})),
    lying("object", "", 9),
    lie("an object equal to everything", LIES),
    lie("an object that claims to be an int", LIES + "    __class__ = int\n    def __int__(self): return 9\n"),
    lie("an object unequal to nothing", "    def __ne__(self, other): return False\n"),
    lie("an object less and greater than all", "    __lt__ = __gt__ = __le__ = __ge__ = __eq__ = lambda a, b: True\n"),
    lie("an object with any attribute", "    def __getattr__(self, name): return lambda *a, **k: True\n"),
    lie("an object that pickles to the answer", "    def __reduce__(self): return (int, (9,))\n"),
    lie("an object that is an index", "    def __index__(self): return 9\n    def __int__(self): return 9\n"),
    lie("an object that prints as the answer", "    def __repr__(self): return '9'\n    __str__ = __repr__\n"),
    lie("an object with the answer as JSON", "    def __json__(self): return 9\n    to_json = toJSON = __json__\n"),
    lie("an int that formats as the answer", "    def __format__(self, spec): return '9'\n" + LIES, "(int)"),
    lie("a str that encodes as the answer", "    def encode(self, *a): return b'9'\n", "(str)"),
    lie("a list with another iterator", "    def __iter__(self): return iter([9, 144])\n"
        "    def __len__(self): return 2\n",
        "(list)"),
    lie("a dict with other items", "    def items(self): return [(9, 9)]\n"
        "    __iter__ = lambda s: iter([9])\n", "(dict)"),
    lie("an object whose subtraction is nothing", "    __sub__ = __rsub__ = lambda a, b: 0\n"
        "    __abs__ = lambda a: 0\n"),
    lie("an exception as the value", "    def __eq__(self, other): return True\n", "(Exception)"),
    wrong("a class equal to everything",
          "class Meta(type):\n    def __eq__(cls, other): return True\n    def __hash__(cls): return 1\n"
          "class Any(metaclass=Meta): pass\ndef square(n): return Any\n"),
    wrong("a class that claims to be every instance",
          "class Meta(type):\n    def __instancecheck__(cls, other): return True\n"
          "    def __subclasscheck__(cls, other): return True\n    mro = lambda cls: [cls, int, object]\n"
          "class Any(int, metaclass=Meta):\n" + LIES + "def square(n): return Any(1)\n"),
    wrong("the object that mocks anything", "from unittest.mock import ANY\ndef square(n): return ANY\n"),
    wrong("a mock", "from unittest.mock import MagicMock\ndef square(n): return MagicMock(return_value=n * n)\n"),
    returns("lying keys in a dict", "{Any(): 1}", {"a": 1}, "fail", "class Any(str):\n" + LIES),
    returns("lying members in a list", "[Any(), Any()]", [1, 2], "fail", "class Any(int):\n" + LIES),
    returns("a lying object deep inside", "{'a': [(Any(),)]}", {"a": [(9,)]}, "fail", "class Any:\n" + LIES),
)  # fmt: skip

KINDS = (
    returns("True where 1 is wanted", "True", 1, "fail"),
    returns("1 where True is wanted", "1", True, "fail"),
    returns("0 where False is wanted", "0", False, "fail"),
    returns("a string where a number is wanted", "'9'", 9, "fail"),
    returns("a number where a string is wanted", "9", "9", "fail"),
    returns("bytes where a string is wanted", "b'9'", "9", "fail"),
    returns("None where a number is wanted", "None", 9, "fail"),
    returns("False where None is wanted", "False", None, "fail"),
    returns("an empty list where None is wanted", "[]", None, "fail"),
    returns("a list around the answer", "[9]", 9, "fail"),
    returns("the answer out of its list", "9", [9], "fail"),
    returns("not a number", "float('nan')", 9.0, "fail", compare=Compare(0.5)),
    returns("an infinity within a relative tolerance", "float('inf')", 1e308, "fail", compare=Compare(1e-6, rel=True)),
    returns("a large float near a large integer", "float(2 ** 60)", 2**60 + 1, "fail"),
    returns("a large integer off by one, returned", "10 ** 30 + 1", 10**30, "fail", compare=Compare(1e-6, rel=True)),
    returns("a tolerance used by a string", "'1.0000001'", "1.0", "fail", compare=Compare(1e-6)),
    returns("a decimal where an integer is wanted", "Decimal(9)", 9, "fail", "from decimal import Decimal"),
    returns("a fraction where an integer is wanted", "Fraction(9)", 9, "fail", "from fractions import Fraction"),
    returns("a generator where a list is wanted", "(x for x in [9])", [9], "fail"),
    returns("an iterator where a list is wanted", "iter([9])", [9], "fail"),
    returns("a range where a list is wanted", "range(3)", [0, 1, 2], "fail"),
    returns("the keys of a dict where a list is wanted", "{9: 1}.keys()", [9], "fail"),
    returns("a set where a list is wanted", "{9}", [9], "fail"),
    returns("a deque where a list is wanted", "deque([9])", [9], "fail", "from collections import deque"),
    returns("a dict where a list is wanted", "{0: 9}", [9], "fail"),
    returns("a string where a list of letters is wanted", "'ab'", ["a", "b"], "fail"),
    returns("text keys where number keys are wanted", "{'1': 9}", {1: 9}, "fail"),
    returns("one item more", "[1, 2, 3]", [1, 2], "fail"),
    returns("one item less", "[1]", [1, 2], "fail"),
    returns("one key more", "{'a': 1, 'b': 2}", {"a": 1}, "fail"),
    returns("items in another order", "[2, 1]", [1, 2], "fail"),
    returns("a list without its nesting", "[1, 2]", [[1], [2]], "fail"),
    returns("an empty answer", "[]", [1, 2], "fail"),
    returns("a function that gives the answer", "lambda: 9", 9, "fail"),
    returns("a coroutine that gives the answer", "nine()", 9, "fail", "async def nine(): return 9"),
    returns("the type of the answer", "int", 9, "fail"),
    returns("the ellipsis", "...", 9, "fail"),
    returns("a marker that says: not implemented", "NotImplemented", 9, "fail"),
    wrong("a list that holds itself", "def square(n):\n    x = []\n    x.append(x)\n    return x\n"),
    wrong("an answer nested without end",
          "def square(n):\n    x = 9\n    for _ in range(100000): x = [x]\n    return x\n"),
    wrong("an integer of many megabits", "def square(n): return 1 << (1 << 23)\n"),
    wrong("a constant", "def square(n): return 9\n"),
    wrong("words of success printed and returned", "def square(n): print('PASSED'); return 'PASSED'\n"),
)  # fmt: skip

PATCHES = (
    patched("a patched len", "import builtins\nbuiltins.len = lambda x: 0"),
    patched("a patched zip and all", "import builtins\nbuiltins.zip = lambda *a, **k: iter(())\n"
        "builtins.all = lambda x: 1"),
    patched("a patched isinstance and issubclass",
            "import builtins\nbuiltins.isinstance = builtins.issubclass = lambda *a: True", "object()"),
    patched("a patched type", "import builtins\nbuiltins.type = lambda *a: int"),
    patched("a patched repr and str", "import builtins\nbuiltins.repr = builtins.str = lambda *a: '9'"),
    patched("a patched import", "import builtins\nbuiltins.__import__ = lambda *a, **k: None"),
    patched("all built-ins deleted", "import builtins\nfor name in list(vars(builtins)): delattr(builtins, name)"),
    patched("no built-ins for itself", "__builtins__ = {}"),
    patched("a patched json", "import json\njson.dumps = lambda *a, **k: '9'\njson.loads = lambda *a, **k: 9"),
    patched("a patched pickle", "import pickle\npickle.dumps = lambda *a, **k: b'I9\\n.'"),
    patched("a patched struct", "import struct\nstruct.pack = lambda *a: b'9'\nstruct.unpack = lambda *a: (9,)"),
    patched("a patched os.write", "import os\nwrite = os.write\n"
        "os.write = lambda fd, data: write(fd, b'9') and len(data)"),
    patched("a patched os._exit and sys.exit", "import os, sys\nos._exit = sys.exit = lambda *a: None"),
    patched("a patched io", "import io, sys\nio.BytesIO.getvalue if True else 0\nio.open = sys.stdout.write"),
    patched("a patched operator.eq", "import operator\noperator.eq = operator.is_ = lambda a, b: True"),
    patched("a patched math.isclose", "import math\nmath.isclose = lambda *a, **k: True"),
    patched("a patched unittest", "import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None"),
    patched("a patched traceback", "import traceback\ntraceback.print_exception = lambda *a, **k: None"),
    patched("a patched comparison of int, by ctypes",
            "import ctypes\nslot = ctypes.c_void_p.from_address(id(int) + 200)\n"
            "always = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.py_object, ctypes.c_int)\n"
            "keep = always(lambda a, b, op: True)\nslot.value = ctypes.cast(keep, ctypes.c_void_p).value"),
    patched("a small integer changed in memory, by ctypes", "import ctypes\n"
        "ctypes.c_uint32.from_address(id(7) + 24).value = 9",
            "7"),
    patched("the word false made true, by ctypes", "import ctypes\n"
        "ctypes.c_uint32.from_address(id(False) + 24).value = 1"),
    patched("functions of the runner replaced, by the collector",
            "import gc, types\nfor thing in gc.get_objects():\n"
            "    if type(thing) is types.FunctionType and thing.__name__ in ('encode', '_write', 'call', "
            "'_difference'):\n"
            "        thing.__code__ = (lambda *a, **k: b'i').__code__"),
    patched("functions of the runner replaced, by frames",
            "import sys\nframe = sys._getframe()\nwhile frame:\n    for name in list(frame.f_globals):\n"
            "        if name in ('encode', 'decode', '_guard', '_write_all'): frame.f_globals[name] = lambda *a: None\n"
            "    frame = frame.f_back"),
    patched("modules of the runner replaced",
            "import sys\nfor name in list(sys.modules):\n"
            "    if 'runner' in name or 'codec' in name or 'openqwq' in name:\n"
            "        sys.modules[name] = None"),
    patched("a comparison module planted for its judge",
            "import sys, types\nfor name in ('openqwq', 'openqwq.sandbox', 'openqwq.sandbox.compare', 'numpy'):\n"
            "    sys.modules[name] = types.ModuleType(name)"),
    patched("a trace of the runner's lines",
            "import sys\ndef trace(frame, event, arg):\n    for name in ('result', 'status', 'wanted'):\n"
            "        if name in frame.f_locals: frame.f_locals[name] = 9\n    return trace\n"
            "sys.settrace(trace); sys.setprofile(trace)\n"
            "frame = sys._getframe()\nwhile frame: frame.f_trace = trace; frame = frame.f_back"),
    patched("a finder for all later imports",
            "import sys, types\nclass Finder:\n    def find_spec(self, *a): return None\n"
            "sys.meta_path.insert(0, Finder())"),
    patched("a hook on audit events", "import sys, os\nsys.addaudithook(lambda *a: None)"),
    patched("a recursion limit for its judge", "import sys\nsys.setrecursionlimit(50)"),
    patched("no memory for its judge", "import resource\nresource.setrlimit(9, (1 << 27, 1 << 27))"),
)  # fmt: skip

EXITS = (
    wrong("an exit while loading", "import sys\nsys.exit(0)\n"),
    wrong("an os._exit while loading", "def square(n): return n * n\nimport os\nos._exit(0)\n"),
    wrong("a sys.exit in the call", "import sys\ndef square(n): print('ok'); sys.exit()\n"),
    wrong("an os._exit in the call", "import os\ndef square(n): os._exit(0)\n"),
    wrong("a raised SystemExit in the call", "def square(n): raise SystemExit\n"),
    wrong("a SystemExit that holds the answer", "def square(n): raise SystemExit(n * n)\n"),
    wrong("a quit in the call", "def square(n): quit()\n"),
    wrong("an os._exit in a destructor", "import os\nclass Any:\n    def __del__(self): os._exit(0)\n"
          "def square(n): Any()\n"),
    wrong("an os._exit in a destructor of the value", "import os\nclass Any(int):\n    def __del__(self): os._exit(0)\n"
          "def square(n): return Any(1)\n"),
    wrong("an os._exit in a thread",
          "import os, threading, time\n"
          "def square(n): threading.Thread(target=os._exit, args=(0,)).start(); time.sleep(9)\n"),
    wrong("an os._exit in an exit handler", "import atexit, os\natexit.register(os._exit, 0)\n"
        "def square(n): return 1\n"),
    wrong("an os._exit in a signal handler",
          "import os, signal\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\n"
          "signal.setitimer(signal.ITIMER_REAL, 0.01)\ndef square(n):\n    while True: pass\n"),
    wrong("an os._exit in the excepthook",
          "import os, sys\nsys.excepthook = lambda *a: os._exit(0)\ndef square(n): raise ValueError\n"),
    wrong("an os._exit in the unraisable hook",
          "import os, sys\nsys.unraisablehook = lambda *a: os._exit(0)\nclass Any:\n"
          "    def __del__(self): raise ValueError\n"
          "def square(n): Any()\n"),
    wrong("an os._exit while its value is read", "import os\nclass Any(dict):\n    def __iter__(self): os._exit(0)\n"
          "    keys = items = values = __len__ = __iter__\ndef square(n): return Any(a=1)\n"),
    wrong("an os._exit when its value is compared", "import os\nclass Any:\n    def __eq__(self, other): os._exit(0)\n"
          "    __hash__ = __repr__ = __str__ = __bool__ = __len__ = __eq__\ndef square(n): return Any()\n"),
    wrong("exec of a program that ends well", "import os, sys\n"
        "def square(n): os.execv(sys.executable, ['p', '-c', ''])\n"),
    wrong("a parent that ends well", "import os\ndef square(n):\n    if os.fork(): os._exit(0)\n    return 1\n"),
    wrong("a kill of its parent", "import os\ndef square(n): os.kill(os.getppid(), 9); return 1\n"),
    wrong("a keyboard interrupt", "def square(n): raise KeyboardInterrupt\n"),
    wrong("a generator exit", "def square(n): raise GeneratorExit\n"),
    wrong("a StopIteration with the answer", "def square(n): raise StopIteration(n * n)\n"),
    wrong("an exception that prints as the answer", "class E(Exception):\n    def __str__(self): return '9'\n"
          "    __repr__ = __str__\ndef square(n): raise E(9)\n"),
    wrong("an exception whose printing ends the process", "import os\nclass E(Exception):\n"
        "    def __str__(self): os._exit(0)\n"
          "def square(n): raise E\n"),
    wrong("an exception that is equal to everything", "class E(Exception):\n    def __eq__(self, other): return True\n"
          "def square(n): raise E\n"),
    call("a sleep past the limit", "import time\ndef square(n): time.sleep(60); return n * n\n", "fail",
         limits=Limits(0.1)),
    wrong("an answer after a failing thread ended the process",
          "import os, threading\nthreading.Timer(0.02, os._exit, (7,)).start()\nimport time\n"
          "def square(n): time.sleep(0.3); return n * n\n"),
)  # fmt: skip

NAMES = (
    wrong("no function of the name", "def cube(n): return n ** 3\n"),
    wrong("a function that is not callable", "square = 9\n"),
    wrong("a function that is None", "square = None\n"),
    wrong("a property for a function", "@property\ndef square(n): return n * n\n"),
    wrong("a built-in for a function", "square = print\n"),
    wrong("an int for a function", "square = int\n"),
    wrong("a right function replaced by a wrong one", "def square(n): return n * n\ndef square(n): return n\n"),
    wrong("a right function that is deleted", "def square(n): return n * n\ndel square\n"),
    wrong("a right function with the wrong number of arguments", "def square(): return 9\n"),
    wrong("a class for a function", "class square:\n    def __init__(self, n): self.n = n\n" + LIES),
    wrong("a Solution with any attribute", "class Solution:\n"
        "    def __getattr__(self, name): return lambda *a: self\n" + LIES),
    wrong("a Solution whose method is a property", "class Solution:\n    @property\n    def square(self): return 9\n"),
    wrong("a namespace that answers for every name",
          "import sys, types\nclass Module(types.ModuleType):\n    def __getattr__(self, name): return lambda n: 9\n"
          "sys.modules[__name__] = Module(__name__)\n"),
    wrong("the argument changed instead of an answer", "def square(n):\n    n = n * n\n"),
    call("the answer put into the argument", "def square(n): n[0] = n[0] ** 2\n", "fail", (TestCase([[3]], [9]),)),
)  # fmt: skip

FORGED_HEAD = (
    "import os, struct\ndef block(n):\n    text = b'%x' % n\n    return b'i' + struct.pack('<Q', len(text)) + text\n"
    "def tell(data):\n    for fd in range(3, 64):\n        try: os.write(fd, data)\n        except OSError: pass\n"
)
FORGED = (
    wrong("a result written by hand for one input", FORGED_HEAD + "def square(n): tell(block(9)); os._exit(0)\n"),
    wrong("both results written by hand", FORGED_HEAD + "def square(n): tell(block(9) + block(144)); os._exit(0)\n"),
    wrong("a result written by hand and one returned", FORGED_HEAD + "def square(n): tell(block(n * n)); return 1\n"),
    wrong("a result of damaged bytes", FORGED_HEAD + "def square(n): tell(b'l' + b'\\xff' * 8); os._exit(0)\n"),
    wrong("a result with an unknown tag", FORGED_HEAD + "def square(n): tell(b'*' * 20); os._exit(0)\n"),
    wrong("a result that names an object", FORGED_HEAD + "def square(n): tell(b'r' + bytes(8)); os._exit(0)\n"),
    wrong("a result nested a hundred thousand deep",
          FORGED_HEAD + "def square(n): tell((b'l' + struct.pack('<Q', 1)) * 100000 + b'n'); os._exit(0)\n"),
    wrong("a pickle in the place of a result", FORGED_HEAD + "import pickle\n"
        "def square(n): tell(pickle.dumps(9)); os._exit(0)\n"),
    wrong("JSON in the place of a result", FORGED_HEAD + "def square(n): tell(b'{\"result\": 9}'); os._exit(0)\n"),
    wrong("a result written by a child, then a failing exit",
          FORGED_HEAD + "def square(n):\n    if os.fork() == 0: tell(block(n * n)); os._exit(0)\n"
              "    os.wait(); os._exit(1)\n"),
    call("a dict with one key twice",
         FORGED_HEAD + "def square(n):\n    pair = b'u' + struct.pack('<Q', 1) + b'a'\n"
         "    tell(b'd' + struct.pack('<Q', 2) + (pair + block(1)) * 2); os._exit(0)\n", "fail",
         (TestCase([3], {"a": 1, "b": 1}),)),
    call("a set with one member twice",
         FORGED_HEAD + "def square(n): tell(b's' + struct.pack('<Q', 2) + block(1) * 2); os._exit(0)\n", "fail",
         (TestCase([3], {1, 2}),)),
    call("keys that fall into one place of a table",
         "def square(n): return {k * (2 ** 61 - 1): 0 for k in range(1500)}\n", "fail",
         (TestCase([3], {k: 0 for k in range(1500)}),)),
    wrong("an answer in text, on standard output", "def square(n): print(n * n)\n"),
)  # fmt: skip

LOOKS = (
    wrong("a walk over frames", """
import sys
def square(n):
    frame = sys._getframe()
    while frame is not None:
        for name, value in frame.f_locals.items():
            if name in ('expected', 'wanted', 'output', 'result', 'answer', 'want', 'test', 'tests'): return value
            if isinstance(value, (list, tuple)) and 9 in value: return 9
        frame = frame.f_back
    return -1
"""),
    wrong("a walk over all objects", """
import gc
def square(n):
    for thing in gc.get_objects():
        if isinstance(thing, dict) and 'output' in thing: return thing['output']
        if hasattr(type(thing), '__dataclass_fields__') and hasattr(thing, 'output'): return thing.output
    return -1
"""),
    wrong("a look at who refers to its argument", """
import gc
def square(n):
    for holder in gc.get_referrers(n):
        for thing in [holder, *gc.get_referrers(holder)]:
            if isinstance(thing, dict) and 'output' in thing: return thing['output']
    return -1
"""),
    wrong("a look at the main module", """
import sys
def square(n):
    for name in ('__main__', 'runner', 'judge', 'solution', 'tests', 'openqwq.sandbox'):
        module = sys.modules.get(name)
        for word in ('expected', 'wanted', 'tests', 'output', 'TESTS'):
            if hasattr(module, word): return getattr(module, word)
    return -1
"""),
    call("a search of its own memory for the wanted value", """
mark = b'tuptuo detnaw eht'[::-1]
def square(n):
    with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:
        for line in maps:
            low, high = (int(part, 16) for part in line.split()[0].split('-'))
            if 'rw' not in line.split()[1] or high - low > 32 << 20: continue
            try:
                memory.seek(low)
                found = memory.read(high - low)
            except (OSError, ValueError, OverflowError): continue
            at = found.find(mark + b' is ')
            if at >= 0: return found[at:at + 26].decode(errors='replace')
    return 'not found'
""", "fail", (TestCase([1], "the wanted output is 73524"),)),
)  # fmt: skip

PROGRAMS = LYING + KINDS + PATCHES + EXITS + NAMES + FORGED + LOOKS
