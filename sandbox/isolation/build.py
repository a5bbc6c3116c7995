"""The three isolation backends by name: the one module that knows them all.

`namespaces` is the default, `bubblewrap` where only that program may create namespaces, `process` (Landlock and the
system call filter) where nobody may.
"""

from __future__ import annotations

from openqwq.sandbox.isolation.backend import IsolationBackend

KINDS = ("namespaces", "bubblewrap", "process")


def build_isolation(kind: str, fresh_test: str) -> IsolationBackend:
    """The backend of this kind, not yet entered. `fresh_test` is the code of a fresh interpreter that becomes a test's
    process, for the kind that cannot fork one."""
    if kind == "namespaces":
        from openqwq.sandbox.isolation.namespaces import NamespaceIsolation

        return NamespaceIsolation()
    if kind == "bubblewrap":
        from openqwq.sandbox.isolation.bubblewrap import BubblewrapIsolation

        return BubblewrapIsolation(fresh_test)
    from openqwq.sandbox.isolation.process import ProcessIsolation

    return ProcessIsolation()
