"""Strict and loose: which texts of an answer count, and whether an instruction is followed in one of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from openqwq.verifiers.answers import THINK_CLOSE, Graded, graded_text, published_text
from openqwq.verifiers.ifeval.instructions import CHECKS, draws_of

Thinking = Literal["strict", "whole"]


class Followed(NamedTuple):
    """Whether one instruction is followed, by both readings. Example: Followed(strict=False, loose=True)."""

    strict: bool
    """The answer as it is follows it."""
    loose: bool
    """The answer or one of its variants does."""


def answer_of(response: str, prompt: object, thinking: Thinking) -> Graded:
    """The text that is judged. An answer without thinking keeps the blanks around it, as in the official code.

    Strict thinking knows answers that are none: unclosed thinking, and what shows nothing (invisible characters).
    """
    if thinking == "whole":
        return Graded(published_text(response), "")
    graded = graded_text(response, prompt)
    return graded if graded.problem or THINK_CLOSE in response else Graded(response, "")


def variants(answer: str) -> list[str]:
    """The answer, then what loose takes as well: it without first line, last line, both; all without asterisks."""
    lines = answer.split("\n")
    fewer = ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    return list(
        dict.fromkeys(text.replace("*", "") if bare else text for bare in (False, True) for text in (answer, *fewer))
    )


def is_followed(instruction_id: str, text: str, arguments: Mapping[str, Any]) -> bool:
    """By one text; a blank one follows nothing."""
    return bool(text.strip()) and CHECKS[instruction_id](text, **arguments)


def judge(instruction_id: str, answer: str, arguments: Mapping[str, Any]) -> Followed:
    """One instruction of an answer by both readings; of several draws the verdict of most.

    Raises:
        MissingPackage: its type needs a package that is not there.
    """
    texts = variants(answer)
    drawn = [_judge(instruction_id, texts, arguments) for arguments in draws_of(arguments)]
    return Followed(*(2 * sum(verdicts) > len(drawn) for verdicts in zip(*drawn, strict=True)))


def _judge(instruction_id: str, texts: list[str], arguments: Mapping[str, Any]) -> Followed:
    answer, *others = texts
    if is_followed(instruction_id, answer, arguments):
        return Followed(True, True)
    return Followed(False, any(is_followed(instruction_id, other, arguments) for other in others))
