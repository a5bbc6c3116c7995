"""`POST /run_code` in the field names of ByteDance's SandboxFusion, so that its clients can use this server.

Python, C++ and JavaScript programs with standard input, files in and out. Differences on purpose:
- a request for what this server does not have is refused with 422 and a reason;
- `run_timeout` and `compile_timeout` bound CPU time; wall time may reach max(2 x this, this + 1 s);
- standard output is whole or, past the limit of 16 MiB, absent; of standard error the end is returned;
- of the files asked for, absent ones and those above 16 MiB are left out;
- a memory or output limit reads as `Finished` with return code -9 and words at the end of stderr: `Error` means
  SandboxError to clients, who then try again what can only fail again.
"""

from __future__ import annotations

import asyncio
import base64
import math
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openqwq.sandbox.execution import COMPILE_LIMITS, CompileFailed, RawAnswer, RawJob
from openqwq.sandbox.inside.compiled import FILE_NAME as PROGRAM_NAME
from openqwq.sandbox.jobs import InvalidJob, Limits, TestCase, validate_job
from openqwq.sandbox.languages import check_language
from openqwq.sandbox.pool import QueueFull, SandboxPool
from openqwq.sandbox.worker import Answer

NOT_SERVED = (
    "/run_jupyter",
    "/submit",
    "/get_prompts",
    "/get_prompt_by_id",
    "/list_datasets",
    "/list_ids",
    "/get_metrics",
    "/get_metrics_function",
)
"""Other paths of SandboxFusion, for notebooks and data sets."""
NOT_SERVED_WORDS = "of SandboxFusion's interface this server has /run_code; it has neither notebooks nor data sets"

MAX_FILES = 64
MAX_FILES_BYTES = 16 << 20
_MAX_PARTS = 16
_MAX_PART_BYTES = 255
_DEFAULT_SECONDS = 10.0
_DEFAULT_MEMORY_MB = 1024  # SandboxFusion has no limit by default, and its client cannot ask for one
_LANGUAGES = {
    "python": "python",
    "python3": "python",
    "py": "python",
    "cpp": "cpp",
    "c++": "cpp",
    "nodejs": "javascript",
    "node": "javascript",
    "js": "javascript",
    "javascript": "javascript",
}


@dataclass(frozen=True)
class RunOrder:
    """A `/run_code` request, checked."""

    job: RawJob
    files: Mapping[str, bytes]
    """Contents by path in the work folder."""
    fetch: Mapping[str, str]
    """Paths in the work folder by the names that were asked for."""
    deadline_seconds: float | None = None
    """Wall time until the answer, waiting included; past it the answer is SandboxError."""


def read_order(data: object) -> RunOrder:
    """The request's JSON; InvalidJob names the field that cannot be served."""
    if not isinstance(data, Mapping):
        raise InvalidJob("body", data, "a JSON object")
    if not isinstance(data.get("code"), str):
        raise InvalidJob("code", data.get("code"), "a string holding the program")
    stdin = data.get("stdin")
    if not isinstance(stdin, str | None):
        raise InvalidJob("stdin", stdin, "a string or null")
    is_unlimited = data.get("memory_limit_MB") in (-1, 0)
    memory_mb = _DEFAULT_MEMORY_MB if is_unlimited else _number(data, "memory_limit_MB", _DEFAULT_MEMORY_MB, 32, 65536)
    job = RawJob(
        data["code"],
        _language(data.get("language", "python")),
        tests=(TestCase(stdin or "", ""),),
        limits=Limits(_number(data, "run_timeout", _DEFAULT_SECONDS, 0.01, 300), int(memory_mb)),
        compile_seconds=_number(data, "compile_timeout", _DEFAULT_SECONDS, 0.01, 300),
    )
    validate_job(job)
    check_language(job)
    files = _files(data.get("files"))
    for path in files if job.language == "python" else ():
        if path.split("/", 1)[0] == PROGRAM_NAME:
            raise InvalidJob(f"files[{_shortened(path)}]", path, f"another name; {PROGRAM_NAME} is the program itself")
    has_deadline = data.get("deadline_s") is not None
    deadline = _number(data, "deadline_s", 0, 0.01, 86400) if has_deadline else None
    return RunOrder(job, files, _fetch(data.get("fetch_files")), deadline)


def _language(name: object) -> str:
    language = _LANGUAGES.get(name) if isinstance(name, str) else None
    if language is None:
        raise InvalidJob("language", name, "python, cpp or nodejs; no other languages and no test runners are served")
    return language


