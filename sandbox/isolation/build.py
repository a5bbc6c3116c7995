"""The three isolation backends by name: the one module that imports them all.

`namespaces` is the default, `bubblewrap` serves where only `bwrap` may create namespaces, `process` (Landlock and the
system call filter) where no program may.
"""

from __future__ import annotations

from openqwq.sandbox.isolation.backend import IsolationBackend

KINDS = ("namespaces", "bubblewrap", "process")


def build_isolation(kind: str, fresh_test: str) -> IsolationBackend:
    """The backend of this kind, not yet entered. `fresh_test` is the code of an interpreter that becomes the process of
    a test, for the backend that cannot fork one."""
    if kind == "namespaces":
        from openqwq.sandbox.isolation.namespaces import NamespaceIsolation

        return NamespaceIsolation()
    if kind == "bubblewrap":
        from openqwq.sandbox.isolation.bubblewrap import BubblewrapIsolation

        return BubblewrapIsolation(fresh_test)
    from openqwq.sandbox.isolation.process import ProcessIsolation

    return ProcessIsolation()
