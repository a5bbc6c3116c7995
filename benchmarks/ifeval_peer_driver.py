"""Judges by lm-eval's copy of the official IFEval code in a process of its own; started by `ifeval_peer.py`.

Imports the standard library and the peer's folder only. A line {"response", "instruction_id_list", "kwargs"} is
answered by {"strict": [...], "loose": [...]}, or by {"error": ...} where the official code raises.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import string
import sys
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any


def open_package(path: Path, name: str) -> None:
    """Register a package by its folder, without running its `__init__`, which loads what no checker needs."""
    package = types.ModuleType(name)
    package.__path__ = [str(path.joinpath(*name.split(".")))]
    sys.modules[name] = package


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    logging.disable(logging.CRITICAL)
    path = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(path))
    for name in ("lm_eval", "lm_eval.tasks", "lm_eval.tasks.ifeval"):
        open_package(path, name)
    factory: Any = importlib.import_module("langdetect").DetectorFactory
    factory.seed = 0
    utils: Any = importlib.import_module("lm_eval.tasks.ifeval.utils")
    versions = {name: version(name) for name in ("lm_eval", "nltk", "langdetect")}
    print(json.dumps(versions), file=answers, flush=True)
    for line in sys.stdin:
        try:
            said = judge(utils, json.loads(line))
        except Exception as error:  # whatever the official code raises is its answer
            said = {"error": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(said), file=answers, flush=True)


def judge(utils: Any, row: dict[str, Any]) -> dict[str, Any]:
    """The official verdicts. For a letter outside a-z one is drawn there; here each of them once, and most win."""
    drawn = [
        number
        for number, kwargs in enumerate(row["kwargs"])
        if kwargs.get("letter") and not "a" <= kwargs["letter"].lower() <= "z"
    ]
    verdicts = []
    for letter in string.ascii_lowercase if drawn else "-":
        given = [
            kwargs | {"letter": letter} if number in drawn else kwargs for number, kwargs in enumerate(row["kwargs"])
        ]
        example = utils.InputExample(0, row["instruction_id_list"], "", given)
        both = (utils.test_instruction_following_strict, utils.test_instruction_following_loose)
        verdicts.append([check(example, row["response"]).follow_instruction_list for check in both])
    strict, loose = (
        [2 * sum(column) > len(verdicts) for column in zip(*(verdict[reading] for verdict in verdicts), strict=True)]
        for reading in (0, 1)
    )
    return {"strict": strict, "loose": loose}


if __name__ == "__main__":
    main()
