"""Hacks that read standard input and answer the second test only by what the first one left behind.

Each asks `seen()` before it calls `leave()`; without a trace of the first test the second answer is wrong.
"""

from __future__ import annotations

from openqwq.sandbox import Limits
from tests.sandbox.corpus.program import Program, call, stdin

LATER = Limits(time_seconds=2.0, memory_mb=256)
ENDING = "\nn = int(input())\nprint(9 if n == 3 else 144 if seen() else 0, flush=True)\nleave()\n"
CHILD = (
    "import os, time\ndef stay():\n    if os.fork() == 0:\n"
    "        os.setsid()\n        time.sleep(20)\n        os._exit(0)\n"
)


def trace(name: str, code: str) -> Program:
    return stdin(name, code + ENDING, "fail", limits=LATER)


def file_trace(name: str, place: str) -> Program:
    return trace(
        name,
        f"import os, tempfile\nplace = {place}\ndef seen(): return os.path.lexists(place)\n"
        "def leave():\n    try: open(place, 'w').close()\n    except OSError: pass\n",
    )


def planted(name: str, plant: str, look: str) -> Program:
    return trace(name, f"import os\ndef leave():\n{plant}\ndef seen():\n{look}\n")


PROGRAMS = (
    file_trace("a file left in the working folder", "'mark'"),
    file_trace("a hidden file left in the working folder", "'.mark'"),
    file_trace("a file left in /tmp", "'/tmp/mark'"),
    file_trace("a file left in shared memory", "'/dev/shm/mark'"),
    file_trace("a file left in the temporary folder", "os.path.join(tempfile.gettempdir(), 'mark')"),
    file_trace("a file left in /var/tmp", "'/var/tmp/mark'"),
    file_trace("a file left in the home folder", "os.path.expanduser('~/mark')"),
    file_trace("a file left above the working folder", "'../mark'"),
    file_trace("a file left beside the standard library", "os.path.join(os.path.dirname(os.__file__), 'mark')"),
    trace(
        "a file left in any folder that can be written",
        "import os\nplaces = []\nfor top in os.listdir('/'):\n    if top in ('proc', 'sys', 'lib', 'usr'): continue\n"
        "    for folder, folders, _ in os.walk('/' + top):\n"
        "        if folder.count('/') > 2: folders.clear()\n"
        "        if os.access(folder, os.W_OK): places.append(folder)\n"
        "def seen(): return any(os.path.exists(place + '/mark') for place in places)\n"
        "def leave():\n    for place in places:\n        try: open(place + '/mark', 'w').close()\n"
        "        except OSError: pass\n",
    ),
    planted("a folder left behind", "    os.makedirs('a/b/c')", "    return os.path.isdir('a/b/c')"),
    planted("a link left behind", "    os.symlink('nowhere', 'mark')", "    return os.path.islink('mark')"),
    planted("a named pipe left behind", "    try: os.mkfifo('/tmp/mark')\n    except OSError: pass", "    return "
        "os.path.exists('/tmp/mark')"),
    planted(
        "a hard link to the input left behind",
        "    try: os.link('/proc/self/fd/0', 'mark', follow_symlinks=True)\n    except OSError: pass",
        "    return os.path.exists('mark')",
    ),
    planted("a file's time left behind", "    os.utime('/tmp')", "    t = os.stat('/tmp'); return t.st_mtime > "
        "os.stat('/proc').st_mtime + 0.3"),
    planted(
        "the working folder's mode left changed",
        "    try: os.chmod('.', 0o1770)\n    except OSError: pass",
        "    return os.stat('.').st_mode & 0o007 == 0",
    ),
    planted(
        "the mode of the folder above left changed",
        "    try: os.chmod('..', 0o711)\n    except OSError: pass",
        "    return os.stat('..').st_mode & 0o777 == 0o711",
    ),
    planted(
        "the time of the folder above left changed",
        "    try: os.utime('..', (5, 5))\n    except OSError: pass",
        "    return os.stat('..').st_mtime == 5",
    ),
    planted(
        "the working folder closed to all",
        "    try: os.chmod('.', 0); os.chmod('..', 0)\n    except OSError: pass",
        "    return not os.access('..', os.R_OK)",
    ),
    planted(
        "the working folder removed",
        "    try: os.rename('../work', '../gone')\n    except OSError: pass",
        "    return os.path.exists('../gone')",
    ),
    planted(
        "a full disk left behind",
        "    open('/tmp/big', 'wb').write(b'x' * (60 << 20)); os.unlink('/tmp/big'); globals()['f'] = 1",
        "    usage = os.statvfs('/tmp'); return usage.f_bfree * usage.f_frsize < 32 << 20",
    ),
    planted(
        "a module planted for the next test",
        "    open('wave.py', 'w').write('mark = 1')",
        "    import wave; return hasattr(wave, 'mark')",
    ),
    planted(
        "a module planted in the cache folder for the next test",
        "    import py_compile; os.mkdir('__pycache__'); open('helper.py', 'w').write('mark = 1')\n"
        "    py_compile.compile('helper.py'); os.remove('helper.py')",
        "    return os.path.exists('__pycache__') and bool(os.listdir('__pycache__'))",
    ),
    planted(
        "a site customisation planted for the next test's child",
        "    open('sitecustomize.py', 'w').write('print(1)'); open('usercustomize.py', 'w').write('print(1)')",
        "    import subprocess, sys\n"
        "    return subprocess.run([sys.executable, '-c', ''], capture_output=True, env={'PYTHONPATH': '.'}).stdout",
    ),
    planted(
        "a path file planted for the next test",
        "    import site\n    for folder in (site.getusersitepackages(), '.'):\n        try:\n"
        "            os.makedirs(folder, exist_ok=True); open(folder + '/mark.pth', 'w').write('import os')\n"
        "        except OSError: pass",
        "    import site; return os.path.exists('mark.pth') or os.path.exists(site.getusersitepackages())",
    ),
    planted("an environment variable left behind", "    os.environ['MARK'] = '1'", "    return 'MARK' in os.environ"),
    planted("a file mask left behind", "    os.umask(0o077)", "    return os.umask(0o022) == 0o077"),
    planted("a nice value left behind", "    os.nice(3)", "    return os.nice(0) > os.getpriority(os.PRIO_PROCESS, "
        "os.getppid())"),
    planted(
        "a name of its parent changed",
        "    try: open('/proc/1/comm', 'w').write('mark')\n    except OSError: pass",
        "    return open('/proc/1/comm').read() == 'mark\\n' if os.path.exists('/proc/1/comm') else False",
    ),
    planted("a module changed in memory", "    os.MARK = 1; import json; json.MARK = 1", "    return hasattr(os, "
        "'MARK')"),
    planted(
        "a built-in changed in memory",
        "    import builtins; builtins.MARK = 1; int.__hash__",
        "    import builtins; return hasattr(builtins, 'MARK')",
    ),
    trace("a process left behind, seen in /proc", CHILD + "leave = stay\n"
        "def seen(): return os.path.exists('/proc/3')\n"),
    trace(
        "a process left behind, seen by a signal",
        CHILD + "leave = stay\ndef seen():\n    for pid in range(3, 40):\n        try: os.kill(pid, 0); return True\n"
        "        except OSError: pass\n",
    ),
    trace(
        "the number of processes told by the next one's id",
        "import os\ndef leave():\n    for _ in range(5):\n        if os.fork() == 0: os._exit(0)\n"
        "def seen():\n    if (child := os.fork()) == 0: os._exit(0)\n    return os.getpid() > 2 or child > 3\n",
    ),
    trace(
        "a socket without a file left open by a child",
        CHILD + "import socket\nlistener = socket.socket(socket.AF_UNIX)\ndef leave():\n"
        "    listener.bind('\\0mark'); listener.listen(); stay()\n"
        "def seen():\n    try: socket.socket(socket.AF_UNIX).connect('\\0mark'); return True\n"
        "    except OSError: return False\n",
    ),
    trace(
        "a file lock held by a child",
        CHILD + "import fcntl\nlock = open(os.__file__)\ndef leave():\n    fcntl.flock(lock, fcntl.LOCK_EX); stay()\n"
        "def seen():\n    try: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "    except OSError: return True\n    fcntl.flock(lock, fcntl.LOCK_UN)\n",
    ),
    trace(
        "a pipe in the file tree held by a child",
        CHILD + "def leave():\n    try: os.mkfifo('/tmp/pipe'); os.open('/tmp/pipe', os.O_RDWR); stay()\n"
            "    except OSError: pass\n"
        "def seen():\n    try: os.open('/tmp/pipe', os.O_WRONLY | os.O_NONBLOCK); return True\n"
        "    except OSError: return False\n",
    ),
    trace(
        "a watch of files held by a child",
        CHILD + "import ctypes\nlibc = ctypes.CDLL(None)\ndef leave():\n"
        "    watch = libc.inotify_init(); libc.inotify_add_watch(watch, b'/box/work', 0xfff)\n"
        "    if os.fork() == 0: os.read(watch, 999); open('/tmp/mark', 'w').close(); os._exit(0)\n"
        "def seen():\n    open('touch', 'w').close(); time.sleep(0.05); return os.path.exists('/tmp/mark')\n",
    ),
    trace(
        "System V shared memory",
        "import ctypes\nlibc = ctypes.CDLL(None)\ndef leave(): libc.shmget(77, 4096, 0o1600)\n"
        "def seen(): return libc.shmget(77, 4096, 0o600) >= 0\n",
    ),
    trace(
        "a System V semaphore",
        "import ctypes\nlibc = ctypes.CDLL(None)\ndef leave(): libc.semget(77, 1, 0o1600)\n"
        "def seen(): return libc.semget(77, 1, 0o600) >= 0\n",
    ),
    trace(
        "a System V message queue",
        "import ctypes\nlibc = ctypes.CDLL(None)\ndef leave(): libc.msgget(77, 0o1600)\n"
        "def seen(): return libc.msgget(77, 0o600) >= 0\n",
    ),
    trace(
        "a POSIX message queue",
        "import ctypes\nlibc = ctypes.CDLL(None)\nopen_queue = getattr(libc, 'mq_open', lambda *a: -1)\n"
        "def leave(): open_queue(b'/mark', 0o102, 0o600, None)\ndef seen(): return open_queue(b'/mark', 2) >= 0\n",
    ),
    trace(
        "a named semaphore",
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.sem_open.restype = ctypes.c_void_p\n"
        "def leave(): libc.sem_open(b'/mark', 0o100, 0o600, 1)\ndef seen(): return libc.sem_open(b'/mark', 0)\n",
    ),
    trace(
        "shared memory by name",
        "from multiprocessing import resource_tracker, shared_memory\n"
        "resource_tracker.register = resource_tracker.unregister = lambda *a: None\n"
        "def leave(): shared_memory.SharedMemory('mark', create=True, size=8)\ndef seen():\n"
        "    try: shared_memory.SharedMemory('mark'); return True\n    except OSError: return False\n",
    ),
    trace(
        "a key in the kernel's keyring",
        "import ctypes, os\nlibc = ctypes.CDLL(None)\non = os.uname().machine == 'x86_64'\n"
        "def leave(): on and libc.syscall(248, b'user', b'mark', b'1', 1, -4)\n"
        "def seen(): return on and libc.syscall(249, b'user', b'mark', None, -4) > 0\n",
    ),
    trace(
        "a flag left on a shared descriptor",
        "import fcntl, os\ndef flags():\n    for fd in range(64):\n"
        "        try: yield fd, fcntl.fcntl(fd, fcntl.F_GETFL)\n"
        "        except OSError: pass\n"
        "def leave():\n    for fd, flag in flags(): fcntl.fcntl(fd, fcntl.F_SETFL, flag | os.O_NONBLOCK)\n"
        "def seen(): return any(flag & os.O_NONBLOCK for _, flag in flags())\n",
    ),
    trace(
        "a lock left on a shared descriptor",
        "import fcntl, os\ndef leave():\n    for fd in range(3, 64):\n"
        "        try: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "        except OSError: pass\n"
        "def seen():\n    try: fcntl.flock(os.open('/dev/null', os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "    except OSError: return True\n",
    ),
    trace(
        "a place left in a shared descriptor",
        "import os\ndef leave():\n    for fd in range(3, 64):\n        try: os.lseek(fd, 7, 0)\n"
        "        except OSError: pass\n"
        "def seen():\n    for fd in range(3, 64):\n        try:\n            if os.lseek(fd, 0, 1) == 7: return True\n"
        "        except OSError: pass\n",
    ),
    trace(
        "bytes left in a shared descriptor",
        "import os\ndef leave():\n    for fd in range(3, 64):\n        try: os.write(fd, b'mark')\n"
        "        except OSError: pass\n"
        "def seen():\n    for fd in range(3, 64):\n        try:\n            os.set_blocking(fd, False)\n"
        "            if b'mark' in os.read(fd, 99): return True\n        except OSError: pass\n",
    ),
    trace(
        "time passed since its parent started",
        "import os, time\ndef age(pid): return int(open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[19])\n"
        "def leave(): time.sleep(0.4)\n"
        "def seen(): return os.path.exists('/proc/1/stat') and age('self') - age(1) >= 35\n",
    ),
    trace(
        "time passed since /proc was mounted",
        "import os, time\ndef leave(): time.sleep(0.4)\n"
        "def seen(): return time.time() - os.stat('/proc').st_ctime >= 0.35\n",
    ),
    trace(
        "time passed since the working folder was made",
        "import os, time\ndef leave(): time.sleep(0.4)\n"
        "def seen(): return time.time() - os.stat('.').st_ctime >= 0.35\n",
    ),
    call("a file left in call mode", "import os\ndef square(n):\n    seen = os.path.exists('/tmp/mark')\n"
         "    open('/tmp/mark', 'w').close()\n    return 9 if n == 3 else 144 if seen else 0\n", "fail"),
    call("a count of calls kept in memory", "calls = []\ndef square(n):\n    calls.append(n)\n"
         "    return (9, 144, 0)[len(calls) - 1]\n", "fail"),
    call("answers taken in turn", "answers = iter([9, 144])\ndef square(n): return next(answers)\n", "fail"),
    call("a default argument that remembers", "def square(n, seen=[]):\n    seen.append(n)\n"
         "    return 9 if len(seen) == 1 else 144\n", "fail"),
    call("the first argument handed over to the second call", "import builtins\ndef square(n):\n"
         "    n0 = getattr(builtins, 'kept', None)\n    builtins.kept = n\n"
         "    return 9 if n0 is None else 144\n", "fail"),
)  # fmt: skip
