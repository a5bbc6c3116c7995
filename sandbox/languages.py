"""Languages and the runtimes that they need on this host: found, shown to workers, and reported when absent.

A runtime is what the workers of one kind show to their programs. That of Python is always there; numpy, a compiler and
node are added where they are installed.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cache

from openqwq.sandbox.jobs import InvalidJob, Job


@dataclass(frozen=True)
class Runtime:
    """What the workers of one kind show to their programs beside the interpreter."""

    name: str
    warm: tuple[str, ...] = ()
    """Modules loaded once for each worker, so that importing them costs a program nothing."""
    paths: tuple[str, ...] = ()
    packages: dict[str, str] = field(default_factory=dict, hash=False)
    """Importable packages: name and folder."""


@dataclass(frozen=True)
class Language:
    """A language, and whether this host has it."""

    name: str
    version: str
    """Empty when the toolchain is absent."""
    absence: str = ""
    """Why it is absent and what would help."""


PYTHON = Runtime("python")
_JUDGE = "openqwq.sandbox.inside.asserts"
ASSERTS = Runtime("asserts", warm=(_JUDGE,))
"""The worker for the tests' side of assert texts: a worker runs one jail at a time, and asserts need two."""
GXX_FLAGS = ("-O2", "-std=c++17", "-pipe", "-static", "-s", "-w")
"""Static, so that the program runs in a jail that shows no toolchain."""


@cache
def numpy_runtime() -> Runtime | None:
    """numpy, and the shared libraries that its wheel brings, where the server's interpreter has it."""
    spec = importlib.util.find_spec("numpy")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = os.path.realpath(next(iter(spec.submodule_search_locations)))
    packages = {"numpy": folder}
    libraries = os.path.join(os.path.dirname(folder), "numpy.libs")
    if os.path.isdir(libraries):
        packages["numpy.libs"] = libraries
    return Runtime("numpy", warm=("numpy",), packages=packages)


def asserts_runtime(job: Job) -> Runtime:
    """The runtime for the tests' side of a job, with numpy where program or tests name it."""
    numpy = numpy_runtime()
    if numpy is None or not any("numpy" in text or "np." in text for text in (job.code, job.setup, *job.asserts)):
        return ASSERTS
    return Runtime("asserts with numpy", warm=(_JUDGE, *numpy.warm), packages=numpy.packages)


@cache
def compiler_runtime() -> Runtime | None:
    if shutil.which("g++") is None:
        return None
    # The parts of the compiler lie all over /usr; only the jail of the compiler shows it.
    folders = ("/usr", "/lib", "/lib64", "/bin", "/etc/alternatives")
    shown = tuple(folder for folder in folders if os.path.isdir(folder) and not os.path.islink(folder))
    return Runtime("compiler", paths=shown)


@cache
def node_runtime() -> Runtime | None:
    program = node_program()
    if not program:
        return None
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False, timeout=30).stdout
    libraries = {word for line in listed.splitlines() for word in line.split() if word.startswith("/")}
    folders = {os.path.dirname(os.path.realpath(library)) for library in libraries}
    extra = {path for path in ("/usr/share/nodejs", "/usr/share/node_modules") if os.path.isdir(path)}
    return Runtime("node", paths=(program, *sorted(folders | extra)))


@cache
def node_program() -> str:
    """The real path of node, or nothing."""
    found = shutil.which("node") or shutil.which("nodejs")
    return os.path.realpath(found) if found else ""


def runtime_of(job: Job) -> Runtime:
    """The runtime for the program of a job. numpy is shown only to programs that name it, since it makes every fork
    slower."""
    if job.language == "javascript":
        return node_runtime() or PYTHON
    if job.language == "python" and "numpy" in job.code:
        return numpy_runtime() or PYTHON
    return PYTHON


@cache
def languages() -> tuple[Language, ...]:
    """All languages, present or absent."""
    compiler, node = _version("g++", "-dumpfullversion"), _version(node_program(), "--version").lstrip("v")
    return (
        Language("python", platform.python_version()),
        Language("cpp", compiler, "" if compiler else "g++ is not installed on the sandbox's host"),
        Language("javascript", node, "" if node else "node is not installed on the sandbox's host"),
    )


def _version(program: str, option: str) -> str:
    if not program or shutil.which(program) is None:
        return ""
    answer = subprocess.run([program, option], capture_output=True, text=True, check=False, timeout=30)
    return answer.stdout.strip()


def check_language(job: Job) -> Job:
    """InvalidJob when the job's language is known but absent here."""
    absent = next((one for one in languages() if one.name == job.language and not one.version), None)
    if absent is not None:
        present = ", ".join(one.name for one in languages() if one.version)
        raise InvalidJob("language", job.language, f"one of {present} ({absent.absence})")
    return job
