"""The process that holds scenarios. It speaks as `child_process/server.py` does."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openqwq.verifiers.bfcl.package import BACKENDS, constants
from openqwq.verifiers.bfcl.python_form import Call
from openqwq.verifiers.bfcl.scenario import Scenario, ScenarioClass, turns_mismatch
from openqwq.verifiers.child_process.server import Answer, serve


def main(memory_bytes: int, folder: str) -> None:
    def library() -> Answer:
        sys.path.append(str(Path(folder).parent))
        return Library(Path(folder)).answer

    serve(library, memory_bytes)


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
