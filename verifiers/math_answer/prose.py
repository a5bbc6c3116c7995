"""Cuts prose into sentences of words and values. A value is a formula, a number or a list of them that stands alone.

Which value is the answer is decided in free_text.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Literal, NamedTuple

_FENCED = re.compile(r"^[ \t]*```.*?(?:^[ \t]*```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_CONTROL = re.compile(
    r"<\|[\w ]{1,30}\|>|<<[^<>\n]{0,80}>>|~~[^~\n]{0,200}~~|</?(?:s|b|i|p|u|em|strong|span|br) ?/?>"
    r"|[\ue000-\uf8ff\u200b-\u200f\u2060\ufeff]"
)
_TURN_END = re.compile(
    r"<\|(?:im_end|endoftext|eot_id|end_of_text|user)\|>|<end_of_turn>|\[INST\]|<[|\uff5c]User[|\uff5c]>"
    r"|(?:<\|(?:im_start|start_header_id)\|>|<start_of_turn>)\s*(?:user|system)"
)
_FORMULA = re.compile(
    r"\$\$(?P<a>.{1,600}?)\$\$|\\\[(?P<b>.{1,600}?)\\\]|\\\((?P<c>.{1,400}?)\\\)"
    r"|(?<!\\)\$(?P<d>(?:\\.|[^$\n\\]){1,400})\$|\\begin\{(?P<env>align|aligned|equation|gather)\*?\}(?P<e>.{1,600}?)\\end\{(?P=env)\*?\}",
    re.DOTALL,
)
_FORMULA_WORDS = r"sin|cos|tan|cot|sec|csc|log|exp|max|min|mod|gcd|lcm|sqrt|and|frac|pi"
_PLAIN_WORDS = re.compile(rf"(?<![\\A-Za-z{{])(?!(?:{_FORMULA_WORDS})(?![a-z]))[A-Za-z]?[a-z]{{2,}}(?![A-Za-z}}])")
_LONG_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_IN_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mbox|operatorname)\s*\{[^{}]*\}")
_FIRST_FORMULA, _MAX_FORMULAS = 0xE000, 6000
_BOLD = re.compile(
    r"(?<![\w)\\])(\*\*|__)(?=\S)(.{1,300}?)(?<=\S)\1(?![*\w])|(?<![A-Za-z\d)\\*])\*\*(?=\S)(.{1,300}?)\*\*", re.DOTALL
)
_ITALIC = re.compile(r"(?<![\w)*\\])([*_])(?=[^\s*_])([^*_\n]{1,200})(?<=[^\s*_])\1(?![\w*])")
_RULE = re.compile(r"^[ \t]*(?:-{3,}|\*{3,}|_{3,}|={3,})[ \t]*$", re.MULTILINE)
_STRAY_MARKS = re.compile(r"`|(?<![\w)])\*\*|\*\*(?![\w(])")
_LINE_START = re.compile(
    r"^[ \t]*(?:>[ \t]*(?![\d \t-]))*(?:#{1,6}[ \t]+)?(?:(?:[-*+\u2022]|\d{1,2}[.)])[ \t]+(?=\S))?(?:#{1,6}[ \t]+)?",
    re.MULTILINE,
)
_END = re.compile(
    r"(?<=[.!?;])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bi\.e\.)(?<!\be\.g\.)(?<!\b[A-J]\.)\s+|(?<=[。！？；])\s*|(?<=\.[\"'\u201d)])\s+|\n"
)
_CJK = re.compile(r"([\u3000-\u303f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af\uff00-\uff0f\uff1a-\uff20]+)")
_OPEN_ENDED_WORDS = """
and or the a an to of is so then with for by we that be have has in on from are was were will get not no if because
since as at per than thus therefore hence let which where when equals plus minus
"""
_OPEN_ENDED = frozenset(_OPEN_ENDED_WORDS.split())

Kind = Literal["word", "value", "comma"]


class Token(NamedTuple):
    """A piece of a sentence. Example: Token("value", "x^2 + 1"), Token("word", "pens"), Token("comma", ",")."""

    kind: Kind
    text: str


def without_code(text: str) -> str:
    """Without fenced code: its numbers are no answer."""
    return _FENCED.sub("", text)


def own_turn(text: str) -> str:
    """Up to where the model ended its turn, or made up the next one."""
    if "<" not in text and ("[" not in text or "[INST]" not in text):  # one letter is found faster than more
        return text
    return next((part for part in _TURN_END.split(text, maxsplit=1) if part.strip()), "")


class Prose:
    """A text as sentences. Its formulas are single characters inside, so that nothing cuts them.

    Example: Prose("So $x = 5. $ It is\\n5.").sentences() is two sentences.
    """

    def __init__(self, text: str) -> None:
        self._formulas: list[str] = []
        text = _RULE.sub("", text)
        text = _ITALIC.sub(
            r"\2", _BOLD.sub(lambda match: match[2] or match[3], self._protected(_CONTROL.sub("", text)))
        )
        self.text = _LINE_START.sub("", _STRAY_MARKS.sub("", text))

    def _protected(self, text: str) -> str:
        kept: list[str] = []
        position = 0
        while match := _FORMULA.search(text, position):
            content = next(match[name] for name in "abcde" if match[name] is not None)
            is_money = match["d"] is not None and _is_money(content, text[match.end() : match.end() + 1])
            if is_money or len(self._formulas) == _MAX_FORMULAS:
                kept.append(text[position : match.start() + 1])
                position = match.start() + 1
                continue
            kept += [text[position : match.start()], " ", chr(_FIRST_FORMULA + len(self._formulas)), " "]
            self._formulas.append(content)
            position = match.end()
        tail = text[position:]
        return re.sub(r"(?<=[\ue000-\uf8ff]) (?=[.,;:!?%)])", "", "".join([*kept, tail]))

    def shown(self, text: str) -> str:
        """The text with its formulas written out."""
        return re.sub("[\ue000-\uf8ff]", lambda match: self._formulas[ord(match[0]) - _FIRST_FORMULA], text)

    def sentences(self, start: int = 0, end: int | None = None) -> list[str]:
        """Sentences of this part of `text`. A line that breaks off in the middle of a sentence goes on in the next."""
        found: list[str] = []
        for piece in _END.split(self.text[start:end]):
            piece = " ".join(piece.split())
            if not piece:
                continue
            if found and breaks_off(found[-1]):
                found[-1] += " " + piece
            else:
                found.append(piece)
        return found

    def sentence_end(self, start: int) -> int:
        """Index in `text` where the sentence ends that goes on, perhaps on a later line, at `start`."""
        position = start + len(self.text[start:]) - len(self.text[start:].lstrip())
        while match := _END.search(self.text, position):
            if not breaks_off(self.text[max(start, match.start() - 40) : match.start()].rstrip()):
                return match.start()
            position = match.end()
        return len(self.text)

    def tokens(self, sentence: str) -> list[Token]:
        """Words, commas and values of a sentence; adjacent parts of one formula are one value."""
        return [
            token._replace(text=self.formula(token.text)) if token.kind == "value" else token
            for token in _joined(_split(sentence))
        ]

    def formula(self, text: str) -> str:
        """A value with its formulas written out, without what only sets it."""
        text = self.shown(text)
        if "&" in text and not re.search("matrix|cases|array", text):
            text = re.split(r"\\\\", text.rstrip("\\ \n"))[-1].replace("&", "")  # the last line of an alignment
        text = re.sub(r"\\(?:begin|end)\{(?:align|aligned|equation|gather)\*?\}|\\displaystyle", " ", text)
        return _ARROW.sub("", " ".join(text.split())).strip().rstrip(".,;").strip()


def breaks_off(sentence: str) -> bool:
    """Does this text stop in the middle of a sentence?"""
    if sentence.endswith((",", ":", "#", "=", "+", "(", "，", "：", "、", "...", "\u2026")):
        return True
    words = sentence[-20:].split()
    return bool(words) and words[-1] != "A" and words[-1].lower() in _OPEN_ENDED


def _is_money(content: str, behind: str) -> bool:
    """Is `$...$` two amounts of money and what stands between them?"""
    bare = _IN_TEXT.sub("", content)
    if (content[0].isalpha() or content[0] == "\\") and len(_LONG_WORDS.findall(bare)) < 2:
        return False  # $ab - 2$
    if " " in bare.strip() and _PLAIN_WORDS.search(bare):
        return True
    return content[0].isdigit() and (behind.isdigit() or content.endswith(" "))


_NUMBER = r"(?:[$\u20ac\u00a3\u00a5]|\\\$)?\d[\d,]*(?:\.\d+)?|(?:[$]|\\\$)?\.\d+"
_NAMES = re.compile(
    r"\\[A-Za-z]+|(?:arc)?(?:sin|cos|tan|cot|sec|csc)h?|ln|log|lg|exp|sqrt|max|min|gcd|lcm|mod|pi|cis|infty|inf|frac|[A-Z]{2,3}(?![a-z])"
)
_OPERATOR = re.compile(
    r"[-=+*/^|<>\u00d7\u00f7\u00b7\u2264\u2265\u2260\u2248\u2212\u2013\u222a\u2229\u2208\u00b1~]+"
    r"|\\(?:times|cdot|div|pm|mp|leq?|geq?|neq?|approx|cup|cap|in|equiv|to|sim)"
)
_RELATION = re.compile(r"[<>=\u2264\u2265\u2260]|\\(?:leq?|geq?|neq?)(?![A-Za-z])")
_ARROW = re.compile(r"^(?:[=-]>|[\u2192\u21d2\u2234]|\\(?:(?:long)?[Rr]ightarrow|implies|therefore|to)(?![A-Za-z]))\s*")
_MINUS = re.compile(r"\b(?:minus|negative)\s+(?=[$\d.])", re.IGNORECASE)
_FUNCTION = re.compile(r"(?:arc)?(?:sin|cos|tan|cot|sec|csc)h?|ln|lg|log(?:_\{?\w+\}?)?|sqrt")
_SIGNS = re.compile(r"[\d\\=+*/^<>|\[\](){}\u221a\u03c0\u221e\u2212\u00b1%\u00b0\u00bd\u00bc\u00be\ue000-\uf8ff]")
_RATE = re.compile(r"[A-Za-z]{1,4}/[A-Za-z]{1,4}(?:\^?[23]|[\u00b2\u00b3])?|m(?:\^?[23]|[\u00b2\u00b3])")
_UNIT_TAIL = re.compile(
    rf"(?P<number>[-+\u2212]?(?:{_NUMBER}))-?(?P<unit>(?!st$|nd$|rd$|th$)(?:[a-z]{{2,6}}|[A-Z][a-z])(?:\^?[23]|[\u00b2\u00b3])?|/[A-Za-z]+)"
)
_GLUED = re.compile(r"(?<![\\A-Za-z{])([A-Za-z][a-z]+)([:=])(?=\S)")  # Total=5, Becca:5
_TRAILING = ".,;:!?\"'\u2019\u201d\u3002"
_LEADING = "\"'\u2018\u201c"


def _split(sentence: str) -> Iterator[Token]:
    """Words one by one. An operator is a value, as is a letter that stands alone; _joined makes formulas of them."""
    spaced = _CJK.sub(r" \1 ", _GLUED.sub(r"\1 \2 ", _MINUS.sub("-", sentence)))
    is_behind_value = False
    pieces = spaced.split()
    trailing = _TRAILING if len(pieces) > 1 else _TRAILING.replace("!", "")  # a lone 5! is a factorial
    for raw, following in zip_longest(pieces, pieces[1:], fillvalue=""):
        core = raw.strip(_LEADING).rstrip(trailing)
        if not core:
            if raw[0] in ",;:，；：":
                yield Token("comma", raw[0])
            continue
        if unit := _UNIT_TAIL.fullmatch(core):
            yield Token("value", unit["number"])
            yield Token("word", unit["unit"])
        elif _CJK.fullmatch(core):
            yield from _cjk_words(core)
        elif is_behind_value and _RATE.fullmatch(core):
            yield Token("word", core)  # 5 m/s, 5 m^2
        else:
            is_variable = core in ("a", "A", "I") and _RELATION.match(following) is not None  # a >= 1
            yield Token("value" if is_variable or _is_formula(core) else "word", core)
        is_behind_value = core[-1].isdigit() or "\ue000" <= core[-1] <= "\uf8ff"
        if raw.rstrip(trailing) != raw and any(mark in raw[-2:] for mark in ",;:"):
            yield Token("comma", ",")


def _cjk_words(core: str) -> Iterator[Token]:
    for part in re.split("([，；：、])", core):
        if part in ("，", "；", "："):
            yield Token("comma", ",")
        elif part == "、":
            yield Token("word", "and")
        elif stripped := part.strip("。！？（）“”「」《》 "):
            yield Token("word", stripped)


def _is_formula(core: str) -> bool:
    if _OPERATOR.fullmatch(core) or _FUNCTION.fullmatch(core):
        return True
    if re.fullmatch(r"\([A-Za-z]\)?|[A-Za-z]\)", core):
        return False  # (B) and b) are choices
    if not _SIGNS.search(core):
        return len(core) == 1 and core.isalpha() and core not in "aAI"
    bare = _NAMES.sub("", re.sub(r"\\(?:text|mathrm|mathbf|operatorname)\{[^{}]*\}", "", core))
    return re.search(r"[^\W\d_]{2}", bare) is None and re.search(r"\d(?:st|nd|rd|th)\b", core) is None


def _joined(tokens: Iterator[Token]) -> Iterator[Token]:
    """Formulas that blanks cut into pieces in one piece; a lone letter that no operator joins is a word."""
    open_value = ""
    for token in tokens:
        if open_value and token.kind == "value" and _belongs(open_value, token.text):
            open_value += " " + token.text
        elif open_value and _depth(open_value) > 0 and (token.kind == "comma" or "\\" in open_value):
            open_value += "," if token.kind == "comma" else " " + token.text
        else:
            if open_value:
                yield _closed(open_value)
            open_value = token.text if token.kind == "value" else ""
            if token.kind != "value":
                yield token
    if open_value:
        yield _closed(open_value)


def _closed(text: str) -> Token:
    return Token("word" if len(text) == 1 and text.isalpha() else "value", text)


def _belongs(before: str, piece: str) -> bool:
    """Does this piece go on with the formula before it?"""
    if _depth(before) > 0 or _ends_open(before) or _OPERATOR.match(piece):
        return True
    if re.search(r"(?<![\d.])\d{1,3}(?: \d{3})*$", before) and re.fullmatch(r"\d{3}(?:\.\d+)?", piece):
        return True  # 150 000
    if re.fullmatch(r"\\?%|\u00b0", piece):
        return True  # 28 %
    is_mixed = re.fullmatch(r"\d+", before) and re.fullmatch(r"\d+/\d+|[\u00bd\u00bc\u00be]", piece)
    return bool(is_mixed) or (piece == "x" and before[-1].isdigit()) or ("\\" in before[-12:] and piece[0] == "\\")


def _ends_open(text: str) -> bool:
    last = text.split()[-1]
    is_sign = _OPERATOR.fullmatch(last) or _FUNCTION.fullmatch(last)
    return is_sign is not None or last[-1] in "=+*/^<>(" or re.search(r"(?<![\^_])\d x$", text) is not None


def _depth(text: str) -> int:
    """Brackets that are open at the end. `(1,2]` closes."""
    return sum(text.count(mark) for mark in "([{") - sum(text.count(mark) for mark in ")]}")


def is_whole(value: str) -> bool:
    """Is this a finished formula: every bracket closed, no operator at its end?"""
    return bool(value.strip()) and _depth(value) == 0 and not _ends_open(value.rstrip("|") or value)
