"""Programs with the verdict that each must get: hacks, escapes, bounded exhaustion, and correct programs.

An escape prints `out` only when it worked. Every exhaustion is bounded, so that a weak jail harms nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from openqwq.sandbox.jobs import Compare, Job, Limits, TestCase

SQUARES = (TestCase("3\n", "9\n"), TestCase("12\n", "144\n"))
SQUARE_CALLS = (TestCase([3], 9), TestCase([12], 144))
SQUARE_ASSERTS = ("assert square(3) == 9", "assert square(12) == 144")
OUT = (TestCase("", "out\n"),)
SHORT = Limits(time_seconds=1.0, memory_mb=256)


@dataclass(frozen=True)
class Program:
    name: str
    job: Job
    verdict: str


def _stdin(name: str, code: str, verdict: str, tests: tuple[TestCase, ...] = SQUARES, **options: object) -> Program:
    return Program(name, Job(code, tests=tests, **options), verdict)  # type: ignore[arg-type]


def _call(name: str, code: str, verdict: str = "fail", tests: tuple[TestCase, ...] = SQUARE_CALLS) -> Program:
    return Program(name, Job(code, mode="call", entry_point="square", tests=tests), verdict)


def _asserts(name: str, code: str, verdict: str = "fail", asserts: tuple[str, ...] = SQUARE_ASSERTS) -> Program:
    return Program(name, Job(code, mode="asserts", entry_point="square", asserts=asserts), verdict)


def _escape(name: str, code: str, limits: Limits = SHORT) -> Program:
    return Program(name, Job(code, tests=OUT, limits=limits), "fail")


ALWAYS_EQUAL = "class Any:\n    def __eq__(self, other): return True\n    def __bool__(self): return True\n"
EQUAL_LIST = "class Any(list):\n    def __eq__(self, other): return True\n    def __len__(self): return 1\n"
EQUAL_INT = "class Any(int):\n    def __eq__(self, other): return True\n    def __sub__(self, other): return 0\n"
EARLY_EXIT = "import os\ndef square(n): os._exit(0)\n"
FRAME_WALK = """
import gc, sys
def square(n):
    frame = sys._getframe()
    while frame is not None:
        for value in frame.f_locals.values():
            if value in (9, 144) and n * n == value: pass
            if isinstance(value, (list, tuple)) and 9 in value: return 9
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, dict) and thing.get('output') is not None: return thing['output']
    return -1
"""
MEMORY_SCAN = """
def square(n):
    wanted = b'the wanted ' + b'output'
    with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:
        for line in maps:
            low, high = (int(part, 16) for part in line.split()[0].split('-'))
            if 'rw' not in line.split()[1] or high - low > 64 << 20: continue
            try:
                memory.seek(low)
                found = memory.read(high - low)
            except (OSError, ValueError, OverflowError): continue
            at = found.find(wanted + b' is ')
            if at >= 0: return found[at:at + 40].decode(errors='replace')
    return 'not found'
"""
FORGED_RESULT = """
import os, struct
def square(n):
    for number in range(3, 20):
        try: os.write(number, b'i' + struct.pack('<Q', 1) + b'9')
        except OSError: pass
    os._exit(0)
"""
SOCKETS = """
import socket
for kind in (socket.AF_INET, socket.AF_INET6, 16, 17):
    try: socket.socket(kind, socket.SOCK_DGRAM); print('out')
    except OSError: pass
"""
NAMESPACES = """
import ctypes
libc = ctypes.CDLL(None)
if any(libc.unshare(flag) == 0 for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000)): print('out')
if libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0) > 0: print('out')
"""
RARE_CALLS = """
import ctypes, os
libc = ctypes.CDLL(None)
numbers = {'io_uring_setup': 425, 'bpf': 321, 'userfaultfd': 323, 'perf': 298, 'keyctl': 250, 'memfd': 319}
if os.uname().machine == 'x86_64' and any(libc.syscall(number, 0, 0, 0, 0, 0) >= 0 for number in numbers.values()):
    print('out')
