"""The attacks that decide an isolation level: programs that print `worked` or `held`.

Each starts with the names CANARY (a file of the host), HOST_PID (the server), PORT and SOCKET (listeners of the host)
and MARK (a name for what it leaves).
"""

from __future__ import annotations

from dataclasses import dataclass

from openqwq.sandbox.jobs import Limits

_USUAL_LIMITS = Limits(2.0, 256)


@dataclass(frozen=True)
class Attack:
    """One attack, and the lowest level at which it must be held."""

    name: str
    level: str
    code: str
    limits: Limits = _USUAL_LIMITS
    num_runs: int = 1
    """Number of tests of the program; each must print `held`."""
    may_be_stopped: bool = False
    """True when the attack is also held if a limit stops it."""


ATTACKS = (
    Attack("a program runs and prints", "L0", "print('held')"),
    Attack(
        "use more memory than allowed",
        "L0",
        "x = []\nwhile len(x) < 32: x.append(b'x' * (32 << 20))\nprint('worked')",
        Limits(4.0, 128),
        may_be_stopped=True,
    ),
    Attack(
        "use more memory than allowed with many processes",
        "L0",
        "import os, time\nreader, writer = os.pipe()\nfor _ in range(4):\n    if os.fork() == 0:\n"
        "        x = b'x' * (100 << 20); os.write(writer, b'+'); time.sleep(9); os._exit(0)\n"
        "for _ in range(4): os.read(reader, 1)\ntime.sleep(0.5); print('worked')",
        Limits(4.0, 256),
        may_be_stopped=True,
    ),
    Attack(
        "start processes without end",
        "L0",
        "import os, time\nstarted = 0\ntry:\n    while started < 300:\n"
        "        if os.fork() == 0: time.sleep(9); os._exit(0)\n        started += 1\n    time.sleep(0.5)\n"
        "except OSError: print('held')\nelse: print('worked')",
        Limits(4.0, 512),
        may_be_stopped=True,
    ),
    Attack(
        "survive as a daemon",
        "L0",
        "import os, time, ctypes\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        ctypes.CDLL(None).prctl(15, MARK.encode()); time.sleep(60)\n    os._exit(0)\n"
        "os.wait(); time.sleep(0.05); print('held')",
    ),
    Attack(
        "read a file of the host",
        "L1",
        "try: open(CANARY).read(); print('worked')\nexcept OSError: print('held')",
    ),
    Attack(
        "signal a process of the host",
        "L1",
        "import os\ntry: os.kill(HOST_PID, 0); print('worked')\nexcept OSError: print('held')",
    ),
    Attack(
        "connect to a listener of the host",
        "L1",
        "import socket\ntry: socket.create_connection(('127.0.0.1', PORT), 1); print('worked')\n"
        "except OSError: print('held')",
    ),
    Attack(
        "connect to a UNIX socket of the host",
        "L1",
        "import socket\ntry: socket.socket(socket.AF_UNIX).connect(SOCKET); print('worked')\n"
        "except OSError: print('held')",
    ),
    Attack(
        "change the mode of a host's file",
        "L1",
        "import os\ntry: os.chmod(CANARY, 0o600); print('worked')\nexcept OSError: print('held')",
    ),
    Attack(
        "end the process above by a signal",
        "L1",
        "import os\nfor number in (1, 2, 3, 10, 12, 13, 14, 15):\n    try: os.kill(os.getppid() or 1, number)\n"
        "    except OSError: pass\nprint('held')",
    ),
    Attack(
        "create namespaces or mounts",
        "L1",
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "worked = [libc.unshare(flag) == 0 for flag in (0x10000000, 0x20000, 0x40000000)]\n"
        "worked.append(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0)\n"
        "worked.append(libc.mount(b'box', b'/tmp', b'tmpfs', 1030, None) == 0)\n"
        "worked.append(libc.umount2(b'/proc', 2) == 0)\nprint('worked' if any(worked) else 'held')",
    ),
    Attack(
        "take control of the process above",
        "L1",
        "import os, ctypes\nabove = os.getppid() or 1\nfor name in ('mem', 'environ', 'root/etc'):\n"
        "    path = f'/proc/{above}/{name}'\n"
        "    try: os.listdir(path) if '/' in name else open(path, 'rb').read(1)\n"
        "    except OSError: continue\n    print('worked'); break\nelse:\n"
        "    print('worked' if ctypes.CDLL(None).ptrace(16, above, 0, 0) == 0 else 'held')",
    ),
    Attack(
        "write outside of the temporary folder",
        "L1",
        "import os\nworked = False\nfor folder in ('/', '/etc', '/dev', '/var/tmp', os.path.dirname(os.__file__)):\n"
        "    try: open(folder + '/mark', 'w'); os.unlink(folder + '/mark'); worked = True\n"
        "    except OSError: pass\nprint('worked' if worked else 'held')",
    ),
    Attack(
        "open a setting of the kernel for writing",
        "L1",
        "import os\nworked = False\nfor name in ('core_pattern', 'hostname', 'sysrq', 'ns_last_pid'):\n"
        "    try: os.close(os.open('/proc/sys/kernel/' + name, os.O_WRONLY)); worked = True\n"
        "    except OSError: pass\nprint('worked' if worked else 'held')",
    ),
    Attack(
        "write back the disks of the host",
        "L1",
        "import ctypes, os\nnumber = {'x86_64': 162, 'aarch64': 81}.get(os.uname().machine, -1)\n"
        "print('worked' if ctypes.CDLL(None).syscall(number) == 0 else 'held')",
    ),
    Attack(
        "watch what others do with a file of the host",
        "L1",
        "import ctypes, os\nnumber = {'x86_64': 294, 'aarch64': 26}.get(os.uname().machine, -1)\n"
        "print('worked' if ctypes.CDLL(None).syscall(number, 0) >= 0 else 'held')",
    ),
    Attack(
        "leave a file for the next test",
        "L1",
        "import os, tempfile\nseen = False\nfor folder in ('.', tempfile.gettempdir(), '/dev/shm'):\n"
        "    path = folder + '/' + MARK\n    seen = seen or os.path.exists(path)\n"
        "    try: open(path, 'w').close()\n    except OSError: pass\nprint('worked' if seen else 'held')",
        num_runs=2,
    ),
    Attack(
        "see that a file of the host exists",
        "L2",
        "import os\nprint('worked' if os.path.exists(CANARY) else 'held')",
    ),
    Attack(
        "see a process of the host",
        "L2",
        "import os\nprint('worked' if os.path.exists(f'/proc/{HOST_PID}/stat') else 'held')",
    ),
    Attack(
        "leave a process for the next test",
        "L2",
        "import os, time\nothers = [name for name in os.listdir('/proc') if name.isdigit() and int(name) > 2]\n"
        "seen = os.getpid() != 2 or bool(others)\nif os.fork() == 0: os.setsid(); time.sleep(60)\n"
        "print('worked' if seen else 'held')",
        num_runs=2,
    ),
    Attack(
        "hold memory in the kernel's buffers",
        "L3",
        "import socket\nkept = []\nfor _ in range(100):\n    pair = socket.socketpair()\n"
        "    for end in pair:\n        end.setblocking(False)\n        try:\n"
        "            while True: end.send(b'x' * 65536)\n        except BlockingIOError: pass\n"
        "    kept.append(pair)\nprint('worked')",
        Limits(4.0, 32),
        may_be_stopped=True,
    ),
)
