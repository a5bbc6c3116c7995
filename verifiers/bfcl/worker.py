"""The process that holds scenarios: reads one request a line from stdin, writes one reply a line to its real stdout.

It may be killed at any moment. The kernel ends it when a request passes its time or its memory, and it ends when its
parent closes the pipe.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from openqwq.verifiers.bfcl.package import BACKENDS, constants
from openqwq.verifiers.bfcl.python_form import Call
from openqwq.verifiers.bfcl.scenario import Scenario, ScenarioClass, turns_mismatch

GRACE_SECONDS = 1.0


def main(memory_bytes: int, folder: str) -> None:
    answers = _private_stdout()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    sys.path.append(str(Path(folder).parent))
    try:
        library = Library(Path(folder))
    except Exception as error:  # whatever another version of the package raises
        return _send(answers, {"failed": f"{type(error).__name__}: {error}"})
    _send(answers, {"ready": os.getpid()})
    for line in sys.stdin:
        request = json.loads(line)
        # without a Python handler SIGALRM ends the process even inside a long C call, when no parent is left to kill it
        signal.setitimer(signal.ITIMER_REAL, request["seconds"] + GRACE_SECONDS)
        try:
            reply: dict[str, Any] = library.answer(request)
        except MemoryError:
            reply = {"limit": "memory"}
        except Exception as error:  # the row's classes and configuration: its own fault, and no answer's
            reply = {"failed": f"{type(error).__name__}: {error}"[:300]}
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(answers, reply)


def _private_stdout() -> TextIO:
    """The pipe carries replies only; what a scenario prints goes to /dev/null."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    return answers


def _send(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


class Library:
    """The scenario classes of a package, imported when a row asks for them."""

    def __init__(self, folder: Path) -> None:
        known = constants(folder, BACKENDS)
        self._modules: Mapping[str, str] = known["CLASS_FILE_PATH_MAPPING"]
        self._stateless = frozenset(known["STATELESS_CLASSES"])

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answers to the last calls of a run, or with `wanted` the comparison of a run with the reference's."""
        classes = {name: self._class(name) for name in request["classes"]}

        def begin() -> Scenario:
            return Scenario(classes, request["configuration"], request["is_long_context"])

        turns = [[_calls(step) for step in steps] for steps in request["turns"]]
        if "wanted" in request:
            return {"mismatch": turns_mismatch(begin, turns, [_calls(calls) for calls in request["wanted"]])}
        scenario = begin()
        answered = [scenario.run(call) for steps in turns for step in steps for call in step]
        return {"answers": answered[len(answered) - request["num_last"] :]}

    def _class(self, name: str) -> ScenarioClass:
        if name not in self._modules:
            raise ValueError(f"no scenario class is named {name!r}; known: {', '.join(self._modules)}")
        factory = getattr(importlib.import_module(self._modules[name]), name)
        return ScenarioClass(factory, name not in self._stateless)


def _calls(texts: Sequence[str]) -> list[Call]:
    return [_call(text) for text in texts]


def _call(text: str) -> Call:
    """A call from its parts as a Python literal, which keeps tuples and sets apart from lists."""
    try:
        name, positional, arguments = ast.literal_eval(text)
        return Call(name, positional, arguments)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # such as a number beyond all bounds
        return Call("an unreadable call")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
