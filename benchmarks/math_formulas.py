"""How long the math verifier takes over formulas that it meets for the first time. Prints JSON.

`python -m benchmarks.math_formulas [--equations 400] [--expressions 2000]`

Implicit equations are circles, ellipses, lines, conics, rational and transcendental curves beside respellings and
beside others; expressions come from benchmarks/math_expressions.py. One process, one judgement after another, nothing
asked twice. Exit status 1 when the median of the equations passes 5 ms, all expressions together 2 s, when anything is
paid wrong, or more than 0.1 % refused.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from benchmarks.math_expressions import pairs
from benchmarks.math_pairs import Pair
from benchmarks.measuring import machine, print_report
from openqwq.verifiers import get_verifier

MOST_EQUATION_SECONDS = 0.005
MOST_EXPRESSION_SECONDS = 2.0
MOST_REFUSED = 0.001
_Numbers = tuple[int, int, int]
_CURVES: dict[str, tuple[Callable[[_Numbers], str], Callable[[_Numbers], str]]] = {
    # kind: two spellings of a curve with three numbers
    "circle": (
        lambda n: f"(x-{n[0]})^2+(y+{n[1]})^2={n[2]}",
        lambda n: f"x^2+y^2-{2 * n[0]}x+{2 * n[1]}y+{n[0] ** 2 + n[1] ** 2}={n[2]}",
    ),
    "ellipse": (
        lambda n: rf"\frac{{x^2}}{{{n[0]}}}+\frac{{y^2}}{{{n[1]}}}={n[2]}",
        lambda n: f"{n[1]}x^2+{n[0]}y^2={n[0] * n[1] * n[2]}",
    ),
    "line": (lambda n: f"{n[0]}x+{n[1]}y={n[2]}", lambda n: rf"y=\frac{{{n[2]}-{n[0]}x}}{{{n[1]}}}"),
    "conic": (lambda n: f"{n[0]}x^2-{n[1]}xy+y^2={n[2]}", lambda n: f"y(y-{n[1]}x)={n[2]}-{n[0]}x^2"),
    "rational": (
        lambda n: rf"\frac{{x+{n[0]}}}{{y+{n[1]}}}={n[2]}",
        lambda n: f"x+{n[0]}-{n[2]}y={n[1] * n[2]}",
    ),
    "irrational": (
        lambda n: rf"\sqrt{{{n[0]}}}x+{n[1]}y=\pi+{n[2]}",
        lambda n: rf"{n[1]}y-{n[2]}-\pi=-\sqrt{{{n[0]}}}x",
    ),
    "trigonometric": (
        lambda n: rf"{n[0]}\sin x+{n[1]}\cos y=\frac{{1}}{{{n[2]}}}",
        lambda n: rf"{n[0] * n[2]}\sin x+{n[1] * n[2]}\cos y-1=0",
    ),
    "exponential": (lambda n: f"{n[0]}e^x+{n[1]}y^3={n[2]}", lambda n: f"{n[1]}y^3={n[2]}-{n[0]}e^x"),
    "one variable": (lambda n: f"{n[0]}e^x=x+{n[1] + n[2]}", lambda n: f"x-{n[0]}e^x+{n[1] + n[2]}=0"),
}


def equations(number: int, seed: int) -> list[Pair]:
    """By turns a curve beside another spelling of it, and beside that with one number changed."""
    draw = random.Random(seed)
    found: list[Pair] = []
    for index in range(number):
        kind = list(_CURVES)[index // 2 % len(_CURVES)]
        numbers = (draw.randint(2, 97), draw.randint(2, 97), draw.randint(2, 97))
        place = draw.randrange(3)
        others = tuple(n + (index % 2) * (i == place) for i, n in enumerate(numbers))
        gold, answer = _CURVES[kind]
        found.append(Pair(str(index), kind, gold(numbers), answer((others[0], others[1], others[2])), not index % 2))
    return found


def expressions(number: int, seed: int) -> list[Pair]:
    drawn = dict.fromkeys((pair.gold, pair.answer, pair.is_equal) for pair in islice(pairs(seed), 2 * number))
    return [Pair("", "expression", *pair) for pair in islice(drawn, number)]


def judged(cases: Sequence[Pair]) -> tuple[list[float], list[Pair]]:
    """The seconds of each, and those that were judged wrong."""
    verifier = get_verifier("math")
    verifier.verify(r"\boxed{t^2+1=0}", {"reference": "t^2+2=0"})  # imports
    seconds: list[float] = []
    wrong: list[Pair] = []
    for case in cases:
        start = time.perf_counter()
        verdict = verifier.verify(rf"\boxed{{{case.response}}}", {"reference": case.gold})
        seconds.append(time.perf_counter() - start)
        wrong += [case] if (verdict.score == 1.0) != case.is_correct else []
    verifier.close()
    return seconds, wrong


def summary(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "pairs": len(ordered),
        "median_ms": round(1e3 * statistics.median(ordered), 3),
        "p99_ms": round(1e3 * ordered[int(0.99 * (len(ordered) - 1))], 3),
        "most_ms": round(1e3 * ordered[-1], 3),
        "total_seconds": round(sum(ordered), 3),
    }


def by_kind(cases: Sequence[Pair], seconds: Sequence[float]) -> dict[str, float]:
    """The median milliseconds of each kind, equal and different."""
    groups: dict[str, list[float]] = {}
    for case, taken in zip(cases, seconds, strict=True):
        groups.setdefault(f"{case.category}, {'equal' if case.is_correct else 'different'}", []).append(taken)
    return {kind: round(1e3 * statistics.median(each), 3) for kind, each in groups.items()}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--equations", type=int, default=400, help="pairs of implicit equations (default 400)")
    parser.add_argument("--expressions", type=int, default=2_000, help="pairs of expressions (default 2000)")
    parser.add_argument("--seed", type=int, default=18, help="of the pairs (default 18)")
    arguments = parser.parse_args(words)
    curves = equations(arguments.equations, arguments.seed)
    formulas = expressions(arguments.expressions, arguments.seed)
    curve_seconds, wrong_curves = judged(curves)
    formula_seconds, wrong_formulas = judged(formulas)
    report: dict[str, Any] = {
        "benchmark": "math_formulas",
        **machine(),
        "equations": summary(curve_seconds),
        "equations_median_ms": by_kind(curves, curve_seconds),
        "expressions": summary(formula_seconds),
        "wrong": [(case.gold, case.response, case.is_correct) for case in (*wrong_curves, *wrong_formulas)][:50],
    }
    paid = [case for case in (*wrong_curves, *wrong_formulas) if not case.is_correct]
    violations = [f"{len(paid)} paid wrong"] if paid else []
    if (refused := len(wrong_curves) + len(wrong_formulas) - len(paid)) > MOST_REFUSED * (len(curves) + len(formulas)):
        violations.append(f"{refused} equal ones were refused")
    if (median := statistics.median(curve_seconds)) > MOST_EQUATION_SECONDS:
        violations.append(f"equations take {1e3 * median:.2f} ms at the median, at most {1e3 * MOST_EQUATION_SECONDS}")
    if (total := sum(formula_seconds)) > MOST_EXPRESSION_SECONDS:
        violations.append(f"expressions take {total:.2f} s, at most {MOST_EXPRESSION_SECONDS}")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
