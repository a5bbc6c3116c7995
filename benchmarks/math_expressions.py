"""Random algebra in letters, in every spelling, with answers whose equality is known without any verifier.

An equal answer comes from rules of algebra, a different one from a single mistake; both are then checked by their
values at random points, to 50 digits. Nothing here is shared with the verifier that is measured.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import mpmath

LETTERS = "abcdfghjkmnpqrstuvwxyz"  # e and i are constants
SPELLINGS = ("compact", "blanks", "latex", "text")
MAX_CHARS = 60
# Letters side by side that mean something else in every notation: a function, a constant.
_NAMES = re.compile("sin|cos|tan|cot|sec|csc|log|ln|lg|exp|max|min|gcd|lcm|pi|tg|cis|nu|mu|xi|rho|phi|psi|oo")


@dataclass(frozen=True)
class Node:
    """`Node("add", (Node("a"), Node("2")))` is a+2. Names: add, neg, mul, div, pow; a leaf is a letter or a number."""

    name: str
    parts: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Example: `Pair("n+1", "1+n", True)`."""

    gold: str
    answer: str
    is_equal: bool


def pairs(seed: int) -> Iterator[Pair]:
    """Golds and answers without end, each in a spelling of its own; about half of them are equal."""
    rng = random.Random(seed)
    while True:
        tree = _sum(rng, depth=rng.choice((0, 1, 1, 2)))
        wanted = rng.random() < 0.5
        other = (_rewritten if wanted else _mistaken)(tree, rng)
        gold, answer = (spell(node, rng.choice(SPELLINGS)) for node in (tree, other))
        is_plain = not _NAMES.search(f"{gold} {answer}") and max(len(gold), len(answer)) <= MAX_CHARS
        if is_plain and _letters(tree) and _same_values(tree, other, rng) is wanted:
            yield Pair(gold, answer, wanted)


def spell(tree: Node, spelling: str) -> str:
    """compact `2ab-c/d`, blanks `2 a b - c / d`, latex `2ab-\\frac{c}{d}`, text `\\text{2ab-c/d}`."""
    shown = _Speller(spelling).spelled(tree, 0)
    return rf"\text{{{shown}}}" if spelling == "text" else shown


@dataclass(frozen=True)
class _Speller:
    """`strength`: what stands around and needs brackets. 0 a sum, 1 a product, 2 a factor, 3 the base of a power."""

    spelling: str

    def spelled(self, node: Node, strength: int) -> str:
        if not node.parts:
            return node.name
        text, own = getattr(self, node.name)(*node.parts)
        return f"({text})" if own < strength else text

    @property
    def blank(self) -> str:
        return " " if self.spelling == "blanks" else ""

    def add(self, *parts: Node) -> tuple[str, int]:
        text = self.spelled(parts[0], 1 if parts[0].name == "add" else 0)
        for part in parts[1:]:
            sign, term = ("-", part.parts[0]) if part.name == "neg" else ("+", part)
            text += f"{self.blank}{sign}{self.blank}{self.spelled(term, 1)}"
        return text, 0

    def neg(self, part: Node) -> tuple[str, int]:
        return "-" + self.spelled(part, 1), 0

    def mul(self, *parts: Node) -> tuple[str, int]:
        text = ""
        for part in parts:
            shown = self.spelled(part, 2)
            is_number = text[-1:].isdigit() and shown[0].isdigit()
            sign = (r"\cdot " if self.spelling == "latex" else "*") if is_number else self.blank
            text += f"{sign if text else ''}{shown}"
        return text, 1

    def div(self, above: Node, below: Node) -> tuple[str, int]:
        if self.spelling == "latex":
            return rf"\frac{{{self.spelled(above, 0)}}}{{{self.spelled(below, 0)}}}", 2
        return f"{self.spelled(above, 2)}{self.blank}/{self.blank}{self.spelled(below, 3)}", 1

    def pow(self, base: Node, exponent: Node) -> tuple[str, int]:
        shown = self.spelled(exponent, 0)
        braces = ("{", "}") if self.spelling == "latex" else ("(", ")")
        return f"{self.spelled(base, 3)}^{shown if len(shown) == 1 else shown.join(braces)}", 2


# random trees


def _sum(rng: random.Random, depth: int) -> Node:
    terms = [_term(rng, depth) for _ in range(rng.choice((1, 2, 2, 2, 3, 3)))]
    signed = [Node("neg", (term,)) if rng.random() < 0.45 else term for term in terms]
    return signed[0] if len(signed) == 1 else Node("add", tuple(signed))


def _term(rng: random.Random, depth: int) -> Node:
    kind = rng.random()
    if kind < 0.2:
        return Node(str(rng.randint(1, 30)))
    if kind < 0.75:
        return _product(rng)
    if not depth or kind < 0.85:
        return Node("div", (_product(rng), rng.choice((_letter(rng), Node(str(rng.randint(2, 12)))))))
    if kind < 0.93:
        return Node("mul", (_letter(rng), _bracket(rng, depth)))
    return Node("pow", (_bracket(rng, depth), Node(str(rng.randint(2, 3)))))


