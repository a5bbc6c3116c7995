"""Runs the official BFCL checker in a process of its own, told by lines; started by `bfcl_peer.py`.

Imports the standard library and the peer's folder only. What its modules import and no checker needs (model handlers,
parsers of Java and JavaScript) is replaced by empty modules, which is why it is not run within another process. A line
is the `repr` of a case, its answer a JSON line: "accepted", "refused", or "raised: ..." of the checker.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import sys
import types
from typing import Any

EMPTY = ("tree_sitter", "tree_sitter_java", "tree_sitter_javascript", "tenacity", "bfcl_eval.utils")
UNUSED = ("java_parser", "js_parser", "json_parser", "xml_parser")


class Anything:
    """A model's configuration, and whatever else is asked of an empty module."""

    underscore_to_dot = False

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> Anything:
        return self

    def __getattr__(self, name: str) -> Anything:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __getitem__(self, _: object) -> type[Anything]:
        return Anything


class EmptyModule(types.ModuleType):
    __all__: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()


class Peer:
    def __init__(self, folder: str) -> None:
        sys.path.insert(0, folder)
        for name in (*EMPTY, *(f"bfcl_eval.model_handler.parser.{part}" for part in UNUSED)):
            sys.modules[name] = EmptyModule(name)
        models = types.ModuleType("bfcl_eval.constants.model_config")
        vars(models)["MODEL_CONFIG_MAPPING"] = Anything()
        sys.modules[models.__name__] = models
        self.enums: Any = importlib.import_module("bfcl_eval.constants.enums")
        self.ast: Any = importlib.import_module("bfcl_eval.eval_checker.ast_eval.ast_checker")
        self.turns: Any = importlib.import_module("bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker")
        self.runner: Any = importlib.import_module("bfcl_eval.eval_checker.multi_turn_eval.multi_turn_utils")
        self.reading: Any = importlib.import_module("bfcl_eval.model_handler.utils")
        self.number = 0

    def calls(self, functions: Any, calls: Any, golds: Any, category: str) -> bool:
        language = "JAVASCRIPT" if "javascript" in category else "JAVA" if "java" in category else "PYTHON"
        chosen = getattr(self.enums.Language, language)
        return bool(self.ast.ast_checker(functions, calls, golds, chosen, category, "x")["valid"])

    def text(self, text: str) -> Any:
        return self.reading.default_decode_ast_prompting(text)

    def conversation(self, row: dict[str, Any], turns: Any, golds: Any) -> bool:
        self.number += 1  # the runner keeps its instances by the model's name
        if len(turns) != len(golds):
            return False
        verdict = self.turns.multi_turn_checker(turns, golds, row, "", f"m{self.number}")
        for name in [name for name in vars(self.runner) if name.endswith("_instance")]:
            del vars(self.runner)[name]
        return bool(verdict["valid"])


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the peer prints
    peer = Peer(sys.argv[1])
    for line in sys.stdin:
        kind, *case = ast.literal_eval(line)
        try:
            said = getattr(peer, kind)(*case)
            answer = said if kind == "text" else "accepted" if said else "refused"
            text = repr(answer) if kind == "text" else answer
        except Exception as error:
            text = f"raised: {type(error).__name__}: {error}"[:200]
        answers.write(json.dumps(text) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
