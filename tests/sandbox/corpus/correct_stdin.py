"""Correct programs that read standard input: each way in which people read, compute, print and end."""

from __future__ import annotations

from typing import Any

from openqwq.sandbox import Compare, TestCase
from tests.sandbox.corpus.program import ROOMY, SQUARES, Program, prints, stdin

NINE = (TestCase("", "9\n"),)
NUMBERS = (TestCase("3\n1 2 3\n", "6\n"), TestCase("2\n40 2\n", "42\n"), TestCase("1\n-5", "-5\n"))
LINES = (TestCase("1 2\n3 4\n5 6\n", "3\n7\n11\n"), TestCase("10 20", "30\n"))


def good(name: str, code: str, tests: tuple[TestCase, ...] = SQUARES, **options: Any) -> Program:
    return stdin(name, code, "pass", tests, **{"limits": ROOMY, **options})


def nine(name: str, code: str, **options: Any) -> Program:
    """Needs no input and prints 9."""
    return good(name, code, NINE, **options)


def sums(name: str, code: str) -> Program:
    """Adds the numbers of the second line."""
    return good(name, code, NUMBERS)


def line_sums(name: str, code: str) -> Program:
    """Adds the two numbers of each line."""
    return good(name, code, LINES)


READING = (
    good("a plain program", "print(int(input()) ** 2)"),
    sums("input() twice", "n = int(input())\nprint(sum(map(int, input().split())))\n"),
    sums("standard input read whole", "import sys\n_, *x = map(int, sys.stdin.read().split())\nprint(sum(x))\n"),
    sums("standard input read as bytes", "import sys\nx = sys.stdin.buffer.read().split()\n"
        "print(sum(map(int, x[1:])))\n"),
    sums("bytes read line by line", "import sys\nread = sys.stdin.buffer.readline\nn = int(read())\n"
         "print(sum(int(w) for w in read().split()[:n]))\n"),
    sums("input renamed to readline", "import sys\ninput = sys.stdin.readline\nn = int(input())\n"
         "print(sum(map(int, input().split())))\n"),
    sums("input as a lambda", "import sys\ninput = lambda: sys.stdin.readline().rstrip('\\r\\n')\nn = int(input())\n"
         "print(sum(map(int, input().split(' '))))\n"),
    sums("standard input opened by number", "print(sum(map(int, open(0).read().split()[1:])))"),
    sums("standard input opened by name", "print(sum(map(int, open('/dev/stdin').read().split()[1:])))"),
    sums("standard input read by os.read", "import os\nprint(sum(map(int, os.read(0, 1 << 20).split()[1:])))\n"),
    sums("standard input read by os.read in a loop", "import os\ndata = b''\n"
        "while part := os.read(0, 3): data += part\n"
         "print(sum(map(int, data.split()[1:])))\n"),
    sums("all lines in a list", "import sys\nlines = sys.stdin.readlines()\nprint(sum(map(int, lines[1].split())))\n"),
    sums("a generator of words", "import sys\ndef words():\n    for line in sys.stdin: yield from line.split()\n"
         "w = words()\nprint(sum(int(next(w)) for _ in range(int(next(w)))))\n"),
    sums("the fileinput module", "import fileinput\nlines = [line.split() for line in fileinput.input()]\n"
         "print(sum(map(int, lines[1])))\n"),
    sums("a contest's fast input and output", """
import io, os, sys
class Fast(io.IOBase):
    newlines = 0
    def __init__(self, file):
        self._fd = file.fileno()
        self.buffer = io.BytesIO()
        self.writable = 'x' in file.mode or 'r' not in file.mode
        self.write = self.buffer.write if self.writable else None
    def readline(self):
        while self.newlines == 0:
            b = os.read(self._fd, max(os.fstat(self._fd).st_size, 8192))
            self.newlines = b.count(b'\\n') + (not b)
            at = self.buffer.tell()
            self.buffer.seek(0, 2), self.buffer.write(b), self.buffer.seek(at)
        self.newlines -= 1
        return self.buffer.readline()
    def flush(self):
        os.write(self._fd, self.buffer.getvalue())
        self.buffer.truncate(0), self.buffer.seek(0)
fast_in, fast_out = Fast(sys.stdin), Fast(sys.stdout)
n = int(fast_in.readline())
fast_out.write(b'%d\\n' % sum(map(int, fast_in.readline().split())))
fast_out.flush()
"""),
    sums("input by the size of its file", "import io, os\nf = io.BytesIO(os.read(0, os.fstat(0).st_size))\n"
         "f.readline()\nprint(sum(map(int, f.readline().split())))\n"),
    sums("input mapped into memory", "import mmap\nm = mmap.mmap(0, 0, access=mmap.ACCESS_READ)\nm.readline()\n"
         "print(sum(map(int, m.readline().split())))\n"),
    sums("a new text wrapper around the input", "import io, sys\n"
        "f = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8')\n"
         "f.readline()\nprint(sum(map(int, f.readline().split())))\n"),
    sums("standard input configured again", "import sys\nsys.stdin.reconfigure(encoding='utf-8', errors='strict')\n"
         "sys.stdin.readline()\nprint(sum(map(int, sys.stdin.readline().split())))\n"),
    sums("standard input replaced by text that was read", "import io, sys\nsys.stdin = io.StringIO(sys.stdin.read())\n"
         "input()\nprint(sum(map(int, input().split())))\n"),
    sums("a wait until input is there", "import select, sys\nselect.select([sys.stdin], [], [], 1)\ninput()\n"
         "print(sum(map(int, input().split())))\n"),
    sums("input read in a thread", "import threading, queue\nq = queue.Queue()\n"
         "def read():\n    input(); q.put(input())\nthreading.Thread(target=read).start()\n"
         "print(sum(map(int, q.get().split())))\n"),
    line_sums("a loop over standard input", "import sys\nfor line in sys.stdin: print(sum(map(int, line.split())))\n"),
    line_sums("a loop until the end of input", "while True:\n    try: a, b = map(int, input().split())\n"
              "    except EOFError: break\n    print(a + b)\n"),
    line_sums("a loop until an empty line", "import sys\n"
        "while line := sys.stdin.readline(): print(sum(map(int, line.split())))\n"),
    line_sums("an iterator with an end marker", "import sys\nfor s in iter(sys.stdin.readline, ''):\n"
        "    a, b = s.split()\n"
              "    print(int(a) + int(b))\n"),
    line_sums("a bare except at the end of input", "try:\n    while 1: print(eval(input().replace(' ', '+')))\n"
        "except: pass\n"),
    good("input with Windows line ends", "print(int(input()) + len(input().strip()))", (TestCase("3\r\nab\r\n",
        "5\n"),)),
    good("a lone carriage return kept in bytes", "import sys\nprint(len(sys.stdin.buffer.read()))", (TestCase(
        "a\rb\r\n", "5"),)),
    good("input without a last line end", "print(input()[::-1])", (TestCase("abc", "cba\n"),)),
    good("empty lines in the input", "import sys\nprint(sum(not s.strip() for s in sys.stdin))", (TestCase("\n\n1\n"
        "\n", "3"),)),
    good("tabs in the input", "print(input().split('\\t'))", (TestCase("a\tb c\n", "['a', 'b c']"),)),
    good("an empty input", "import sys\nprint(repr(sys.stdin.read()))", (TestCase("", "''\n"),)),
    good("input that is never read", "print(9)", (TestCase("x" * (1 << 20), "9"),)),
    good("input in other scripts", "for _ in range(2): print(input().upper()[::-1])",
         (TestCase("žluť\nжук 漢字 🎈\n", "ŤULŽ\n🎈 字漢 КУЖ\n"),)),
    good("a line of a megabyte", "print(len(input()))", (TestCase("x" * (1 << 20) + "\n", str(1 << 20)),)),
    good("two hundred thousand numbers", "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
         (TestCase("\n".join(map(str, range(200000))), str(sum(range(200000)))),)),
    good("twenty tests of one program", "print(int(input()) ** 2)",
         tuple(TestCase(f"{n}\n", f"{n * n}\n") for n in range(20))),
)  # fmt: skip

