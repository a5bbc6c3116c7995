"""Finds settings of our own fixtures that stand at their neutral point, from the syntax tree.

At the neutral point (temperature 1, no warm-up, no decay, equal weights) a setting that the code ignores, drops or
turns round changes nothing, so a test cannot notice. A line that means it says so: `# neutral: why`. A call or mapping
that leaves out a setting whose default is neutral says it on its first line. On the first line of a statement or a
definition the reason is for all of it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NEUTRAL: dict[str, float] = {  # neutral: they are what is looked for
    "temperature": 1.0,
    "top_p": 1.0,
    "gamma": 1.0,
    "policy_lambda": 1.0,
    "value_lambda": 1.0,
    "lam": 1.0,
    "warmup_steps": 0.0,
    "weight_decay": 0.0,
    "entropy_coefficient": 0.0,
    "overlong_fraction": 0.0,
}
"""Setting -> the value at which it does nothing."""

DEFAULTS: dict[str, tuple[str, ...]] = {
    "Optimizer": ("warmup_steps", "weight_decay"),
    "optimizer": ("warmup_steps", "weight_decay"),
    "Sampling": ("temperature",),
    "sampling": ("temperature",),
    "GenerationRequest": ("temperature",),
    "Critic": ("gamma", "value_lambda"),
    "critic": ("gamma", "value_lambda"),
    "TrainerSettings": ("minibatches",),
}
"""Class, or key of a recipe's mapping -> settings whose default is neutral, so that leaving them out is too."""

STAGE = ("sampling", "optimizer")
"""Sections of an RL stage that a fixture must have, because their defaults are neutral."""

POSITIONS: dict[str, tuple[tuple[int, str], ...]] = {
    "GenerationRequest": ((4, "temperature"),),
    "generalised_advantages": ((3, "gamma"), (4, "lam")),
    "returns_to_go": ((2, "gamma"),),
}
"""Function -> position and name of arguments that are given without their names."""

WEIGHED = {"VerifierUse", "PromptSource"}
"""What has a weight beside others of its kind: these classes, and mappings of a recipe with `name` or `source`."""

OF_A_USE = {"name", "arguments", "source", "format", "rows", "task", "replay", "weight"}
"""Keys of a verifier's use and of a prompt source in a recipe."""

REASON = re.compile(r"#\s*neutral:\s*\S")


@dataclass(frozen=True)
class Neutral:
    """A setting at its neutral point. Example: `Neutral("tests/recipes/small_rl.py", 31, "temperature", "is 1")`"""

    path: str
    line: int
    setting: str
    how: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.setting} {self.how}"


def neutral_settings(path: str, source: str, reads_defaults: bool) -> list[Neutral]:
    """The settings of a file at their neutral point without a reason. `reads_defaults`: also those left out."""
    tree = ast.parse(source)
    excused = _excused_lines(tree, source)
    found = [*_literals(tree), *_equal_weights(tree), *(_left_out(tree) if reads_defaults else ())]
    rows = sorted({(line, setting, how) for line, setting, how in found if line not in excused})
    return [Neutral(path, *row) for row in rows]


def fixture_files(root: Path) -> Iterator[tuple[str, str]]:
    """Path and text of every Python file under tests/."""
    for path in sorted((root / "tests").rglob("*.py")):
        yield str(path.relative_to(root)), path.read_text()


Found = tuple[int, str, str]


def _literals(tree: ast.AST) -> Iterator[Found]:
    """Arguments by name and by position, keys of mappings, and parameters' defaults that are the neutral value itself.
    A neutral case among others of a parametrization is none of these."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                yield from _if_neutral(keyword.arg, keyword.value)
            for position, name in POSITIONS.get(_name(node.func), ()):
                if position < len(node.args):
                    yield from _if_neutral(name, node.args[position])
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                yield from _if_neutral(_text(key), value)
        elif isinstance(node, ast.arguments):
            named = [*node.posonlyargs, *node.args]
            pairs = [*zip(named[len(named) - len(node.defaults) :], node.defaults, strict=True)]
            pairs += [(a, d) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True) if d is not None]
            for argument, default in pairs:
                yield from _if_neutral(argument.arg, default)


def _if_neutral(name: str | None, value: ast.expr) -> Iterator[Found]:
    if name in NEUTRAL and isinstance(value, ast.Constant) and value.value == NEUTRAL[name]:
        yield value.lineno, name, f"is {value.value}"


def _left_out(tree: ast.AST) -> Iterator[Found]:
    """Settings whose neutral default stands: of settings classes, of a recipe's mappings, of RL stages."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in DEFAULTS:
            given = {keyword.arg for keyword in node.keywords}
            given |= {name for i, name in POSITIONS.get(_name(node.func), ()) if i < len(node.args)}
            if None not in given:  # `**changes` may hold anything
                yield from _missing(node.lineno, _name(node.func), given)
        elif isinstance(node, ast.Dict):
            keys = {_text(key) for key in node.keys if key is not None}
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(value, ast.Dict) and _text(key) in DEFAULTS and None not in value.keys:
                    yield from _missing(value.lineno, _text(key), {_text(k) for k in value.keys})
            is_stage = any(_text(k) == "kind" and _text(v) == "rl" for k, v in zip(node.keys, node.values, strict=True))
            for section in STAGE if is_stage else ():
                if section not in keys:
                    yield node.lineno, section, "is left out of an RL stage, and its defaults are neutral"


def _missing(line: int, owner: str, given: set[str | None]) -> Iterator[Found]:
    for setting in DEFAULTS[owner]:
        if setting not in given:
            yield line, setting, f"is left out of {owner}, and its default is neutral"


def _equal_weights(tree: ast.AST) -> Iterator[Found]:
    """Lists of verifiers or sources, two or more, whose weights are all the same."""
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple) and len(node.elts) > 1:
            weights = [_weight(element) for element in node.elts]
            if None not in weights and len(set(weights)) == 1:
                yield node.lineno, "weight", f"is {weights[0]} for all {len(weights)}"


def _weight(node: ast.expr) -> str | None:
    """The weight that an element stands for, as text; None when it has none of its own."""
    if isinstance(node, ast.Call) and _name(node.func) in WEIGHED:
        named = {keyword.arg: keyword.value for keyword in node.keywords}
    elif isinstance(node, ast.Dict) and None not in node.keys:
        named = {_text(key): value for key, value in zip(node.keys, node.values, strict=True)}
        if not {"name", "source"} & set(named) or not set(named) <= OF_A_USE:
            return None
    else:
        return None
    return ast.unparse(named["weight"]) if "weight" in named else "1"


def _excused_lines(tree: ast.AST, source: str) -> set[int]:
    """Lines with a reason, and all lines of a statement or definition whose first line has one."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    reasons = {t.start[0] for t in tokens if t.type == tokenize.COMMENT and REASON.search(t.string)}
    excused = set(reasons)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno in reasons:
            excused |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return excused


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
