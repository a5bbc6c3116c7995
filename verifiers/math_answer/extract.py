"""Where the final mathematical answer stands in a response, and what a reference says it should be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from openqwq.verifiers.answers import last_boxed

AnswerFormat = Literal["boxed", "any"]
_BOX_COMMAND = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])")
_HASHES = re.compile(r"^[ \t]*####[ \t]*([^\n]+)$", re.MULTILINE)
_STATED = re.compile(r"(?:answer|答案)\s{0,9}(?:is|are|:|=|是|为|：)\s{0,9}:?\s{0,9}(?=([^\n]{1,200}))", re.IGNORECASE)
_NUMBER = re.compile(r"[-\u2212]?\$?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?%?")
_FORMULA = re.compile(r"\$([^$]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_LAST_FORMULA = re.compile(r"(?:\$([^$\n]+)\$|\\\(((?:(?!\\\)).)+)\\\))[.\s]*$")
_VERB = re.compile(r"\b(?:is|are|equals)\b(?!\s+(?:not|correct)\b)")
_FENCED = re.compile(r"^[ \t]*```.*?(?:^[ \t]*```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_TAIL_CHARS = 20_000
_FORMULA_CHARS = 400


def extract_answer(text: str, answer_format: AnswerFormat, prompt: object = None) -> str | None:
    """The final answer in the graded text, or None.

    The last box counts. With "any", a text without a box may state it as `#### N`, `the answer is N`, or last
    as its last number outside code and outside what is copied from a text prompt. A box that never closes is no
    answer in either format.
    """
    if answer_format == "boxed" or _BOX_COMMAND.search(text):
        return last_boxed(text) or None
    tail = text[-_TAIL_CHARS:]
    if hashes := _HASHES.findall(tail):
        return str(hashes[-1]).strip()
    if stated := _STATED.findall(tail):
        return _stated_value(stated[-1])
    own = _own_words(tail, prompt)
    if last := _LAST_FORMULA.search(own[-_FORMULA_CHARS:]):
        return str(last[1] or last[2])
    numbers = _NUMBER.findall(own)
    return numbers[-1].rstrip(",") if numbers else None


def _own_words(text: str, prompt: object) -> str:
    """Without fenced code and without lines of the prompt: their numbers are not the model's answer."""
    copied = {line.strip() for line in prompt.splitlines()} if isinstance(prompt, str) else set()
    lines = _FENCED.sub("", text).splitlines()
    return "\n".join(line for line in lines if line.strip() not in copied)


def _stated_value(text: str) -> str:
    """`6.`, `$6 per day.` and `the volume of $ABC$ is 6 m^3. I hope so.`: the last value of the first sentence."""
    sentence = re.split(r"[.!?;](?:\s|$)", text)[0]
    said = _VERB.split(sentence)[-1]
    if formulas := _FORMULA.findall(said):
        return str(next(group for group in formulas[-1] if group))
    return said.strip().strip("*_ ")


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
