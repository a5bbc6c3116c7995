"""Words, sentences, paragraphs and lines as people count them; shared by the rule checks. Linear time throughout."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from openqwq.verifiers.rules.scripts import MARKS, UNSPACED, class_of, script_of

_PHRASED = class_of({"thai", "lao", "khmer", "burmese"})
_UNHEARD = re.compile(
    "[\u064b-\u0652\u0670\u0640\u200b\u200e\u200f\u2060-\u2064\ufeff\u00ad]|(?<=[A-Za-z])[\u200c\u200d]+(?=[A-Za-z])"
)
_STYLED = re.compile("[\uff01-\uff5e\ufb00-\ufb06\U0001d400-\U0001d7ff]+")
"""Latin letters of full width, ligatures, and those of the mathematical alphabets."""
_JOINED = re.compile(r"(?:[\u2014\u2015\u2026,;!?]|--+|\.{2,})(?=[^\W\d_])")
_MARKED_PART = re.compile(
    r"(\*{1,3})([^\W\d_]{1,100})\1(?=[^\W_])|(?<=[^\W_])(\*{1,3})([^\W\d_]{1,100})\3"  # **cat**s, con*cat*
)
"""Arabic vowel marks and stretches, marks of direction, soft hyphens: written or not, the word is the same."""

_SAYS_SOMETHING = re.compile(r"[^\W_]")
_CLOSING = "\"'\u201d\u2019)\\]*_」』）》】›»"
_SENTENCE_END = re.compile(
    rf"[.!?\u2026]+[{_CLOSING}]*(?=\s|$)|[!?]+[{_CLOSING}]*(?=[{UNSPACED}])|[。！？｡．।॥۔؟։።။]+[{_CLOSING}“]*"
    r"|\n\s*\n|\n(?=\s*(?:[-*+•]|\d{1,3}[.)])\s)"
    rf"|(?<=[{_PHRASED}]) +(?=[{_PHRASED}])"
)
_LEAST_PHRASE = 12
"""Letters and marks of a Thai, Lao, Khmer or Burmese sentence: the blank behind fewer divides phrases only."""
_ABBREVIATED = (
    "mr mrs ms dr prof sr jr st vs etc e.g i.e cf fig vol dept inc ltd approx u.s u.k a.m p.m z.b d.h u.a bzw usw"
    " bspw nr p.ej sra srta núm pág mme mlle т.е т.д т.п т.к др пр см рис стр тыс млн гл"
)
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_MARKUP = (
    "*_#>`~\"'“”‘’„‚«»‹›()[]{}.,;:!?…¿¡ \t\n|·・。，、！？；：「」『』（）【】《》〈〉．،؛؟۔।॥\u200b\u200e\u200f\ufeff"
)
RELATIONS = ("less than", "at least", "at most", "exactly", "more than", "around")
_PIECE = re.compile(rf"[{_PHRASED}{MARKS}]{{1,4}}|[{UNSPACED}][{MARKS}]*|(?:(?![{UNSPACED}]).)+", re.DOTALL)
_UNSPACED = re.compile(f"[{UNSPACED}]")


def words(text: str) -> list[str]:
    """White-space tokens that hold a letter or digit: don't and state-of-the-art are one word each, `one,two` and
    `one\u2014two` are two.

    Where no blanks are written, a Han or kana character is a word (what Chinese and Japanese count), and so are four
    letters and vowel signs of Thai, Lao, Khmer or Burmese, about the length of a word there.
    """
    tokens = _JOINED.sub(r"\g<0> ", text).split()
    if not text.isascii() and _UNSPACED.search(text):
        tokens = [piece for token in tokens for piece in _pieces(token)]
    return [token for token in tokens if _SAYS_SOMETHING.search(token)]


def _pieces(token: str) -> list[str]:
    return [token] if token.isascii() else _PIECE.findall(token)


def has_unspaced(text: str) -> bool:
    """Whether a letter is of a script that writes no blanks between words."""
    return not text.isascii() and _UNSPACED.search(text) is not None


def folded(text: str) -> str:
    """For comparisons, a text as it is seen: accents within their letters (NFC), letters of one width and style, no
    invisible signs, no case, straight apostrophes, no Arabic vowel marks."""
    if not text.isascii():
        text = _STYLED.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
        text = _UNHEARD.sub("", unicodedata.normalize("NFC", text)).replace("’", "'")
    return text.casefold()


def bare(word: str) -> str:
    """A word without the quotes, markup and punctuation around it, folded."""
    return folded(word.strip(_MARKUP))


def sentences(text: str) -> list[str]:
    """Pieces that end in . ! ? or their forms in other scripts, at a blank line or before a list item; abbreviations do
    not end one."""
    return [text[start:end].strip() for start, end in sentence_spans(text)]


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of the pieces of `sentences`, blanks around them included."""
    found: list[tuple[int, int]] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if match.group()[0] == " " and match.start() - start < _LEAST_PHRASE:
            continue
        if match.group() == "." and _is_abbreviated(text, start, match.start()):
            continue
        if _SAYS_SOMETHING.search(text, start, match.end()):
            found.append((start, match.end()))
        start = match.end()
    if _SAYS_SOMETHING.search(text, start):
        found.append((start, len(text)))
    return found


