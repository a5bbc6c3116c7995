"""The verifiers `tool_call` (one turn's calls) and `tool_use` (a whole conversation with tools and a final answer)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError
from openqwq.verifiers.math_answer.extract import AnswerFormat
from openqwq.verifiers.math_answer.verifier import MathVerifier
from openqwq.verifiers.rules.role_leak import leaked_mark
from openqwq.verifiers.tool_calls import (
    ParsedCall,
    ParsedCalls,
    check_arguments,
    check_tools,
    parse_tool_calls,
    tool_functions,
)
from openqwq.verifiers.tool_matching import call_matches, calls_match, reference_calls

EXPECTATIONS = ("match", "valid", "none")


class ToolCallVerifier(VerifierBase):
    """Score 1 when the turn's Hermes calls are well formed, fit the offered tools and match the reference
    calls.

    `reference`: BFCL's list of {function: {argument: [allowed values]}}, or {"name", "arguments"}, or a list
    of them. An empty list expects no call and no attempt of one. expect="valid" asks only for calls that fit
    the schemas, expect="none" for no call; a row may say so itself with reference {"expect": "valid" |
    "none"}.
    """

    name = "tool_call"

    def __init__(self, expect: str = "match") -> None:
        if expect not in EXPECTATIONS:
            raise VerifierError(f"expect is one of {', '.join(EXPECTATIONS)}, got {expect!r}")
        self.expect = expect

    def grade(self, response: str, row: Row) -> Verdict:
        if problem := self.check_reference(row):
            return Verdict.error(f"unusable tool_call reference: {problem}")
        graded = graded_text(response, row.get("prompt"))
        if graded.problem:
            return Verdict.scored(0.0, graded.problem)
        problem = self._problem(parse_tool_calls(response), row)
        return Verdict.scored(not problem, problem or "calls match")

    def _problem(self, parsed: ParsedCalls, row: Row) -> str:
        if parsed.errors:
            return parsed.errors[0]
        expect, wanted = self._wanted(row)
        if expect == "none" or (expect == "match" and not wanted):
            return "a call where none was needed" if parsed.calls or "tool_call" in parsed.text else ""
        if not parsed.calls:
            return "no call"
        for call in parsed.calls:
            if problem := check_arguments(call, row.get("tools")):
                return problem
        return "" if expect == "valid" or calls_match(parsed.calls, wanted) else "calls differ from the reference"

    def _wanted(self, row: Row) -> tuple[str, list[tuple[str, dict[str, list[Any]]]]]:
        reference = row.get("reference")
        expect = reference.get("expect", self.expect) if isinstance(reference, Mapping) else self.expect
        return expect, reference_calls(reference) or []

    def check_reference(self, row: Row) -> str | None:
        if problem := check_tools(row.get("tools")):
            return problem
        expect, wanted = self._wanted(row)
        if expect not in EXPECTATIONS:
            return f"expect is one of {', '.join(EXPECTATIONS)}, got {expect!r}"
        if expect == "match" and reference_calls(row.get("reference")) is None:
            return "the reference is no list of calls"
        offered = tool_functions(row.get("tools"))
        for name, _ in wanted if expect == "match" else ():
            if name not in offered:
                return f"the reference calls a tool that is not offered: {name!r}"
        return None


class ToolUseVerifier(VerifierBase):
    """Score 1 when a tool was really used and the final answer is right.

    Over `row["turns"]`: an assistant made a valid call to an offered tool and its result came back, no turn
    wrote a tool's answer itself, with `reference["call"]` one such call matches it, and the final turn's
    answer equals `reference["answer"]` by the rules of the `math` verifier. Expressions in arguments count as
    equal when they are the same without spaces, or when the tool's result is the reference answer.
    """

    name = "tool_use"

    def __init__(self, answer_format: AnswerFormat = "any", timeout_seconds: float = 1.0) -> None:
        self.math = MathVerifier(answer_format=answer_format, timeout_seconds=timeout_seconds)

    def grade(self, response: str, row: Row) -> Verdict:
        reference = row.get("reference")
        if not isinstance(reference, Mapping) or "answer" not in reference:
            return Verdict.error("a tool_use reference is a mapping with an answer")
        turns = row.get("turns") or [{"role": "assistant", "content": response}]
        problem, answered = _used_tools(turns, row)
        parts = {"valid_calls": float(len(answered))}
        if not problem and not answered:
            problem = "no valid call whose result came back"
        if not problem and (turns[-1].get("role") != "assistant" or parse_tool_calls(response).calls):
            problem = "the conversation ends before a final answer"
        wanted = (
            reference_calls(reference) if any(key in reference for key in ("call", "calls", "ground_truth")) else None
        )
        if not problem and wanted:
            problem = self._unmatched(answered, wanted, reference)
        if problem:
            return Verdict.scored(0.0, problem, parts)
        final = self.math.grade(response, {**row, "reference": {"answer": reference["answer"]}})
        if not final.is_scored:
            return final
        return Verdict.scored(float(final.score or 0.0), f"answer {final.reason}", parts)

    def _unmatched(
        self,
        answered: Sequence[tuple[ParsedCall, str]],
        wanted: Sequence[tuple[str, dict[str, list[Any]]]],
        reference: Mapping[str, Any],
    ) -> str:
        for reference_call in wanted:
            if not any(self._fits(call, result, reference_call, reference) for call, result in answered):
                return f"no call matches the reference call of {reference_call[0]}"
        return ""

    def _fits(
        self,
        call: ParsedCall,
        result: str,
        wanted: tuple[str, dict[str, list[Any]]],
        reference: Mapping[str, Any],
    ) -> bool:
        if call.name != wanted[0]:
            return False
        if call_matches(
            _without_spaces(call), (wanted[0], {k: [_squeeze(v) for v in vs] for k, vs in wanted[1].items()})
        ):
            return True
        # another expression for the same value is as good a use of the tool
        is_expression = set(call.arguments) == set(wanted[1]) and len(call.arguments) == 1
        if not is_expression or not result.strip():
            return False
        return self.math.compare(str(reference["answer"]), result.strip()).score == 1.0

    def check_reference(self, row: Row) -> str | None:
        reference = row.get("reference")
        if not isinstance(reference, Mapping) or "answer" not in reference:
            return "a tool_use reference is a mapping with an answer"
        return check_tools(row.get("tools")) or self.math.check_reference(row)

    def close(self) -> None:
        self.math.close()


def _used_tools(turns: Sequence[Mapping[str, Any]], row: Row) -> tuple[str, list[tuple[ParsedCall, str]]]:
    """(what is wrong with the conversation, the valid calls with the results that came back for them)."""
    answered: list[tuple[ParsedCall, str]] = []
    waiting: list[ParsedCall] = []
    for turn in turns:
        content = str(turn.get("content") or "")
        if turn.get("role") == "assistant":
            parsed = parse_tool_calls(content)
            if mark := leaked_mark(content, row.get("prompt")):
                return f"the assistant wrote {mark} itself", answered
            waiting = list(parsed.calls)
        elif turn.get("role") == "tool" and waiting:
            call = waiting.pop(0)
            if not check_arguments(call, row.get("tools")) and not _is_error(content):
                answered.append((call, content))
    return "", answered


def _is_error(content: str) -> bool:
    """A tool's answer that is {"error": ...}: the call was made, but the tool was not used."""
    try:
        answer = json.loads(content)
    except ValueError:
        return False
    return isinstance(answer, dict) and "error" in answer


def _squeeze(value: Any) -> Any:
    return re.sub(r"\s+", "", value) if isinstance(value, str) else value


def _without_spaces(call: ParsedCall) -> ParsedCall:
    return ParsedCall(call.name, {key: _squeeze(value) for key, value in call.arguments.items()})
