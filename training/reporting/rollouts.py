"""All rollouts of a run inside its page, for the script (`viewer.mjs`) that filters, searches and compares them."""

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from openqwq.training.answers.record import Answer
from openqwq.training.reporting.markup import tag, text
from openqwq.training.reporting.tokens import Pieces, pieces_of_run, token_view, units
from openqwq.training.run_folder.lenient import Row, mapping, number, rows_of
from openqwq.training.run_folder.record import RunRecord

BUDGET = 3_300_000
"""Compressed bytes of rollouts in a page; in base64 a third more, so that a page stays below 5 MB."""
READ_AT_MOST = 200_000_000
"""Compressed bytes of rollouts that are read for a page; of a longer run, that much of its steps."""


def rollout_browser(record: RunRecord, budget: int = BUDGET) -> str:
    """The section with all rollouts, or with those that `sampled` chose; empty without any."""
    steps, num_steps = _steps(record)
    data, shown, total = packed(record, steps, budget)
    if not total:
        return ""
    words = f"All {total:,} rollouts that were kept."
    if shown < total or len(steps) < num_steps:
        where = f" of {len(steps):,} of {num_steps:,} steps" if len(steps) < num_steps else ""
        words = (
            f"{shown:,} of {total:,} rollouts{where}: whole groups, chosen by a hash of their stage, step and number, "
            f"whatever their reward. More: openqwq report RUN --rollouts-mb 50."
        )
    keys = "Click one to see all samples of its prompt. Keys: / searches, j and k walk, Enter opens, Esc closes."
    return tag(
        "section",
        '<h2 id="all-rollouts">Rollouts</h2>',
        tag("p", text(f"{words} {keys}"), css="facts"),
        '<div id="browser"><noscript>Reading them needs JavaScript.</noscript></div>',
        f'<script type="application/octet-stream" id="rollouts-data">{data}</script>',
    )


def _steps(record: RunRecord) -> tuple[list[tuple[str, int]], int]:
    """(stage, step) of the steps that are read, and the number of all steps with rollouts."""
    sizes = {
        (stage.name, step): record.rollout_bytes(stage.name, step)
        for stage in record.stages
        for step in record.rollout_steps(stage.name)
    }
    share = READ_AT_MOST / max(sum(sizes.values()), 1)
    return [(stage, step) for stage, step in sizes if _place(f"{stage}/{step}") < share], len(sizes)


def packed(record: RunRecord, steps: Sequence[tuple[str, int]], budget: int) -> tuple[str, int, int]:
    """(base64 of gzip of a JSON object of columns, number of rollouts in it, number of all). At most `budget`
    compressed bytes. What is alike in many rollouts stands side by side in a column, and compresses better so."""
    share, total, pieces = 1.0, 0, pieces_of_run(record)
    while True:
        rows, total = [], 0
        for stage, step in steps:
            for answer in record.rollouts(stage, step):
                total += 1
                if _place(f"{stage}/{step}/{answer.group}") < share:
                    rows.append(_shown(stage, step, answer, pieces))
        held = gzip.compress(_as_columns(rows).encode(), 9, mtime=0)
        if len(held) <= budget or not rows:
            return base64.b64encode(held).decode(), len(rows), total
        share *= min(0.9, 0.95 * budget / len(held))


def _as_columns(rows: Sequence[Row]) -> str:
    """A JSON object of a column for each key; null where a row lacks it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return (
        "{" + ",".join(f"{json.dumps(name)}:{_column([_json(row.get(name)) for row in rows])}" for name in names) + "}"
    )


def _column(values: Sequence[str]) -> str:
    """JSON of a list of JSON values. Where many are alike, each stands once in `of`, and `at` says which one a row has,
    or `by`, how much further on it is than that of the row before; whichever is smaller."""
    places: dict[str, int] = {}
    at = [places.setdefault(value, len(places)) for value in values]
    if 2 * len(places) > len(values):
        return f"[{','.join(values)}]"
    by = [place - before for before, place in pairwise([0, *at])]
    said = min((f'"at":{_json(at)}', f'"by":{_json(by)}'), key=lambda text: len(zlib.compress(text.encode(), 1)))
    return f'{{"of":[{",".join(places)}],{said}}}'


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _place(name: str) -> float:
    """A number in [0, 1) that a step or a group has from its name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def _shown(stage: str, step: int, answer: Answer, pieces: Pieces | None) -> dict[str, Any]:
    """What the script reads (`Packed` in viewer.mjs), whatever the line of the file was. Values that JavaScript would
    read as other ones (long integers, NaN) are text."""
    view = None if pieces is None else token_view(answer, pieces)
    turns = [_turn(turn) for turn in rows_of(answer.turns)]
    return {
        "stage": stage,
        "step": step,
        "task": str(answer.task),
        "id": str(answer.id),
        "group": int(number(answer.group) or 0),
        "sample": int(number(answer.sample) or 0),
        "reward": number(answer.reward),
        "advantage": number(answer.advantage),
        "tokens": int(number(answer.num_tokens) or 0),
        "finish": str(answer.finish_reason),
        "flags": [str(flag) for flag in answer.flags],
        "replay": bool(answer.is_replay),
        "reason": str(answer.reason),
        "reference": None if answer.reference is None else _as_text(answer.reference),
        "verdicts": {str(name): _verdict(mapping(verdict)) for name, verdict in mapping(answer.verdicts).items()},
        "messages": [_turn(message) for message in rows_of(answer.messages)],
        "turns": turns if view is None else _placed(turns, view.text),
        **({} if view is None else view.columns()),
    }


def _verdict(verdict: Row) -> dict[str, Any]:
    score = number(verdict.get("score"))
    said = {"status": str(verdict.get("status")), "reason": str(verdict.get("reason") or "")}
    return said if score is None else {**said, "score": score}


def _turn(turn: Row) -> dict[str, str]:
    calls = {"calls": _as_text(turn["tool_calls"])} if turn.get("tool_calls") else {}
    return {"role": str(turn.get("role")), "content": _as_text(turn.get("content") or ""), **calls}


def _placed(turns: Sequence[dict[str, str]], text: str) -> list[Any]:
    """Turns whose content stands in the text of all tokens as [role, where it begins, its length, calls]."""
    found: list[Any] = []
    end, passed = 0, 0
    for turn in turns:
        start = text.find(turn["content"], end)
        if start < 0:
            found.append(turn)
            continue
        passed += units(text[end:start])
        size = units(turn["content"])
        found.append([turn["role"], passed, size, *([turn["calls"]] if "calls" in turn else [])])
        end, passed = start + len(turn["content"]), passed + size
    return found


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
