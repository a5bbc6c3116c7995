"""The process that holds the verifier: reads one request a line from its socket, answers with one line.

It may be killed at any moment: its parent sets the deadlines.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from openqwq.verifiers.base import Verdict, Verifier, VerifierError
from openqwq.verifiers.registry import get_verifier
from openqwq.verifiers.workbench.cold import Loaded

NUM_THREADS = 4
_PR_SET_PDEATHSIG = 1


def main(descriptor: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a verifier that hangs ends with the parent
    os.set_inheritable(descriptor, False)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what verifiers print is dropped; replies go through the socket
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rw", encoding="utf-8") as stream:
        start = json.loads(stream.readline())
        try:
            verifier = get_verifier(start["verifier"], **start["arguments"])
        except VerifierError as error:
            _send(stream, {"unusable": str(error)})
            return
        except Exception as error:
            _send(stream, {"unusable": f"{start['verifier']} cannot be built: {type(error).__name__}: {error}"})
            return
        _send(stream, {"ready": True, "columns": list(getattr(verifier, "needed_columns", ()))})
        for line in stream:
            _send(stream, _answer(verifier, json.loads(line)))
        with contextlib.suppress(Exception):  # an error of closing changes no verdict
            verifier.close()


def _send(stream: Any, message: Mapping[str, Any]) -> None:
    stream.write(json.dumps(message) + "\n")
    stream.flush()


def _answer(verifier: Verifier, request: Mapping[str, Any]) -> dict[str, Any]:
    responses, rows = request["responses"], request["rows"]
    modes: dict[str, Callable[[Verifier, Sequence[str], Sequence[Any]], list[dict[str, Any]]]]
    modes = {"one": _one_by_one, "batch": _as_batch, "threads": _from_threads}
    try:
        return {"observations": modes[request["mode"]](verifier, responses, rows)}
    except BatchProblem as error:
        return {"problem": str(error)}


class BatchProblem(Exception):
    """verify_many as a whole failed."""


def _one_by_one(verifier: Verifier, responses: Sequence[str], rows: Sequence[Any]) -> list[dict[str, Any]]:
    found = []
    for response, row in zip(responses, rows, strict=True):
        before = Loaded.now()
        seen = _observe(verifier, response, row)
        found.append(seen | {"is_cold": Loaded.now().has_more_than(before)})
    return found


def _as_batch(verifier: Verifier, responses: Sequence[str], rows: Sequence[Any]) -> list[dict[str, Any]]:
    try:
        verdicts = verifier.verify_many(responses, rows)
    except Exception as error:
        raise BatchProblem(f"verify_many raised {type(error).__name__}: {error}") from error
    if not isinstance(verdicts, list) or len(verdicts) != len(rows):
        found = f"{len(verdicts)} verdicts" if isinstance(verdicts, list) else type(verdicts).__name__
        raise BatchProblem(f"verify_many returned {found} for {len(rows)} answers")
    return [_described(verdict, 0.0) for verdict in verdicts]


def _from_threads(verifier: Verifier, responses: Sequence[str], rows: Sequence[Any]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(NUM_THREADS) as threads:
        return list(threads.map(_observe, [verifier] * len(rows), responses, rows))


def _observe(verifier: Verifier, response: str, row: Any) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        verdict: object = verifier.verify(response, row)
    except Exception as error:
        return _raised(error, time.perf_counter() - start)
    return _described(verdict, time.perf_counter() - start)


def _raised(error: BaseException, seconds: float) -> dict[str, Any]:
    reason = f"raised {type(error).__name__}: {error}"[:500]
    return {"status": "exception", "score": None, "reason": reason, "seconds": seconds}


def _described(verdict: object, seconds: float) -> dict[str, Any]:
    if not isinstance(verdict, Verdict):
        reason = f"returned {type(verdict).__name__}, expected Verdict"
        return {"status": "exception", "score": None, "reason": reason, "seconds": seconds}
    score = None if verdict.score is None else float(verdict.score)  # numpy's numbers are no JSON
    return {"status": verdict.status, "score": score, "reason": str(verdict.reason)[:500], "seconds": seconds}


if __name__ == "__main__":
    main(int(sys.argv[1]))