if libc.shmget(7, 4096, 0o1600) >= 0: print('out')
"""
FORK_BOMB = """
import os, time
for _ in range(1000):
    try:
        if os.fork() == 0: time.sleep(5); os._exit(0)
    except OSError: break
else: print('out')
"""
STATE = """
import os, tempfile
places = ['/tmp/mark', '/dev/shm/mark', 'mark', os.path.join(tempfile.gettempdir(), 'mark')]
seen = any(os.path.exists(place) for place in places) or os.getpid() != 2
for place in places: open(place, 'w').close()
if os.fork() == 0:
    os.setsid()
    import time
    time.sleep(30)
n = int(input())
print(n * n if seen or n == 3 else 0)
"""

HACKS = (
    _call("an object equal to everything", ALWAYS_EQUAL + "def square(n): return Any()\n"),
    _call("a list equal to everything", EQUAL_LIST + "def square(n): return Any()\n"),
    _call("an int equal to everything", EQUAL_INT + "def square(n): return Any(1)\n"),
    _call("an exit instead of an answer", EARLY_EXIT),
    _call("an exit while loading", "import sys\nsys.exit(0)\n"),
    _call("a wrong built-in length", "import builtins\nbuiltins.len = lambda x: 0\ndef square(n): return 1\n"),
    _call("a walk over frames and objects", FRAME_WALK),
    _call("a result written by hand for one input", FORGED_RESULT),
    _call("a bool where a number is wanted", "def square(n): return True\n", tests=(TestCase([1], 1),)),
    _call("a string that looks like the number", "def square(n): return str(n * n)\n"),
    _call("no return value", "def square(n): print(n * n)\n"),
    _call(
        "a search of its own memory",
        MEMORY_SCAN,
        tests=(TestCase([1], "the wanted output is 73524"),),
    ),
    _asserts("an object equal to everything, in asserts", ALWAYS_EQUAL + "def square(n): return Any()\n"),
    _asserts("an int equal to everything, in asserts", EQUAL_INT + "def square(n): return Any(1)\n"),
    _asserts("an exit instead of an answer, in asserts", EARLY_EXIT),
    _asserts(
        "an exit that a test's bare except would swallow",
        EARLY_EXIT,
        asserts=("try:\n    square(-1)\nexcept:\n    pass\n",),
    ),
    _asserts("an assertion error of its own", "def square(n): raise AssertionError\n"),
    _asserts(
        "an object that is true to everything",
        ALWAYS_EQUAL + "def square(n): return Any()\n",
        asserts=("assert square(3)",),
    ),
    _stdin("the first line only", "print(9)\n", "fail", (TestCase("", "9\n16\n"),)),
    _stdin("all numbers", "for n in range(200): print(n)\n", "fail"),
    _stdin("a failing exit after the right answer", "print(int(input()) ** 2)\nraise SystemExit(3)\n", "fail"),
    _stdin("a signal after the right answer", "import os\nprint(int(input()) ** 2, flush=True)\nos.abort()\n", "fail"),
    _stdin("state left for the next test", STATE, "fail"),
    _stdin(
        "a large integer off by one",
        "print(10 ** 18 + 1)\n",
        "fail",
        (TestCase("", str(10**18)),),
        compare=Compare(1e-6, rel=True),
    ),
    _stdin("full-width digits", "print('\\uff19')\n", "fail", (TestCase("", "9"),), compare=Compare(1e-6)),
    _stdin("not a number within a tolerance", "print('nan')\n", "fail", (TestCase("", "9.0"),), compare=Compare(0.5)),
)

ESCAPES = (
    _escape(
        "read the host's files",
        "import os\nfor p in ('/etc/shadow', '/etc/hostname', '/root/.ssh', '/home', '/var/log', '/usr/bin/env'):\n"
        "    if os.path.exists(p): print('out')\n",
    ),
    _escape("open a network socket", SOCKETS),
    _escape("enter new namespaces", NAMESPACES),
    _escape("use rare system calls", RARE_CALLS),
    _escape("become root", "import os\ntry: os.setuid(0); print('out')\nexcept OSError: pass\n"),
    _escape(
        "trace the jail's first process", "import ctypes\nif ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0: print('out')\n"
    ),
    _escape(
        "read the memory of the jail's first process",
        "try: open('/proc/1/mem', 'rb'); print('out')\nexcept OSError: pass\n",
    ),
    _escape(
        "kill the jail's first process",
        "import os, time\nos.kill(1, 9)\nos.kill(1, 2)\nos.kill(1, 15)\ntime.sleep(0.1)\nprint('still here')\n",
    ),
    _escape(
        "lower the limits of the jail's first process",
        "import resource\ntry: resource.prlimit(1, resource.RLIMIT_CPU, (1, 1)); print('out')\nexcept OSError: pass\n",
    ),
    _escape(
        "raise its own limits",
        "import resource\n"
        "try: resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999)); print('out')\n"
        "except (OSError, ValueError): pass\n",
    ),
    _escape(
        "write to the interpreter's own files",
        "import os\ntry: open(os.__file__, 'a'); print('out')\nexcept OSError: pass\n",
    ),
    _escape(
        "make a device",
        "import os\ntry: os.mknod('/tmp/d', 0o20666, os.makedev(1, 1)); print('out')\nexcept OSError: pass\n",
    ),
)

EXHAUSTION = (
    _escape("a loop without end", "while True: pass\n", Limits(0.3)),
    _escape("a sleep without end", "import time\ntime.sleep(60)\nprint('out')\n", Limits(0.3)),
    _escape("CPU burnt in many processes", "import os\nfor _ in range(3): os.fork()\nwhile True: pass\n", Limits(0.3)),
    _escape("a flood of output", "while True: print('x' * 65536)\n", Limits(2.0, 256, 1 << 20)),
    _escape("a flood of errors", "import sys\nwhile True: sys.stderr.write('x' * 65536)\n", Limits(2.0, 256)),
    _escape("memory", "x = []\nwhile len(x) < 30: x.append(b'x' * (32 << 20))\nprint('out')\n"),
    _escape(
        "memory in temporary files",
        "for i in range(20):\n    open(f'/tmp/{i}', 'wb').write(b'x' * (16 << 20))\nprint('out')\n",
    ),
    _escape("processes", FORK_BOMB, Limits(2.0, 512)),
    _escape("a program nested too deeply to compile", "x = " + "(" * 5000 + ")" * 5000 + "\nprint('out')\n"),
    _call("an answer of many megabytes", "def square(n): return 'x' * (8 << 20)\n"),
)

TEMPLATES = """
import os, sys, io
data = io.BytesIO(os.read(0, os.fstat(0).st_size)) if 'r' in sys.stdin.mode else None
sys.stdout.write(str(int(data.readline()) ** 2) + '\\n')
"""
THREADS = """
import sys, threading
sys.setrecursionlimit(1 << 20)
threading.stack_size(1 << 26)
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
def main(): n = int(input()); print(n * n + deep(50000) - 50000)
thread = threading.Thread(target=main)
thread.start()
"""
POOL = """
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pool
def f(n): return n * n
if __name__ == '__main__':
    n = int(input())
    with Pool(2) as pool, ThreadPoolExecutor(8) as threads:
        print(pool.map(f, [n])[0] + sum(threads.map(int, '0000')))
