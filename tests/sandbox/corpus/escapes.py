"""Attempts to reach what lies outside of the jail; each prints `out` only when it worked.

Numbers of system calls are those of x86_64; on other machines such a program prints nothing.
"""

from __future__ import annotations

import os
import socket

from tests.sandbox.corpus.program import Program, attempt

LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nx86 = os.uname().machine == 'x86_64'\n"

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))


def attempts(name: str, statement: str, head: str = "import os\n") -> Program:
    """`out` when the statement ends without an exception."""
    return attempt(name, f"{head}try:\n    {statement}\n    print('out')\nexcept (Exception, SystemExit): pass\n")


def finds(name: str, condition: str, head: str = "import os\n") -> Program:
    return attempt(name, f"{head}if {condition}: print('out')\n")


def kernel(name: str, number: int, arguments: str = "0, 0, 0, 0, 0, 0") -> Program:
    """`out` when the system call does not fail."""
    return attempt(name, f"{LIBC}if x86 and libc.syscall({number}, {arguments}) >= 0: print('out')\n")


def opens(name: str, family: int, kind: int, protocol: int = 0) -> Program:
    return attempts(name, f"socket.socket({family}, {kind}, {protocol})", "import socket\n")


FILES = (
    attempt(
        "read the host's files",
        "import os\nfor p in ('/etc/shadow', '/etc/hostname', '/root/.ssh', '/home/*', '/var/log', '/usr/bin/env'):\n"
        "    if os.path.exists(p): print('out')\n",
    ),
    finds("read the test that judges it", f"os.path.exists({__file__!r})"),
    finds("read the folder that the server runs in", f"os.path.exists({os.path.dirname(__file__)!r})"),
    finds("find a shell", "any(os.path.exists(p) for p in ('/bin/sh', '/bin/bash', '/usr/bin/sh', '/bin/busybox'))"),
    finds("find the users of the host", "len(pwd.getpwall()) > 2", "import pwd\n"),
    finds("find the host's packages",
          "any(find_spec(n) for n in ('pytest', 'pip', 'torch', 'httpx2', 'httpx', 'uvicorn', 'starlette'))",
          "from importlib.util import find_spec\n"),
    attempts("import the sandbox itself", "import openqwq.sandbox"),
    finds("see the server's environment", "'PYTEST_CURRENT_TEST' in os.environ or 'VIRTUAL_ENV' in os.environ"),
    finds("see the server's environment in /proc", "b'PYTEST' in open('/proc/self/environ', 'rb').read()"),
    finds("see where the server runs, by the jail's first process",
          f"{ROOT!r} in open('/proc/1/cmdline').read() if os.path.exists('/proc/1/cmdline') else False"),
    attempts("see the environment of the jail's first process", "assert open('/proc/1/environ', 'rb').read()"),
    attempts("read the memory of the jail's first process", "open('/proc/1/mem', 'rb')"),
    attempts("read the memory map of the jail's first process", "assert open('/proc/1/maps').read()"),
    attempts("list the descriptors of the jail's first process", "os.listdir('/proc/1/fd')"),
    attempts("walk through the root of the jail's first process", "os.listdir('/proc/1/root/')"),
    attempts("walk through the working folder of the jail's first process", "os.listdir('/proc/1/cwd/')"),
    attempts("climb above the root", "assert set(os.listdir('/../../..')) - set(os.listdir('/'))"),
    attempts("change the root and climb", "os.mkdir('x'); os.chroot('x'); os.chdir('../../../..')"),
    attempts("write to the interpreter's own files", "open(os.__file__, 'a')"),
    attempts("replace the interpreter's own file", "os.rename(os.__file__, '/tmp/os.py')"),
    attempts("write beside the interpreter's own files", "open(os.path.dirname(os.__file__) + '/sitecustomize.py', "
        "'w')"),
    attempts("write to the interpreter's executable", "open('/proc/self/exe', 'r+b')"),
    attempts("write to the executable of the jail's first process", "open('/proc/1/exe', 'r+b')"),
    attempts("write into the root folder", "open('/mark', 'w')"),
    attempts("write into /etc", "open('/etc/passwd', 'a')"),
    attempts("write into /dev", "open('/dev/mark', 'w')"),
    attempts("take a file's ownership", "open('/tmp/m', 'w').close(); os.chown('/tmp/m', 0, 0)"),
    attempt(
        "write to any file of the interpreter",
        "import os\nfor top in {os.path.dirname(os.__file__), '/lib', '/lib64', '/usr', '/etc'}:\n"
        "    for folder, folders, files in os.walk(top):\n"
        "        if any(os.access(os.path.join(folder, name), os.W_OK) for name in [*folders, *files[:20]]\n"
        "               if not os.path.islink(os.path.join(folder, name))): print('out'); raise SystemExit\n",
    ),
    attempt(
        "find a mount that may be written, beyond its own folders",
        "own = ('/box', '/tmp', '/proc', '/dev/shm')\n"
        "for line in open('/proc/self/mountinfo'):\n    _, _, _, _, place, options, *_ = line.split()\n"
        "    if 'rw' in options.split(',') and not place.startswith(own): print('out'); raise SystemExit\n",
    ),
    attempt(
        "find a file that gives more rights",
        "import os\nheld = 'NoNewPrivs:\\t1' in open('/proc/self/status').read()\n"
        "for folder, _, files in os.walk('/'):\n    if folder.startswith(('/proc', '/sys')): continue\n"
        "    for name in files:\n        try: mode = os.lstat(os.path.join(folder, name)).st_mode\n"
        "        except OSError: continue\n        if mode & 0o6000 and not held: print('out'); raise SystemExit\n",
    ),
    attempt(
        "find a device beyond the harmless ones",
        "import os, stat\nnames = {'null', 'zero', 'full', 'random', 'urandom'}\n"
        "for folder, _, files in os.walk('/dev'):\n"
        "    for name in files:\n        mode = os.lstat(os.path.join(folder, name)).st_mode\n"
        "        if name not in names and (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)): print('out'); raise SystemExit\n",
    ),
    attempts("make a device", "os.mknod('/tmp/d', 0o20666, os.makedev(1, 1)); open('/tmp/d', 'rb')"),
    attempts("make a block device", "os.mknod('/tmp/d', 0o60666, os.makedev(8, 0)); open('/tmp/d', 'rb')"),
    attempts("make a file with more rights useful",
             "open('/tmp/x', 'w').close(); os.chmod('/tmp/x', 0o4755); assert os.stat('/tmp/x').st_uid == 0"),
    finds("find /sys", "os.path.isdir('/sys/class') or os.path.isdir('/sys/fs/cgroup')"),
    attempts("open the terminal", "open('/dev/tty')"),
    attempts("open a new terminal", "os.openpty()"),
    attempts("read a core of the kernel", "open('/proc/kcore', 'rb')"),
    attempts("read the kernel's messages", "open('/dev/kmsg')"),
    finds("see other processes than its own", "{n for n in os.listdir('/proc') if n.isdigit()} - {'1', "
        "str(os.getpid())}"),
    attempts("make the machine restart by /proc", "os.write(os.open('/proc/sysrq-trigger', os.O_WRONLY), b'h')"),
    attempts("set a handler of core dumps", "os.write(os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY), "
        "b'|/tmp/x')"),
    attempts("set the number of processes", "os.write(os.open('/proc/sys/kernel/pid_max', os.O_WRONLY), b'400')"),
    attempts("set the next process id", "os.write(os.open('/proc/sys/kernel/ns_last_pid', os.O_WRONLY), b'77')"),
    attempts("set the number of namespaces", "os.write(os.open('/proc/sys/user/max_user_namespaces', os.O_WRONLY), "
        "b'9')"),
    attempts("map itself to root", "os.write(os.open('/proc/self/uid_map', os.O_WRONLY), b'0 0 1')"),
    attempts("protect itself from the memory killer", "os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), "
        "b'-900')"),
    attempts("make the jail's first process the memory killer's choice", "os.write(os.open('/proc/1/oom_score_adj', "
        "os.O_WRONLY), b'1000')"),
    attempts("clear the references of the jail's first process", "os.write(os.open('/proc/1/clear_refs', "
        "os.O_WRONLY), b'1')"),
)  # fmt: skip

