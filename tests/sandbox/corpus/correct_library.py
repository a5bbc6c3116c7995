"""Correct programs by what they use: the standard library, processes, files, and the language's forms."""

from __future__ import annotations

import random

from openqwq.sandbox import TestCase
from tests.sandbox.corpus.correct_stdin import good, nine
from tests.sandbox.corpus.program import ROOMY

SEEDED = random.Random(5)

LIBRARY = (
    nine("imports of everything as judges write them",
         "import sys, os, re, math, time\nfrom string import *\nfrom re import *\nfrom datetime import *\n"
         "from collections import *\n"
         "from heapq import *\nfrom bisect import *\nfrom copy import *\nfrom math import *\nfrom random import *\n"
         "from statistics import *\nfrom itertools import *\nfrom functools import *\nfrom operator import *\n"
         "from io import *\n"
         "from sys import *\nfrom json import *\nfrom builtins import *\nfrom typing import *\n"
         "import string, datetime, collections, heapq, bisect, copy, random, statistics, itertools, functools, "
         "operator, io, json\n"
         "sys.setrecursionlimit(50000)\nprint(pow(3, 2, 10))\n", limits=ROOMY),
    nine("imports of much of the standard library",
         "import abc, array, ast, asyncio, base64, binascii, bisect, bz2, calendar, cmath, codecs, colorsys, "
         "concurrent.futures\n"
         "import configparser, contextvars, cProfile, csv, ctypes, curses.ascii, dis, difflib, doctest, email, "
         "filecmp, fnmatch\n"
         "import getopt, getpass, glob, graphlib, gzip, hashlib, heapq, hmac, html, http, inspect, ipaddress, "
         "keyword, linecache\n"
         "import locale, logging, lzma, mimetypes, multiprocessing, numbers, optparse, pathlib, pickle, platform, "
         "pprint, queue\n"
         "import quopri, random, reprlib, sched, secrets, select, shelve, shlex, shutil, socket, sqlite3, ssl, stat, "
         "statistics\n"
         "import string, stringprep, subprocess, sysconfig, tarfile, tempfile, textwrap, timeit, token, tokenize, "
         "trace, tracemalloc\n"
         "import types, unicodedata, unittest, urllib.parse, uuid, warnings, wave, weakref, xml.etree.ElementTree, "
         "zipfile, zlib\n"
         "print(9)\n", limits=ROOMY),
    nine("decimals and fractions", "from decimal import *\nfrom fractions import Fraction\ngetcontext().prec = 50\n"
         "print(int(Decimal(1) / 3 * 27 + Fraction(1, 3).denominator - 3 + Decimal('1e-40')))\n"),
    nine("an integer of six thousand digits", "import sys\nsys.set_int_max_str_digits(0)\n"
        "print(len(str(7 ** 7000)) - 5907)\n"),
    nine("dates", "from datetime import date, timedelta\nprint((date(2024, 2, 28) + timedelta(10)).day)\n"),
    nine("a time zone", "from zoneinfo import ZoneInfo, ZoneInfoNotFoundError\nfrom datetime import datetime\n"
         "try: print(datetime(2024, 7, 1, 7, tzinfo=ZoneInfo('UTC')).astimezone(ZoneInfo('Europe/Berlin')).hour)\n"
         "except ZoneInfoNotFoundError: print(9)\n"),
    good("random numbers with a seed", "import random\nrandom.seed(5)\n"
        "print([random.randrange(100) for _ in range(5)])",
         (TestCase("", repr([SEEDED.randrange(100) for _ in range(5)])),)),
    nine("random numbers without a seed", "import random, secrets, uuid, os\n"
        "random.random(); secrets.token_hex(); uuid.uuid4()\n"
         "print(len(os.urandom(9)))\n"),
    nine("hashes", "import hashlib, zlib\nassert hashlib.md5(b'a').hexdigest().startswith('0cc175b9')\n"
         "hashlib.sha256(b''); hashlib.blake2b(b'').hexdigest(); hashlib.new('sha1'); zlib.crc32(b'')\nprint(9)\n"),
    nine("a database in memory", "import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.execute('create table t (x)')\n"
         "db.executemany('insert into t values (?)', [(4,), (5,)])\n"
         "print(db.execute('select sum(x) from t').fetchone()[0])\n"),
    nine("a database in a file", "import sqlite3\n"
        "with sqlite3.connect('x.db') as db: db.execute('create table t as select 9 as x')\n"
         "print(sqlite3.connect('x.db').execute('select x from t').fetchone()[0])\n"),
    nine("files in the working folder", "import pathlib\np = pathlib.Path('a') / 'b.txt'\np.parent.mkdir()\n"
        "p.write_text('9')\n"
         "print(next(pathlib.Path('.').rglob('*.txt')).read_text())\n"),
    nine("a temporary file", "import tempfile, os\n"
        "with tempfile.NamedTemporaryFile('w+', delete=False) as f: f.write('9')\n"
         "print(open(f.name).read())\nos.remove(f.name)\n"),
    nine("a temporary folder", "import tempfile, os\nwith tempfile.TemporaryDirectory() as d:\n"
         "    open(os.path.join(d, 'x'), 'w').write('9'); print(open(d + '/x').read())\n"),
    nine("a module that it writes and imports", "open('helper_nine.py', 'w').write('x = 9')\nimport helper_nine\n"
        "print(helper_nine.x)\n"),
    nine("a name imported from its own main module", "import timeit\ndef f(): return 9\n"
         "timeit.timeit('f()', 'from __main__ import f', number=3)\nfrom __main__ import f as g\nprint(g())\n"),
    nine("its own text read", "print(9 if 'its own' in open(__file__).read() else 0)  # its own\n"),
    nine("the source of its own function", "import inspect\ndef f(): return 9\n"
        "print(9 if 'return 9' in inspect.getsource(f) else 0)\n"),
    nine("its own name", "import os, sys\n"
        "assert len(sys.argv) == 1 and __name__ == '__main__' and os.path.isabs(os.getcwd())\nprint(9)\n"),
    nine("objects of its own class pickled", "import pickle\nclass P:\n    def __init__(self, x): self.x = x\n"
         "print(pickle.loads(pickle.dumps(P(9))).x)\n"),
    nine("dataclasses and enums", "from dataclasses import *\nfrom enum import *\nclass E(IntEnum):\n    A = 4\n"
        "    B = auto()\n"
         "@dataclass(order=True, frozen=True)\nclass D:\n    x: int\n"
         "    y: list = field(default_factory=list, compare=False)\n"
         "print(max(D(E.A), D(E.B)).x + asdict(D(4))['x'])\n"),
    nine("annotations from the future", "from __future__ import annotations\nfrom dataclasses import dataclass\n"
         "@dataclass\nclass Node:\n    value: int\n    next: Node | Missing = None\nprint(Node(9).value)\n"),
    nine("typing", "from typing import *\nT = TypeVar('T')\nclass Box(Generic[T]):\n"
        "    def __init__(self, x: T) -> None: self.x = x\n"
         "class N(NamedTuple):\n    a: int = 9\ndef f(x: Optional[List[int]] = None) -> Union[int, str]: return N().a\n"
         "print(Box[int](f()).x, end='')\nassert get_type_hints(f)['return'] == Union[int, str]\n"),
    nine("threads in a pool", "from concurrent.futures import *\n"
        "with ThreadPoolExecutor(8) as p: print(sum(p.map(int, '12321')))\n"),
    nine("processes in a pool", "from multiprocessing import Pool\ndef f(x): return x * x\nif __name__ == '__main__':\n"
         "    with Pool(2) as p: print(sum(p.map(f, [1, 2, 2])))\n", limits=ROOMY),
    nine("processes by the futures module", "from concurrent.futures import *\ndef f(x): return x * x\n"
         "if __name__ == '__main__':\n    with ProcessPoolExecutor(2) as p: print(sum(p.map(f, [1, 2, 2])))\n",
         limits=ROOMY),
    nine("a process, a queue and a shared value", "from multiprocessing import *\ndef f(q, v): q.put(4); v.value = 5\n"
         "q, v = Queue(), Value('i', 0)\np = Process(target=f, args=(q, v))\np.start(); x = q.get(); p.join()\n"
         "print(x + v.value)\n", limits=ROOMY),
    nine("a process that is spawned", "import multiprocessing as m\ndef f(q): q.put(9)\nif __name__ == '__main__':\n"
         "    m.set_start_method('spawn')\n    q = m.Queue()\n    p = m.Process(target=f, args=(q,))\n    p.start()\n"
         "    p.join(4)\n    print(q.get(timeout=1))\n", limits=ROOMY),
    nine("a manager of shared objects", "from multiprocessing import Manager\nif __name__ == '__main__':\n"
        "    with Manager() as m:\n"
         "        d = m.dict(x=9)\n        print(d['x'])\n", limits=ROOMY),
    nine("shared memory between processes", "from multiprocessing import shared_memory\n"
        "s = shared_memory.SharedMemory(create=True, size=9)\n"
         "t = shared_memory.SharedMemory(s.name)\nt.buf[0] = 9\nprint(s.buf[0])\n"
         "t.close(); s.close(); s.unlink()\n", limits=ROOMY),
    nine("a child interpreter", "import subprocess, sys\n"
         "print(subprocess.run([sys.executable, '-c', 'print(int(input()) ** 2)'], input='3', capture_output=True, "
         "text=True).stdout)\n",
         limits=ROOMY),
    nine("a fork and a pipe", "import os\nr, w = os.pipe()\nif os.fork() == 0: os.write(w, b'9'); os._exit(0)\n"
        "os.wait()\n"
         "print(os.read(r, 9).decode())\n"),
    nine("asynchronous tasks", "import asyncio\nasync def f(x):\n    await asyncio.sleep(0.01)\n    return x\n"
         "async def main(): print(sum(await asyncio.gather(f(4), f(5))))\nasyncio.run(main())\n", limits=ROOMY),
    nine("an asynchronous child", "import asyncio, sys\nasync def main():\n"
         "    p = await asyncio.create_subprocess_exec(sys.executable, '-c', 'print(9)', stdout=-1)\n"
         "    print((await p.communicate())[0].decode())\nasyncio.run(main())\n", limits=ROOMY),
    nine("a pair of sockets", "import socket\na, b = socket.socketpair()\na.sendall(b'9')\n"
        "print(b.recv(9).decode())\n"),
    nine("C by ctypes", "import ctypes\nprint(ctypes.CDLL(None).abs(-9))\n"),
    nine("memory statistics", "import tracemalloc, resource, gc, sys\ntracemalloc.start()\nx = [0] * 999\n"
         "assert tracemalloc.get_traced_memory()[0] > 999 and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0\n"
         "gc.collect(); gc.disable()\nprint(9)\n"),
    nine("a trace function", "import sys\ndef t(*a): return t\nsys.settrace(t)\ndef f(): return 9\nprint(f())\n"
        "sys.settrace(None)\n"),
    nine("command line options", "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('-n', type=int, default=9)\n"
         "print(p.parse_args().n)\n"),
    nine("tests in its own text", "def f(x):\n    '''\n    >>> f(3)\n    9\n    '''\n    return x * x\n"
        "import doctest\ndoctest.testmod()\n"
         "print(f(3))\n", limits=ROOMY),
    nine("structures and arrays", "import struct, array, heapq, bisect, collections\nh = [9, 1]\n"
        "heapq.heapify(h); heapq.heappop(h)\n"
         "a = array.array('i', h)\nassert struct.unpack('<i', struct.pack('<i', a[0])) == (9,)\n"
         "print(collections.deque(a, maxlen=1)[bisect.bisect([1], 0)])\n"),
    nine("json, csv, regular expressions", "import csv, io, json, re\n"
        "row = next(csv.reader(io.StringIO('a,\"b,9\"')))\n"
         "print(json.loads(json.dumps({'x': re.search(r'\\d', row[1])[0]}))['x'])\n"),
    nine("the user and the home folder", "import getpass, os, pathlib\n"
        "assert pathlib.Path.home() and os.path.expanduser('~')\n"
         "getpass.getuser() and print(9)\n"),
    nine("the machine", "import os, platform, sys, locale\n"
        "assert os.cpu_count() >= 1 and platform.system() and sys.platform\n"
         "assert sys.stdin.encoding.lower() == sys.stdout.encoding.lower() == 'utf-8' and open(0).encoding.lower() == "
         "'utf-8'\n"
         "print(9)\n", limits=ROOMY),
)  # fmt: skip

