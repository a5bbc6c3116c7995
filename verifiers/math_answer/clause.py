"""The one value that a clause of a sentence gives, as an answer: `she makes 9 * 2 = $18 every day` gives 18."""

from __future__ import annotations

import re
from collections.abc import Sequence

from openqwq.verifiers.math_answer import phrases
from openqwq.verifiers.math_answer.prose import Token, is_whole
from openqwq.verifiers.math_answer.units import is_measure

_EQUALS = re.compile(r"(?<![<>!\\])=")
_NUMBER = re.compile(r"-?\d+")
_SUM_SIGNS = re.compile(r"[\d\s.,$+\u2212*/\u00d7\u00f7\u00b7x()%{}-]|\\(?:times|cdot|div|left|right|\$|,|!)")
_SUM = re.compile(r"[\d)%}]\s*(?:[-+*\u00d7\u00f7\u00b7\u2212x]|\\(?:times|cdot|div))\s*[\\\d(.$]")
_GOES_ON = re.compile(r"[+*/^\u00d7\u00f7]|[-\u2212]\s")
_LONE_SYMBOLS = frozenset("NJWVACKTFH")
_MONEY = re.compile(r"^([-\u2212]?)\\?\$\s?(?=[\d.])")
_TIMES = re.compile(r"(?<=[\d)])\s*x\s*(?=[\d($.])")
_LETTERLESS = re.compile(r"\\text\s*\{[^{}]*\}|\\(?:times|cdot|div|d?frac|left|right|sqrt|pi)(?![a-z])")


def clauses(tokens: Sequence[Token]) -> list[list[Token]]:
    """A sentence cut at words such as `so`, and at commas but those of a list of values."""
    found: list[list[Token]] = [[]]
    for at, token in enumerate(tokens):
        if token.kind == "comma":
            behind = [one for one in tokens[at + 1 : at + 3] if not _joins(one)]
            is_reason = bool(found[-1]) and is_subordinate(found[-1])
            if at and not is_reason and tokens[at - 1].kind == "value" and behind and behind[0].kind == "value":
                found[-1].append(token)
            else:
                found.append([])
        elif token.kind == "word" and token.text.lower() in phrases.CLAUSE_STARTS:
            found.append([token])
        else:
            found[-1].append(token)
    return [clause for clause in found if clause]


def is_subordinate(clause: Sequence[Token]) -> bool:
    """Does this clause only give a reason or a condition?"""
    return clause[0].kind == "word" and clause[0].text.lower() in phrases.SUBORDINATE


def has_value(clause: Sequence[Token]) -> bool:
    return any(token.kind == "value" for token in clause)


def value_of(clause: Sequence[Token], with_sums: bool = False) -> str | None:
    """What stands behind the last `=`, else the one value behind the last verb, else the only one; None for several.

    A value that is denied (`not 5`, `5 is wrong`), bounded (`at most 5`), a label (`step 5`) or one of two (`5 or it
    is 6`) is none, nor, unless with_sums, is a sum that nobody worked out.
    """
    tokens = _with_lists(clause)
    chosen = _chosen(tokens)
    if chosen is None:
        return None
    before = [token.text.lower() for token in tokens[:chosen]]
    behind = [token.text for token in tokens[chosen + 1 :] if token.kind == "word"]
    if before and (_is_label(before[-1]) or phrases.IS_PART.search(" ".join(before))):
        return None
    is_bounded = [word.lower() for word in behind[:2]] in (
        ["at", "most"],
        ["at", "least"],
        ["or", "more"],
        ["or", "less"],
    )
    if (
        is_bounded
        or (behind and behind[0].lower() in phrases.MORE_TO_WORK_OUT and behind != ["times"])
        or [word.lower() for word in behind[:2]] == ["to", "the"]
    ):
        return None
    if _EQUALS.search(tokens[chosen].text):
        is_meant = not phrases.DENIAL.search(" ".join([*before[-2:], "|", *behind[:4]]))
    else:
        is_denied = phrases.DENIAL.search(" ".join([*before, "|", *behind[:4]])) or "too" in behind[:4]
        is_meant = not (is_bound(before) or is_denied)
        is_phrase = before[:1] == ["for"] and _is_in_phrase(tokens, chosen)
        is_meant &= "total" in before[-2:] or not (_is_one_of(tokens, chosen) or is_phrase)
    if not is_meant or "or" in behind or (is_sum(tokens[chosen].text) and not with_sums):
        return None
    answer = finished(tokens[chosen].text)
    return None if answer is None else answer + unit_of(behind)


def is_verb(word: str) -> bool:
    """Is this a verb behind which a value stands? A Chinese word may hold its subject: `的值为`."""
    return word.lower() in phrases.VERBS or (not word.isascii() and word.endswith(phrases.CJK_VERBS))


def _is_label(word: str) -> bool:
    return word.rstrip("#.") in phrases.LABELS or word.endswith("第")


def is_bound(before: Sequence[str]) -> bool:
    """Do these words make a bound of the value behind them: `at most`, `more than`, `between`?"""
    return not phrases.BOUNDS.isdisjoint(before[-2:]) or (bool(before) and before[-1].endswith(phrases.CJK_BOUNDS))


def _is_one_of(tokens: Sequence[Token], chosen: int) -> bool:
    """`5 or it is 6`: does another value stand before this one, with `or` between?"""
    first = next(at for at, token in enumerate(tokens) if token.kind == "value")
    return any(map(_joins, tokens[first:chosen]))