def _is_abbreviated(text: str, start: int, end: int) -> bool:
    last = text[max(start, end - 12) : end].split()
    word = last[-1].lower().lstrip("(\"'") if last else ""
    if word.isdigit():  # "1." at the start of a list item
        return not text[start : end - len(word)].strip()
    is_initial = len(word) == 1 and word.lower() != word.upper() and word != "i"
    return word in _ABBREVIATIONS or is_initial


def paragraphs(text: str) -> list[str]:
    """Blocks between blank lines, blank ones dropped."""
    return [block.strip() for block in re.split(r"\n[ \t]*\n", text) if block.strip()]


_ATTACHED = {
    "arabic": ("(?:[وف]?(?:[بكل]?ال|لل|[بكلس]))?(?:[وف])?", ""),
    "hebrew": ("(?:ו?(?:כש|ש)?[הבלמכ]?ה?)?", ""),
    "hangul": (
        "",
        "(?:이?나|이?라도|이?란|이?며|은|는|이|가|을|를|의|에서?|에게서?|께서?|와|과|도|만|으?로|부터|까지|처럼|보다|마저|조차|하고|한테|들[은이을의도]?"
        "|이?다|입니다|이에요|예요|였다|이었다)?",
    ),
}
"""What is written in one word with another: articles, prepositions and conjunctions before it, particles behind."""


@lru_cache(maxsize=4096)
def _whole(phrase: str) -> re.Pattern[str]:
    """A folded phrase as whole words. A side of a script without blanks between words has no border to keep."""
    said = r"\s+".join(map(re.escape, phrase.split()))
    first, last = phrase.strip()[:1], phrase.strip()[-1:]
    before, after = (
        _ATTACHED.get(script_of(first) or "", ("", ""))[0],
        _ATTACHED.get(script_of(last) or "", ("", ""))[1],
    )
    opens = "" if _UNSPACED.match(first) else rf"(?<![{MARKS}])(?<![^\W{UNSPACED}]){before}"
    closes = rf"(?![{MARKS}])" if _UNSPACED.match(last) else rf"{after}(?![{MARKS}])(?![^\W{UNSPACED}])"
    emphasised = rf"(?<![^\W_])_{{1,3}}{said}_{{1,3}}(?![^\W_])"
    return re.compile(f"{opens}{said}{closes}|{emphasised}")


def count_phrase(text: str, phrase: str) -> int:
    """Whole-word occurrences of a literal phrase, without regard to case, to blanks and to how accents are encoded."""
    return count_folded(folded(text), phrase)


def count_folded(text: str, phrase: str) -> int:
    """`count_phrase` in a text that is folded. What is emphasised within a word is a part of it."""
    if "*" in text:
        text = _MARKED_PART.sub(lambda part: part[2] or part[4], text)
    return sum(1 for _ in _whole(folded(phrase)).finditer(text))


def holds(count: int, relation: str, limit: int) -> bool:
    """`count` stands in the named relation to `limit`."""
    match relation:
        case "less than":
            return count < limit
        case "at least":
            return count >= limit
        case "at most":
            return count <= limit
        case "more than":
            return count > limit
        case "exactly":
            return count == limit
        case "around":  # a tenth, as in RLVR-IFeval
            return abs(count - limit) <= max(round(0.1 * limit), 1)
    raise ValueError(f"relation is one of {', '.join(RELATIONS)}, got {relation!r}")
