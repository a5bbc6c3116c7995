"""The `choice` verifier: which letter of a multiple-choice question does the answer choose?"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from openqwq.verifiers.answers import graded_text, last_boxed
from openqwq.verifiers.base import Row, Verdict, VerifierBase

LETTERS = "ABCDEFGHIJ"
_TAIL_CHARS = 20_000
_LINE_CHARS = 2_000
_LAST_STATEMENTS = 100
_QUOTES = str.maketrans("\u201c\u201d\u2018\u2019", "\"\"''")
_FIELD = re.compile(r"[\"'`]answer[\"'`]\s*:\s*([^\n}]{0,300})", re.IGNORECASE)
_STATED = re.compile(
    r"(?:\b(?:answer|choice|option)\b[\s*_`\"')]{0,6}(?:is\b(?!n't)|(?:would|must|should) be\b|[:=])"
    r"|\b(?:I|we)(?:'d|'ll| would| will)? (?:choose|pick|select|go with)\b"
    r"|(?:答案|故选|应选|选择|选项|(?<![可不没])选)(?:应该|应当|应)?(?:是|为|选)?)"
    r"[\s*_`]*(?:(?:therefore|clearly|thus|definitely|indeed|most likely|likely|probably),? )?:?[\s*_`]*"
    r"(?=([^\n]{0,2000}))",
    re.IGNORECASE,
)
_CHOSEN = re.compile(
    r"(?:\b(?:option|choice|answer)\s+)?(?<![A-Za-z0-9'])[(*_`]{0,4}([A-J])[)*_`.]{0,4}\s+is\s+(?:the\s+|therefore\s+)?"
    r"(?:only\s+|most\s+)?(?:correct|right|best)\b"
)
_EXAMPLE = re.compile(
    r"(?:\be\.\s?g\.|\bfor example|\bfor instance|\bsuch as|\blike|\bformat|例如|比如)[\s,:`\"'(]*$", re.IGNORECASE
)
_UNSAID = re.compile(
    r"(?:\b(?:if|whether|suppose|supposing|assume|assuming|say|unless|wrong|incorrect|would[- ]be|not|isn't)"
    r"|如果|若|假如|错误|不是)[\s*_`\"']*(?:that\s+|the\s+|our\s+|a\s+|my\s+|correct\s+|final\s+|right\s+|best\s+)*$",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"\\(?:text|mathrm|textbf|mathbf|textit|mbox|rm|bf|textsf)\b\s*|\\[()\[\],;:! ]|[*_`${}]")
_LETTER = re.compile(r"[\s\"'(\[<]*(?:(?:option|choice|answer|选项)\s*)?[\"'(\[]*([A-Ja-j])(?![A-Za-z0-9])")
_BEHIND = re.compile(
    r"[\s\"'\])>]*(?:$|[.,;:!|(。，；、-]|--|[\u2013\u2014]|因为|由于|而不是"
    r"|(?:because|since|as|due|which|given|for|with|by|from|and not|not|rather than|instead of)\b)",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[\"'\])]*[.:,;]?[\"'\])]*(?:\s+[-:\u2013\u2014])?(?:\s+|$)|[\"'\])]*[:,;]?")
_ONLY_MARKS = re.compile(r"[\s\"'\])>.,;:!。，；]*")
_ANOTHER = re.compile(
    r"(?:\b(?:or|and|and/or|as well as|also)\b|[,/&+|;或和与、及])\s*"
    r"(?:(?:also|maybe|perhaps|possibly|option|choice)\s+)*[(\"']{0,2}([A-J])(?![A-Za-z0-9'])"
)
_REASON = re.compile(
    r"\b(?:because|since|as|due|while|whereas|given|for)\b|因为|由于|[:\u2013\u2014]|--|\((?!\s*(?:or|and|或)\b)",
    re.IGNORECASE,
)
_LISTED = re.compile(r"^[\s>*_`-]*\(?([A-J])[).:\]]", re.MULTILINE)


class ChoiceVerifier(VerifierBase):
    """Score 1 when the answer chooses the reference's letter, else 0.

    `reference` is the letter, or `{"answer": "C", "options": ["...", ...]}` with the texts of A, B, ... in their order;
    then the whole text of the option is right too, and so is the letter of an option with the same text. Read in this
    order: the last `"answer": "C"` or `\\boxed{C}`; the last `the answer is C`, `Answer: C`, `答案是C`; `C is correct`;
    a last line that holds a letter, or a letter with its option. Two letters, doubts, examples and quoted lists of
    options choose nothing.
    """

    name = "choice"

    def grade(self, response: str, row: Row) -> Verdict:
        if problem := self.check_reference(row):
            return Verdict.error(problem)
        gold, options = _reference(row["reference"])
        graded = graded_text(response, row.get("prompt"))
        if graded.problem:
            return Verdict.scored(0.0, graded.problem)
        letter = chosen_letter(graded.text, options)
        if not letter:
            return Verdict.scored(0.0, "no single option is chosen")
        texts = dict(zip(LETTERS, (" ".join(option.split()) for option in options), strict=False))
        is_right = letter == gold or (bool(texts) and texts.get(letter) == texts[gold])
        return Verdict.scored(is_right, f"chooses {letter}" + ("" if is_right else f", wanted {gold}"))

    def check_reference(self, row: Row) -> str | None:
        gold, options = _reference(row.get("reference"))
        if len(gold) != 1 or gold not in (LETTERS[: len(options)] if options else LETTERS):
            shown = repr(row.get("reference"))[:100]
            return f"a choice reference is a letter or {{'answer': letter, 'options': [texts]}}, got {shown}"
        return None


def _reference(reference: object) -> tuple[str, tuple[str, ...]]:
    """(letter, texts of the options); no letter where it cannot be read."""
    answer, options = (
        (reference.get("answer"), reference.get("options") or ()) if isinstance(reference, Mapping) else (reference, ())
    )
    is_usable = (
        isinstance(answer, str) and isinstance(options, list | tuple) and all(isinstance(o, str) for o in options)
    )
    return (str(answer).strip().upper(), tuple(options)) if is_usable else ("", ())


def chosen_letter(text: str, options: Sequence[str] = ()) -> str:
    """The letter that the text chooses, or nothing.

    Example: chosen_letter('So "answer": "C".') == "C"; chosen_letter("It is A or B.") == "".
    """
    text = unicodedata.normalize("NFKC", text[-_TAIL_CHARS:]).translate(_QUOTES).replace('\\"', '"')
    texts = dict(zip(LETTERS, map(_plain, options), strict=False)) or dict.fromkeys(LETTERS, "")
    for found in (_marked(text), _stated(text), _called_correct(text), _last_line(text)):
        for content in reversed(deque(found, maxlen=_LAST_STATEMENTS)):
            letter = _read(content, texts)
            if letter is not None:
                return letter
    return ""


def _marked(text: str) -> Iterator[str]:
    """Contents of the last box and of `"answer": "..."`, in their order. Boxes in a row are one list."""
    found = [(start, content) for start, content in ((_last_box_start(text), last_boxed(text)),) if content]
    for match in _FIELD.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()]
        if not _EXAMPLE.search(before) and not _UNSAID.search(before):
            found.append((match.start(), _up_to_quote(match[1])))
    yield from (content for _, content in sorted(found))


def _last_box_start(text: str) -> int:
    return max(text.rfind("\\boxed"), text.rfind("\\fbox"))


def _up_to_quote(content: str) -> str:
    quote = content[:1]
    return content[1:].partition(quote)[0] if quote in "\"'`" and quote else content.partition('"')[0]


def _stated(text: str) -> Iterator[str]:
    for match in _STATED.finditer(text):
        before = text[max(0, match.start() - 60) : match.start()]
        if _UNSAID.search(before) or _EXAMPLE.search(before):
            continue
        yield match[1]


def _called_correct(text: str) -> Iterator[str]:
    letters = {
        match[1]
        for match in _CHOSEN.finditer(text)
        if not _UNSAID.search(text[max(0, match.start() - 60) : match.start()])
    }
    yield " or ".join(sorted(letters))


def _last_line(text: str) -> Iterator[str]:
    """The last line, unless it ends a list of options."""
    line = text.rstrip().rpartition("\n")[2]
    if len(set(_LISTED.findall(text))) < 2:
        yield line


def _read(content: str, texts: Mapping[str, str]) -> str | None:
    """The letter that a statement chooses; nothing where it names two, or doubts; None where it names none."""
    content = _MARKUP.sub("", content[:_LINE_CHARS]).strip()
    if same := _with_text(_plain(content), texts):
        return same[0] if len(same) == 1 else ""
    found = _LETTER.match(content)
    if found is None or found[1].upper() not in texts:
        return None
    letter, behind = found[1].upper(), content[found.end() :]
    said = _trimmed(behind[_SEPARATOR.match(behind).end() :])  # type: ignore[union-attr]  # it matches nothing, too
    if named := _with_text(said.casefold(), texts):
        return letter if letter in named else ""  # C) with the text of C, or with that of another one
    if _begins(said, texts[letter]):
        behind = "," + said[len(texts[letter]) :]
    elif any(_begins(said, text) for text in texts.values()):
        return ""
    if found[1].islower() and not _ONLY_MARKS.fullmatch(behind):
        return None
    if not _BEHIND.match(behind) and behind[:1] != "?":
        return "" if _ANOTHER.match(behind.lstrip(" \"')]")) else None
    sentence = _first_sentence(behind)
    others = {*_ANOTHER.findall(_REASON.split(sentence, maxsplit=1)[0])} - {letter}
    return "" if others or sentence.rstrip(" \"')").endswith("?") else letter


def _with_text(text: str, texts: Mapping[str, str]) -> list[str]:
    return [letter for letter, option in texts.items() if text and option == text]


def _begins(said: str, option: str) -> bool:
    """Does the text begin with the option, as whole words?"""
    folded = said.casefold()
    return bool(option) and folded.startswith(option) and len(folded) == len(said) and not said[len(option)].isalnum()


def _first_sentence(text: str) -> str:
    end = re.search(r"[.!?](?:\s|$)", text[1:])
    return text[: end.start() + 2] if end else text


def _plain(option: str) -> str:
    """An option as it is compared: without markup, case, blanks and the full stop at its end."""
    return _trimmed(_MARKUP.sub("", unicodedata.normalize("NFKC", option).translate(_QUOTES))).casefold()


def _trimmed(text: str) -> str:
    return " ".join(text.split()).strip(" \"'").rstrip(" .;,\"'")
