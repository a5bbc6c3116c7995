"""Answers in words: phrases with a mathematical meaning, multiple-choice letters, and plain text."""

from __future__ import annotations

import re
import unicodedata

from openqwq.verifiers.math_answer.normalise import compact, plain_words
from openqwq.verifiers.math_answer.signs import CIRCLED
from openqwq.verifiers.math_answer.text_kind import unwrapped

_PHRASES = r"""
\emptyset: no solution, no solutions, none, empty set, null set, no real solution, no real solutions
\emptyset: no roots, no real roots, there is no solution, there are no solutions
\emptyset: no solution exists, no such number exists, no such values, no answer, no integer solutions
\emptyset: 无解, 空集, 无实数解, 没有解, 不存在解, 无实根
\R: all real numbers, all reals, set of all real numbers, set of real numbers, real numbers, any real number
\R: every real number, all real x, all real values, 全体实数, 所有实数, 实数集, 任意实数, 一切实数
\Q: rational numbers, all rational numbers, set of rational numbers, set of all rational numbers, 有理数集, 全体有理数
\Z: integers, all integers, set of integers, set of all integers, 整数集, 全体整数
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
_SMALL_NUMBERS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {name: value for value, name in enumerate(_SMALL_NUMBERS.split())}
_NUMBERS |= {name: 10 * tens for tens, name in enumerate(_TENS.split(), 2)}
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
          "eighth": 8, "ninth": 9, "tenth": 10, "twelfth": 12, "hundredth": 100}  # fmt: skip
_CHINESE_DIGITS = "零一二三四五六七八九"
_CHINESE_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
_DIGIT = "[一二两三四五六七八九]"
_BELOW_WAN = rf"(?:{_DIGIT}千)?(?:{_DIGIT}百)?(?:零?{_DIGIT}?十{_DIGIT}?|零{_DIGIT})?"  # 二百八 would be 280
_CHINESE_NUMBER = re.compile(rf"零|{_DIGIT}|(?![零万])(?=.)(?:(?:{_BELOW_WAN}|{_DIGIT})万)?{_BELOW_WAN}")
_THOUSANDS = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_LEAD = re.compile(
    r"^(?:\\text\s*\{\s*)?(?:(?:so|hence|thus|therefore|then),? )?(?:the )?(?:final |correct )?"
    r"(?:answer|solution|result|value)(?: is| are|:| =|=)\s*:?\s*(?!not\b)\}?"
    r"|^(?:\\text\s*\{\s*)?(?:答案|结果)(?:是|为|:)\s*\}?",
    re.IGNORECASE,
)
_CIRCLED = re.compile(f"[{CIRCLED}]")
_WORD = re.compile(r"[^\W\d_]{2}|[\u4e00-\u9fff]")
_GROUP_AND = re.compile(r"\b(hundred|thousand|million) and ")
_WRAPPER = re.compile(r"\\text\s*\{([^{}]*)\}")
_CHOICE_WORD = re.compile(r"^(?:option|choice|answer|答案|选项?|故选)\s*:?\s*", re.IGNORECASE)
_BARE_CHOICE = re.compile(r"\(?([A-Ja-j])\)?[.]?()")
_BETWEEN_LETTERS = re.compile("and|[和(),、;]")
_SEVERAL = re.compile(rf"[A-J]{{2,10}}|[{CIRCLED}]+")
_ARTICLE = re.compile(r"^(?:an?|the|it is|it's) ")
_GOLD_CHOICE = re.compile(r"^\(?([A-J])\)?[.]?$")
_LABEL = re.compile(r"^(?:\(([A-Ja-j])\)\s*[.:]?|([A-Ja-j])\s*[.:)](?=\s|$|[^A-Za-z]))\s*(.*)$", re.DOTALL)
_HYPHEN = re.compile(r"(?<=[^\W\d_]{2})-(?=[^\W\d_]{2})")
_LABELLED = re.compile(  # an operator behind the letter makes it a variable
    r"^(?:\(\s?([A-J])\s?\)\s*[.:]?(?:\s|(?=\d))|([A-J])\s?(?:[.:]\s|\)\s*))\s*"
    r"((?!(?:and|or|not)\b|\\(?:cdot|times|cup|cap|setminus|in|le|ge|ne)(?![A-Za-z])|-\D|[+*/^_=<>,)])\S.*)$",
    re.DOTALL,
)
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
    if _CIRCLED.fullmatch(text):
        return str(int(unicodedata.numeric(text)))
    if len(text) > 80 or not _WORD.search(text):
        return text
    words = _ARTICLE.sub("", plain_words(text))
    number = _fraction_in_words(words) or number_in_words(words)
    return _MEANINGS.get(words, text) if number is None else str(number)


def _fraction_in_words(text: str) -> str | None:
    """`three fifths` and `one half` as 3/5 and 1/2."""
    above, _, below = text.replace("-", " ").rpartition(" ")
    parts = _PARTS.get(below) or _PARTS.get(below.removesuffix("s"))
    number = 1 if above in ("a", "") else number_in_words(above)
    is_one = below in _PARTS and not below.endswith("s")
    if parts is None or not number or (number == 1) != is_one or (not above and below != "half"):
        return None
    return f"{number}/{parts}"


def number_in_words(text: str) -> int | None:
    """`fifty-six`, `one hundred and five`, `two million` as a whole number; None for any other text."""
    if _CHINESE_NUMBER.fullmatch(text):
        return _chinese_number(text)
    words = _GROUP_AND.sub(r"\1 ", text).replace("-", " ").split()
    total, group, below = 0, 0, 100  # the next word adds less than `below`: `six fifty` is no number
    for word in words:
        value, thousands = _NUMBERS.get(word, 100), _THOUSANDS.get(word, 0)
        if value < below and (value or len(words) == 1):
            group, below = group + value, 10 if value >= 20 else 0
        elif word == "hundred" and 0 < group < 100:
            group, below = group * 100, 100
        elif thousands and group and total % (1000 * thousands) == 0:
            total, group, below = total + group * thousands, 0, 100
        else:
            return None
    return total + group if words else None


def _chinese_number(text: str) -> int:
    """`七` is 7, `二十五` 25, `一百零五` 105, `三万` 30000."""
    total = group = digit = 0
    for sign in text:
        scale = _CHINESE_SCALES.get(sign, 0)
        if scale == 10_000:
            total, group, digit = total + (group + digit) * scale, 0, 0
        elif scale:
            group, digit = group + (digit or 1) * scale, 0
        else:
            digit = _CHINESE_DIGITS.index(sign) if sign in _CHINESE_DIGITS else 2
    return total + group + digit


def same_words(gold: str, answer: str) -> bool:
    """Two texts in words without case, punctuation, articles, hyphens and blanks; what commas and `and` join is in no
    order. A hyphen beside a single letter stays: `x-axis`."""
    return _pieces(gold) == _pieces(answer)


def same_letters(gold: str, answer: str) -> bool:
    """`Red` and `red`, `AB CD` and `ABCD`: the case of the first letter of a longer group does not count."""
    left, right = (re.sub(r"\s", "", unwrapped(text)) for text in (gold, answer))
    return left == right or (len(left) > 2 and left[1:] == right[1:] and left[0].lower() == right[0].lower())


def _pieces(text: str) -> list[str]:
    words = re.sub(r"[^\w\s,+=^*/<>|-]", "", plain_words(canonical(text)))
    words = _HYPHEN.sub("", words)
    pieces = (re.sub(r"\s+", "", _ARTICLE.sub("", piece.strip())) for piece in re.split(",| and |和", words))
    return sorted(piece for piece in pieces if piece)


def gold_letter(text: str) -> str:
    """The letter of a gold that is one capital letter A to J, with or without its value, or ""."""
    match = _GOLD_CHOICE.match(_unwrapped(text))
    return match[1] if match else ""


def chooses(answer: str, letter: str) -> bool:
    """Does the answer choose this letter and no other: `(B)`, `B. 12`, `\\text{Option B}`, `b`?"""
    shown = _CHOICE_WORD.sub("", _unwrapped(answer))
    match = _BARE_CHOICE.fullmatch(shown) or _LABEL.match(shown)
    if match is None:
        return False
    *found, rest = match.groups()
    return next(filter(None, found)).upper() == letter and not _ANOTHER.search(rest)


def split_label(text: str) -> tuple[str, str]:
    """The letter of a choice and the value behind it, `("D", "18")` for `(D) 18`, `D. 18` and `\\text{D)} 18`; a text
    without both is `("", text)`."""
    match = _LABELLED.match(_unwrapped(text))
    is_one = match is not None and not re.search(r"\([A-J]\)", match[3])
    return (match[1] or match[2], match[3]) if match and is_one else ("", text)


def _unwrapped(text: str) -> str:
    return _WRAPPER.sub(r"\1", text).strip()


def letters(text: str) -> str:
    """The sorted letters of a choice of several: `A, C`, `AC`, `(A) and (C)`, `①③`; "" for anything else."""
    shown = compact(_unwrapped(text))
    shown = _BETWEEN_LETTERS.sub("", shown)
    is_choice = _SEVERAL.fullmatch(shown) and len(set(shown)) == len(shown)
    return "".join(sorted(shown)) if is_choice else ""
