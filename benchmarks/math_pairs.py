"""Shared by the math benchmarks: labelled pairs and the contenders that check them.

A contender is a name in `CONTENDERS`. The project's verifier is used through its public interface only; Math-Verify
(PyPI `math-verify`) as its README says: `verify(parse("\\boxed{gold}"), parse(response))`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).absolute().parents[1]
CORPUS = ROOT / "tests" / "verifiers" / "math_corpus"


@dataclass(frozen=True)
class Pair:
    """One labelled answer. Example: `Pair("p1", "fraction", r"\\frac12", r"\\boxed{0.5}", True)`."""

    id: str
    category: str
    gold: Any
    """Text; a hostile reference may be anything."""
    response: str
    is_correct: bool


@dataclass(frozen=True)
class Outcome:
    """What a contender said of one pair. Example: `Outcome(True, 0.0002, "scored", "2 exact", "equal (exact)")`."""

    is_accepted: bool
    seconds: float
    status: str
    """The verdict's, `raised` for an exception, `killed` when the process passed its deadline or ended."""
    tier: str = ""
    reason: str = ""
    growth_mb: float = 0.0
    """How far the memory of the checking process rose above what it held before, at its highest."""


# Also what warms a process: between them they reach every tier of any verifier.
PAIRS = [
    Pair(f"own-{number}", "own", gold, f"So the answer is $\\boxed{{{answer}}}$.", is_correct)
    for number, (gold, answer, is_correct) in enumerate(
        [
            ("12500", "12{,}500", True),
            (r"\frac{3}{7}", r"\frac{6}{14}", True),
            (r"\frac{3}{7}", "0.43", False),
            (r"2\sqrt{3}", r"\sqrt{12}", True),
            (r"2\sqrt{3}", r"\sqrt{13}", False),
            ("(x+1)^2", "x^2+2x+1", True),
            ("(x+1)^2", "x^2+2x+2", False),
            (r"\frac{\pi}{4}", r"\arctan 1", True),
            (r"\sin 2x", r"2\sin x\cos x", True),
            (r"\sin 2x", r"2\sin x", False),
            (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{bmatrix}1\\\frac42\end{bmatrix}", True),
            (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}2\\1\end{pmatrix}", False),
            (r"[0,1)\cup(2,3)", r"(2,3)\cup[0,1)", True),
            (r"[0,1)\cup(2,3)", r"[0,1]\cup(2,3)", False),
            ("y = 2x + 1", "2x - y + 1 = 0", True),
            ("y = 2x + 1", "y = 2x - 1", False),
            (r"\{1,2\}", r"\{2,1\}", True),
            ("(1,2)", "(2,1)", False),
            (r"\frac{1}{\sqrt{2}+1}", r"\sqrt{2}-1", True),
            (r"\log_2 8 + x", "x + 3", True),
            (r"e^{x}+e^{-x}", r"2\cosh x", True),
            (r"e^{x}+e^{-x}", r"2\sinh x", False),
            ("2+3i", "3i+2", True),
            (r"\text{even}", "odd", False),
            (r"\frac{a^2-b^2}{a-b}", "a+b", True),
            (r"\frac{a^2-b^2}{a-b}", "a-b", False),
        ]
    )
]


def expand(response: str | Sequence[Sequence[Any]]) -> str:
    """Long responses are stored as a list of [text, repeats]."""
    return response if isinstance(response, str) else "".join(text * int(repeats) for text, repeats in response)


def read_pairs(path: Path) -> list[Pair]:
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return [Pair(row["id"], row["category"], row["gold"], expand(row["response"]), row["correct"]) for row in rows]


def own_corpus() -> list[Pair]:
    """The labelled pairs that the project ships; empty when this checkout has none."""
    return [pair for path in sorted(CORPUS.glob("*.jsonl")) for pair in read_pairs(path)]


def tier_of(reason: str, number: object) -> str:
    """Name and number of the tier that decided, as far as the verdict tells them."""
    word = re.search(r"\(([a-z_]+)(?::.*)?\)$", reason, re.DOTALL)
    name = f"{number:g} " if isinstance(number, float) else ""
    return name + word[1] if word else name.strip() or f"none: {reason[:40]}"


@dataclass(frozen=True)
class Contender:
    """A way to check pairs. What it makes of a pair is described after the clock has stopped."""

    check: Callable[[Pair], Any]
    describe: Callable[[Any], Outcome]


def our_check() -> Contender:
    from openqwq.verifiers import get_verifier

    verifier = get_verifier("math")

    def describe(verdict: Any) -> Outcome:
        tier = tier_of(verdict.reason, verdict.parts.get("tier"))
        return Outcome(verdict.score == 1.0, 0.0, verdict.status, tier, verdict.reason[:200])

    return Contender(lambda pair: verifier.verify(pair.response, {"reference": pair.gold}), describe)


def peer_check() -> Contender:
    """Math-Verify as it comes; its time-outs are alarms, so they work in the main thread only."""
    from math_verify import parse, verify

    def check(pair: Pair) -> bool:
        gold = parse(f"\\boxed{{{pair.gold}}}", parsing_timeout=5)
        answer = parse(pair.response, parsing_timeout=5)
        return bool(verify(gold, answer, timeout_seconds=5))

    return Contender(check, lambda is_equal: Outcome(is_equal, 0.0, "scored"))


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "ours": our_check,
    "math_verify": peer_check,
}


def check_pairs(contender: Contender, pairs: Sequence[Pair]) -> tuple[float, float, list[Outcome]]:
    """Start and end by the machine's monotonic clock, and the outcomes; an exception is an outcome too."""
    raw: list[tuple[Any, float]] = []
    started = time.monotonic()
    for pair in pairs:
        before = time.perf_counter()
        try:
            found = contender.check(pair)
        except Exception as error:
            found = error
        raw.append((found, time.perf_counter() - before))
    ended = time.monotonic()
    return started, ended, [_outcome(contender, found, seconds) for found, seconds in raw]


def _outcome(contender: Contender, found: Any, seconds: float) -> Outcome:
    if isinstance(found, Exception):
        return Outcome(False, seconds, "raised", reason=f"{type(found).__name__}: {found}"[:200])
    return replace(contender.describe(found), seconds=seconds)
