"""Where the final mathematical answer stands in a response, and what a reference says it should be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from openqwq.verifiers.answers import last_box, last_boxed
from openqwq.verifiers.math_answer.copied import LONG_RUN, without_copied
from openqwq.verifiers.math_answer.free_text import final_answer, sentence_value
from openqwq.verifiers.math_answer.phrases import DENIED_BEHIND
from openqwq.verifiers.math_answer.prose import Prose, own_turn, without_code
from openqwq.verifiers.prompts import asked_text

AnswerFormat = Literal["boxed", "any"]
_BOX_COMMAND = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
_HASHES = re.compile(r"^[ \t]*####[ \t]*([^\n]+)$", re.MULTILINE)
_TAG = re.compile(r"<answer>((?:(?!</?answer>).){0,4000}?)</answer>", re.DOTALL | re.IGNORECASE)
_TAG_START, _TAG_END = re.compile("<answer>", re.IGNORECASE), re.compile("</answer>", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}\s+\S|[\u4e00-\u9fff]{2}")
_MARKED = re.compile(r"(\*\*|__|`+)(?=\S)((?:(?!\1).)*)(?<=\S)\1", re.DOTALL)
_NEXT_QUESTION = re.compile(r"\n\s*(?:#+\s*)?(?:Question|Problem|Q|Human|User|Instruction)\s?\d{0,3}:", re.IGNORECASE)
_NEXT_SPEAKER = re.compile(r"\n\s*\n\s*[#*]*\s*(?:Human|User|Instruction|Question)\s?:")
_TAIL_CHARS = 20_000
_LINE_CHARS = 400
_LAST_HASHES = 20


def extract_answer(text: str, answer_format: AnswerFormat, prompt: object = None) -> str | None:
    """The final answer in the graded text, or None.

    The last box counts, and in "any" what a later `<answer>` tag holds. With "any", a text without either may give
    its answer as `#### N`, `the answer is N` or in its last sentence (free_text.py); what is copied from the prompt
    and code do not count. A box that never closes is no answer in either format.
    """
    text = own_turn(text)
    box = last_box(text)
    has_two = box is not None and not box.is_only
    if has_two and (turn := _NEXT_SPEAKER.search(text)) and (first := last_box(text[: turn.start()])):
        text, box = text[: turn.start()], first
    if answer_format == "boxed" or (box and not _is_tagged(text, box.end)):
        content = _unmarked(box.content) if box and not DENIED_BEHIND.match(text, box.end) else ""
        if content or box is None or answer_format == "boxed":
            return content or None
        text = text[box.end :]  # a \boxed that shows nothing, or is taken back: what is said behind it counts
    tail = text[-_TAIL_CHARS:]
    if _TAG_END.search(tail) and (tags := [*_TAG.finditer(tail)]):
        behind = tail[tags[-1].end() :]
        return _in_free_text(behind, prompt) if DENIED_BEHIND.match(behind) else _in_tag(tags[-1][1])
    return None if _TAG_START.search(tail) else _in_free_text(tail, prompt)


def _is_tagged(text: str, box_end: int) -> bool:
    """Does an answer tag close behind the last box?"""
    return text.find("</", box_end) >= 0 and _TAG_END.search(text, max(box_end, len(text) - _TAIL_CHARS)) is not None


def _in_tag(content: str) -> str | None:
    """`\\\\frac{3}{8}`, `$x+1$`, `\\\\boxed{5}`, `The answer is 5.`: the tag holds an answer or gives one."""
    if _BOX_COMMAND.search(content):
        return _unmarked(last_boxed(content) or "") or None
    if hashes := _HASHES.findall(content):
        return str(hashes[-1]).strip()
    prose = Prose(content)
    found = final_answer(prose, prose) if _SENTENCE.search(prose.text) else None
    return found or prose.formula(" ".join(prose.text.split())) or None


def _in_free_text(text: str, prompt: object) -> str | None:
    """What the text says, up to a next question that the model made up, if there it says anything."""
    tail, asked = without_code(text), asked_text(prompt)
    parts = dict.fromkeys((_NEXT_QUESTION.split(tail, maxsplit=1)[0], tail))
    return next((answer for part in parts if (answer := _said(part, asked))), None)


def _said(text: str, asked: str) -> str | None:
    stated = without_copied(text, asked, LONG_RUN)
    if stated.rstrip().endswith("####"):
        return None  # cut off
    for line in [*_HASHES.finditer(stated)][: -_LAST_HASHES - 1 : -1]:
        if value := sentence_value(prose := Prose(line[1][:_LINE_CHARS]), prose.text):  # else a heading of level four
            return None if DENIED_BEHIND.match(stated, line.end()) else value
    return final_answer(Prose(stated), Prose(without_copied(text, asked)))


def _unmarked(content: str) -> str:
    """`**42**` without its markdown."""
    content = content.strip()
    match = _MARKED.fullmatch(content) if content[:1] in "*_`" else None
    return match[2] if match else content


def reference_answer(reference: object) -> str | None:
    """The gold as text: "4", 4, "\\\\boxed{4}", {"answer": "4"} and GSM8K's "... #### 72"; None when there is
    none."""
    if isinstance(reference, Mapping):
        reference = reference.get("answer")
    if isinstance(reference, bool) or not isinstance(reference, str | int | float):
        return None
    return _reference_text(str(reference))


@lru_cache(maxsize=4096)
def _reference_text(text: str) -> str | None:
    if (boxed := last_boxed(text)) is not None:
        return boxed or None
    if hashes := _HASHES.findall(text):
        return str(hashes[-1]).strip() or None
    return text.strip() or None
