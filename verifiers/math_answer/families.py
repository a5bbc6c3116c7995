"""Families of values: `\\frac{\\pi}{4}+k\\pi, k\\in\\mathbb{Z}`. The parameter may have any name, and families over the
integers are equal where they are the same set of numbers."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from itertools import chain, pairwise
from typing import NamedTuple

from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.numeric import is_near
from openqwq.verifiers.math_answer.signs import plain_signs
from openqwq.verifiers.math_answer.statements import is_name
from openqwq.verifiers.math_answer.structure import shape_of, variants
from openqwq.verifiers.math_answer.tokens import Unreadable
from openqwq.verifiers.math_answer.values import Evaluator, TooLarge, Undefined, Value, context

_SETS = r"\\?(?:(?:mathbb|mathbf|mathrm|Bbb|text)(?![A-Za-z]))?\s*\{?\s*(?P<set>[ZRN])(?![A-Za-z])\s*\}?"
_TEXT = r"(?:\\(?:text|textrm|mathrm|mbox)\s*\{|[{}\s~,;(:|]|\\mid|\\[ ,;!]|\\quad|\\qquad|\$|\\\(|\\\))*"
_LEAD = _TEXT.replace("{}", "", 1)  # a brace in front belongs to the value
_WORDS = r"(?:(?:where|for|with|and|here|any|all|some|every|each|an?|arbitrary)\s*)+"
_LETTER = r"(?<![A-Za-z\\])(?P<{0}>[A-Za-z])(?![A-Za-z])"
_HINT = re.compile("in|∈|constant|整数|常数|real")
_DECLARED = re.compile(
    rf"{_LEAD}(?:{_WORDS}{_TEXT})?(?:"
    rf"{_LETTER.format('a')}{_TEXT}\s*(?:\\in(?![A-Za-z])|∈|in(?![A-Za-z]))\s*{_SETS}"
    rf"|(?P<kind>integers?|constants?|real numbers?){_TEXT}{_LETTER.format('b')}"
    rf"|{_LETTER.format('c')}{_TEXT}\s*(?:(?:is|being|are|为|是|denotes)\s*)?(?:(?:an?|any|all|arbitrary|some|real)\s+){{0,3}}"
    r"(?P<is>integers?|constants?|整数|常数|任意常数|任意整数)"
    r")[\s)}\]$.。\\]*$"
)
_FUNCTION = re.compile(r"\s*\$?\s*([A-Za-z])\s*\(\s*([a-z])\s*\)\s*=")
_CONGRUENT = re.compile(
    r"[A-Za-z]\s*\\equiv\s*((?:\d{1,6}\s*,\s*)*\d{1,6})\s*\(?\s*\\mod\s*\{?\s*(\d{1,6})\s*\}?\s*\)?"
)
_MAX_CHARS = 300
_USUAL = frozenset("knmltjcCpsABKN")
"""The names that a parameter has which nobody declares."""
_RUN = re.compile(r"\\(?:text|mathrm|textbf|mbox)\s*\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z]+")
_WORDS_OF_TWO = frozenset("in or is an no on at if of to ln lg cm mm km kg".split())  # noqa: SIM905
_TRIED = range(-4, 7)
_MAX_PERIODS = 120
_RUNNING = re.compile(r"^[A-Za-z]\s*(?:\\mid(?![A-Za-z])|[|:])")
_BUILDER = re.compile(r"^\\?\{\s*(.*?)\s*\\?\}$", re.DOTALL)


class Family(NamedTuple):
    """A text and the parameter that it declares."""

    values: str
    name: str
    domain: str
    """`Z`, `N`, `R`, or "" for a constant."""


class _Progression(NamedTuple):
    offset: Value
    period: Value


def family(text: str) -> Family | None:
    """The family that a raw answer describes in so many words; None where it declares no parameter at its end."""
    if len(text) > _MAX_CHARS or not _HINT.search(text):
        return None
    text = plain_signs(text).replace("$", " ").strip().rstrip(".。 ")
    inside = _BUILDER.match(text.removeprefix(r"\left").replace(r"\right", ""))
    match = _DECLARED.search(inside[1] if inside else text)
    if match is None:
        return None
    values = _RUNNING.sub("", match.string[: match.start()]).strip()
    word = match["kind"] or match["is"] or ""
    domain = match["set"] or ("Z" if "nteger" in word or "整数" in word else "")
    return Family(values, match["a"] or match["b"] or match["c"], domain) if values else None


def in_one_parameter(gold: str, answer: str) -> tuple[str, str, bool] | None:
    """Both texts without what declares a parameter, which the answer names as the gold does, and whether the gold is a
    family over the integers; None where they run over different sets.

    Where one side declares none, it is the one name that the other lacks.
    """
    answer = _with_argument_of(gold, answer)
    if ("mod" in gold) != ("mod" in answer):
        gold, answer = _of_congruence(gold), _of_congruence(answer)
    wanted, said = family(gold), family(answer)
    if wanted is None and said is None:
        return gold, answer, False
    left, right = wanted.values if wanted else gold, said.values if said else answer
    if wanted and said and wanted.domain != said.domain and "" not in (wanted.domain, said.domain):
        return None
    mine, theirs = _names(left) - _names(right), _names(right) - _names(left)
    if wanted and said:
        new, old = wanted.name, said.name
    elif len(mine) == len(theirs) == 1:
        (new,), (old,) = mine, theirs
        if not ((wanted and wanted.name == new and old in _USUAL) or (said and said.name == old and new in _USUAL)):
            return gold, answer, False
    else:
        new = old = ""
    is_whole = wanted is not None and wanted.domain == "Z"
    return left, right if new in _names(right) else _renamed(right, old, new), is_whole


def _with_argument_of(gold: str, answer: str) -> str:
    """`f(t)=t^2` as `f(x)=x^2` where the gold says `f(x)=...`."""
    wanted, said = _FUNCTION.match(gold), _FUNCTION.match(answer)
    if not wanted or not said or wanted[1] != said[1] or wanted[2] == said[2] or wanted[2] in _names(answer):
        return answer
    return _renamed(answer, said[2], wanted[2])


def same_numbers(gold: str, answer: str) -> bool:
    """Are the two the same set of numbers, over all integers? `\\pm\\frac{\\pi}{4}+k\\pi` and
    `\\frac{\\pi}{4}+\\frac{k\\pi}{2}`."""
    left, right = _progressions(gold), _progressions(answer)
    return bool(left and right) and _are_same(left, right)


def _of_congruence(text: str) -> str:
    """`n\\equiv0,1\\pmod4` as `4k+0, 4k+1, k\\in\\mathbb{Z}`; any other text as it is."""
    match = _CONGRUENT.fullmatch(clean(text))
    if match is None:
        return text
    values = ", ".join(f"{match[2]}k+{residue.strip()}" for residue in match[1].split(","))
    return values + r", k\in\mathbb{Z}"


def _names(text: str) -> set[str]:
    found: set[str] = set()
    for run in _RUN.findall(clean(text)):
        if _is_of_names(run):
            found |= set(run)
    return found


def _is_of_names(run: str) -> bool:
    """Is this run of letters one name, or a product of two: no command and no word?"""
    return "\\" not in run and (len(run) == 1 or (len(run) == 2 and run not in _WORDS_OF_TWO))


def _renamed(text: str, old: str, new: str) -> str:
    def replace(run: re.Match[str]) -> str:
        if run[0].startswith("\\") and "{" in run[0]:
            return re.sub(rf"(?<![A-Za-z]){old}(?![A-Za-z])", new, run[0])
        return run[0].replace(old, new) if _is_of_names(run[0]) else run[0]

    return _RUN.sub(replace, text)


def _progressions(text: str) -> list[_Progression]:
    """Every value in the text as offset and period; [] when one is no such thing."""
    found: list[_Progression] = []
    for value in _values(clean(text)):
        names = _names(value)
        if len(names) != 1 or not names <= _USUAL:
            return []
        found += _progressions_of(value, names.pop())
        if not found or found[-1].period == 0:
            return []
    return found


def _values(text: str) -> list[str]:
    shape = shape_of(text)
    if shape.kind == "relation" and shape.marks == ("=",) and is_name(shape.parts[0]):
        return _values(shape.parts[1])
    if shape.kind == "relation" and shape.marks == ("=", "=") and all(map(is_name, shape.parts[:1])):
        return _values(shape.parts[1])
    if shape.kind in ("list", "set") and len(shape.parts) > 1:
        return [value for part in shape.parts for value in _values(part)]
    return [*variants(shape.parts[0] if shape.kind == "set" else text)]


def _progressions_of(value: str, name: str) -> list[_Progression]:
    """One, or two where even and odd numbers differ, as with `(-1)^k`."""
    mp, evaluate = context(), Evaluator()
    try:
        tree = parse(value)
        at = [evaluate(tree, {name: mp.mpf(k)}) for k in _TRIED]
    except (Unreadable, Undefined, TooLarge):
        return []
    if any(isinstance(x, mp.mpc) for x in at):
        return []
    steps = [after - before for before, after in pairwise(at)]
    if all(is_near(step, steps[0]) for step in steps):
        return [_Progression(at[0], steps[0])]
    twice = [after - before for before, after in zip(at, at[2:], strict=False)]
    if all(is_near(step, twice[0]) for step in twice):
        return [_Progression(at[0], twice[0]), _Progression(at[1], twice[0])]
    return []


def _are_same(left: list[_Progression], right: list[_Progression]) -> bool:
    mp = context()
    unit = abs(left[0].period)
    ratios: list[Fraction] = []
    for one in (*left, *right):
        ratio = abs(one.period) / unit
        exact = Fraction(str(mp.nstr(ratio, 30))).limit_denominator(_MAX_PERIODS)
        if not exact or not is_near(ratio, mp.mpf(exact.numerator) / exact.denominator):
            return False
        ratios.append(exact)
    below = math.lcm(*(ratio.denominator for ratio in ratios))
    common = Fraction(math.lcm(*(int(ratio * below) for ratio in ratios)), below)
    counts = [int(common / ratio) for ratio in ratios]
    if sum(counts) > 2 * _MAX_PERIODS:
        return False
    whole = unit * common.numerator / common.denominator
    places = [
        [(one.offset + n * one.period) / whole for n in range(count)]
        for one, count in zip((*left, *right), counts, strict=True)
    ]
    mine, theirs = [*chain(*places[: len(left)])], [*chain(*places[len(left) :])]
    return _all_in(mine, theirs) and _all_in(theirs, mine)


def _all_in(places: list[Value], others: list[Value]) -> bool:
    """Is each place, modulo one, among the others?"""
    mp = context()
    tiny = mp.mpf(10) ** -40
    return all(any(abs((x - y) - mp.nint(x - y)) < tiny for y in others) for x in places)
