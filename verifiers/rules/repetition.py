"""Degenerate loops: runs of one character, repeated word n-grams, counter loops, periodic tails. Linear time,
no regex loops."""

from __future__ import annotations

import re
from collections import Counter

from openqwq.verifiers.answers import is_blank
from openqwq.verifiers.base import Row, Verdict, VerifierBase

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+|[^\w\s]")
_DIGITS = re.compile(r"\d+")
MIN_TOKENS = 60


def tokens_of(text: str) -> list[str]:
    """Words, signs and single CJK characters, case-folded; numbers become 0, so that a counting loop is still
    a loop."""
    return [_DIGITS.sub("0", token) for token in _TOKEN.findall(text.casefold())]


def longest_run(text: str) -> int:
    """Length of the longest run of one character; spaces and line breaks count as well."""
    longest = run = 0
    previous = ""
    for character in text:
        run = run + 1 if character == previous else 1
        previous = character
        longest = max(longest, run)
    return longest


def duplicate_share(tokens: list[str], n: int = 8) -> float:
    """Share of n-grams that have been seen before: 0 for fresh text, near 1 for a loop."""
    total = len(tokens) - n + 1
    if total <= 0:
        return 0.0
    return 1.0 - len({tuple(tokens[start : start + n]) for start in range(total)}) / total


def tail_periods(tokens: list[str], longest_period: int = 200) -> int:
    """How often the end of the text repeats itself back to back, over all periods up to `longest_period`.

    Z-function of the reversed text: z[p] is how far the text agrees with itself shifted by p.
    """
    z = _agreement(tokens[::-1][:4_000], longest_period)
    return max((z[p] // p + 1 for p in range(1, len(z))), default=1)


def _agreement(tokens: list[str], longest_shift: int) -> list[int]:
    """z[p] for each shift p up to `longest_shift`: the length of the start that equals what stands p tokens later. The
    Z-algorithm, linear time."""
    size = len(tokens)
    z = [0] * min(size, longest_shift + 1)
    left = right = 0
    for index in range(1, len(z)):
        reach = min(right - index, z[index - left]) if index < right else 0
        while index + reach < size and tokens[reach] == tokens[index + reach]:
            reach += 1
        z[index] = reach
        if index + reach > right:
            left, right = index, index + reach
    return z


def repetition_problem(text: str, max_duplicate_share: float = 0.15) -> str:
    """The kind of loop that the text holds, or ""."""
    if (run := longest_run(text)) >= 100:
        return f"a run of {run} equal characters"
    tokens = tokens_of(text)
    if len(tokens) > MIN_TOKENS and (share := duplicate_share(tokens)) > max_duplicate_share:
        return f"{share:.0%} of the 8-grams are repeated"
    if len(tokens) > MIN_TOKENS // 2 and (periods := tail_periods(tokens)) >= 8:
        return f"the end repeats {periods} times"
    return ""


def ends_in_loop(text: str, least_periods: int = 4, least_tokens: int = 60) -> bool:
    """True where the text ends in one passage, said at least `least_periods` times with nothing between, `least_tokens`
    words and signs in all. Numbers count as they stand, so that an enumeration is no loop."""
    tail = _TOKEN.findall(text[-20_000:])[::-1]
    for period, reach in enumerate(_agreement(tail, len(tail) // least_periods)):
        if period and period + reach >= max(least_periods * period, least_tokens):
            return True
    return False


def ngram_penalty(tokens: list[object], n: int, max_penalty: float) -> float:
    """max_penalty times the share of repeated n-grams (arXiv 2502.03373, appendix C.2); 0 for shorter sequences."""
    counts = Counter(tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1))
    total = sum(counts.values())
    return max_penalty * (1.0 - len(counts) / total) if total else 0.0


class RepetitionVerifier(VerifierBase):
    """Score 1 when the whole response, thinking included, holds no degenerate loop, else 0.

    A row may allow repetition (`reference["allow_repetition"]`), as when the prompt asks for it.
    """

    name = "repetition"

    def __init__(self, max_duplicate_share: float = 0.15) -> None:
        self.max_duplicate_share = max_duplicate_share

    def grade(self, response: str, row: Row) -> Verdict:
        reference = row.get("reference")
        if isinstance(reference, dict) and reference.get("allow_repetition"):
            return Verdict.not_applicable("the row allows repetition")
        if is_blank(response):
            return Verdict.scored(0.0, "empty response")
        problem = repetition_problem(response, self.max_duplicate_share)
        return Verdict.scored(not problem, problem)
