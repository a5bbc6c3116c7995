"""Degenerate loops: one passage written again and again, alone, with a counter, or changed a little each time.

Which limits are drawn where, and what they cost on sound texts: docs/measured/loops_and_refusals.md. Linear time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from openqwq.verifiers.answers import is_blank
from openqwq.verifiers.base import Row, Verdict, VerifierBase
from openqwq.verifiers.rules.loop_runs import (
    INVISIBLE,
    Numbered,
    Run,
    differences,
    fours_of,
    is_word,
    numbered,
    repeated_before,
    runs,
    tokens_of,
    with_later,
)

CHARACTER_RUN, SHORT_CHARACTER_RUN, SHORT_RUN_SHARE = 200, 100, 0.2
"""A run of one character is a loop from 200 on, and from 100 on where it is a fifth of the text."""
LEAST_TIMES, LONG_PASSAGE, LEAST_TIMES_LONG = 4.0, 40, 3.5
"""A passage is a loop when it is said four times; one of 40 tokens, three and a half times."""
LEAST_TOKENS, TOKENS_ANYWHERE, LEAST_SHARE = 60, 100, 0.15
"""Tokens of a loop at the end or of a seventh of the text; elsewhere."""
SIGNS, SIGNS_ANYWHERE, SIGNS_SHARE = 140, 400, 0.3
"""The same for loops without a word, as matrices of zeros and rulers have them."""
AT_THE_END = 40
"""Tokens behind a loop, as of an answer that follows the thinking, with which it still stands at the end."""
COUNTED_TIMES, COUNTED_WORDS, COUNTED_TIMES_FEW_WORDS, PROSE_SHARE = 20, 3, 100, 0.5
"""A passage in which one thing alone changes is a loop when it is said 20 times and has three words, or two and 100.
Where a word changes, half of it must be words: lists in markup and code are none."""
COPIED_TIMES, COPIED_PASSAGE, COPIED_DIFFERENCES = 6, 40, 0.03
"""A passage of 40 tokens of which one in thirty changes is a loop when it is said six times."""
MUTATED_TIMES, MUTATED_PASSAGE, MUTATED_WORDS, MUTATED_DIFFERENCES, SCATTERED = 12, 15, 8, 0.15, 0.35
"""A passage that changes at other places each time: so much of it at most, each place in so many of the times."""
COUNTED_ON = 1_200
"""So many numbers in a row, each as far from the last one, are counting without end; a list to a thousand is not."""
SEEN_BEFORE = 3
"""Passages of 12 tokens that were said three times before count as repeated."""
REPEATED_SHARE, LEAST_REPEATED, WINDOW, WINDOW_SHARE = 0.5, 120, 500, 0.8
"""A text is a loop when half of it is repeated passages, or four fifths of 500 tokens in a row."""

_BLANKS = re.compile(rf"[\s{INVISIBLE}]{{{CHARACTER_RUN},}}")


def longest_run(text: str, least: int = SHORT_CHARACTER_RUN) -> int:
    """Length of the longest run of one character, or 0 where none has `least`; spaces and line breaks count as well."""
    step, longest, at = max(1, least // 2), 0, 0
    while at + step <= len(text):  # a run of `least` holds a whole piece between two multiples of the step
        if text[at : at + step] != text[at] * step:
            at += step
            continue
        start, end, character = at, at + step, text[at]
        while start and text[start - 1] == character:
            start -= 1
        while end < len(text) and text[end] == character:
            end += 1
        longest = max(longest, end - start)
        at = (end // step + 1) * step if end % step else end
    return longest if longest >= least else 0


def _flood(text: str) -> str:
    run = longest_run(text)
    if run >= CHARACTER_RUN or run >= SHORT_RUN_SHARE * len(text) > 0:
        return f"a run of {run} equal characters"
    blank = max((match.end() - match.start() for match in _BLANKS.finditer(text)), default=0)
    return f"a run of {blank} blank characters" if blank else ""


def repetition_problem(text: str) -> str:
    """The kind of loop that the text holds, or ""."""
    if problem := _flood(text):
        return problem
    said = numbered(tokens_of(text))
    fours = fours_of(said.folded)
    for run in runs(said.folded, fours, LEAST_TIMES_LONG):
        if run.end - run.start >= LEAST_TOKENS and (problem := _problem_of(run, said)):
            return problem
    return _counting(said.tokens) or _repeated_passages(said, fours)


def _counting(tokens: Sequence[str]) -> str:
    """A wall of numbers that only counts; signs between the numbers do not end it, words do."""
    longest = count = 0
    last = step = None
    for token in tokens:
        if token.isdecimal() and len(token) < 16:
            value = int(token)
            now = None if last is None else value - last
            count = count + 1 if now == step and now is not None else 1 + (now is not None)
            last, step = value, now
            longest = max(longest, count)
        elif is_word(token):
            last = step = None
    return f"{longest} numbers in a row that only count" if longest >= COUNTED_ON else ""


def _problem_of(run: Run, said: Numbered) -> str:
    changed = differences(said.exact, run)
    edges = [run.start + run.period - 1, *changed, run.end]
    same, end = max((after - before - 1, after) for before, after in pairwise(edges))
    length = same + run.period
    period = said.tokens[end - run.period : end]
    if _is_verbatim_loop(
        length / run.period, run.period, length, len(said.exact) - end, said, any(map(is_word, period))
    ):
        return f"{run.period} tokens are said {length / run.period:.1f} times"
    num_words = sum(_weight(token) for token in said.tokens[run.end - run.period : run.end])
    if _changes_one_thing(run, changed, said.exact, num_words, said.tokens):
        return f"{run.period} tokens are said {run.times:.1f} times, in which one thing alone changes"
    if _is_copied(run, changed, num_words):
        return f"{run.period} tokens are said {run.times:.1f} times, with small changes"
    return ""


def _is_verbatim_loop(times: float, period: int, length: int, behind: int, said: Numbered, has_words: bool) -> bool:
    if times < (LEAST_TIMES if period < LONG_PASSAGE else LEAST_TIMES_LONG):
        return False
    share = length / len(said.exact)
    if not has_words:
        return length >= SIGNS_ANYWHERE or (length >= SIGNS and share >= SIGNS_SHARE)
    return length >= TOKENS_ANYWHERE or (length >= LEAST_TOKENS and (share >= LEAST_SHARE or behind <= AT_THE_END))


def _weight(token: str) -> float:
    """What a token counts as words: a character of a script without spaces counts half."""
    if not is_word(token) or len(token) == 2:
        return 0.0
    return 1.0 if len(token) > 2 else 0.5


def _changes_one_thing(run: Run, changed: list[int], exact: Sequence[int], num_words: float, tokens: list[str]) -> bool:
    """Each time, whatever changes is one thing: the same name in all places, or numbers that all grow by the same."""
    if run.is_joined or run.times < COUNTED_TIMES or num_words < COUNTED_WORDS - 1:
        return False
    if num_words < COUNTED_WORDS and run.times < COUNTED_TIMES_FEW_WORDS:
        return False
    steps: dict[int, set[object]] = {}
    for at in changed:
        steps.setdefault((at - run.start) // run.period, set()).add(_step(tokens[at - run.period], tokens[at]))
    plain = sum(len(kinds) == 1 for kinds in steps.values())
    is_list = any(isinstance(kind, str) for kinds in steps.values() for kind in kinds)  # of names, in markup or code
    return plain >= 0.9 * len(steps) and (not is_list or num_words >= PROSE_SHARE * run.period)


def _step(before: str, after: str) -> object:
    """By how much a number grows, else what a word becomes."""
    if before.isdecimal() and after.isdecimal() and len(before) < 16 and len(after) < 16:
        return int(after) - int(before)
    return after


def _is_copied(run: Run, changed: list[int], num_words: float) -> bool:
    share = len(changed) / (run.end - run.start - run.period)
    if run.period >= COPIED_PASSAGE and share <= COPIED_DIFFERENCES and run.times >= COPIED_TIMES:
        return True
    if run.times < MUTATED_TIMES or run.period < MUTATED_PASSAGE or num_words < MUTATED_WORDS:
        return False
    places = Counter((at - run.start) % run.period for at in changed)
    is_scattered = run.is_joined or len(changed) <= SCATTERED * len(places) * run.times
    return share <= MUTATED_DIFFERENCES and is_scattered


def _repeated_passages(said: Numbered, fours: Sequence[int]) -> str:
    """A passage of 8 tokens that comes again with other numbers comes no less often than one of 12 with the same."""
    if not _repeated_share(with_later(fours, fours, 4)):
        return ""
    fours = fours_of(said.exact)
    return _repeated_share(with_later(fours, with_later(fours, fours, 4), 4))


def _repeated_share(groups: Sequence[int]) -> str:
    seen = repeated_before(groups, SEEN_BEFORE)
    total = len(groups)
    if seen[-1] >= max(LEAST_REPEATED, REPEATED_SHARE * total):
        return f"{seen[-1] / total:.0%} of the text are passages that were said three times before"
    if total > WINDOW:
        most = max(map(int.__sub__, seen[WINDOW:], seen))
        if most >= WINDOW_SHARE * WINDOW:
            return f"{most / WINDOW:.0%} of {WINDOW} tokens are passages that were said three times before"
    return ""


def ends_in_loop(text: str, least_periods: int = 4, least_tokens: int = 60) -> bool:
    """True where the text ends in one passage, said at least `least_periods` times with nothing between, `least_tokens`
    words and signs in all. Numbers count as they stand, so that an enumeration is no loop."""
    tail = tokens_of(text[-20_000:])[::-1]
    for period, reach in enumerate(_agreement(tail, len(tail) // least_periods)):
        if period and period + reach >= max(least_periods * period, least_tokens):
            return True
    return False


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

    def grade(self, response: str, row: Row) -> Verdict:
        reference = row.get("reference")
        if isinstance(reference, dict) and reference.get("allow_repetition"):
            return Verdict.not_applicable("the row allows repetition")
        if is_blank(response):
            return Verdict.scored(0.0, "empty response")
        problem = repetition_problem(response)
        return Verdict.scored(not problem, problem)