NETWORK = (
    opens("open an internet socket", socket.AF_INET, socket.SOCK_STREAM),
    opens("open an internet datagram socket", socket.AF_INET, socket.SOCK_DGRAM),
    opens("open an internet version 6 socket", socket.AF_INET6, socket.SOCK_STREAM),
    opens("open a raw socket", socket.AF_INET, socket.SOCK_RAW, 1),
    opens("open a ping socket", socket.AF_INET, socket.SOCK_DGRAM, 1),
    opens("open a packet socket", 17, socket.SOCK_RAW),
    opens("open a netlink socket", 16, socket.SOCK_RAW),
    opens("open a netlink socket of the audit", 16, socket.SOCK_RAW, 9),
    opens("open a socket to the virtual machine's host", 40, socket.SOCK_STREAM),
    opens("open a socket to the kernel's ciphers", 38, socket.SOCK_SEQPACKET),
    opens("open a Bluetooth socket", 31, socket.SOCK_RAW, 1),
    opens("open a key management socket", 15, socket.SOCK_RAW, 2),
    opens("open a socket of the internet's multipath protocol", socket.AF_INET, socket.SOCK_STREAM, 262),
    attempt("open a pair of sockets of any family but unix", "import socket\nfor family in range(2, 46):\n"
            "    for kind in (1, 2, 5):\n        try: socket.socketpair(family, kind); print('out'); raise SystemExit\n"
            "        except OSError: pass\n"),
    attempts("look up a name", "socket.getaddrinfo('example.org', 80)", "import socket\n"),
    attempts("fetch a page from loopback", "urllib.request.urlopen('http://127.0.0.1:22/', timeout=1)",
             "import urllib.request\n"),
    attempts("serve on loopback", "socket.create_server(('127.0.0.1', 0))", "import socket\n"),
    attempt("connect to a unix socket of the host", "import socket\n"
            "for path in ('/run/docker.sock', '/var/run/docker.sock', '/run/systemd/notify', "
            "'/run/dbus/system_bus_socket',\n"
            "             '/tmp/.X11-unix/X0', '/dev/log', '\\0/tmp/.X11-unix/X0', "
            "'\\0/org/kernel/linux/storage/multipathd'):\n"
            "    try: socket.socket(socket.AF_UNIX).connect(path); print('out')\n    except OSError: pass\n"),
    attempt("connect to any abstract socket in sight", "import socket\n"
            "try: lines = open('/proc/self/net/unix').read().splitlines()[1:]\nexcept OSError: lines = []\n"
            "for line in lines:\n    name = line.split()[-1]\n    if name[0] not in '@/': continue\n"
            "    try: socket.socket(socket.AF_UNIX).connect(name.replace('@', '\\0')); print('out')\n"
            "    except OSError: pass\n"),
    attempt("see a network interface beyond loopback", "try: lines = "
        "open('/proc/self/net/dev').read().splitlines()[2:]\n"
            "except OSError: lines = []\nif any(line.split(':')[0].strip() != 'lo' for line in lines): print('out')\n"),
    finds("know the host by its name", f"os.uname().nodename == {socket.gethostname()!r}"),
)  # fmt: skip

