"""The verifiers `tool_call` (one turn's calls) and `tool_use` (a whole conversation with tools and a final answer)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openqwq.verifiers.answers import UNCLOSED_THINKING, is_blank
from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError
from openqwq.verifiers.calls.formats import checked_format, format_for
from openqwq.verifiers.math_answer.extract import AnswerFormat
from openqwq.verifiers.math_answer.verifier import MathVerifier
from openqwq.verifiers.prompts import asked_text, opens_thinking
from openqwq.verifiers.rules.role_leak import leaked_mark
from openqwq.verifiers.said_texts import says
from openqwq.verifiers.tool_calls import (
    ParsedCall,
    ParsedCalls,
    check_arguments,
    check_tools,
    parse_tool_calls,
)
from openqwq.verifiers.tool_matching import ReferenceCall, call_matches, calls_match, reference_calls, unmeetable
from openqwq.verifiers.tool_work import carries, shares_a_number

EXPECTATIONS = ("match", "valid", "none", "answer")


class ToolCallVerifier(VerifierBase):
    """Score 1 when the turn's calls are well formed, fit the offered tools and match the reference calls.

    `reference`: a list of {function: {argument: [allowed values]}} as BFCL has it, or of {"name", "arguments"}. An
    empty list expects no call and no attempt of one, in whatever format. What is expected may be said by the argument
    `expect`, by the row's reference {"expect": ...}, or by a `category` of BFCL:

        match    the calls of the reference, one to one in any order
        valid    at least one call, and all of them fit the schemas (category `relevance`)
        none     no call (category `irrelevance`)
        answer   no call, and the texts of `must_contain` in the answer: the turn after a tool's result

    `format`: how calls are written (`calls/formats.py`). Without it the row's `call_format` says it, which a run sets
    to what its chat template implies; a row that says nothing has Hermes' calls.
    """

    name = "tool_call"

    def __init__(self, expect: str = "match", format: str | None = None) -> None:
        if expect not in EXPECTATIONS:
            raise VerifierError(f"expect is one of {', '.join(EXPECTATIONS)}, got {expect!r}")
        self.expect = expect
        self.format = checked_format(format)

    def grade(self, response: str, row: Row) -> Verdict:
        if problem := self.check_reference(row):
            return Verdict.error(f"unusable tool_call reference: {problem}")
        parsed = parse_tool_calls(response, format_for(row, self.format), row.get("tools"))
        problem = unanswered(parsed, row.get("prompt")) or self._problem(parsed, row)
        return Verdict.scored(not problem, problem or "calls match")

    def _problem(self, parsed: ParsedCalls, row: Row) -> str:
        if parsed.errors:
            return parsed.errors[0]
        expect, wanted = self._wanted(row)
        if expect in ("none", "answer") or (expect == "match" and not wanted):
            if parsed.calls or parsed.attempt:
                return "a call where none was needed"
            return _missing(parsed.text, row) if expect == "answer" else ""
        if not parsed.calls:
            return f"no call in the format of the template: {parsed.attempt}" if parsed.attempt else "no call"
        for call in parsed.calls:
            if problem := check_arguments(call, row.get("tools")):
                return problem
        return "" if expect == "valid" or calls_match(parsed.calls, wanted) else "calls differ from the reference"

    def _wanted(self, row: Row) -> tuple[str, list[ReferenceCall]]:
        reference = row.get("reference")
        held = reference if isinstance(reference, Mapping) else {}
        category = str(held.get("category") or "")
        usual = "none" if "irrelevance" in category else "valid" if "relevance" in category else self.expect
        return held.get("expect", usual), reference_calls(reference) or []

    def check_reference(self, row: Row) -> str | None:
        if problem := check_tools(row.get("tools")):
            return problem
        reference = row.get("reference")
        expect, wanted = self._wanted(row)
        if expect not in EXPECTATIONS:
            return f"expect is one of {', '.join(EXPECTATIONS)}, got {expect!r}"
        if expect == "answer" and not _must_contain(row):
            return "expect is answer, and must_contain has no texts"
        if expect != "match":
            return None
        if isinstance(reference, Mapping) and "multi_turn" in str(reference.get("category") or ""):
            return "a multi-turn row is judged by the verifier bfcl"
        if reference_calls(reference) is None:
            return "the reference is no list of calls"
        return unmeetable(wanted, row.get("tools")) or None


def unanswered(parsed: ParsedCalls, prompt: object) -> str:
    """Why a turn has nothing to judge, or ""."""
    if not parsed.is_thinking_closed or (not parsed.thinking and opens_thinking(prompt)):
        return UNCLOSED_THINKING
    return "empty answer" if not parsed.items and is_blank(parsed.text) else ""


def _must_contain(row: Row) -> list[str]:
    reference = row.get("reference")
    texts = reference.get("must_contain") if isinstance(reference, Mapping) else None
    listed = [texts] if isinstance(texts, str) else texts if isinstance(texts, list) else []
    return [text for text in listed if isinstance(text, str) and text.strip()]


def _missing(answer: str, row: Row) -> str:
    missing = [text for text in _must_contain(row) if not says(answer, text)]
    return f"the answer does not say {missing[0]!r}" if missing else ""


class ToolUseVerifier(VerifierBase):
    """Score 1 when a tool was really used and the final answer is right.

    Over `row["turns"]`: an assistant made a valid call to an offered tool and its result came back, no turn
    wrote a tool's answer itself, with `reference["call"]` one such call matches it, and the final turn's
    answer equals `reference["answer"]` by the rules of the `math` verifier. Expressions in arguments count as
    equal when they are the same without spaces, or when the tool's result is the reference answer and the expression
    shares a number with the reference's. A call whose arguments say the answer already did no work and does not count
    (`tool_work.py`). `format`: as of `tool_call`.
    """

    name = "tool_use"

    def __init__(
        self, answer_format: AnswerFormat = "any", timeout_seconds: float = 1.0, format: str | None = None
    ) -> None:
        self.math = MathVerifier(answer_format=answer_format, timeout_seconds=timeout_seconds)
        self.format = checked_format(format)

    def grade(self, response: str, row: Row) -> Verdict:
        reference = row.get("reference")
        if not isinstance(reference, Mapping) or "answer" not in reference:
            return Verdict.error("a tool_use reference is a mapping with an answer")
        turns = row.get("turns") or [{"role": "assistant", "content": response}]
        problem, answered = _used_tools(turns, row, format_for(row, self.format))
        parts = {"valid_calls": float(len(answered))}
        if not problem and not answered:
            problem = "no valid call whose result came back"
        if not problem and (turns[-1].get("role") != "assistant" or self._calls(response, row)):
            problem = "the conversation ends before a final answer"
        problem = problem or self._without_work(answered, row)
        if problem:
            return Verdict.scored(0.0, problem, parts)
        final = self.math.grade(response, {**row, "reference": {"answer": reference["answer"]}})
        if not final.is_scored:
            return final
        return Verdict.scored(float(final.score or 0.0), f"answer {final.reason}", parts)

    def _calls(self, response: str, row: Row) -> tuple[ParsedCall, ...]:
        return parse_tool_calls(response, format_for(row, self.format), row.get("tools")).calls

    def _without_work(self, answered: Sequence[tuple[ParsedCall, str]], row: Row) -> str:
        """Why the answered calls are not those that the row asks for, or ""."""
        reference = row["reference"]
        for wanted in _reference_calls_of(reference):
            if not any(self._fits(call, result, wanted, row) for call, result in answered):
                return f"no call matches the reference call of {wanted[0]}"
        known = [asked_text(row.get("prompt")), [wanted[1] for wanted in _reference_calls_of(reference)]]
        if all(carries(call, reference["answer"], known) for call, _ in answered):
            return "the calls did no work: their arguments say the answer"
        return ""

    def _fits(self, call: ParsedCall, result: str, wanted: ReferenceCall, row: Row) -> bool:
        if call.name != wanted[0]:
            return False
        squeezed = {key: [_squeeze(value) for value in values] for key, values in wanted[1].items()}
        if call_matches(_without_spaces(call), (wanted[0], squeezed)):
            return True
        # another expression for the same value is as good a use of the tool, if it computes the value
        is_expression = set(call.arguments) == set(wanted[1]) and len(call.arguments) == 1
        answer, known = row["reference"]["answer"], [wanted[1]]
        if not is_expression or not result.strip() or carries(call, answer, known):
            return False
        is_related = shares_a_number(call, [*known, asked_text(row.get("prompt"))])
        return is_related and self.math.compare(str(answer), result.strip()).score == 1.0

    def check_reference(self, row: Row) -> str | None:
        reference = row.get("reference")
        if not isinstance(reference, Mapping) or "answer" not in reference:
            return "a tool_use reference is a mapping with an answer"
        if problem := check_tools(row.get("tools")) or self.math.check_reference(row):
            return problem
        return unmeetable(_reference_calls_of(reference), row.get("tools")) or None

    def close(self) -> None:
        self.math.close()


def _reference_calls_of(reference: Mapping[str, Any]) -> list[ReferenceCall]:
    is_given = any(key in reference for key in ("call", "calls", "ground_truth"))
    return (reference_calls(reference) or []) if is_given else []


def _used_tools(turns: Sequence[Mapping[str, Any]], row: Row, format: str) -> tuple[str, list[tuple[ParsedCall, str]]]:
    """(what is wrong with the conversation, the valid calls with the results that came back for them).

    The answers after a turn belong to its calls in their order, also to malformed ones where there are as many.
    """
    answered: list[tuple[ParsedCall, str]] = []
    tools = row.get("tools")
    for number, turn in enumerate(turns):
        if turn.get("role") != "assistant":
            continue
        parsed = parse_tool_calls(str(turn.get("content") or ""), format, tools)
        if mark := leaked_mark(f"{parsed.thinking}\n{parsed.text}", row.get("prompt")):
            return f"the assistant wrote {mark} itself", answered
        results = list(_results_after(turns, number))
        items = parsed.items if len(results) >= len(parsed.items) else parsed.calls
        for item, result in zip(items, results, strict=False):
            if isinstance(item, ParsedCall) and not check_arguments(item, tools) and not _is_error(result):
                answered.append((item, result))
    return "", answered


def _results_after(turns: Sequence[Mapping[str, Any]], number: int) -> Iterator[str]:
    """The tools' answers between a turn and the next of the assistant."""
    for turn in turns[number + 1 :]:
        if turn.get("role") == "assistant":
            return
        if turn.get("role") == "tool":
            yield str(turn.get("content") or "")


def _is_error(content: str) -> bool:
    """A tool's answer that is {"error": ...}: the call was made, but the tool was not used."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and "error" in answer


def _squeeze(value: Any) -> Any:
    return re.sub(r"\s+", "", value) if isinstance(value, str) else value


def _without_spaces(call: ParsedCall) -> ParsedCall:
    return ParsedCall(call.name, {key: _squeeze(value) for key, value in call.arguments.items()})