SYNTAX = (
    nine("a byte order mark", "\ufeffprint(9)\n"),
    nine("a coding line", "# -*- coding: utf-8 -*-\nprint(len('žluťoučký'))\n"),
    nine("a coding line of another encoding", "# coding: latin-1\nprint(len('žluť') + 3)\n"),
    nine("an interpreter line", "#!/usr/bin/env python3\nprint(9)\n"),
    nine("Windows line ends in the program", "if True:\r\n    x = '''a\r\nb'''\r\n    print(len(x) + 6)\r\n"),
    nine("tabs for indentation", "if True:\n\tfor i in [9]:\n\t\tprint(i)\n"),
    nine("no line end at the end of the program", "if True:\n    print(9)  # done"),
    nine("a text over lines that looks like code", "text = '''\nimport os\nprint(1)\n    '''\nprint(len(text) - 15)\n"),
    nine("text with backslashes and quotes", "s = '\\\\n\"\\'' + r'\\d' + \"\"\"'''\"\"\"\nprint(len(s))\n"),
    nine("an escape that warns", "import re\nprint(re.sub('\\d', '9', '1'))\n"),
    nine("new syntax", "match (n := [4, 5]):\n    case [a, b] if a < b: print(f'{a + b=}'[-1])\n"
         "def f(x, /, *, y=1): return x\n"),
    nine("a text before future imports", "'''What it does.'''\nfrom __future__ import annotations, division\n"
        "print(9 if __doc__ else 0)\n"),
    nine("code made at run time", "exec('def f(x): return x * x')\nprint(eval('f(3)'))\n"),
    nine("nested functions", "def f():\n    n = 4\n    def g():\n        nonlocal n\n        n += 5\n    g()\n"
        "    return n\nprint(f())\n"),
    nine("globals changed in a function", "n = 4\ndef f():\n    global n\n    n += 5\nf()\nprint(globals()['n'])\n"),
    nine("a class with everything", "class A:\n    x = [i * i for i in range(4)]\n    __slots__ = ('y',)\n"
         "    @property\n    def last(self): return self.x[-1]\n    @classmethod\n    def make(cls): return cls()\n"
         "print(A.make().last)\n"),
    nine("names of built-ins used for its own", "list = [4, 5]\nsum = 0\nfor max in list: sum += max\nprint(sum)\n"),
    nine("names in other scripts", "été = 4\nπ = 5\nprint(été + π)\n"),
    nine("brackets ninety deep", "print(" + "(" * 90 + "9" + ")" * 90 + ")\n"),
    nine("a long program", "x = 0\n" + "x += 1\n" * 5000 + "print(x - 4991)\n"),
    nine("only asserts that hold", "assert True, 'no'\nassert (lambda: 9)() == 9\nprint(9)\n"),
)  # fmt: skip

PROGRAMS = LIBRARY + SYNTAX
