"""Run untrusted programs and judge them, in namespaces built by direct system calls: without Docker and without root.

`LocalSandbox` runs in this process, `SandboxClient` over HTTP, `start_server` starts a server on loopback. The promises
and their limits: docs/sandbox_threat_model.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if __name__ == "sandbox":
    raise ImportError("import openqwq.sandbox, not sandbox: the folder is a part of the package openqwq")

if TYPE_CHECKING:
    from openqwq.sandbox.client import SandboxClient as SandboxClient
    from openqwq.sandbox.harness import Harness as Harness
    from openqwq.sandbox.jobs import Compare as Compare
    from openqwq.sandbox.jobs import InvalidJob as InvalidJob
    from openqwq.sandbox.jobs import Job as Job
    from openqwq.sandbox.jobs import Limits as Limits
    from openqwq.sandbox.jobs import Outcome as Outcome
    from openqwq.sandbox.jobs import TestCase as TestCase
    from openqwq.sandbox.jobs import TestResult as TestResult
    from openqwq.sandbox.launch import ServerHandle as ServerHandle
    from openqwq.sandbox.launch import start_server as start_server
    from openqwq.sandbox.local import LocalSandbox as LocalSandbox
    from openqwq.sandbox.probe import check_host as check_host
    from openqwq.sandbox.probe import describe_host as describe_host

_HOMES = {
    "SandboxClient": "client",
    "Harness": "harness",
    "Compare": "jobs",
    "InvalidJob": "jobs",
    "Job": "jobs",
    "Limits": "jobs",
    "Outcome": "jobs",
    "TestCase": "jobs",
    "TestResult": "jobs",
    "ServerHandle": "launch",
    "start_server": "launch",
    "LocalSandbox": "local",
    "check_host": "probe",
    "describe_host": "probe",
}
__all__ = sorted(_HOMES)  # loaded on first use, so that importing the package stays light


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"openqwq.sandbox.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