"""
CHILD = """
import subprocess, sys
code = 'print(int(input()) ** 2)'
print(subprocess.run([sys.executable, '-c', code], input=input(), capture_output=True, text=True).stdout.strip())
"""
FUTURE = """from __future__ import annotations
import asyncio, atexit, dataclasses, tempfile, sqlite3, decimal
@dataclasses.dataclass
class Box:
    n: NotDefined
async def main():
    with tempfile.TemporaryFile('w+') as file:
        file.write(input()); file.seek(0)
        box = Box(int(file.read()))
    atexit.register(print, box.n ** 2)
asyncio.run(main())
exit()
"""
IN_PLACE = "def square(n):\n    n[0] = n[0] ** 2\n"
OBJECTS = "class Acc:\n    def __init__(self): self.total = 0\n    def add(self, n): self.total += n; return self\n"
GENERATOR = "def square(n):\n    for i in range(n): yield i * i\n"
CHECK = "def check(candidate):\n    assert candidate(3) == 9\n    assert candidate(0.5) == 0.25\n"
RAISES = "def square(n):\n    if n < 0: raise ValueError('negative')\n    return n * n\n"
EXPECT_RAISE = "try:\n    square(-1)\n    assert False\nexcept ValueError:\n    pass\n"

CORRECT = (
    _stdin("a plain program", "print(int(input()) ** 2)", "pass"),
    _stdin("standard input read as a file", "print(int(open(0).read()) ** 2)", "pass"),
    _stdin("a contest's fast input and output", TEMPLATES, "pass"),
    _stdin("a deep recursion in a thread", THREADS, "pass"),
    _stdin("processes and threads", POOL, "pass", limits=Limits(5.0)),
    _stdin("a child interpreter", CHILD, "pass", limits=Limits(5.0)),
    _stdin("future, dataclass, asyncio, atexit, exit()", FUTURE, "pass", limits=Limits(5.0)),
    _stdin("input that is never read", "print(9)", "pass", (TestCase("x" * (1 << 20), "9"),)),
    _stdin(
        "a million lines",
        "for i in range(10**6): print(i)",
        "pass",
        (TestCase("", "\n".join(map(str, range(10**6)))),),
        limits=Limits(5.0),
    ),
    _stdin("windows line ends and trailing space", "print('9 \\r')", "pass", (TestCase("", "9\n\n"),)),
    _stdin(
        "a float within its tolerance", "print(1 / 3, 'x')", "pass", (TestCase("", "0.33333 x"),), compare=Compare(1e-4)
    ),
    _stdin(
        "a recursion nearly as deep as allowed",
        "def f(n): return n and f(n - 1)\nprint(f(990))",
        "pass",
        (TestCase("", "0"),),
    ),
    _call("a plain function", "def square(n): return n * n\n", "pass"),
    _call(
        "a method of Solution that prints", "class Solution:\n    def square(self, n): print(n); return n * n\n", "pass"
    ),
    _call(
        "a guarded main",
        "def square(n): return n * n\nif __name__ == '__main__': print(square(int(input())))\n",
        "pass",
    ),
    _call("an exact large integer", "def square(n): return n * n\n", "pass", (TestCase([10**30], 10**60),)),
    _call(
        "nested plain data",
        "def square(n): return {'a': [(n, None, 1.5, 'é', True)], '2': {}}\n",
        "pass",
        (TestCase([3], {"2": {}, "a": [[3, None, 1.5, "é", True]]}),),
    ),
    _asserts("plain asserts", "def square(n): return n * n\n", "pass"),
    _asserts("a check function", "def square(n): return n * n\n", "pass", (CHECK,)),
    _asserts("a wanted exception", RAISES, "pass", (EXPECT_RAISE,)),
    _asserts("an argument changed in place", IN_PLACE, "pass", ("x = [4]\nsquare(x)\nassert x == [16]",)),
    _asserts("methods of the program's own object", OBJECTS, "pass", ("a = Acc()\nassert a.add(2).add(3).total == 5",)),
    _asserts("a generator", GENERATOR, "pass", ("assert list(square(4)) == [0, 1, 4, 9]",)),
)

PROGRAMS = HACKS + ESCAPES + EXHAUSTION + CORRECT
