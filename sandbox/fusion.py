"""`POST /run_code` in the field names of ByteDance's SandboxFusion, so that its clients can be pointed at us.

The basics: one Python program, standard input, output and exit status. Files and other languages are refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from openqwq.sandbox.jobs import InvalidJob, Job, Limits, TestCase, validate_job
from openqwq.sandbox.worker import WorkerLost
from openqwq.sandbox.pool import SandboxPool


def read_order(data: object) -> Job:
    """{"code", "language", "stdin", "run_timeout" (seconds), "memory_limit_MB"} as a job with one open test."""
    if not isinstance(data, Mapping):
        raise InvalidJob("body", data, "a JSON object")
    if not isinstance(data.get("code"), str):
        raise InvalidJob("code", data.get("code"), "a string holding the program")
    for name in ("files", "fetch_files"):
        if data.get(name):
            raise InvalidJob(name, data[name], "nothing: files are not supported")
    memory_mb = data.get("memory_limit_MB", -1)
    limits = Limits(data.get("run_timeout") or 10.0, 512)
    if memory_mb != -1:
        limits = replace(limits, memory_mb=memory_mb)
    stdin = data.get("stdin") or ""
    return validate_job(Job(data["code"], data.get("language", "python"), tests=(TestCase(stdin, ""),), limits=limits))


async def run(job: Job, pool: SandboxPool) -> dict[str, Any]:
    """Run for the output. `status` is Success, Failed, or SandboxError when it could not be run."""
    try:
        answer, _ = await pool.run_raw(job)
        record, output, stderr = answer.record, answer.output, answer.stderr
    except (WorkerLost, TimeoutError) as problem:
        return _answer("SandboxError", f"{type(problem).__name__}: {problem}", None, pool)
    if record.ending == "broken":
        return _answer("SandboxError", stderr.decode(errors="replace"), None, pool)
    code = os.waitstatus_to_exitcode(record.wait_status)
    is_timeout = record.ending == "time_limit"
    result = {
        "status": "TimeLimitExceeded" if is_timeout else "Finished",
        "execution_time": record.wall_seconds,
        "return_code": None if is_timeout else code,
        "stdout": output.decode(errors="replace"),
        "stderr": stderr.decode(errors="replace") if record.ending == "exited" else record.ending,
    }
    is_good = record.ending == "exited" and code == 0
    return _answer("Success" if is_good else "Failed", "", result, pool)


def _answer(status: str, message: str, result: dict[str, Any] | None, pool: SandboxPool) -> dict[str, Any]:
    return {
        "status": status,
        "message": message,
        "compile_result": None,
        "run_result": result,
        "executor_pod_name": None,
        "files": {},
        "isolation": pool.isolation,
    }