WRITING = (
    nine("no line end at the end", "import sys\nsys.stdout.write('9')\n"),
    nine("bytes written below the text", "import sys\nsys.stdout.buffer.write(b'9\\n')\n"),
    nine("bytes and text with flushes between", "import sys\nprint(end='', flush=True)\nsys.stdout.buffer.write(b'9')\n"
         "sys.stdout.flush()\nprint()\n"),
    nine("output by os.write", "import os\nos.write(1, b'9\\n')\n"),
    nine("standard output opened by number", "with open(1, 'w', closefd=False) as out: print(9, file=out)\n"),
    nine("standard output opened by name", "with open('/dev/stdout', 'w') as out: out.write('9\\n')\n"),
    good("standard output opened by name after a print", "print(1, flush=True)\n"
         "with open('/dev/stdout', 'w') as out: out.write('2\\n')\nprint(3)\n", (TestCase("", "1\n2\n3\n"),)),
    nine("print renamed to write", "import sys\nprint = sys.stdout.write\nprint('9\\n')\n"),
    nine("output collected in a replaced standard output",
         "import io, sys\nout, sys.stdout = sys.stdout, io.StringIO()\nprint(9)\nout.write(sys.stdout.getvalue())\n"),
    nine("a replaced standard output with only write and flush",
         "import os, sys\nclass W:\n    def write(self, s): os.write(1, s.encode())\n    def flush(self): pass\n"
         "sys.stdout = W()\nprint(9)\n"),
    nine("a replaced standard output that is flushed only at the end",
         "import os, sys\nclass W:\n    closed, kept = False, ''\n    def write(self, s): self.kept += s\n"
         "    def flush(self): os.write(1, self.kept.encode()); self.kept = ''\nsys.stdout = W()\nprint(9)\n"),
    nine("standard output by a codec's writer",
         "import codecs, sys\nsys.stdout = codecs.getwriter('utf-8')(sys.stdout.buffer)\nprint(9)\n"),
    nine("standard output detached and wrapped again",
         "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8')\nprint(9)\n"),
    nine("standard output taken away after a print", "import sys\nprint(9)\nsys.stdout = None\n"),
    nine("standard output deleted after a print", "import sys\nprint(9)\ndel sys.stdout\n"),
    nine("standard input and standard error closed", "import sys\nsys.stdin.close()\nsys.stderr.close()\nprint(9)\n"),
    nine("an output file that is never closed", "out = open(1, 'w')\nout.write('9\\n')\n"),
    nine("a text wrapper around the output that is never flushed",
         "import io, sys\nout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')\nout.write('9\\n')\n"),
    nine("output redirected and printed", "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out: print(9)\n"
         "print(out.getvalue(), end='')\n"),
    nine("output moved by dup2 and back", "import os, sys\nkept = os.dup(1)\nos.dup2(2, 1)\nprint(1, flush=True)\n"
         "os.dup2(kept, 1)\nprint(9)\n"),
    nine("standard output closed at the end", "import sys\nprint(9)\nsys.stdout.close()\n"),
    nine("notes on standard error", "import sys, warnings, logging\nprint(1, file=sys.stderr)\nwarnings.warn('x')\n"
         "logging.warning('y')\nprint(9)\n"),
    nine("an output line by writelines", "import sys\nsys.stdout.writelines(['9', '\\n'])\n"),
    nine("output of a child on the same descriptor", "import os\n"
        "if os.fork() == 0: os.write(1, b'9\\n'); os._exit(0)\nos.wait()\n"),
    good("a hundred thousand lines", "for i in range(10 ** 5): print(i)",
         (TestCase("", "\n".join(map(str, range(10**5)))),)),
    good("two megabytes in one print", "print('\\n'.join(map(str, range(300000))))",
         (TestCase("", "\n".join(map(str, range(300000)))),)),
    good("output in other scripts", "print('žluť', '漢字', '🎈', '\\u0301', sep='|')", (TestCase("",
        "žluť|漢字|🎈|\u0301\n"),)),
    prints("Windows line ends and trailing space", "9 \r\n16\t\r\n", "9\n16\n", "pass"),
    prints("empty lines at the end", "9\n\n\n", "9", "pass"),
    prints("a wanted text with trailing space", "9\n", "9  \n\n", "pass"),
    prints("empty lines between that are wanted", "9\n\n16\n", "9\n\n16\n", "pass"),
    prints("leading space that is wanted", "  9\n", "  9\n", "pass"),
    prints("no output where none is wanted", "", "\n", "pass"),
    prints("a printed float within a tolerance", "0.33333333 x\n", "0.333333 x\n", "pass", Compare(1e-4)),
    prints("another number of digits within a tolerance", "0.50 2 3\n", "0.5 2.0 3.000\n", "pass", Compare(1e-6)),
    prints("an exponent within a tolerance", "1.5e-3\n", "0.0015\n", "pass", Compare(1e-9)),
    prints("a printed relative error within a tolerance", "123456789.1\n", "123456789.0\n", "pass",
           Compare(1e-6, rel=True)),
    prints("minus nothing within a tolerance", "-0.0000001\n", "0.0\n", "pass", Compare(1e-6)),
    prints("words within a tolerance", "Case #1: inf nan\n", "Case #1: inf nan\n", "pass", Compare(1e-6)),
    prints("a long integer within a tolerance", "1" * 500 + "\n", "1" * 500 + "\n", "pass", Compare(1e-6)),
)  # fmt: skip

