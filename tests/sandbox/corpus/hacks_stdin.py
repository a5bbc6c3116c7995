"""Hacks that read standard input: nearly right text, wrong ends, and hunts for the wanted output."""

from __future__ import annotations

from openqwq.sandbox import Compare, Limits, TestCase
from tests.sandbox.corpus.program import SHORT, Program, prints, stdin

SQUARE = "n = int(input())\n"
PRINTED = SQUARE + "print(n * n, flush=True)\n"
TOLERANT = Compare(1e-6)
RELATIVE = Compare(1e-6, rel=True)


def ends(name: str, code: str) -> Program:
    """Prints the right answer, then ends as no good program does."""
    return stdin(name, PRINTED + code, "fail", limits=SHORT)


def hangs(name: str, code: str) -> Program:
    """Prints the right answer and does not end."""
    return stdin(name, PRINTED + code, "fail", limits=Limits(0.1, 256))


def wrong(name: str, code: str) -> Program:
    return stdin(name, code, "fail", limits=SHORT)


def hunt(name: str, code: str) -> Program:
    """Looks for a text that only the wanted output holds; `mark` is its beginning, spelt so that it is not found."""
    head = "mark = 'si tuptuo detnaw eht'[::-1]\n"
    wanted = "the wanted output is 73524"
    return stdin(name, head + code + "\nprint('not found')\n", "fail", (TestCase("", wanted),), limits=SHORT)


TEXTS = (
    prints("only the first of two lines", "9\n", "9\n16\n", "fail"),
    prints("only the first word of a line", "9\n", "9 16\n", "fail"),
    prints("more lines than wanted", "9\n16\n25\n", "9\n16\n", "fail"),
    prints("the wanted line after another", "8\n9\n", "9\n", "fail"),
    prints("the wanted word inside a longer one", "199\n", "9\n", "fail"),
    prints("no output", "", "9\n", "fail"),
    prints("only line ends", "\n\n", "9\n", "fail"),
    prints("output where none is wanted", "9\n", "", "fail"),
    prints("the lines in another order", "16\n9\n", "9\n16\n", "fail"),
    prints("the words in another order", "16 9\n", "9 16\n", "fail"),
    prints("each different line once", "1\n2\n", "1\n1\n2\n", "fail"),
    prints("two lines on one", "9 16\n", "9\n16\n", "fail"),
    prints("one line on two", "9\n16\n", "9 16\n", "fail"),
    prints("words without the space between", "916\n", "9 16\n", "fail"),
    prints("an empty line between", "9\n\n16\n", "9\n16\n", "fail"),
    prints("another case", "yes\n", "YES\n", "fail"),
    prints("another case that folds to the same", "STRASSE\n", "straße\n", "fail"),
    prints("a letter that looks the same", "NО\n", "NO\n", "fail"),
    prints("a letter in its decomposed form", "cafe\u0301\n", "café\n", "fail"),
    prints("a number in words", "nine\n", "9\n", "fail"),
    prints("a float where an integer is wanted", "9.0\n", "9\n", "fail"),
    prints("an exponent without a tolerance", "9e0\n", "9\n", "fail"),
    prints("a plus sign", "+9\n", "9\n", "fail"),
    prints("a leading zero", "09\n", "9\n", "fail"),
    prints("minus zero for zero", "-0\n", "0\n", "fail"),
    prints("a quoted answer", "'9'\n", "9\n", "fail"),
    prints("an answer in a list", "[9]\n", "9\n", "fail"),
    prints("an expression with the right value", "3*3\n", "9\n", "fail"),
    prints("a pattern that matches the answer", ".*\n", "9\n", "fail"),
    prints("a NUL after the answer", "9\0\n", "9\n", "fail"),
    prints("a zero-width space after the answer", "9\u200b\n", "9\n", "fail"),
    prints("a byte order mark before the answer", "\ufeff9\n", "9\n", "fail"),
    prints("a no-break space between words", "9\u00a016\n", "9 16\n", "fail"),
    prints("a vertical tab between lines", "9\v16\n", "9\n16\n", "fail"),
    prints("a form feed between lines", "9\f16\n", "9\n16\n", "fail"),
    prints("a lone carriage return between lines", "9\r16\n", "9\n16\n", "fail"),
    prints("a Unicode line separator between lines", "9\u202816\n", "9\n16\n", "fail"),
    prints("a wrong answer hidden by a carriage return", "8\r9\n", "9\n", "fail"),
    prints("a wrong answer hidden by a backspace", "8\b9\n", "9\n", "fail"),
    prints("a wrong answer hidden by an escape sequence", "8\x1b[2K\x1b[1G9\n", "9\n", "fail"),
    prints("UTF-16 output", "9\n".encode("utf-16"), "9\n", "fail"),
    prints("Latin-1 output", "é\n".encode("latin-1"), "é\n", "fail"),
    prints("bytes that are not UTF-8 after the answer", b"9\n\xff\xfe", "9\n", "fail"),
    prints("an overlong encoding of the answer", b"\xc0\xb9\n", "9\n", "fail"),
    prints("words of success", 'OK\nPASSED\n{"verdict": "pass"}\nexit status 0\n', "9\n", "fail"),
)