def _number(data: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = data.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidJob(name, value, f"a number from {low:g} to {high:g}")
    return float(value)


def _files(data: object) -> dict[str, bytes]:
    """Decoded contents by path. A name with null as its content is skipped, as SandboxFusion does."""
    if not isinstance(data, Mapping | None):
        raise InvalidJob("files", data, "an object of base64 texts by relative path")
    given = {name: text for name, text in (data or {}).items() if text is not None}
    if len(given) > MAX_FILES:
        raise InvalidJob("files", f"{len(given)} files", f"at most {MAX_FILES} files")
    files: dict[str, bytes] = {}
    for name, text in given.items():
        field = f"files[{_shortened(name)}]"
        path = _path(name, field)
        if any(path == one or f"{path}/".startswith(f"{one}/") or one.startswith(f"{path}/") for one in files):
            raise InvalidJob(field, name, "a path that is neither another file nor a folder of one")
        files[path] = _decoded(text, field)
        if sum(map(len, files.values())) > MAX_FILES_BYTES:
            raise InvalidJob(
                field, f"{len(files[path])} bytes", f"at most {MAX_FILES_BYTES} bytes in all files together"
            )
    return files


def _decoded(text: object, field: str) -> bytes:
    try:
        if isinstance(text, str):
            return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        pass
    raise InvalidJob(field, text, "base64 text or null")


def _fetch(data: object) -> dict[str, str]:
    if not isinstance(data, list | None):
        raise InvalidJob("fetch_files", data, "a list of relative paths")
    names = data or []
    if len(names) > MAX_FILES:
        raise InvalidJob("fetch_files", f"{len(names)} files", f"at most {MAX_FILES} files")
    return {name: _path(name, f"fetch_files[{index}]") for index, name in enumerate(names)}


def _path(name: object, field: str) -> str:
    """The path below the work folder in one spelling: `./a//b` is `a/b`."""
    parts = [part for part in name.split("/") if part not in ("", ".")] if isinstance(name, str) else []
    is_good = isinstance(name, str) and not name.startswith("/") and not name.endswith(("/", "/.")) and "\0" not in name
    if not is_good or not 1 <= len(parts) <= _MAX_PARTS or ".." in parts or max(map(_size, parts)) > _MAX_PART_BYTES:
        allowed = f"a relative path without '..', of at most {_MAX_PARTS} parts of at most {_MAX_PART_BYTES} bytes"
        raise InvalidJob(field, name, allowed)
    return "/".join(parts)


def _size(part: str) -> float:
    """Number of bytes of a name in UTF-8; infinite for a name that has no such form."""
    try:
        return len(part.encode())
    except UnicodeEncodeError:
        return math.inf


def _shortened(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 80 else f"{text[:77]}..."


async def run(order: RunOrder, pool: SandboxPool) -> dict[str, Any]:
    """Run a program for its output. `status` is Success, Failed, or SandboxError when nothing is known of the
    program."""
    job, paths = order.job, tuple(dict.fromkeys(order.fetch.values()))
    compile_limits = Limits(job.compile_seconds, COMPILE_LIMITS.memory_mb, COMPILE_LIMITS.output_bytes)
    try:
        async with asyncio.timeout(order.deadline_seconds) as deadline:
            answer, fetched = await pool.run_raw(job, order.files, paths)
    except QueueFull:
        raise
    except CompileFailed as problem:
        return _answer(pool, "Failed", compile_result=_result(problem.answer, compile_limits))
    except Exception as problem:
        # An error of this server or host is no statement on the program.
        words = f"no answer within deadline_s={order.deadline_seconds}" if deadline.expired() else str(problem)
        return _answer(pool, "SandboxError", f"{type(problem).__name__}: {words}")
    if answer.record.ending == "broken":
        return _answer(pool, "SandboxError", answer.stderr.decode(errors="replace"))
    compiler = answer.compiler if isinstance(answer, RawAnswer) else None
    result = _result(answer, job.limits)
    return _answer(
        pool,
        "Success" if result["return_code"] == 0 else "Failed",
        compile_result=_result(compiler, compile_limits) if compiler else None,
        run_result=result,
        files={name: base64.b64encode(fetched[path]).decode() for name, path in order.fetch.items() if path in fetched},
    )


def _result(answer: Answer, limits: Limits) -> dict[str, Any]:
    """How a command ended, in the words of SandboxFusion."""
    record, stderr = answer.record, answer.stderr.decode(errors="replace")
    return_code: int | None = os.waitstatus_to_exitcode(record.wait_status)
    passed = {
        "time_limit": f"{limits.time_seconds:g} s of CPU time or {limits.wall_seconds:g} s in all",
        "memory_limit": f"{limits.memory_mb} MB of memory",
        "output_limit": f"{limits.output_bytes} bytes of standard output",
    }.get(record.ending)
    if passed:
        stderr = f"{stderr.rstrip()}\nkilled: it took more than {passed}".lstrip()
        return_code = None if record.ending == "time_limit" else -signal.SIGKILL
    return {
        "status": "TimeLimitExceeded" if record.ending == "time_limit" else "Finished",
        "execution_time": record.wall_seconds,
        "cpu_time": record.cpu_seconds,
        "return_code": return_code,
        "stdout": answer.output.decode(errors="replace"),
        "stderr": stderr,
    }


def _answer(
    pool: SandboxPool,
    status: str,
    message: str = "",
    *,
    compile_result: dict[str, Any] | None = None,
    run_result: dict[str, Any] | None = None,
    files: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "status": status,
        "message": message,
        "compile_result": compile_result,
        "run_result": run_result,
        "executor_pod_name": None,
        "files": files or {},
        "isolation": pool.isolation,
    }
