"""The three kinds of walls by name: the one module that knows them all.

`namespaces` is the default, `bubblewrap` where only that program may create namespaces, `process` (Landlock and the
system call filter) where nobody may.
"""

from __future__ import annotations

from openqwq.sandbox.walls.backend import Walls

KINDS = ("namespaces", "bubblewrap", "process")


def build_walls(kind: str, fresh_test: str) -> Walls:
    """The walls of this kind, not yet entered. `fresh_test` is the code of a fresh interpreter that becomes a test's
    process, for the kind that cannot fork one."""
    if kind == "namespaces":
        from openqwq.sandbox.walls.namespaces import NamespaceWalls

        return NamespaceWalls()
    if kind == "bubblewrap":
        from openqwq.sandbox.walls.bubblewrap import BubblewrapWalls

        return BubblewrapWalls(fresh_test)
    from openqwq.sandbox.walls.process import ProcessWalls

    return ProcessWalls()
