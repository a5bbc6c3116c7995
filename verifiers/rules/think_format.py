"""Response format of a reasoning model: one turn, with one thinking block that has text in it, then an answer."""

from __future__ import annotations

import re

from openqwq.verifiers.answers import THINK_CLOSE, is_blank
from openqwq.verifiers.base import Row, Verdict, VerifierBase
from openqwq.verifiers.prompts import THINK_OPEN, opens_thinking
from openqwq.verifiers.rules.role_leak import leaked_mark, without_end

_SAYS_SOMETHING = re.compile(r"\w")


def format_problem(response: str, prompt_opens_think: bool = False, require_answer: bool = True) -> str:
    """Why the response breaks the thinking format, or "" when it keeps it.

    Exactly one `<think>` and one `</think>` (a prompt that ends in `<think>` counts as the opening one), only
    white space before, letters or digits inside, and with require_answer a non-empty text (a tool call is
    one) after.
    """
    if prompt_opens_think and not response.lstrip().startswith(THINK_OPEN):
        response = THINK_OPEN + response
    opens, closes = response.count(THINK_OPEN), response.count(THINK_CLOSE)
    if (opens, closes) != (1, 1):
        return f"expected one <think> and one </think>, got {opens} and {closes}"
    before, _, rest = response.partition(THINK_OPEN)
    thinking, close, answer = rest.partition(THINK_CLOSE)
    if not close:
        return "</think> comes before <think>"
    if before.strip():
        return "text before <think>"
    if not _SAYS_SOMETHING.search(thinking):
        return "empty thinking"
    if require_answer and is_blank(without_end(answer)):
        return "no answer after </think>"
    return ""


class ThinkFormatVerifier(VerifierBase):
    """Score 1 when the response keeps the thinking format (see format_problem) and is one turn, without chat markup of
    another (role_leak.py); else 0 with the reason.

    prompt_opens_think: the prompt ends in `<think>`, as QwQ's chat template does; None looks at the row's
    prompt.
    """

    name = "think_format"

    def __init__(self, prompt_opens_think: bool | None = None, require_answer: bool = True) -> None:
        self.prompt_opens_think = prompt_opens_think
        self.require_answer = require_answer

    def grade(self, response: str, row: Row) -> Verdict:
        opens = self.prompt_opens_think
        if opens is None:
            opens = opens_thinking(row.get("prompt"))
        problem = format_problem(response, opens, self.require_answer)
        if not problem and (mark := leaked_mark(response, row.get("prompt"))):
            problem = f"the model wrote {mark} itself"
        return Verdict.scored(not problem, problem)
