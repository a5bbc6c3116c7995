"""Instruction checks on the form of an answer (IFEval: detectable_format, detectable_content, combination,
startend)."""

from __future__ import annotations

import json
import re
from typing import Any

from openqwq.verifiers.rules.text import words

CONSTRAINED_OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_PLACEHOLDER = re.compile(r"\[([^\[\]\n]+)\](?!\()")
_BULLET = re.compile(r"^[ \t]*[*-][ \t]+\S", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[*-][ \t]*){3,}$", re.MULTILINE)
_HIGHLIGHT = re.compile(r"(?<![*\w])(\*{1,3})(?=[^\s*])([^*\n]*[^\s*])\1(?![*\w])")
_TITLE = re.compile(r"^[ \t]*<<[ \t]*[^<>\s][^<>\n]*>>", re.MULTILINE)
_FENCE = re.compile(r"\A```(?:json|JSON)?[ \t]*\n(.*?)\n?```\Z", re.DOTALL)
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“"}


def number_placeholders(text: str, num_placeholders: int) -> bool:
    """detectable_content:number_placeholders: at least so many [text]; checkboxes and links are none"""
    found = [inner for inner in _PLACEHOLDER.findall(text) if inner.strip() and inner.strip() not in ("x", "X")]
    return len(found) >= num_placeholders


def postscript(text: str, postscript_marker: str) -> bool:
    """detectable_content:postscript: a line that starts with the marker, text behind it, in the last part"""
    pattern = re.compile(rf"^[ \t*_]*{re.escape(postscript_marker.strip())}", re.MULTILINE | re.IGNORECASE)
    found = list(pattern.finditer(text))
    if not found or not text[: found[-1].start()].strip():
        return False
    after = text[found[-1].end() :]
    blocks = [block for block in re.split(r"\n[ \t]*\n", after) if block.strip()]
    return bool(words(after)) and len(blocks) <= 2


def number_bullets(text: str, num_bullets: int) -> bool:
    """detectable_format:number_bullet_lists: exactly so many lines of `* ` or `- `"""
    return len(_BULLET.findall(_RULE.sub("", text))) == num_bullets


def constrained_response(text: str) -> bool:
    """detectable_format:constrained_response: the answer is one of the options and nothing else"""
    return text.strip().strip("*_\"'").strip() in CONSTRAINED_OPTIONS


def number_highlights(text: str, num_highlights: int) -> bool:
    """detectable_format:number_highlighted_sections: at least so many *spans*"""
    return sum(1 for _ in _HIGHLIGHT.finditer(text)) >= num_highlights


def multiple_sections(text: str, section_spliter: str, num_sections: int) -> bool:
    """detectable_format:multiple_sections: at least so many heading lines `SECTION 1`; IFEval spells the key
    like this"""
    pattern = re.compile(rf"^[#*_ \t]*{re.escape(section_spliter.strip())}[ \t]+\d+", re.MULTILINE)
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
    """detectable_format:title: a line that starts with <<title>>"""
    return _TITLE.search(text) is not None


def two_responses(text: str) -> bool:
    """combination:two_responses: two different answers with ****** between them"""
    parts = [part.strip() for part in text.split("******")]
    return len(parts) == 2 and all(parts) and parts[0] != parts[1]


def repeats_prompt(text: str, prompt_to_repeat: str) -> bool:
    """combination:repeat_prompt: first the prompt word for word, then an answer"""
    wanted, said = prompt_to_repeat.strip().casefold(), text.strip().casefold()
    return said.startswith(wanted) and bool(words(said[len(wanted) :]))


def ends_with(text: str, end_phrase: str) -> bool:
    """startend:end_checker: at a word boundary, closing quotes ignored"""
    wanted = end_phrase.strip().strip('"').casefold()
    said = text.strip().strip('"*_”').strip().casefold()
    before = said[: -len(wanted)] if wanted else said
    return bool(wanted) and said.endswith(wanted) and not (before[-1:].isalnum() and wanted[0].isalnum())


def starts_with(text: str, start_phrase: str) -> bool:
    """startend:start_checker: at a word boundary, opening quotes ignored"""
    wanted = start_phrase.strip().strip('"').casefold()
    said = text.strip().lstrip('"*_“#> ').casefold()
    after = said[len(wanted) : len(wanted) + 1]
    return bool(wanted) and said.startswith(wanted) and not (after.isalnum() and wanted[-1].isalnum())


def is_quoted(text: str) -> bool:
    """startend:quotation: one pair of quotation marks wraps everything"""
    text = text.strip()
    if len(text) < 3 or _QUOTES.get(text[0]) != text[-1]:
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
