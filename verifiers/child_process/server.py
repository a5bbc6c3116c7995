"""The child's side: reads one request a line from stdin, writes one reply a line to what was its stdout.

It may be killed at any moment. The kernel ends it when a request passes its time, also inside C code; it ends when its
parent closes the pipe.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

GRACE_SECONDS = 1.0
"""Beyond a request's seconds: the caller comes first."""
Answer = Callable[[Mapping[str, Any]], dict[str, Any]]


def serve(prepare: Callable[[], Answer], memory_bytes: int) -> None:
    """Load what `prepare` loads, say so, then answer until the pipe is closed.

    A reply is what the function of `prepare` returns, {"limit": "memory"} or, where it raised, {"problem": one line}.
    memory_bytes bounds the address space once all is loaded.
    """
    replies = _private_stdout()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = prepare()
    except Exception as error:  # whatever a library that is missing or of another version raises
        return _send(replies, {"failed": f"{type(error).__name__}: {error}"})
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    _send(replies, {"ready": os.getpid()})
    for line in sys.stdin:
        request = json.loads(line)
        # without a Python handler SIGALRM ends the process even inside a long C call, when no parent is left to kill it
        signal.setitimer(signal.ITIMER_REAL, request["seconds"] + GRACE_SECONDS)
        try:
            reply = answer(request)
        except MemoryError:
            reply = {"limit": "memory"}
        except Exception as error:
            reply = {"problem": f"{type(error).__name__}: {error}"[:300]}
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(replies, reply)


def _private_stdout() -> TextIO:
    """The pipe carries replies only; what libraries print goes to /dev/null."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    return replies


def _send(replies: TextIO, message: Mapping[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()