TOLERANCES = (
    prints("full-width digits within a tolerance", "９\n", "9\n", "fail", TOLERANT),
    prints("an underscore within a tolerance", "1_4\n", "14\n", "fail", TOLERANT),
    prints("a hexadecimal number within a tolerance", "0x9\n", "9\n", "fail", TOLERANT),
    prints("not a number within a tolerance", "nan\n", "9.0\n", "fail", Compare(0.5)),
    prints("not a number where it is spelt otherwise", "NaN\n", "nan\n", "fail", TOLERANT),
    prints("an infinity in text within a relative tolerance", "inf\n", "1e300\n", "fail", RELATIVE),
    prints("a number too large for a float within a relative tolerance", "1e999\n", "1e308\n", "fail", RELATIVE),
    prints("just outside of a tolerance", "1.0000021\n", "1.0\n", "fail", TOLERANT),
    prints("a relative error where an absolute one is asked", "1000000.5\n", "1000000.0\n", "fail", TOLERANT),
    prints("fewer numbers within a tolerance", "1.0\n", "1.0 2.0\n", "fail", TOLERANT),
    prints("numbers in another order within a tolerance", "2.0 1.0\n", "1.0 2.0\n", "fail", TOLERANT),
    prints("a complex number within a tolerance", "9+0j\n", "9\n", "fail", TOLERANT),
    prints("a unit after a number within a tolerance", "9.0f\n", "9.0\n", "fail", TOLERANT),
    prints("a decimal comma within a tolerance", "9,0\n", "9.0\n", "fail", TOLERANT),
    prints("a large integer off by one within a tolerance", f"{10**18 + 1}\n", f"{10**18}\n", "fail", RELATIVE),
    # Its distance is 1, a million times the tolerance, which a conversion to float does not see.
    prints("a large integer off by one spelt as a float", f"{10**18 + 1}.0\n", f"{10**18}\n", "fail", TOLERANT),
    # A tolerance is for numbers, not a licence for other spaces than ASCII ones.
    prints("a no-break space between numbers within a tolerance", "1\u00a02\n", "1 2\n", "fail", TOLERANT),
    prints("another word within a tolerance", "1.0 y\n", "1.0 x\n", "fail", TOLERANT),
)