ENDING = (
    nine("sys.exit at the end", "import sys\nprint(9)\nsys.exit()\nprint(1)\n"),
    nine("sys.exit with zero", "import sys\nprint(9)\nsys.exit(0)\n"),
    nine("exit() at the end", "print(9)\nexit()\n"),
    nine("quit() with zero", "print(9)\nquit(0)\n"),
    nine("a raised SystemExit", "print(9)\nraise SystemExit\n"),
    nine("os._exit after a flush", "import os\nprint(9, flush=True)\nos._exit(0)\n"),
    nine("exit inside of a function and a try", "import sys\ndef f():\n    try: print(9); sys.exit(0)\n"
        "    finally: pass\nf()\n"),
    nine("output in an exit handler", "import atexit\natexit.register(print, 9)\n"),
    # The interpreter reports it and still exits with 0.
    nine("an exit handler that fails", "import atexit\natexit.register(lambda: 1 / 0)\nprint(9)\n"),
    nine("a thread that fails", "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()\n"
        "print(9)\n"),
    nine("a daemon thread that never ends", "import threading, time\n"
         "threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\nprint(9)\n"),
    nine("a thread that prints after the main one", "import threading, time\n"
         "threading.Thread(target=lambda: (time.sleep(0.05), print(9))).start()\n"),
    nine("a destructor that prints at the end", "class A:\n    def __del__(self): print(9)\na = A()\ndel a\n"),
    nine("a generator that is closed when the interpreter ends",
         "def g():\n    try: yield 1\n    finally: print(9)\nx = g()\nnext(x)\n"),
    nine("a finalizer that prints at the end", "import weakref\nclass A: pass\na = A()\n"
        "weakref.finalize(a, print, 9)\n"),
    nine("a destructor that fails at the end", "class A:\n    def __del__(self): 1 / 0\na = A()\nprint(9)\n"),
    nine("an exit inside of a thread", "import sys, threading\nt = threading.Thread(target=sys.exit, args=(3,))\n"
         "t.start()\nt.join()\nprint(9)\n"),
    nine("a destructor that prints when the interpreter ends", "class A:\n    def __del__(self): print(9)\na = A()\n"),
    nine("an exception that is caught", "try: raise KeyError\nexcept LookupError: print(9)\n"),
    good("a guarded main", "def main(): print(int(input()) ** 2)\nif __name__ == '__main__': main()\n"),
    good("a guarded main that exits with its result", "import sys\ndef main():\n    print(int(input()) ** 2)\n"
        "    return 0\n"
         "if __name__ == '__main__': sys.exit(main())\n"),
    nine("a test case of its own", "import io, unittest\nclass T(unittest.TestCase):\n"
        "    def test_it(self): self.assertEqual(3 * 3, 9)\n"
         "assert unittest.main(exit=False, argv=['x']).result.wasSuccessful()\nprint(9)\n"),
    nine("an alarm that is caught", "import signal, time\nclass Late(Exception): pass\ndef late(*a): raise Late\n"
         "signal.signal(signal.SIGALRM, late)\nsignal.setitimer(signal.ITIMER_REAL, 0.05)\n"
         "try: time.sleep(5)\nexcept Late: print(9)\n"),
    nine("an alarm that is taken back", "import signal\nsignal.alarm(1)\nprint(9)\nsignal.alarm(0)\n"),
    nine("a short sleep", "import time\nt = time.time()\ntime.sleep(0.1)\nprint(9 if time.time() - t > 0.05 else 0)\n"),
    nine("most of its memory", "x = bytearray(b'x') * (300 << 20)\nprint(9)\n"),
    nine("a quarter of its time", "x = 0\nfor i in range(2 * 10 ** 6): x += i\nprint(9)\n"),
)  # fmt: skip

