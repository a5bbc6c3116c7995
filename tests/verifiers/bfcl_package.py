"""A package of the same form as `bfcl-eval`, with questions and a scenario class of our own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

KIOSK = '''
import time


class Kiosk:
    """Sells things while there are some."""

    def __init__(self):
        self._log = []

    def _load_scenario(self, scenario, long_context=False):
        self.stock = scenario.get("stock", {})
        self.sold = []
        if long_context:
            self.stock |= {f"thing {n}": n for n in range(50)}

    def count(self, name):
        return {"left": self.stock[name]}

    def sell(self, name, number=1):
        if self.stock.get(name, 0) < number:
            return {"error": f"not enough {name}"}
        self._log.append(name)
        self.stock[name] -= number
        self.sold.append(name)
        return {"sold": name, "left": self.stock[name]}

    def names(self):
        print("this must not reach the pipe")
        return list(self.stock)

    def remove(self, name):
        return self.stock.pop(name)

    def sleep(self, seconds):
        time.sleep(seconds)
        return "awake"

    def end(self):
        import os
        os._exit(3)

    @staticmethod
    def helper():
        return "not a method"


class Calculator:
    def add(self, a, b):
        return a + b

    def count(self, name):
        return len(name)
'''
BACKENDS = """
CLASS_FILE_PATH_MAPPING = {"Kiosk": "bfcl_eval.kiosk", "Calculator": "bfcl_eval.kiosk", "Lost": "bfcl_eval.lost"}
STATELESS_CLASSES = ["Calculator"]
MULTI_TURN_FUNC_DOC_FILE_MAPPING = {"Kiosk": "kiosk.json", "Calculator": "calculator.json"}
"""
PROMPTS = """
PROMPT_STYLE_TEMPLATES = {"classic": {
    "persona": "You call.", "task": "Call well.", "tool_call_no_tag": "Write {output_format}.{param_types}",
    "multiturn_behavior": "Go on.", "available_tools": "In {format}: {functions}"}}
PROMPT_TEMPLATE_MAPPING = {"plaintext": "{persona} {task} {tool_call_format} {multiturn_behavior} {available_tools}"}
OUTPUT_FORMAT_MAPPING = {"python": "[f(a=1)]"}
PARAM_TYPE_MAPPING = {"python": ""}
DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_PROMPTING = "{functions} And now?"
"""


def function(name: str, required: Sequence[str] = (), /, **properties: Any) -> dict[str, Any]:
    """A function's description. Example: function("f", ["x"], x="integer")."""
    described = {key: {"type": kind} if isinstance(kind, str) else kind for key, kind in properties.items()}
    parameters = {"type": "dict", "properties": described, "required": list(required)}
    return {"name": name, "description": f"The function {name}.", "parameters": parameters}


AREA = function("shape.area", ["width"], width="float", height="float", unit="string")
SAY = function("say", ["text"], text="string")
USER = {"role": "user", "content": "What is the area?"}
SALE: dict[str, Any] = {
    "initial_config": {"Kiosk": {"stock": {"fig": 3, "pear": 1}}},
    "involved_classes": ["Kiosk", "Calculator"],
}


def asked(*texts: str) -> list[list[dict[str, str]]]:
    """Turns of one message; an empty text is a turn without one."""
    return [[{"role": "user", "content": text}] if text else [] for text in texts]


QUESTIONS: dict[str, list[dict[str, Any]]] = {
    "simple_python": [
        {"id": "simple_python_0", "question": [[USER]], "function": [AREA]},
        {"id": "simple_python_1", "question": [[USER]], "function": [SAY]},
    ],
    "simple_java": [{"id": "simple_java_0", "question": [[USER]], "function": [function("put", ["x"], x="long")]}],
    "parallel_multiple": [{"id": "parallel_multiple_0", "question": [[USER]], "function": [AREA, SAY]}],
    "irrelevance": [{"id": "irrelevance_0", "question": [[USER]], "function": [AREA]}],
    "multi_turn_base": [{"id": "multi_turn_base_0", "question": asked("Sell a fig.", "And a pear?"), **SALE}],
    "multi_turn_miss_func": [
        {
            "id": "multi_turn_miss_func_0",
            "question": asked("How many figs?", "Sell a pear.", ""),
            "missed_function": {"2": ["sell"]},
            **SALE,
        }
    ],
}
ANSWERS: dict[str, list[Any]] = {
    "simple_python": [
        [{"shape.area": {"width": [2.0], "height": [3.0, ""], "unit": ["cm", "centimetre", ""]}}],
        [{"say": {"text": ["Good morning, Ann"]}}],
    ],
    "simple_java": [[{"put": {"x": [42]}}]],
    "parallel_multiple": [[{"say": {"text": ["hi"]}}, {"shape.area": {"width": [1.5]}}]],
    "multi_turn_base": [[["sell(name='fig')"], ["sell('pear')", "count(name='ab')"]]],
    "multi_turn_miss_func": [[["names()"], [], ["sell(name='pear')"]]],
}
KIOSK_FUNCTIONS = [
    function("count", ["name"], name="string"),
    function("sell", ["name"], name="string", number="integer"),
    function("names"),
]


def write_package(folder: Path) -> Path:
    """The folder to name as `package`."""
    root = folder / "bfcl_eval"
    for part in ("constants", "data/possible_answer", "data/multi_turn_func_doc"):
        (root / part).mkdir(parents=True)
    (root / "__init__.py").touch()
    (root / "kiosk.py").write_text(KIOSK)
    (root / "constants" / "executable_backend_config.py").write_text(BACKENDS)
    (root / "constants" / "default_prompts.py").write_text(PROMPTS)
    for category, rows in QUESTIONS.items():
        write_lines(root / "data" / f"BFCL_v4_{category}.json", rows)
        if category in ANSWERS:
            listed = [
                {"id": row["id"], "ground_truth": gold} for row, gold in zip(rows, ANSWERS[category], strict=True)
            ]
            write_lines(root / "data" / "possible_answer" / f"BFCL_v4_{category}.json", listed)
    write_lines(root / "data" / "multi_turn_func_doc" / "kiosk.json", KIOSK_FUNCTIONS)
    add = function("add", ["a", "b"], a="integer", b="integer")
    write_lines(root / "data" / "multi_turn_func_doc" / "calculator.json", [add])
    return folder


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
