"""Attempts to use up the host: time, memory, processes, files, output. Each is bounded, so a weak jail harms nobody.

A program prints `out` when it got as much as it asked for, which is always more than its limits allow.
"""

from __future__ import annotations

from openqwq.sandbox import Limits, TestCase
from tests.sandbox.corpus.program import Program, asserts, attempt, call

BRIEF = Limits(0.1, 256)
SMALL = Limits(2.0, 128)
FLOOD = Limits(2.0, 256, 1 << 20)


def endless(name: str, code: str) -> Program:
    return attempt(name, code, BRIEF)


def fills(name: str, code: str) -> Program:
    """Takes 400 MB in steps where 128 are allowed, and touches all of it."""
    return attempt(name, code + "\nprint('out')\n", SMALL)


TIME = (
    endless("a loop without end", "while True: pass\n"),
    endless("a sleep without end", "import time\ntime.sleep(60)\nprint('out')\n"),
    endless("a wait for input that never comes", "import os\nr, w = os.pipe()\nos.read(r, 1)\n"),
    endless("a lock taken twice", "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()\n"),
    endless("a wait for a signal that never comes", "import signal\nsignal.pause()\n"),
    endless("a busy call into the kernel", "import os\nwhile True: os.getppid()\n"),
    endless("processor time burnt in many processes", "import os\nfor _ in range(3): os.fork()\nwhile True: pass\n"),
    endless("processor time burnt in children that end", "import os\nwhile True:\n    if os.fork() == 0:\n"
            "        for _ in range(10 ** 5): pass\n        os._exit(0)\n    os.wait()\n"),
    endless("processor time burnt in threads",
            "import threading\ndef burn():\n    while True: hash('x')\n"
            "for _ in range(8): threading.Thread(target=burn).start()\n"),
    endless("a loop deaf to signals", "import signal\nfor number in range(1, 32):\n"
            "    try: signal.signal(number, signal.SIG_IGN)\n    except OSError: pass\nwhile True: pass\n"),
    endless("a loop with all signals blocked",
            "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass\n"),
    endless("a loop that catches everything", "import time\nwhile True:\n    try: time.sleep(9)\n"
            "    except BaseException: pass\n"),
    endless("a loop in the exit handlers", "import atexit\ndef spin():\n    while True: pass\natexit.register(spin)\n"),
    endless("a loop in a destructor", "class A:\n    def __del__(self):\n        while True: pass\nA()\n"),
    endless("a loop inside of one built-in", "sum(iter(int, 1))\n"),
    endless("a list made of a generator without end", "import itertools\nfor _ in itertools.count(): pass\n"),
    endless("a regular expression that never ends", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')\nprint('out')\n"),
    endless("a power with millions of digits", "x = 10 ** 10 ** 8\nprint('out')\n"),
    endless("an integer with millions of digits as text",
            "import sys\nsys.set_int_max_str_digits(0)\nstr(3 ** (10 ** 7))\nprint('out')\n"),
    endless("a factorial of a million", "import math\nmath.factorial(10 ** 6 * 3)\nprint('out')\n"),
    endless("a hash table whose keys fall into one place",
            "x = {k * (2 ** 61 - 1) for k in range(10 ** 5)}\nprint('out')\n"),
    endless("an exec of itself without end", "import os, sys\ncode = 'import os, sys; os.execv(sys.executable, "
            "[\"python\", \"-S\", \"-c\", sys.argv[1], sys.argv[1]])'\n"
            "os.execv(sys.executable, ['python', '-S', '-c', code, code])\n"),
    endless("children that stop themselves", "import os, signal\nfor _ in range(5):\n    if os.fork() == 0:\n"
            "        os.kill(os.getpid(), signal.SIGSTOP)\nos.wait()\n"),
    endless("a stop of itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nprint('out')\n"),
    endless("a child forked by a parent that stops it",
            "import os, signal, time\npid = os.getpid()\nif os.fork() == 0:\n"
            "    os.setsid(); os.kill(pid, 19); time.sleep(60)\n"
            "time.sleep(60)\n"),
    attempt("a kill of its own group", "import os\nos.killpg(0, 9)\nprint('out')\n"),
    attempt("a daemon left behind", "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0: time.sleep(60)\n"
            "    os._exit(0)\nprint('left')\n"),
    attempt("a deaf daemon left behind",
            "import os, signal, time\nif os.fork() == 0:\n    os.setsid()\n"
            "    for n in range(1, 32):\n        try: signal.signal(n, signal.SIG_IGN)\n        except OSError: pass\n"
            "    while True: time.sleep(1)\nprint('left')\n"),
    call("an endless answer", "def square(n):\n    while True: n += 1\n", "fail", limits=BRIEF),
    asserts("in asserts, an endless answer", "def square(n):\n    while True: n += 1\n", "fail", limits=BRIEF),
    asserts("in asserts, a loop while loading", "while True: pass\n", "fail", limits=BRIEF),
)  # fmt: skip

MEMORY = (
    fills("memory in a list", "x = []\nwhile len(x) < 20: x.append([0] * (20 << 17))"),
    fills("memory in bytes", "x = [b'x' * (20 << 20) for _ in range(20)]"),
    fills("memory in a growing bytearray", "x = bytearray()\nwhile len(x) < 400 << 20: x += b'x' * (8 << 20)"),
    fills("memory in a string that doubles", "x = 'x'\nwhile len(x) < 512 << 20: x += x"),
    fills("memory in nested lists", "x = []\nfor _ in range(4 << 20): x = [x, x[:1]]"),
    fills("memory in a table", "x = {}\nfor i in range(5 << 20): x[i] = i + 0.5"),
    fills("memory that is shared and has no name",
          "import mmap\nx = mmap.mmap(-1, 400 << 20)\nfor i in range(0, 400 << 20, 4096): x[i] = 1"),
    fills("memory that is private and has no name",
          "import mmap\nx = mmap.mmap(-1, 400 << 20, flags=mmap.MAP_PRIVATE)\n"
          "for i in range(0, 400 << 20, 4096): x[i] = 1"),
    fills("memory in C", "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.malloc.restype = ctypes.c_void_p\n"
          "for _ in range(20):\n    p = libc.malloc(20 << 20)\n    ctypes.memset(p, 1, 20 << 20)"),
    fills("memory after its exhaustion was caught",
          "x = []\nwhile len(x) < 20:\n    try: x.append(b'x' * (20 << 20))\n    except MemoryError: pass"),
    fills("more address space than there is",
          "import mmap\nx = mmap.mmap(-1, 1 << 45)"),
    fills("memory in temporary files", "for i in range(25): open(f'/tmp/{i}', 'wb').write(b'x' * (16 << 20))"),
    fills("memory in shared memory files", "for i in range(25): open(f'/dev/shm/{i}', 'wb').write(b'x' * (16 << 20))"),
    fills("memory in files without a name", "import tempfile\nx = [tempfile.TemporaryFile() for _ in range(25)]\n"
          "for f in x: f.write(b'x' * (16 << 20)); f.flush()"),
    fills("memory in a file of the working folder", "with open('big', 'wb') as f:\n"
        "    for _ in range(25): f.write(b'x' * (16 << 20))"),
    fills("memory in a mapped file", "import mmap\nf = open('/tmp/big', 'w+b')\nf.truncate(400 << 20)\n"
          "x = mmap.mmap(f.fileno(), 400 << 20)\nfor i in range(0, 400 << 20, 4096): x[i] = 1"),
    fills("memory in pipes",
          "import fcntl, os\nx = []\nfor _ in range(400):\n    r, w = os.pipe(); x.append((r, w))\n"
          "    fcntl.fcntl(w, 1031, 1 << 20); os.set_blocking(w, False); os.write(w, b'x' * (1 << 20))"),
    fills("memory in socket buffers",
          "import socket\nx = []\nfor _ in range(2000):\n"
          "    a, b = socket.socketpair(); x.append((a, b)); a.setblocking(False)\n"
          "    a.setsockopt(1, 7, 1 << 20)\n    a.send(b'x' * 200000)"),
    attempt("memory in socket buffers of many children", """
import os, socket, time
r, w = os.pipe()
for _ in range(10):
    if os.fork() == 0:
        pairs = [socket.socketpair() for _ in range(110)]
        for end in sum(pairs, ()):
            end.setblocking(False)
            try:
                while True: end.send(b'x' * 32768)
            except BlockingIOError: pass
        os.write(w, b'+'); time.sleep(9); os._exit(0)
for _ in range(10): os.read(r, 1)
time.sleep(0.1)
print('out')
""", SMALL),
    fills("memory in descriptors under way",
          "import socket, os\na, b = socket.socketpair()\na.setblocking(False)\nfor _ in range(9999):\n"
          "    r, w = os.pipe(); os.set_blocking(w, False); os.write(w, b'x' * 60000)\n"
          "    socket.send_fds(a, [b'x'], [r, w]); os.close(r); os.close(w)"),
    attempt("memory split over children", "import os, time\nr, w = os.pipe()\nfor _ in range(5):\n"
        "    if os.fork() == 0:\n"
            "        x = b'x' * (80 << 20); os.write(w, b'+'); time.sleep(9); os._exit(0)\n"
            "got = 0\nwhile got < 5: got += len(os.read(r, 5))\ntime.sleep(0.2)\nprint('out')\n", SMALL),
    attempt("memory in a grandchild nobody waits for",
            "import os, time\nr, w = os.pipe()\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
            "        x = [b'x' * (20 << 20) for _ in range(20)]; os.write(w, b'+'); time.sleep(9)\n    os._exit(0)\n"
            "os.wait(); os.read(r, 1); time.sleep(0.2); print('out')\n", SMALL),
    attempt("memory in a child after exec",
            "import subprocess, sys\n"
            "code = \"x = [b'x' * (20 << 20) for _ in range(20)]; import time; time.sleep(0.2); print(1)\"\n"
            "if subprocess.run([sys.executable, '-c', code], capture_output=True).stdout: print('out')\n", SMALL),
    attempt("memory in threads' stacks",
            "import sys, threading, time\nthreading.stack_size(64 << 20)\nsys.setrecursionlimit(10 ** 6)\n"
            "def deep(n):\n    return sorted([n], key=lambda n: deep(n - 1) if n else time.sleep(0.5))\n"
            "threads = [threading.Thread(target=deep, args=(60000,)) for _ in range(6)]\n"
            "for t in threads: t.start()\nfor t in threads: t.join()\n", SMALL),
    fills("memory unpacked from few bytes", "import zlib\npacked = zlib.compress(bytes(20 << 20))\n"
          "x = [zlib.decompress(packed) for _ in range(20)]"),
    fills("memory in one constant of the program", "x = [(1,) * (1 << 18) for _ in range(200)]\n"
        "y = [t + (2,) for t in x]"),
    call("memory in an answer", "def square(n): return ['x' * (20 << 20) + str(i) for i in range(20)]\n",
        "fail", limits=SMALL),
    asserts("in asserts, memory in an answer", "def square(n): return [str(i) * (4 << 20) for i in "
        "range(99)]\n", "fail",
            limits=SMALL),
    call("an answer of many megabytes", "def square(n): return 'x' * (8 << 20)\n", "fail"),
    call("an answer of a million objects", "def square(n): return [[] for _ in range(300000)]\n", "fail"),
)  # fmt: skip

PROCESSES = (
    attempt("processes without end", "import os, time\nfor _ in range(400):\n    try:\n"
            "        if os.fork() == 0: time.sleep(5); os._exit(0)\n    except OSError: break\nelse: print('out')\n",
            Limits(2.0, 512)),
    attempt("processes that double", "import os, time\nfor _ in range(9):\n    try: os.fork()\n"
        "    except OSError: os._exit(1)\n"
            "time.sleep(0.3)\nopen('/tmp/n', 'a').write('x'); time.sleep(0.2)\n"
            "if os.path.getsize('/tmp/n') == 512: print('out')\n", Limits(1.0, 512)),
    attempt("threads without end", "import threading, time\nfor _ in range(400):\n"
        "    try: threading.Thread(target=time.sleep, "
            "args=(5,), daemon=True).start()\n    except RuntimeError: break\nelse: print('out')\n", Limits(2.0, 512)),
    attempt("children that are never waited for", "import os\nfor _ in range(400):\n    try:\n"
            "        if os.fork() == 0: os._exit(0)\n    except OSError: break\nelse: print('out')\n",
            Limits(2.0, 512)),
    endless("children that start the next one and end", "import os\nfor _ in range(5000):\n"
            "    if os.fork(): os._exit(0)\nprint('out')\n"),
    endless("children whose parent has ended, in a storm", "import os, time\nif os.fork():\n    time.sleep(60)\n"
            "for _ in range(100000):\n    if os.fork(): os._exit(0)\n"),
    attempt("open files without end", "import os\nx = []\ntry:\n    for _ in range(5000): x.append(os.dup(0))\n"
            "    print('out')\nexcept OSError: pass\n"),
    attempt("files without end", "try:\n    for i in range(9000): open(f'/tmp/{i}', 'w').close()\n    print('out')\n"
            "except OSError: pass\n", Limits(2.0, 256)),
    attempt("links without end", "import os\nopen('x', 'w').close()\ntry:\n"
        "    for i in range(9000): os.link('x', f'/tmp/{i}')\n"
            "    print('out')\nexcept OSError: pass\n", Limits(2.0, 256)),
    attempt("folders in folders without end", "import os\ntry:\n"
        "    for i in range(9000): os.mkdir('d'); os.chdir('d')\n"
            "    print('out')\nexcept OSError: pass\n", Limits(2.0, 256)),
    attempt("a file far larger than the disk", "f = open('/tmp/x', 'wb')\ntry: f.truncate(1 << 40); print('out')\n"
            "except OSError: pass\n"),
    attempt("watches of files without end", "import ctypes\nlibc = ctypes.CDLL(None)\n"
            "if all(libc.inotify_init() >= 0 for _ in range(2000)): print('out')\n"),
    attempt("timers without end", "import ctypes\nlibc = ctypes.CDLL(None)\nt = ctypes.c_void_p()\n"
            "if all(libc.timer_create(1, None, ctypes.byref(t)) == 0 for _ in range(20000)): print('out')\n"),
)  # fmt: skip

OUTPUT = (
    attempt("a flood of output", "while True: print('x' * 65536)\n", FLOOD),
    attempt("a flood of errors", "import sys\nwhile True: sys.stderr.write('x' * 65536)\n", Limits(2.0, 256)),
    attempt("a flood of both", "import sys\nwhile True: print('x' * 65536); sys.stderr.write('x' * 65536)\n", FLOOD),
    attempt("a flood of output in one line", "import sys\nwhile True: sys.stdout.write('x' * 65536)\n", FLOOD),
    attempt("a flood of empty lines", "import os\nwhile True: os.write(1, b'\\n' * 65536)\n", FLOOD),
    attempt("a flood of output by a child", "import os, time\nif os.fork() == 0:\n"
        "    while True: os.write(1, b'x' * 65536)\n"
            "time.sleep(60)\n", FLOOD),
    attempt("a flood of output deaf to its signal", "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "while True:\n    try: os.write(1, b'x' * 65536)\n    except OSError: pass\n", FLOOD),
    attempt("millions of lines within the limit of output", "print('xy\\n' * 2000000)\n", Limits(2.0, 256)),
    attempt("a hole in the output", "import os\nos.lseek(1, 1 << 40, 0)\nos.write(1, b'out')\n", FLOOD),
    attempt("the wanted output before a flood", "print('out')\nwhile True: print(' ' * 65536)\n", FLOOD),
    call("a flood of output in call mode", "def square(n):\n    while True: print('x' * 65536)\n", "fail",
         limits=BRIEF),
    asserts("in asserts, a flood of errors", "import sys\ndef square(n):\n"
        "    while True: sys.stderr.write('x' * 65536)\n",
            "fail", limits=Limits(1.0, 256)),
)  # fmt: skip

CRASHES = (
    attempt("a recursion without end", "def f(): return f()\nf()\nprint('out')\n"),
    attempt("a recursion without end and without a limit",
            "import sys\nsys.setrecursionlimit(1 << 30)\ndef f(n): return f(n + 1)\nf(0)\n", SMALL),
    attempt("a recursion through C without a limit", "import sys\nsys.setrecursionlimit(1 << 30)\n"
            "class A:\n    def __repr__(self): return repr(self)\nrepr(A())\nprint('out')\n", Limits(2.0, 512)),
    attempt("a broken memory access", "import ctypes\nctypes.string_at(8)\nprint('out')\n"),
    attempt("a program nested too deeply to compile", "x = " + "(" * 5000 + ")" * 5000 + "\nprint('out')\n"),
    attempt("a program of unary signs too deep to compile", "x = " + "-" * 100000 + "1\nprint('out')\n"),
    attempt("a program of attributes too deep to compile", "x = a" + ".a" * 50000 + "\nprint('out')\n"),
    attempt("a program indented too deeply",
            "".join(" " * i + "if 1:\n" for i in range(200)) + " " * 200 + "print('out')\n"),
    attempt("a constant too large to fold", "x = 1 << (1 << 40)\nprint('out')\n", SMALL),
    attempt("a constant of constants", "x = ((((((((((1,) * 99) * 99) * 99) * 99) * 99)))))\nprint('out')\n", SMALL),
    attempt("a program with a NUL", "print('out')\n\0"),
    attempt("a program that is not Python", "<html>print('out')</html>\n"),
    asserts("in asserts, a program nested too deeply to compile", "x = " + "[" * 5000 + "]" * 5000 + "\n", "fail"),
    call("an argument that is a program", "def square(n): return eval(n)\n", "fail", (TestCase(["(" * 9000], 9),)),
)  # fmt: skip

PROGRAMS = TIME + MEMORY + PROCESSES + OUTPUT + CRASHES