RECURSION = (
    good("a recursion nearly as deep as allowed", "def f(n): return n and f(n - 1)\nprint(f(990))", (TestCase(
        "", "0"),)),
    nine("a recursion limit that holds", "def f(n): return f(n + 1)\ntry: f(0)\nexcept RecursionError: print(9)\n"),
    nine("a recursion a hundred thousand deep", "import sys\nsys.setrecursionlimit(10 ** 6)\n"
         "def f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(10 ** 5) - 10 ** 5 + 9)\n"),
    nine("a cached recursion twenty thousand deep", "import sys, functools\nsys.setrecursionlimit(10 ** 6)\n"
         "@functools.lru_cache(None)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(20000) - 20000 + 9)\n"),
    nine("a deep recursion in a thread with a large stack", "import sys, threading\nsys.setrecursionlimit(1 << 25)\n"
         "threading.stack_size(1 << 28)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
         "t = threading.Thread(target=lambda: print(f(50000) - 50000 + 9))\nt.start()\nt.join()\n"),
    nine("the largest stack of a thread that people ask for", "import threading\nthreading.stack_size(1 << 29)\n"
         "t = threading.Thread(target=print, args=(9,))\nt.start()\nt.join()\n"),
    nine("a stack limit lowered", "import resource\nresource.setrlimit(resource.RLIMIT_STACK, (1 << 26, 1 << 26))\n"
        "print(9)\n"),
    nine("a stack limit asked to be endless", "import resource, sys\nsys.setrecursionlimit(10 ** 6)\n"
         "resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\nprint(9)\n"),
    nine("a stack limit as large as allowed", "import resource\n"
         "resource.setrlimit(resource.RLIMIT_STACK, (0x10000000, resource.getrlimit(resource.RLIMIT_STACK)[1]))\n"
         "print(9)\n"),
    nine("a recursion by generators", "def f(n):\n    if n: yield from f(n - 1)\n    yield n\n"
        "print(sum(f(300)) - 45150 + 9)\n"),
)  # fmt: skip

PROGRAMS = READING + WRITING + ENDING + RECURSION
