"""The seccomp filter of a worker and of all it starts: a list of allowed system calls, written as BPF by hand.

The filter is installed once for each worker, because installing it costs as much as half a fork. It therefore allows
the few calls with which a worker builds the next jail (mount, setns, clone into new namespaces), each with the one set
of arguments that is used; for a program these calls fail, because it holds no capability.

A call that is not on the list answers ENOSYS, as on an older kernel (threads need that from clone3 to fall back to
clone). Calls with dangerous arguments answer EPERM. Left out on purpose: everything that could leave a trace between
two tests of one program (System V IPC, message queues, memfd, keyrings), watch or slow others on the host (inotify,
sync) or reach rarely used parts of the kernel (io_uring, bpf, userfaultfd, perf, user namespaces, ptrace).
"""

from __future__ import annotations

import errno
import signal
import struct

from openqwq.sandbox.isolation import syscalls as sc
from openqwq.sandbox.isolation.syscalls import MACHINE

# name:number on x86_64:number on aarch64 (- where the call does not exist there)
_ALLOWED = """
read:0:63 write:1:64 open:2:- close:3:57 stat:4:- fstat:5:80 lstat:6:- poll:7:- lseek:8:62 mmap:9:222
mprotect:10:226 munmap:11:215 brk:12:214 rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139
ioctl:16:29 pread64:17:67 pwrite64:18:68 readv:19:65 writev:20:66 access:21:- pipe:22:- select:23:-
sched_yield:24:124 mremap:25:216 msync:26:227 mincore:27:232 madvise:28:233 dup:32:23 dup2:33:- pause:34:-
nanosleep:35:101 getitimer:36:102 alarm:37:- setitimer:38:103 getpid:39:172 sendfile:40:71 socket:41:198
connect:42:203 accept:43:202 sendto:44:206 recvfrom:45:207 sendmsg:46:211 recvmsg:47:212 shutdown:48:210
bind:49:200 listen:50:201 getsockname:51:204 getpeername:52:205 socketpair:53:199 setsockopt:54:208
getsockopt:55:209 clone:56:220 fork:57:- vfork:58:- execve:59:221 exit:60:93 wait4:61:260 kill:62:129
uname:63:160 fcntl:72:25 flock:73:32 fsync:74:82 fdatasync:75:83 truncate:76:45 ftruncate:77:46
getdents:78:- getcwd:79:17 chdir:80:49 fchdir:81:50 rename:82:- mkdir:83:- rmdir:84:- creat:85:- link:86:-
unlink:87:- symlink:88:- readlink:89:- chmod:90:- fchmod:91:52 chown:92:- fchown:93:55 lchown:94:-
umask:95:166 gettimeofday:96:169 getrlimit:97:163 getrusage:98:165 sysinfo:99:179 times:100:153
getuid:102:174 getgid:104:176 setuid:105:146 setgid:106:144 geteuid:107:175 getegid:108:177
setpgid:109:154 getppid:110:173 getpgrp:111:- setsid:112:157 setreuid:113:145 setregid:114:143
getgroups:115:158 setresuid:117:147 getresuid:118:148 setresgid:119:149 getresgid:120:150 getpgid:121:155
getsid:124:156 capget:125:90 rt_sigpending:127:136 rt_sigtimedwait:128:137 rt_sigqueueinfo:129:138
rt_sigsuspend:130:133 sigaltstack:131:132 utime:132:- statfs:137:43 fstatfs:138:44 getpriority:140:141
setpriority:141:140 sched_setparam:142:118 sched_getparam:143:121 sched_getscheduler:145:120
sched_get_priority_max:146:125 sched_get_priority_min:147:126 sched_rr_get_interval:148:127 mlock:149:228
munlock:150:229 prctl:157:167 arch_prctl:158:- setrlimit:160:164 gettid:186:178
readahead:187:213 getxattr:191:8 lgetxattr:192:9 fgetxattr:193:10 listxattr:194:11 llistxattr:195:12
flistxattr:196:13 tkill:200:130 time:201:- futex:202:98 sched_setaffinity:203:122
sched_getaffinity:204:123 epoll_create:213:- getdents64:217:61 set_tid_address:218:96
restart_syscall:219:128 fadvise64:221:223 timer_create:222:107 timer_settime:223:110 timer_gettime:224:108
timer_getoverrun:225:109 timer_delete:226:111 clock_gettime:228:113 clock_getres:229:114
clock_nanosleep:230:115 exit_group:231:94 epoll_wait:232:- epoll_ctl:233:21 tgkill:234:131 utimes:235:-
waitid:247:95 openat:257:56
mkdirat:258:34 fchownat:260:54 newfstatat:262:79 unlinkat:263:35 renameat:264:38 linkat:265:37
symlinkat:266:36 readlinkat:267:78 fchmodat:268:53 faccessat:269:48 pselect6:270:72 ppoll:271:73
set_robust_list:273:99 get_robust_list:274:100 splice:275:76 tee:276:77 sync_file_range:277:84
utimensat:280:88 epoll_pwait:281:22 capset:126:91 landlock_create_ruleset:444:444 landlock_add_rule:445:445
landlock_restrict_self:446:446 signalfd:282:- timerfd_create:283:85 eventfd:284:- fallocate:285:47
timerfd_settime:286:86 timerfd_gettime:287:87 accept4:288:242 signalfd4:289:74 eventfd2:290:19
epoll_create1:291:20 dup3:292:24 pipe2:293:59 preadv:295:69 pwritev:296:70
rt_tgsigqueueinfo:297:240 recvmmsg:299:243 prlimit64:302:261 sendmmsg:307:269 getcpu:309:168
renameat2:316:276 getrandom:318:278 membarrier:324:283 mlock2:325:284 copy_file_range:326:285
preadv2:327:286 pwritev2:328:287 statx:332:291 rseq:334:293 pidfd_send_signal:424:424 pidfd_open:434:434
close_range:436:436 faccessat2:439:439 epoll_pwait2:441:441 futex_waitv:449:449 mount:165:40 setns:308:268
"""

