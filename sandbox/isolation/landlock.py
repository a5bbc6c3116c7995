"""What a Landlock ruleset lets a process reach: named paths of the host to read, one folder to write, no network.

Rights by version of the kernel's interface, as its documentation lists them (userspace-api/landlock).
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from openqwq.sandbox.isolation import syscalls as sc

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_DEVICES = 1 << 6 | 1 << 11
_TRUNCATE, _DEVICE_CONTROL = 1 << 14, 1 << 15
_ALL_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP = 0b11
_SCOPES = 0b11
"""No abstract UNIX socket of a process outside, and no signal to one."""
SCOPE_VERSION = 6
TRUNCATE_VERSION = 3


def restrict(readable: Iterable[str], devices: Iterable[str], writable: str, version: int) -> None:
    """Restrict this process and its children for good; needs no_new_privs."""
    handled = max(rights for since, rights in _ALL_FILES.items() if since <= version)
    ruleset = sc.landlock_ruleset(handled, _TCP, _SCOPES, version)
    for path in readable:
        sc.landlock_allow(ruleset, path, _allowed(path, handled & (_EXECUTE | _READ_FILE | _READ_FOLDER)))
    for path in devices:
        sc.landlock_allow(ruleset, path, handled & (_READ_FILE | _WRITE_FILE | _TRUNCATE))
    sc.landlock_allow(ruleset, writable, handled & ~_DEVICE_CONTROL)
    sc.landlock_restrict_self(ruleset)


def separate(version: int) -> None:
    """Enter a domain of its own with few other rules: no process outside can be traced, read or signalled."""
    if version:
        sc.landlock_restrict_self(sc.landlock_ruleset(_MAKE_DEVICES, 0, _SCOPES, version))


def _allowed(path: str, rights: int) -> int:
    """The rights that apply to a path: a file has none of a folder."""
    return rights if os.path.isdir(path) else rights & ~_READ_FOLDER