PROCESSES = (
    attempts("signal the server", f"os.kill({os.getpid()}, 0)"),
    attempt("signal any process of the host",
            "import os\nfor pid in range(1, 40000):\n    if pid == os.getpid(): continue\n"
            "    try: os.kill(pid, 18)\n    except OSError: continue\n"
            # pid 1 of an unprivileged server's jail has the program's user id; it cannot be harmed by a signal.
            "    if pid != 1: print('out'); break\n"),
    attempt("kill the jail's first process",
            "import os, time\ntry:\n    for number in (9, 2, 15, 19): os.kill(1, number)\nexcept OSError: pass\n"
            "time.sleep(0.1)\nprint('still here')\n"),
    attempts("trace the jail's first process", "assert libc.ptrace(16, 1, 0, 0) == 0", LIBC),
    attempts("seize the jail's first process", "assert libc.ptrace(0x4206, 1, 0, 0) == 0", LIBC),
    attempts("be traced by the jail's first process", "assert libc.ptrace(0, 0, 0, 0) == 0", LIBC),
    attempts("limit the jail's first process", "resource.prlimit(1, resource.RLIMIT_CPU, (1, 1))", "import resource\n"),
    attempts("read the limits of the jail's first process", "resource.prlimit(1, resource.RLIMIT_CPU)",
        "import resource\n"),
    attempts("raise its own limit of processes", "resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999))",
             "import resource\n"),
    attempts("raise its own limit of open files", "resource.setrlimit(resource.RLIMIT_NOFILE, (99999, 99999))",
             "import resource\n"),
    attempts("raise its own limit of memory", "resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
             "import resource\n"),
    attempts("lock much memory", "assert libc.mlock(ctypes.create_string_buffer(8 << 20), 8 << 20) == 0", LIBC),
    attempts("become root", "os.setuid(0)"),
    attempts("become root for real, in effect and saved", "os.setresuid(0, 0, 0)"),
    attempts("join root's group", "os.setgid(0)"),
    attempts("join other groups", "os.setgroups([0, 27])"),
    finds("be root", "0 in (*os.getresuid(), *os.getresgid(), *os.getgroups())"),
    attempt("hold any capability",
            "text = open('/proc/self/status').read()\nfor line in text.splitlines():\n"
            "    if line.startswith('Cap') and int(line.split()[1], 16): print('out'); break\n"),
    finds("gain rights by exec", "'NoNewPrivs:\\t1' not in open('/proc/self/status').read()"),
    finds("run without a filter of system calls", "'Seccomp:\\t2' not in open('/proc/self/status').read()"),
    attempts("become more urgent", "os.nice(-5)"),
    attempts("become a real-time process", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"),
    attempts("make the jail's first process less urgent", "os.setpriority(os.PRIO_PROCESS, 1, 19)"),
    attempts("bind the jail's first process to one processor", "os.sched_setaffinity(1, {0})"),
    attempts("change the session of the jail's first process", "os.setpgid(1, os.getpid())"),
    attempts("push a key into the terminal", "fcntl.ioctl(0, 0x5412, b'x')", "import fcntl\n"),
    attempts("make a terminal its own", "fcntl.ioctl(0, 0x540e, 0)", "import fcntl\n"),
    attempts("set the host's name", "socket.sethostname('mark')", "import socket\n"),
    attempts("set the clock", "time.clock_settime(time.CLOCK_REALTIME, time.time())", "import time\n"),
)  # fmt: skip

KERNEL = (
    attempt("enter a new namespace of any kind",
            LIBC + "if any(libc.unshare(1 << bit) == 0 for bit in (7, 17, 25, 26, 27, 28, 29, 30)): print('out')\n"),
    attempt("start a child in a new namespace of any kind",
            LIBC + "for bit in (17, 25, 26, 27, 28, 29, 30):\n"
            "    pid = libc.syscall(56, 1 << bit | 17, 0, 0, 0, 0) if x86 else -1\n    if pid == 0: os._exit(0)\n"
            "    if pid > 0: print('out'); break\n"),
    kernel("start a child by clone3 in a new user namespace", 435,
           "(ctypes.c_uint64 * 11)(1 << 28, 0, 0, 0, 17), 88"),
    attempt("join a namespace of the jail's first process", LIBC +
            "for name in ('user', 'mnt', 'pid', 'net', 'ipc', 'uts'):\n    try: fd = os.open(f'/proc/1/ns/{name}', 0)\n"
            "    except OSError: continue\n    if libc.setns(fd, 0) == 0: print('out')\n"),
    attempts("join its own namespace again", "assert libc.setns(os.open('/proc/self/ns/user', 0), 0) == 0", LIBC),
    kernel("mount a file system", 165, "b'none', b'/tmp', b'tmpfs', 0, 0"),
    kernel("mount the root again to write", 165, "b'none', b'/', None, 4096 | 32, None"),
    kernel("unmount a folder", 166, "b'/proc', 2"),
    kernel("pivot the root", 155, "b'/tmp', b'/tmp'"),
    kernel("open a mount tree", 428, "-100, b'/', 1"),
    kernel("open a file system to mount", 430, "b'tmpfs', 0"),
    kernel("change a mount", 442, "-100, b'/', 0, (ctypes.c_uint64 * 4)(0, 1, 0, 0), 32"),
    kernel("name a file by a handle", 303, "-100, b'/', (ctypes.c_int * 40)(128), ctypes.byref(ctypes.c_int()), 0"),
    attempt("open a file by a handle", LIBC +
            "handle = (ctypes.c_uint32 * 6)(8, 1, 2, 0, 0, 0)\n"
            "if x86 and libc.syscall(304, os.open('/', 0), handle, 0) >= 0: print('out')\n"),
    kernel("read the memory of another process", 310, "1, (ctypes.c_uint64 * 2)(), 0, (ctypes.c_uint64 * 2)(), 0, 0"),
    kernel("write the memory of another process", 311, "1, (ctypes.c_uint64 * 2)(), 0, (ctypes.c_uint64 * 2)(), 0, 0"),
    kernel("compare two processes", 312, "os.getpid(), 1, 3, 0, 0"),
    attempt("take a descriptor of the jail's first process", LIBC +
            "try: fd = os.pidfd_open(1)\nexcept OSError: fd = -1\n"
            "if x86 and fd >= 0 and any(libc.syscall(438, fd, n, 0) >= 0 for n in range(20)): print('out')\n"),
    kernel("advise on the memory of another process", 440, "1, 0, 0, 20, 0"),
    kernel("set up an asynchronous ring", 425, "8, (ctypes.c_uint32 * 30)()"),
    kernel("load a program into the kernel", 321, "0, (ctypes.c_uint32 * 30)(1, 4, 4, 1), 72"),
    kernel("handle page faults", 323, "1"),
    kernel("count the processor's events", 298, "(ctypes.c_uint32 * 30)(1, 112), 0, -1, -1, 0"),
    kernel("watch all files", 300, "0, 0"),
    kernel("add a key", 248, "b'user', b'mark', b'1', 1, -3"),
    kernel("ask for a key", 249, "b'user', b'mark', None, -3"),
    kernel("use the keyring", 250, "0, -3, 0"),
    kernel("make a file without a name", 319, "b'mark', 0"),
    kernel("make secret memory", 447, "0"),
    kernel("run a file by its descriptor", 322, "-1, b'', 0, 0, 0x1000"),
    kernel("change the local descriptor table", 154, "0, (ctypes.c_char * 64)(), 64"),
    kernel("change how addresses are laid out", 135, "0x0040000"),
    kernel("use ports of the machine", 172, "3"),
    kernel("use one port of the machine", 173, "0x80, 1, 1"),
    kernel("read the kernel's log", 103, "3, ctypes.create_string_buffer(100), 100"),
    kernel("swap to a file", 167, "b'/tmp/x', 0"),
    kernel("restart the machine", 169, "0xfee1dead, 672274793, 0x89ABCDEF, 0"),  # only turns off Ctrl-Alt-Del
    kernel("load a kernel module", 175, "b'', 0, b''"),
    kernel("load a kernel module from a file", 313, "0, b'', 0"),
    kernel("load another kernel", 246, "0, 0, 0, 0"),
    kernel("account for processes", 163, "0"),
    kernel("set the time of day", 164, "(ctypes.c_int64 * 2)(), 0"),
    kernel("tune the clock", 159, "(ctypes.c_int64 * 40)(1)"),
    kernel("ask for quotas", 179, "0x80000700, 0, 0, ctypes.create_string_buffer(200)"),
    kernel("hang up the terminal", 153),
    kernel("move memory between nodes", 256, "0, 8, ctypes.byref(ctypes.c_long(1)), ctypes.byref(ctypes.c_long(1))"),
    kernel("set a second filter of system calls", 317, "1, 0, (ctypes.c_uint64 * 2)()"),
    kernel("set another scheduler", 314, "0, (ctypes.c_uint32 * 12)(48, 1, 0, 0, 0, 1), 0"),
    kernel("make shared memory between processes by key", 29, "7, 4096, 0o1600"),
    kernel("make a message queue", 240, "b'mark', 0o102, 0o600, 0"),
    kernel("write back all disks of the host", 162),
    kernel("watch files that others open", 253),
    kernel("watch files that others open, by the newer call", 294, "0"),
    kernel("use a call number that does not exist", 1000),
    attempt("use a call of the x32 kind", LIBC + "if x86 and libc.syscall(0x40000000 + 39) > 0: print('out')\n"),
    attempt("use a 32-bit call", LIBC + """
import mmap
code = bytes.fromhex('53b814000000cd805bc3')  # push rbx; eax = 20 (getpid); int 0x80; pop rbx; ret
page = mmap.mmap(-1, 4096, prot=7)
page.write(code)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
if x86 and ctypes.CFUNCTYPE(ctypes.c_int)(address)() == os.getpid(): print('out')
"""),
    attempt("take back its capabilities", LIBC +
            "header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xffffffff] * 6)\n"
            "if libc.capset(header, data) == 0: print('out')\n"),
    attempts("keep its capabilities over a change of user", "assert libc.prctl(8, 1, 0, 0, 0) == 0", LIBC),
    attempts("change the rules of root", "assert libc.prctl(28, 0, 0, 0, 0) == 0", LIBC),
    attempts("add an ambient capability", "assert libc.prctl(47, 2, 21, 0, 0) == 0", LIBC),
    attempts("take off the lock on new rights", "assert libc.prctl(38, 0, 0, 0, 0) == 0", LIBC),
    attempts("move its memory's borders", "assert libc.prctl(35, 1, 0x400000, 0, 0) == 0", LIBC),
    attempts("let others trace it", "assert libc.prctl(0x59616d61, -1, 0, 0, 0) == 0", LIBC),
    attempts("become the parent of orphans", "assert libc.prctl(36, 1, 0, 0, 0) == 0", LIBC),
)  # fmt: skip

PROGRAMS = FILES + NETWORK + PROCESSES + KERNEL