_NAMESPACE_FLAGS = 0x7E020080  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET,TIME}
_CLONE_PARENT = 0x8000
"""A process with it would be a child of the worker, which waits for no such child: the jail would never end."""
_AF_UNIX = 1
_IOCTLS = (
    0x5401,
    0x5413,
    0x540F,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # TCGETS, TIOCGWINSZ, TIOCGPGRP, FIONREAD, ...
_PRCTLS = (1, 2, 3, 4, 15, 16, 23, 38, 39)  # death signal, dumpable, name, and questions
_CHECKED = ("clone", "socket", "socketpair", "ioctl", "prctl", "prlimit64", "mount", "setns")
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16


SHARED_FILES_REFUSED = (
    *("chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "utimensat"),
    *("socket", "connect"),
)
"""Calls that Landlock does not cover: metadata of the files of the host, and its UNIX sockets."""


def _deny(number: int) -> int:
    return 0x00050000 | number


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _table() -> dict[str, int]:
    column = {"x86_64": 1, "aarch64": 2}[MACHINE]
    rows = (row.split(":") for row in _ALLOWED.split())
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Consecutive numbers as closed intervals: [1, 2, 3, 7] -> [(1, 3), (7, 7)]."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _when(number: int, body: bytes) -> bytes:
    """`body` runs for this call only, with its first argument loaded; it must end in a return."""
    load = _step(_LOAD, _FIRST_ARGUMENT_AT)
    return _step(_EQUAL, number, 0, 1 + len(body) // 8) + load + body


def _one_of(values: tuple[int, ...], refusal: int, argument: int = 0) -> bytes:
    checks = b"".join(_step(_EQUAL, value, len(values) - index) for index, value in enumerate(values))
    load = _step(_LOAD, _FIRST_ARGUMENT_AT + 8 * argument)
    return load + checks + _step(_RETURN, _deny(refusal)) + _step(_RETURN, _ALLOW)


def build_signal_filter(pid: int) -> bytes:
    """A second filter, for kernels whose Landlock does not cover signals: a process can signal only itself."""
    table = _table()
    program = [_step(_LOAD, _NUMBER_AT)]
    for name in ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        program.append(_when(table[name], _one_of((pid,), errno.EPERM)))
    program.append(_when(table["pidfd_send_signal"], _step(_RETURN, _deny(errno.EPERM))))
    program.append(_step(_RETURN, _ALLOW))
    return b"".join(program)


def build_group_filter() -> bytes:
    """A filter that keeps a process in the process group of its test, which one signal ends. The calls to leave it
    report success."""
    table = _table()
    program = [_step(_LOAD, _NUMBER_AT)]
    for name in ("setsid", "setpgid"):
        program.append(_step(_EQUAL, table[name], 0, 1) + _step(_RETURN, _deny(0)))
    return b"".join([*program, _step(_RETURN, _ALLOW)])


def build_filter(refused: tuple[str, ...] = ()) -> bytes:
    """The filter for this machine, 8 bytes an instruction. `refused` calls answer EPERM."""
    table = _table()
    numbers = dict(table)
    special = {name: table.pop(name) for name in _CHECKED}
    program = [
        _step(_LOAD, _ARCH_AT),
        _step(_EQUAL, _AUDIT_ARCH[MACHINE], 1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
    ]
    if MACHINE == "x86_64":
        program += [_step(_AT_LEAST, _X32_BIT, 0, 1), _step(_RETURN, _KILL)]
    refuse = _step(_RETURN, _deny(errno.EPERM))
    allow = _step(_RETURN, _ALLOW)
    for name in refused:
        if name in numbers:
            program.append(_step(_EQUAL, numbers[name], 0, 1) + _step(_RETURN, _deny(errno.EPERM)))
    for low, high in _runs([number for name, number in table.items() if name not in refused]):
        program += [_step(_AT_LEAST, low, 0, 2), _step(_AT_LEAST, high + 1, 1), _step(_RETURN, _ALLOW)]
    is_jail = _step(_EQUAL, sc.INIT_FLAGS | signal.SIGCHLD, 2)
    is_refused = _step(_ANY_BIT, _NAMESPACE_FLAGS | _CLONE_PARENT, 0, 1)
    program.append(_when(special["clone"], is_jail + is_refused + refuse + allow))
    for name in ("socket", "socketpair"):
        program.append(_when(special[name], _one_of((_AF_UNIX,), errno.EACCES)))
    program.append(_when(special["ioctl"], _one_of(_IOCTLS, errno.ENOTTY, argument=1)))
    program.append(_when(special["prctl"], _one_of(_PRCTLS, errno.EPERM)))
    # Only a process's own limits: pid 1 of an unprivileged server's jail has the same user id as the program.
    program.append(_when(special["prlimit64"], _one_of((0,), errno.EPERM)))
    flags = (sc.PROC_MOUNT_FLAGS, sc.SCRATCH_MOUNT_FLAGS)
    program.append(_when(special["mount"], _one_of(flags, errno.EPERM, argument=3)))
    program.append(_when(special["setns"], _one_of((sc.CLONE_NEWNS, sc.CLONE_NEWPID), errno.EPERM, argument=1)))
    program.append(_step(_RETURN, _deny(errno.ENOSYS)))
    return b"".join(program)
