"""Official checkers of the form of an answer, in linear time where the official patterns take the square of it."""

from __future__ import annotations

import json
import re

OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_STAR = re.compile(r"^[^\S\n]*\*[^*].*$", re.MULTILINE)
_DASH = re.compile(r"^[^\S\n]*-", re.MULTILINE)
_ONE = re.compile(r"\*[^\n*]*\*")
_TWO = re.compile(r"\*\*([^\n*]*)\*\*")
_POSTSCRIPTS = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
_FENCES = ("```json", "```Json", "```JSON", "```")


def number_placeholders(text: str, num_placeholders: int) -> bool:
    """At least so many [...] within a line, empty ones and links among them."""
    return sum(map(_brackets, text.split("\n"))) >= num_placeholders


def _brackets(line: str) -> int:
    count, place = 0, 0
    while (opened := line.find("[", place)) >= 0 and (closed := line.find("]", opened)) >= 0:
        count, place = count + 1, closed + 1
    return count


def postscript(text: str, postscript_marker: str) -> bool:
    """The marker anywhere, also inside a word: "temp.s." is one."""
    return re.search(postscript_pattern(postscript_marker.strip()), text.lower(), re.MULTILINE) is not None


def postscript_pattern(marker: str) -> str:
    """The marker's own expression where it is none of the two known ones."""
    if marker in _POSTSCRIPTS:
        return _POSTSCRIPTS[marker]
    blanks = r"\s*" if marker[:1] in ("*", "+", "?", "{") else ""  # which the official pattern begins with
    return blanks + marker.lower() + r".*$"


def number_bullet_lists(text: str, num_bullets: int) -> bool:
    """Exactly so many lines that begin with one asterisk or with a dash: also `*bold*`, `---` and `-5 degrees`."""
    return len(_STAR.findall(text)) + len(_DASH.findall(text)) == num_bullets


def constrained_response(text: str) -> bool:
    """One of OPTIONS stands somewhere in the answer."""
    return any(option in text for option in OPTIONS)


def number_highlighted_sections(text: str, num_highlights: int) -> bool:
    """Spans between two asterisks of a line, and once more those between two pairs of them."""
    single = sum(bool(found.strip("*").strip()) for found in _ONE.findall(text))
    double = sum(bool(found.strip()) for found in _TWO.findall(text))
    return single + double >= num_highlights


def multiple_sections(text: str, section_spliter: str, num_sections: int) -> bool:
    """The splitter with a number behind it, anywhere."""
    return len(re.split(section_pattern(section_spliter), text)) - 1 >= num_sections


def section_pattern(section_spliter: str) -> str:
    return rf"\s?{section_spliter.strip()}\s?\d+\s?"


def json_format(text: str) -> bool:
    """What Python's json reads (NaN, too) in an optional fence; nested deeper than it can read is no JSON."""
    text = text.strip()
    for fence in _FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(text: str) -> bool:
    """<<...>> within a line, with something in it."""
    return any(map(_titled, text.split("\n")))


def _titled(line: str) -> bool:
    opened, closed = line.find("<<"), line.rfind(">>")
    return 0 <= opened < closed - 2 and bool(line[opened : closed + 2].lstrip("<").rstrip(">").strip())


def two_responses(text: str) -> bool:
    """Two different texts between six asterisks, which may also open and close the answer."""
    pieces = [piece.strip() for piece in text.split("******")]
    said = list(filter(None, pieces))
    return all(pieces[1:-1]) and len(said) == 2 and said[0] != said[1]


def repeat_prompt(text: str, prompt_to_repeat: str) -> bool:
    """The answer begins with the prompt, whatever follows."""
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


def end_checker(text: str, end_phrase: str) -> bool:
    """The last letters are the phrase's, also inside a word."""
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def quotation(text: str) -> bool:
    """The first and the last character are straight double quotes."""
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'