def _chosen(tokens: Sequence[Token]) -> int | None:
    """Index of the one value that is given: the last equation, a total, what stands behind the last verb, or what
    stands in no phrase such as `in 2 weeks`."""
    values = [at for at, token in enumerate(tokens) if token.kind == "value"]
    if len(values) > 1:
        values = [at for at in values if not (at and _is_label(tokens[at - 1].text.lower()))]  # the 10th: 第10项
    free = [at for at in values if not _is_in_phrase(tokens, at)]
    if equations := [at for at in free if _EQUALS.search(tokens[at].text)]:
        return equations[-1]
    verbs = [at for at, token in enumerate(tokens) if token.kind == "word" and is_verb(token.text)]
    totals = [at for at in values if "total" in [token.text.lower() for token in tokens[max(0, at - 2) : at]]]
    stated = [at for at in values if verbs and at > verbs[-1]]
    return next((found[0] for found in (totals, stated, values, free) if len(found) == 1), None)


def _is_in_phrase(tokens: Sequence[Token], at: int) -> bool:
    """`in 2 weeks`, `to fill 3 tanks`, `the 3 boxes hold`: does a preposition stand before this value, with at most
    three words but no verb between, or has the clause begun with it?"""
    if at and all(token.text.lower() in phrases.DETERMINERS for token in tokens[:at]):
        return True
    for num_between, token in enumerate(reversed(tokens[max(0, at - 4) : at])):
        word = token.text.lower()
        if token.kind != "word" or is_verb(word) or word == "total" or _joins(token):
            return False
        if word in phrases.PREPOSITIONS:
            return num_between > 0 or word not in ("to", "from")
    return False


def is_apposition(clause: Sequence[Token]) -> bool:
    """`attained at x = 5`, `in 2 weeks`: does the clause have no values but in phrases, with which it begins?"""
    first = clause[0].text.lower()
    is_phrase = first in phrases.PREPOSITIONS or first.endswith(("ed", "ing"))
    return is_phrase and all(_is_in_phrase(clause, at) for at, token in enumerate(clause) if token.kind == "value")


def is_comparison(clause: Sequence[Token]) -> bool:
    """`which is 24 more than before`: does the clause only compare?"""
    words = [token.text.lower() for token in clause]
    at = next((at for at, token in enumerate(clause) if token.kind == "value"), len(words))
    is_multiple = words[0] == "which" and words[at + 1 : at + 2] == ["times"]
    return is_multiple or "than" in words[at + 1 : at + 5]


def _joins(token: Token) -> bool:
    return token.kind == "word" and token.text.lower() in phrases.JOINERS


def _with_lists(tokens: Sequence[Token]) -> list[Token]:
    """Values with only commas, `and` or `or` between them as one value: a list."""
    kept: list[Token] = []
    num_between = 0
    for token in tokens:
        is_joiner = token.kind == "comma" or _joins(token)
        at = len(kept) - 1 - num_between
        if token.kind == "value" and 0 < num_between <= 2 and at >= 0 and kept[at].kind == "value":
            token = Token("value", f"{kept[at].text}, {token.text}")
            del kept[at:]
        num_between = num_between + 1 if is_joiner else 0
        kept.append(token)
    return kept


def finished(text: str) -> str | None:
    """A value as an answer, or None when it is cut off or goes on from words."""
    sides = [side.strip() for side in _EQUALS.split(text)]
    is_chain = len(sides) > 1 and not is_list(text)
    if len(sides) == 2 and all(_NUMBER.fullmatch(side) for side in sides) and sides[0] != sides[1]:
        return None  # 26 = 18
    if is_chain and (not _has_letters("".join(sides[:-1])) or (len(sides) > 2 and not _has_letters(sides[-1]))):
        text = sides[-1]
    if not is_whole(text) or _GOES_ON.match(text):
        return None
    return _MONEY.sub(r"\1", text) if text.count("$") == 1 else text


def is_sum(text: str) -> bool:
    """Is this a sum, or a product, of numbers that nobody worked out?"""
    return not _SUM_SIGNS.sub("", text) and _SUM.search(text) is not None and not is_list(text)


def is_list(text: str) -> bool:
    """Is there a comma outside all brackets that separates values?"""
    depth = 0
    for at, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth <= 0 and text.startswith(", ", at):
            return True
    return False


def _has_letters(side: str) -> bool:
    return re.search(r"[^\W\d_]", _LETTERLESS.sub("", _TIMES.sub("*", side))) is not None


def unit_of(words: Sequence[str]) -> str:
    """The unit of measure at the start of the words behind a value, as LaTeX; things that are counted are no unit."""
    if words and words[0][:1] in ("万", "亿"):
        return rf"\times 10^{{{4 if words[0][0] == '万' else 8}}}"
    if words and words[0].lower() in phrases.SCALES:
        return rf"\text{{ {words[0].lower()}}}"
    if len(words) > 1 and words[0].lower() in ("square", "cubic", "sq", "sq.", "cu", "cu.") and is_measure(words[1]):
        return rf"\text{{ {words[0]} {words[1]}}}"
    match = re.fullmatch(
        r"([A-Za-z\u03bc\u00b5\u03a9\u2126]+|[\u4e00-\u9fff]+)(\^?\{?[23]\}?|[\u00b2\u00b3])?(/[A-Za-z]+)?",
        words[0] if words else "",
    )
    is_letter = match is not None and match[1].lower() in phrases.NO_BARE_UNITS and not match[2]
    if is_letter and len(words) == 1 and words[0] in _LONE_SYMBOLS:
        return rf"\text{{ {words[0]}}}"  # 5 N.
    if match is None or not is_measure(match[1]) or is_letter:
        return ""
    power = (match[2] or "").translate({0xB2: "^2", 0xB3: "^3"})
    return rf"\text{{ {match[1]}{match[3] or ''}}}" + (power if power.startswith("^") or not power else f"^{power}")
