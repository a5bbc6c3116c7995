"""Verdicts of `tool_call` beside BFCL's official AST checker on mutated calls. Prints JSON; status 1 where a difference
has no name, or is lenient and not of the one kind that is meant.

`python -m benchmarks.call_mutations --package DIR` after `pip install --no-deps --target DIR bfcl-eval==2026.3.23`.

`tool_call` is stricter than the official checker on purpose (`bfcl` is the verifier that is not). Each call is written
in a format, read again, checked against its schema and matched; the official checker gets the same values. `--format`
names the format; 12 changes of every row are about 30,000 calls.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bfcl_mutants import mutated
from benchmarks.bfcl_peer import AST, Peer
from benchmarks.measuring import machine, print_report
from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.bfcl.golds import gold_calls
from openqwq.verifiers.bfcl.package import package_folder
from openqwq.verifiers.bfcl.rows import joined, row_of
from openqwq.verifiers.tool_calls import ParsedCall
from openqwq.verifiers.tool_verifiers import ToolCallVerifier

CATEGORIES = tuple(name for name in AST if "java" not in name)
MEANT = "whole numbers in a list of floats"
SHOWN = 20
_UNSEEN = str.maketrans("'", '"', " ,./-_*^")
"""What the official checker does not see in texts."""


def written(call: ParsedCall, format: str) -> str:
    """A call in a format that JSON arguments have."""
    arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    forms = {
        "hermes": f'<tool_call>\n{{"name": {json.dumps(call.name)}, "arguments": {arguments}}}\n</tool_call>',
        "llama": f"<function={call.name}>{arguments}</function>",
        "mistral": f"[TOOL_CALLS]{call.name}[ARGS]{arguments}",
    }
    return forms[format]


def in_json(calls: Sequence[ParsedCall]) -> list[ParsedCall] | None:
    """The calls as JSON keeps them; None where it cannot say them."""
    try:
        listed = [(call.name, json.dumps(dict(call.arguments), allow_nan=False)) for call in calls]
    except (TypeError, ValueError):
        return None
    return [ParsedCall(name, json.loads(text)) for name, text in listed if name]


def seen_officially(value: Any) -> Any:
    """A JSON value with its texts as the official checker compares them."""
    if isinstance(value, str):
        return value.translate(_UNSEEN).lower()
    if isinstance(value, list):
        return [seen_officially(item) for item in value]
    return {key: seen_officially(item) for key, item in value.items()} if isinstance(value, dict) else value


def without_marks(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the reference's values, and those of enumerations, as the official checker compares them."""
    changed = copy.deepcopy(dict(row))
    waiting: list[Any] = [changed["tools"]]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            part.update({key: seen_officially(part[key]) for key in ("enum", "const") if key in part})
        waiting.extend(part.values() if isinstance(part, dict) else part if isinstance(part, list) else ())
    changed["reference"] = {"ground_truth": seen_officially(row["reference"]["ground_truth"])}
    return changed


def reason_of(
    is_lenient: bool, reason: str, calls: Sequence[ParsedCall], row: Mapping[str, Any], verifier: ToolCallVerifier
) -> str:
    """The name of a difference, or "" for one that has none."""
    if is_lenient:
        inner = [value for call in calls for value in call.arguments.values() if isinstance(value, list)]
        is_whole = any(type(item) is int for value in inner for item in value)
        return MEANT if is_whole and "float" in repr(row["reference"]["functions"]) else ""
    plain = [ParsedCall(call.name, seen_officially(dict(call.arguments))) for call in calls]
    text = "\n".join(written(call, verifier.format) for call in plain)
    if verifier.grade(text, without_marks(row)).score == 1.0:
        return "marks in texts are seen: v1.5 is not v15"
    if "is not of type" in reason:
        return "an allowed value of the reference has another type than its schema says"
    if "Additional properties" in reason or "is not one of" in reason:
        return "the schema is checked within objects, and its enumerations"
    return ""


def cases(folder: Path, category: str, num_changes: int, seed: int) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Every row of a category with the calls that its reference allows, and changes of them."""
    for question in joined(folder, category):
        functions, golds = question["function"], question["ground_truth"]
        row = row_of(question)
        calls: list[ParsedCall] = []
        with contextlib.suppress(KeyError, TypeError):
            calls = gold_calls(functions, golds, category)
        chance = random.Random(f"{seed} {question['id']}")
        tried = [calls, *(mutated(calls, golds, chance, False) for _ in range(num_changes))] if calls else []
        yield row, question["id"], [each for each in map(in_json, tried) if each is not None]


def compare(peer: Peer, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Counts of rows and calls, the differences by their names, and some that have none."""
    verifier = ToolCallVerifier(format=arguments.format)
    counts: Counter[str] = Counter()
    names: dict[str, Counter[str]] = {"lenient": Counter(), "strict": Counter()}
    refused, unnamed = [], []
    for category in CATEGORIES:
        for row, row_id, tried in cases(folder, category, arguments.changes, arguments.seed):
            if problem := verifier.check_reference(row):
                refused.append(f"{row_id}: {problem}"[:160])
                continue
            counts["rows"] += 1
            for calls in tried:
                text = "\n".join(written(call, verifier.format) for call in calls)
                ours = verifier.grade(text or "No call.", row)
                listed = [{call.name: dict(call.arguments)} for call in calls]
                golds, functions = row["reference"]["ground_truth"], row["reference"]["functions"]
                is_accepted = peer.answer(("calls", functions, listed, golds, category)) == "accepted"
                counts.update(["calls", "officially accepted" if is_accepted else "officially refused"])
                if is_accepted == (ours.score == 1.0):
                    continue
                kind = "strict" if is_accepted else "lenient"
                name = reason_of(not is_accepted, ours.reason, calls, row, verifier)
                names[kind][name or "no name"] += 1
                if not name:
                    unnamed.append({"kind": kind, "id": row_id, "reason": ours.reason, "calls": repr(listed)[:300]})
    return {**counts, "refused_at_load": len(refused), "refused": refused, **names, "unnamed": unnamed}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", help="folder that bfcl-eval was installed to")
    parser.add_argument("--changes", type=int, default=12, help="changed calls of every row (default 12)")
    parser.add_argument("--format", choices=["hermes", "llama", "mistral"], default="hermes")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    try:
        folder = package_folder(arguments.package)
    except VerifierError as error:
        print(f"call_mutations: nothing to compare with: {error}")
        return 0
    peer = Peer(folder)
    try:
        found = compare(peer, folder, arguments)
    finally:
        peer.close()
    unnamed = found.pop("unnamed")
    report = {"benchmark": "call_mutations", **machine(), "seed": arguments.seed, "format": arguments.format, **found}
    report["without_a_name"] = unnamed[:SHOWN]
    return print_report(report, [f"{len(unnamed)} differences without a name"] if unnamed else [])


if __name__ == "__main__":
    sys.exit(main())
