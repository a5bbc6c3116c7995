"""Runs tests in copies of the checkout, each run a fork of one process that has already imported torch and the like.

A fork starts in milliseconds where `python -m pytest` needs ten seconds of imports; the project itself is imported anew
in every fork, so a mutated file is what the tests see, also in the processes that they start.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pytest

Work = TypeVar("Work")

# Imported before the forks; importing these starts no thread. What a test imports beyond them, it imports itself.
QUIET = ("-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Words for pytest in a fork, where its plug-ins may be imported already."""
MAY_BE_PRELOADED = {
    *("torch", "transformers", "tokenizers", "safetensors", "accelerate", "numpy", "jinja2", "yaml", "pydantic"),
    *("sympy", "mpmath", "math_verify", "latex2sympy2_extended", "antlr4", "jsonschema", "httpx2", "starlette"),
}


def checkout_files(root: Path) -> list[str]:
    """Files of the checkout that git does not ignore, also those not committed yet."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted(name for name in listed.stdout.split("\0") if name and os.path.lexists(root / name))


class Copy:
    """A copy of the checkout that one fork at a time works in."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        for name in checkout_files(root):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name, follow_symlinks=False)

    def write(self, path: str, text: str) -> None:
        """Put another text into one file; its compiled form, which is told by size and second, goes with it."""
        (self.folder / path).write_text(text)
        for compiled in (self.folder / path).parent.glob(f"__pycache__/{Path(path).stem}.*.pyc"):
            compiled.unlink()

    def restore(self, path: str) -> None:
        self.write(path, (self.root / path).read_text())


@dataclass
class Finished(Generic[Work]):
    """How one fork ended. `exit_status` is None when it was stopped at its time limit."""

    work: Work
    exit_status: int | None
    seconds: float
    output: str


@dataclass
class _Running(Generic[Work]):
    work: Work
    copy: Copy
    started: float
    limit_seconds: float
    log: Path


def preload(modules: Iterable[str]) -> None:
    """Import what the tests will import anyway; a part that cannot be imported alone is left to them."""
    for name in sorted(modules):
        if name.partition(".")[0] in MAY_BE_PRELOADED and name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def run_forked(
    works: Sequence[Work],
    copies: Sequence[Copy],
    prepare: Callable[[Work, Copy], None],
    body: Callable[[Work], int],
    limit_seconds: Callable[[Work], float],
) -> Iterator[Finished[Work]]:
    """Each work in a fork of this process, as many at once as there are copies; in the order in which they end."""
    waiting, free = list(reversed(works)), list(copies)
    running: dict[int, _Running[Work]] = {}
    try:
        while waiting or running:
            while waiting and free:
                work, copy = waiting.pop(), free.pop()
                prepare(work, copy)
                log = copy.folder / "fork.log"
                sys.stdout.flush()
                pid = os.fork()
                if pid == 0:
                    _in_fork(copy, log, body, work)
                running[pid] = _Running(work, copy, time.perf_counter(), limit_seconds(work), log)
            for pid, run in list(running.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                seconds = time.perf_counter() - run.started
                if not ended and seconds < run.limit_seconds:
                    continue
                _kill_session(pid)
                if not ended:
                    os.waitpid(pid, 0)
                del running[pid]
                free.append(run.copy)
                code = os.waitstatus_to_exitcode(status) if ended else None
                yield Finished(run.work, code, seconds, run.log.read_text(errors="replace")[-4000:])
            time.sleep(0.01)
    finally:
        for pid in running:
            _kill_session(pid)
            os.waitpid(pid, 0)


def run_tests(tests: Sequence[str]) -> int:
    """Exit status of pytest over these tests, ended at the first failure."""
    return int(pytest.main(["-x", "--tb=line", *QUIET, *tests]))


def _kill_session(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _in_fork(copy: Copy, log: Path, body: Callable[[Work], int], work: Work) -> None:
    code = 70
    try:
        os.setsid()
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(target, stream)
        os.chdir(copy.folder)
        os.environ["PYTHONPATH"] = str(copy.folder)
        for name in list(sys.modules):
            if name.partition(".")[0] in {"openqwq", "benchmarks", "tests"}:
                del sys.modules[name]
        sys.path[:] = [str(copy.folder), *(p for p in sys.path if p and Path(p).resolve() != copy.root.resolve())]
        importlib.invalidate_caches()
        code = body(work)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