ENDS = (
    stdin("all numbers that might be wanted", "for n in range(200): print(n)\n", "fail"),
    wrong("the answer on standard error", SQUARE + "import sys\nprint(n * n, file=sys.stderr)\n"),
    wrong("the answer as the exit status", SQUARE + "import sys\nsys.exit(n * n)\n"),
    wrong("the answer as the text of an exit", SQUARE + "import sys\nsys.exit(str(n * n))\n"),
    ends("a failing exit after the right answer", "raise SystemExit(3)\n"),
    ends("an exit with a text after the right answer", "raise SystemExit('text')\n"),
    ends("an exit with an empty text after the right answer", "raise SystemExit('')\n"),
    ends("an exit with minus one after the right answer", "import sys\nsys.exit(-1)\n"),
    ends("an exit with True after the right answer", "import sys\nsys.exit(True)\n"),
    ends("an exception after the right answer", "raise KeyError('lost')\n"),
    ends("a keyboard interrupt after the right answer", "raise KeyboardInterrupt\n"),
    ends("a failing os._exit after the right answer", "import os\nos._exit(1)\n"),
    ends("a failing os._exit in an exit handler", "import atexit, os\natexit.register(os._exit, 4)\n"),
    ends(
        "a failing os._exit in a thread", "import os, threading\nthreading.Thread(target=os._exit, args=(5,)).start()\n"
    ),
    ends("an abort after the right answer", "import os\nos.abort()\n"),
    ends("a kill after the right answer", "import os\nos.kill(os.getpid(), 9)\n"),
    ends("a termination after the right answer", "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n"),
    ends("a broken memory access after the right answer", "import ctypes\nctypes.string_at(8)\n"),
    hangs("a loop after the right answer", "while True: pass\n"),
    hangs("a sleep after the right answer", "import time\ntime.sleep(60)\n"),
    hangs("a stop after the right answer", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n"),
    hangs(
        "a thread without end after the right answer",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n",
    ),
    ends(
        "an alarm after the right answer",
        "import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0.05)\ntime.sleep(5)\n",
    ),
    ends("a lost flush at the end", "import os\nprint('more')\nos.close(1)\n"),
    ends("a standard output whose flush fails", "import sys\nclass Bad:\n    closed = False\nsys.stdout = Bad()\n"),
    ends("a CPU limit set to be passed", "import resource\nresource.setrlimit(0, (0, 0))\nwhile True: pass\n"),
    wrong("a syntax error behind the answer", "print(9)\nif True print(144)\n"),
    wrong("an answer that is never flushed", SQUARE + "import os\nprint(n * n)\nos._exit(0)\n"),
    wrong("an answer printed into nothing", SQUARE + "import io, sys\nsys.stdout = io.StringIO()\nprint(n * n)\n"),
    wrong("standard error in the place of standard output", SQUARE + "import os\nos.dup2(2, 1)\nprint(n * n)\n"),
    wrong(
        "a child left behind to answer", SQUARE + "import os, time\nif os.fork() == 0: time.sleep(0.2); print(n * n)\n"
    ),
    wrong(
        "a daemon left behind to answer",
        SQUARE + "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(0.2); print(n * n)\n    os._exit(0)\nos.wait(); os._exit(0)\n",
    ),
    wrong(
        "the answer of both sides of a fork",
        SQUARE + "import os\npid = os.fork()\nprint(n * n, flush=True)\npid and os.wait()\n",
    ),
    wrong(
        "exec of a program that does nothing well", "import os, sys\nos.execv(sys.executable, ['python', '-c', ''])\n"
    ),
    wrong("exec of /bin/true", "import os\nos.execv('/bin/true', ['true'])\n"),
    wrong("exec of itself without asserts", "import os, sys\nos.execv(sys.executable, ['python', '-O', '-c', '0'])\n"),
    wrong("a parent that exits well for a child that fails", "import os\nif os.fork() == 0: raise ValueError\n"),
    wrong(
        "an excepthook that exits well", "import os, sys\nsys.excepthook = lambda *a: os._exit(0)\nraise ValueError\n"
    ),
    wrong(
        "a kill of its parent before a wrong answer", "import os\nos.kill(os.getppid(), 9)\nprint('parent killed')\n"
    ),
    wrong(
        "a stop of its parent", "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)\nprint('parent stopped')\n"
    ),
    wrong("a kill of everything", "import os\ntry: os.kill(-1, 9)\nexcept OSError: pass\nprint(0)\n"),
    wrong(
        "a kill of every process it can name",
        "import os\nfor pid in range(1, 3000):\n    if pid != os.getpid():\n"
        "        try: os.kill(pid, 9)\n        except OSError: pass\nprint(0)\n",
    ),
    wrong(
        "all its descriptors closed, its parent's as well",
        "import os\nos.closerange(0, 256)\nfor fd in range(256):\n    try: os.open(f'/proc/1/fd/{fd}', os.O_RDWR)\n"
        "    except OSError: pass\n",
    ),
    wrong(
        "the answer written to every descriptor but the right one",
        SQUARE + "import os\nfor fd in (0, *range(2, 256)):\n    try: os.write(fd, b'%d\\n' % (n * n))\n"
        "    except OSError: pass\n",
    ),
    wrong(
        "a forged record on every descriptor",
        "import os, struct\nrecord = struct.pack('<BidddQQ', 0, 0, 0.0, 0.0, 1.0, 2, 0) + b'9\\n'\n"
        "for fd in range(256):\n    try: os.write(fd, record)\n    except OSError: pass\n",
    ),
    wrong(
        "a forged report of success on every descriptor",
        "import os\nfor fd in range(256):\n"
        '    try: os.write(fd, b\'{"status": "pass", "verdict": "pass", "tests": [], "detail": ""}\\n\')\n'
        "    except OSError: pass\n",
    ),
    wrong(
        "the input rewritten to an easier one",
        "import os\ntry:\n    for path in ('/proc/self/fd/0', '/dev/stdin'):\n"
        "        fd = os.open(path, os.O_RDWR)\n        os.pwrite(fd, b'3\\n\\n', 0)\nexcept OSError: pass\n"
        "print(9 if int(input()) == 3 else 0)\n",
    ),
    stdin(
        "a standard output made endless by truncation",
        "import os\nos.ftruncate(1, 60 << 20)\n",
        "fail",
        limits=Limits(1.0, 256, 1 << 20),
    ),
)

HUNTS = (
    hunt(
        "a search of its own memory for the wanted output",
        """
with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:
    for line in maps:
        low, high = (int(part, 16) for part in line.split()[0].split('-'))
        if 'rw' not in line.split()[1] or high - low > 32 << 20: continue
        try:
            memory.seek(low)
            data = memory.read(high - low)
        except (OSError, ValueError, OverflowError): continue
        at = data.find(mark.encode() + b' ')
        if at >= 0: print(data[at:at + 26].decode(errors='replace')); raise SystemExit""",
    ),
    hunt(
        "a search of other processes for the wanted output",
        """
import os
for pid in filter(str.isdigit, os.listdir('/proc')):
    for name in ('cmdline', 'environ', 'mem', 'stack', 'root/proc/1/environ'):
        try: data = open(f'/proc/{pid}/{name}', 'rb').read(1 << 16)
        except (OSError, ValueError): continue
        at = data.find(mark.encode())
        if at >= 0: print(data[at:at + 26].decode()); raise SystemExit""",
    ),
    hunt(
        "a search of all descriptors for the wanted output",
        """
import os, socket
for fd in range(256):
    for read in (lambda: os.pread(fd, 1 << 16, 0), lambda: socket.socket(fileno=os.dup(fd)).recv(1 << 16, 0x42)):
        try: data = read()
        except OSError: continue
        at = data.find(mark.encode())
        if at >= 0: print(data[at:at + 26].decode()); raise SystemExit""",
    ),
    hunt(
        "a search of descriptors opened again for the wanted output",
        """
import os
for pid in ('self', '1', str(os.getppid())):
    for fd in range(100):
        try: data = os.pread(os.open(f'/proc/{pid}/fd/{fd}', os.O_RDONLY | os.O_NONBLOCK), 1 << 16, 0)
        except OSError: continue
        at = data.find(mark.encode())
        if at >= 0: print(data[at:at + 26].decode()); raise SystemExit""",
    ),
    hunt(
        "a search of all objects for the wanted output",
        """
import gc
for thing in gc.get_objects():
    for value in (thing.values() if type(thing) is dict else thing if type(thing) in (list, tuple) else ()):
        if type(value) is str and value.startswith(mark + ' '): print(value); raise SystemExit""",
    ),
    hunt(
        "a walk up the frames for the wanted output",
        """
import sys
frame = sys._getframe()
while frame is not None:
    for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
        if mark + ' ' in repr(value)[:100000]: print(repr(value)); raise SystemExit
        if hasattr(value, 'tests'): print(value.tests[0].output); raise SystemExit
    frame = frame.f_back""",
    ),
    hunt(
        "a walk up a traceback for the wanted output",
        """
try: raise ValueError
except ValueError as problem:
    frame = problem.__traceback__.tb_frame.f_back
    while frame:
        text = repr(frame.f_locals)
        if mark + ' ' in text: print(text[text.find(mark):][:26]); raise SystemExit
        frame = frame.f_back""",
    ),
    hunt(
        "a search of files for the wanted output",
        """
import os
for top in ('/box', '/tmp', '/dev/shm', '/etc', '/srv', '/home', '/root', '/run', '/var/tmp'):
    for folder, _, names in os.walk(top):
        for name in names[:200]:
            try: data = open(os.path.join(folder, name), 'rb').read(1 << 20)
            except OSError: continue
            at = data.find(mark.encode() + b' ')
            if at >= 0: print(data[at:at + 26].decode()); raise SystemExit""",
    ),
    hunt(
        "a search of the environment for the wanted output",
        "import os, sys\ntext = repr(dict(os.environ)) + repr(sys.argv) + repr(sys.orig_argv)\n"
        "if mark in text: print(text[text.find(mark):][:26]); raise SystemExit",
    ),
    hunt(
        "a search of loaded modules for the wanted output",
        "import sys\nfor module in list(sys.modules.values()):\n    for value in list(vars(module).values()):\n"
        "        if type(value) in (str, bytes, list, tuple) and mark + ' ' in repr(value):\n"
        "            print(mark + ' 73524'); raise SystemExit",
    ),
    stdin(
        "a search of its memory for the next test's input",
        """
import re
mark = 'yek a si siht'[::-1].encode()
answer = ''
with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', 0) as memory:
    for line in maps:
        low, high = (int(part, 16) for part in line.split()[0].split('-'))
        if 'rw' not in line.split()[1] or high - low > 32 << 20: continue
        try:
            memory.seek(low)
            found = re.search(mark + b' \\\\d+', memory.read(high - low))
        except (OSError, ValueError, OverflowError): continue
        answer = found[0].decode() if found else answer
print(answer)
""",
        "fail",
        (TestCase("first\n", "this is a key 51871\n"), TestCase("this is a key 51871\n", "this is a key 51871\n")),
    ),
)

PROGRAMS = TEXTS + TOLERANCES + ENDS + HUNTS
