"""Instruction checks on the form of an answer (IFEval: detectable_format, detectable_content, combination,
startend)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from openqwq.verifiers.rules.scripts import UNSPACED
from openqwq.verifiers.rules.text import folded, has_unspaced, words

CONSTRAINED_OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_PLACEHOLDER = re.compile(r"[\[［]([^\[\]［］\n]+)[\]］](?!\()")
_BULLET = re.compile(r"^[ \t]*(?:[*-][ \t]+|[•‣◦●▪・][ \t]*)\S", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[*-][ \t]*){3,}$", re.MULTILINE)
_HIGHLIGHT = re.compile(rf"(?<!\*)(?<![^\W{UNSPACED}])(\*{{1,3}})(?=[^\s*])([^*\n]*[^\s*])\1(?!\*)(?![^\W{UNSPACED}])")
_TITLE = re.compile(
    r"^[ \t>]*(?:#{1,6}[ \t]+)?[*_`]{0,3}(?:[^\W\d_]{1,12}[:：][*_]{0,3}[ \t]*)?[*_`]{0,3}<<[ \t]*[^<>\s][^<>\n]*>>",
    re.MULTILINE,
)
_FENCE = re.compile(r"\A```(?:json|JSON)?[ \t]*\n(.*?)\n?```\Z", re.DOTALL)
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“”", "‟": "”", "”": "”", "»": "«", "「": "」", "『": "』", "＂": "＂"}
_MARKUP = re.compile(r"[*_`~#>\"“”„«»「」『』]+")
_TRAILING = " \t\n\r*_`~\"'“”‘’»«」』】)）]"
_LEADING = " \t\n\r*_`~\"'“‘„«»「『#>"


def number_placeholders(text: str, num_placeholders: int) -> bool:
    """detectable_content:number_placeholders: at least so many [text]; checkboxes and links are none"""
    found = [inner for inner in _PLACEHOLDER.findall(text) if inner.strip() and inner.strip() not in ("x", "X")]
    return len(found) >= num_placeholders


def postscript(text: str, postscript_marker: str) -> bool:
    """detectable_content:postscript: a line that starts with the marker, text behind it, in the last part"""
    marker = re.escape(postscript_marker.strip()).replace(r"\.", r"\.[ \t]?")
    pattern = re.compile(rf"^[ \t*_>#]*{marker}", re.MULTILINE | re.IGNORECASE)
    found = list(pattern.finditer(text))
    if not found or not text[: found[-1].start()].strip():
        return False
    after = text[found[-1].end() :]
    blocks = [block for block in re.split(r"\n[ \t]*\n", after) if block.strip()]
    return bool(words(after)) and len(blocks) <= 2


def number_bullets(text: str, num_bullets: int) -> bool:
    """detectable_format:number_bullet_lists: exactly so many lines of `* `, `- ` or a bullet sign as •"""
    return len(_BULLET.findall(_RULE.sub("", text))) == num_bullets


def constrained_response(text: str, options: list[str] | None = None) -> bool:
    """detectable_format:constrained_response: one of the options (IFEval's own by default) and nothing else"""
    return text.strip().strip("*_\"'").strip() in (options or CONSTRAINED_OPTIONS)


def number_highlights(text: str, num_highlights: int) -> bool:
    """detectable_format:number_highlighted_sections: at least so many *spans*"""
    return sum(1 for _ in _HIGHLIGHT.finditer(text)) >= num_highlights


def multiple_sections(text: str, section_spliter: str, num_sections: int) -> bool:
    """detectable_format:multiple_sections: at least so many heading lines `SECTION 1`; IFEval spells the key
    like this. A splitter without blanks between words needs none before its number."""
    spliter = section_spliter.strip()
    blanks = "*" if has_unspaced(spliter[-1:]) else "+"
    pattern = re.compile(rf"^[#*_> \t]*{re.escape(spliter)}[ \t]{blanks}\d+", re.MULTILINE)
    return len(pattern.findall(text)) >= num_sections


def is_json(text: str) -> bool:
    """detectable_format:json_format: strict JSON, one fence around it allowed"""
    try:
        read_json(text)
    except (ValueError, RecursionError):
        return False
    return True


def read_json(text: str) -> Any:
    """The value of a text that is JSON and nothing else. Raises ValueError."""
    fenced = _FENCE.match(text.strip())
    return json.loads(fenced.group(1) if fenced else text.strip(), parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def has_title(text: str) -> bool:
    """detectable_format:title: a line that starts with <<title>>, also as a heading, emphasised or behind `Title:`"""
    return _TITLE.search(text) is not None


def two_responses(text: str) -> bool:
    """combination:two_responses: two different answers with ****** between them"""
    parts = [part.strip() for part in text.split("******")]
    return len(parts) == 2 and all(parts) and parts[0] != parts[1]


def repeats_prompt(text: str, prompt_to_repeat: str) -> bool:
    """combination:repeat_prompt: the prompt word for word, then an answer; quotes, markup, case, blanks are free"""
    wanted, said = _words_only(prompt_to_repeat), _words_only(text)
    rest = said[len(wanted) :]
    return bool(wanted) and said.startswith(wanted) and not _continues(wanted, rest) and bool(words(rest))


def _words_only(text: str) -> str:
    return " ".join(_MARKUP.sub(" ", folded(text)).split())


def _continues(before: str, after: str) -> bool:
    """Whether a word goes on over the border of the two, in a script that divides its words."""
    joined = before[-1:] + after[:1]
    return before[-1:].isalnum() and after[:1].isalnum() and not has_unspaced(joined)


def ends_with(text: str, end_phrase: str) -> bool:
    """startend:end_checker: at a word border; closing quotes, brackets and markup are free, punctuation is not"""
    said, wanted = _stripped(text, end_phrase, str.rstrip, _TRAILING)
    return bool(wanted) and said.endswith(wanted) and not _continues(said[: -len(wanted)], wanted)


def starts_with(text: str, start_phrase: str) -> bool:
    """startend:start_checker: at a word border; opening quotes and markup are free"""
    said, wanted = _stripped(text, start_phrase, str.lstrip, _LEADING)
    return bool(wanted) and said.startswith(wanted) and not _continues(wanted, said[len(wanted) :])


def _stripped(text: str, phrase: str, strip: Callable[[str, str], str], marks: str) -> tuple[str, str]:
    """Both folded with single blanks and no marks at that end; a phrase of marks alone is compared as it is."""
    said, wanted = (" ".join(folded(each).split()) for each in (text, phrase))
    if bare := strip(wanted, marks):
        said, wanted = strip(said, marks), strip(bare.strip('"“”'), marks)
    return said, wanted


def is_quoted(text: str) -> bool:
    """startend:quotation: one pair of quotation marks wraps everything"""
    text = text.strip()
    if len(text) < 3 or text[-1] not in _QUOTES.get(text[0], ""):
        return False
    inside = text[1:-1].replace('\\"', "")
    return bool(inside.strip()) and text[0] not in inside and text[-1] not in inside


def answer_as_json(text: str, answer: str) -> bool:
    """answer_form:json: a JSON object whose only value is the answer"""
    try:
        value = read_json(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and len(value) == 1 and _same(next(iter(value.values())), answer)


def answer_in_tags(text: str, answer: str) -> bool:
    """answer_form:tags: <tag>answer</tag> and nothing else"""
    match = re.fullmatch(r"<([A-Za-z][\w-]*)>([^<>]*)</\1>", text.strip())
    return match is not None and _same(match.group(2), answer)


def answer_in_bold(text: str, answer: str) -> bool:
    """answer_form:bold: **answer** and nothing else"""
    match = re.fullmatch(r"\*\*([^*\n]+)\*\*", text.strip())
    return match is not None and _same(match.group(1), answer)


def answer_in_quotes(text: str, answer: str) -> bool:
    """answer_form:quotes: "answer" and nothing else"""
    return is_quoted(text) and _same(text.strip()[1:-1], answer)


def _same(given: object, wanted: object) -> bool:
    return str(given).strip().casefold() == str(wanted).strip().casefold()
