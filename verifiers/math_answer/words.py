"""Answers in words: phrases with a mathematical meaning, multiple-choice letters, and plain text."""

from __future__ import annotations

import re

from openqwq.verifiers.math_answer.normalise import compact, plain_words

_PHRASES = r"""
\emptyset: no solution, no solutions, none, empty set, null set, no real solution, no real solutions
\emptyset: no roots, no real roots, there is no solution, there are no solutions
\emptyset: no solution exists, no such number exists, no such values, no answer, no integer solutions
\emptyset: 无解, 空集, 无实数解, 没有解, 不存在解, 无实根
\R: all real numbers, all reals, set of all real numbers, set of real numbers, real numbers, any real number
\R: every real number, all real x, all real values, 全体实数, 所有实数, 实数集, 任意实数, 一切实数
undefined: undefined, does not exist, dne, diverges, divergent, not defined, it diverges, limit does not exist
undefined: 不存在, 发散, 无意义
\infty: infinity, positive infinity, 无穷, 无穷大, 正无穷
infinitely many: infinitely many, infinitely many solutions, infinite solutions, infinite number of solutions, infinite
infinitely many: 无穷多, 无数, 无数个, 无数多个, 无穷多解, 有无穷多解, 无数解
yes: yes, 是, 是的
no: no, 否, 不是
true: true, correct, 正确, 对
false: false, incorrect, wrong, not correct, 错误, 不正确, 错
"""
_MEANINGS = {
    phrase: meaning
    for meaning, _, phrases in (line.partition(": ") for line in _PHRASES.strip().splitlines())
    for phrase in phrases.split(", ")
}
_COUNT_NAMES = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty
"""
_COUNTS = _COUNT_NAMES.split()
_LEAD = re.compile(
    r"^(?:\\text\s*\{\s*)?(?:(?:so|hence|thus|therefore|then),? )?(?:the )?(?:final |correct )?"
    r"(?:answer|solution|result|value)(?: is| are|:| =|=)\s*:?\s*(?!not\b)\}?"
    r"|^(?:\\text\s*\{\s*)?(?:答案|结果)(?:是|为|:)\s*\}?",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"^(?:an?|the|it is|it's) ")
_GOLD_CHOICE = re.compile(r"^\(?([A-J])\)?[.]?$")
_LABEL = re.compile(r"^(?:\(([A-Ja-j])\)\s*[.:]?|([A-Ja-j])\s*[.:)](?=\s|$|[^A-Za-z]))\s*(.*)$", re.DOTALL)
_HYPHEN = re.compile(r"(?<=[^\W\d_]{4})-|-(?=[^\W\d_]{4})")  # beside a word; ab-c is a formula
_ANOTHER = re.compile(r"\bor\b|\band\b|\bnot\b|\([A-Ja-j]\)|(?:^|\s)[a-jA-J][).]", re.IGNORECASE)


def without_lead(text: str) -> str:
    """`The answer is 7` as `7`."""
    match = _LEAD.match(text)
    if match is None:
        return text
    rest = text[match.end() :].strip()
    if rest.endswith("}") and rest.count("{") < rest.count("}"):
        rest = rest[:-1].strip()
    return rest or text


def canonical(text: str) -> str:
    """A phrase with a mathematical meaning as LaTeX or in one spelling (`no solution` is \\emptyset); else the text."""
    if len(text) > 80 or not re.search(r"[^\W\d_]{2}|[\u4e00-\u9fff]", text):
        return text
    words = _ARTICLE.sub("", plain_words(text))
    if words in _COUNTS:
        return str(_COUNTS.index(words))
    return _MEANINGS.get(words, text)


def same_words(gold: str, answer: str) -> bool:
    """Text without case, punctuation and articles, but with a formula's signs; what commas and `and` join is in no
    order."""
    return _pieces(gold) == _pieces(answer)


def _pieces(text: str) -> list[str]:
    words = re.sub(r"[^\w\s,+=^*/<>|-]", "", plain_words(canonical(text)))
    words = _HYPHEN.sub("", words)
    pieces = (re.sub(r"\s+", " ", _ARTICLE.sub("", piece.strip())) for piece in re.split(",| and |和", words))
    return sorted(piece for piece in pieces if piece)


def gold_letter(text: str) -> str:
    """The letter of a gold that is one capital letter A to J, with or without its value, or ""."""
    match = _GOLD_CHOICE.match(_unwrapped(text))
    return match[1] if match else ""


def chooses(answer: str, letter: str) -> bool:
    """Does the answer choose this letter and no other: `(B)`, `B. 12`, `\\text{Option B}`, `b`?"""
    shown = re.sub(r"^(?:option|choice|answer|选项?|故选)\s*:?\s*", "", _unwrapped(answer), flags=re.IGNORECASE)
    match = re.fullmatch(r"\(?([A-Ja-j])\)?[.]?()", shown) or _LABEL.match(shown)
    if match is None:
        return False
    *found, rest = match.groups()
    return next(filter(None, found)).upper() == letter and not _ANOTHER.search(rest)


def labelled_value(text: str) -> str:
    """The value behind the letter of a choice, `12` in `\\text{(B) } 12`, or ""."""
    match = _LABEL.match(_unwrapped(text)) if text.startswith(r"\text") or re.match(r"\([A-J]\) ", text) else None
    return match[3].strip() if match and (match[1] or match[2]).isupper() else ""


def _unwrapped(text: str) -> str:
    return re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", text).strip()


def letters(text: str) -> str:
    """The sorted letters of a choice of several: `A, C`, `AC`, `(A) and (C)`; "" for anything else."""
    shown = compact(re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", text))
    shown = re.sub(r"\band\b|and|和|[(),、;]", "", shown)
    return "".join(sorted(shown)) if re.fullmatch(r"[A-J]{2,10}", shown) and len(set(shown)) == len(shown) else ""