def _bracket(rng: random.Random, depth: int) -> Node:
    inner = _sum(rng, depth - 1)
    return inner if inner.name == "add" else Node("add", (inner, Node("1")))


def _product(rng: random.Random) -> Node:
    factors = [_letter(rng) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    if rng.random() < 0.2:
        factors[-1] = Node("pow", (factors[-1], Node(str(rng.randint(2, 12)))))
    if rng.random() < 0.4:
        factors.insert(0, Node(str(rng.randint(2, 12))))
    return factors[0] if len(factors) == 1 else Node("mul", tuple(factors))


def _letter(rng: random.Random) -> Node:
    return Node(rng.choice(LETTERS))


# what is done to them


def _rewritten(node: Node, rng: random.Random) -> Node:
    """An equal tree: terms and factors in another order, signs taken out, squares written out, brackets expanded."""
    parts = [_rewritten(part, rng) for part in node.parts]
    if node.name in ("add", "mul"):
        rng.shuffle(parts)
        if node.name == "add" and rng.random() < 0.2:
            opposite = tuple(part.parts[0] if part.name == "neg" else Node("neg", (part,)) for part in parts)
            return Node("neg", (Node("add", opposite),))
        if node.name == "mul" and parts[-1].name == "add" and rng.random() < 0.5:
            return Node("add", tuple(_times(parts[:-1], term) for term in parts[-1].parts))
    if node.name == "pow" and node.parts[1].name in ("2", "3") and rng.random() < 0.5:
        return Node("mul", (parts[0],) * int(node.parts[1].name))
    if node.name == "div" and rng.random() < 0.3:
        return Node("div", tuple(Node("mul", (Node("2"), part)) for part in parts))
    return replace(node, parts=tuple(parts))


def _times(factors: list[Node], term: Node) -> Node:
    if term.name == "neg":
        return Node("neg", (_times(factors, term.parts[0]),))
    return Node("mul", (*factors, term))


def _mistaken(tree: Node, rng: random.Random) -> Node:
    """The tree, sometimes in another order, with one mistake somewhere."""
    tree = _rewritten(tree, rng) if rng.random() < 0.3 else tree
    places = list(_places(tree))
    return _changed_at(tree, rng.choice(places), rng)


def _places(node: Node) -> Iterator[tuple[int, ...]]:
    yield ()
    for index, part in enumerate(node.parts):
        yield from ((index, *place) for place in _places(part))


def _changed_at(node: Node, place: tuple[int, ...], rng: random.Random) -> Node:
    if place:
        index, *rest = place
        changed = _changed_at(node.parts[index], tuple(rest), rng)
        return replace(node, parts=(*node.parts[:index], changed, *node.parts[index + 1 :]))
    if not node.parts:
        return Node(str(max(1, int(node.name) + rng.choice((-1, 1))))) if node.name.isdigit() else _letter(rng)
    if node.name == "neg":
        return node.parts[0]
    if node.name in ("add", "mul"):
        left_out = rng.randrange(len(node.parts))
        kept = node.parts[:left_out] + node.parts[left_out + 1 :]
        dropped = kept[0] if len(kept) == 1 else Node(node.name, kept)
        return rng.choice((dropped, _swapped(node), Node("neg", (node,))))
    return rng.choice((_swapped(node), Node("neg", (node,))))


def _swapped(node: Node) -> Node:
    """Another operator between the same parts: a+b, a-b, ab, a/b, a^b."""
    first, *others = node.parts
    rest = others[0] if len(others) == 1 else Node(node.name, tuple(others))
    other = {"add": "mul", "mul": "add", "div": "mul", "pow": "mul"}[node.name]
    if node.name == "mul" and not rest.name.isdigit():
        return Node("div", (first, rest))
    if node.name == "pow":
        return Node("add", (first, Node("neg", (rest,))))  # x^2 as x-2
    return Node(other, (first, rest))


# values


def _letters(node: Node) -> set[str]:
    own = {node.name} if node.name in LETTERS else set()
    return own.union(*map(_letters, node.parts))


def _same_values(left: Node, right: Node, rng: random.Random) -> bool | None:
    """Whether two trees agree to 40 digits at three points, or disagree in the first ten at one; None in between."""
    mp = _context()
    names = sorted(_letters(left) | _letters(right))
    gaps = []
    for _ in range(3):
        point = {name: mp.mpf(rng.uniform(0.5, 3)) for name in names}
        values = _value(left, point), _value(right, point)
        gaps.append(abs(values[0] - values[1]) / max(1, *map(abs, values)))
    if all(gap < mp.mpf(10) ** -40 for gap in gaps):
        return True
    return False if any(gap > mp.mpf(10) ** -10 for gap in gaps) else None


@cache
def _context() -> Any:
    context = mpmath.mp.clone()
    context.dps = 50
    return context


def _value(node: Node, point: Mapping[str, Any]) -> Any:
    mp = _context()
    if not node.parts:
        return point[node.name] if node.name in point else mp.mpf(node.name)
    values = [_value(part, point) for part in node.parts]
    if node.name == "add":
        return mp.fsum(values)
    if node.name == "mul":
        return mp.fprod(values)
    if node.name == "neg":
        return -values[0]
    return values[0] / values[1] if node.name == "div" else values[0] ** values[1]
