"""The user and group id of a program."""

from __future__ import annotations

import os

JAIL_ID = 65534
"""User and group id of a program inside its jail; also on the host when the server runs as root."""


def can_become_jail_id() -> bool:
    """True when this process is root and may take JAIL_ID: a container may map root alone."""
    return os.geteuid() == 0 and _is_mapped("uid_map") and _is_mapped("gid_map")


def _is_mapped(name: str) -> bool:
    with open(f"/proc/self/{name}") as file:
        ranges = [tuple(map(int, line.split())) for line in file]
    return any(inside <= JAIL_ID < inside + count for inside, _, count in ranges)


def take_jail_id() -> None:
    os.setresuid(JAIL_ID, JAIL_ID, JAIL_ID)


def take_jail_group() -> None:
    os.setgroups([])
    os.setresgid(JAIL_ID, JAIL_ID, JAIL_ID)
