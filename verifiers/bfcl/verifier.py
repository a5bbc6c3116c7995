"""The verifier `bfcl`: one turn's calls, whether there is a call at all, or a whole conversation by its states."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError
from openqwq.verifiers.bfcl.golds import gold_problem
from openqwq.verifiers.bfcl.matching import language_of, mismatch
from openqwq.verifiers.bfcl.python_form import Call, literal_call, python_calls
from openqwq.verifiers.bfcl.rows import Style, is_multi_turn, is_relevance
from openqwq.verifiers.bfcl.worker_process import ScenarioLimit, ScenarioRow, ScenarioWorker, shared_worker
from openqwq.verifiers.calls.formats import checked_format, format_for
from openqwq.verifiers.tool_calls import DEFAULT_FORMAT, ParsedCall, parse_tool_calls

STYLES = ("hermes", "python")
_UNDEFINED = re.compile(r"Error during execution: name '.*' is not defined$")


class BfclVerifier(VerifierBase):
    """Score 1 where BFCL's official checker accepts the calls of an answer, else 0.

    `reference`: `category`, `functions` (their descriptions) and `ground_truth` (the published answer, [] for relevance
    categories), as `rows.row_of` writes it; a multi-turn reference also has `involved_classes`, `initial_config` and
    `later_turns`, and the conversation is judged from `row["turns"]`. The answer is what follows the thinking; one that
    never closes its thinking scores 0. `style` and `dots_as_underscores` count where the reference does not say them.
    """

    name = "bfcl"

    def __init__(
        self,
        style: Style = "hermes",
        dots_as_underscores: bool = False,
        package: str | None = None,
        timeout_seconds: float = 10.0,
        format: str | None = None,
    ) -> None:
        """`package`: the folder that `bfcl-eval` was installed to, for multi-turn rows; None where Python finds it.
        `format`: how a model writes the calls that the style `hermes` means; without it the row's `call_format`."""
        if style not in STYLES:
            raise VerifierError(f"style is one of {', '.join(STYLES)}, got {style!r}")
        self.style = style
        self.format = checked_format(format)
        self.dots_as_underscores = dots_as_underscores
        self.package = package
        self.timeout_seconds = timeout_seconds

    def grade(self, response: str, row: Row) -> Verdict:
        reference = row.get("reference")
        if problem := self._form_problem(reference):
            return Verdict.error(f"unusable bfcl reference: {problem}")
        assert isinstance(reference, Mapping)
        if is_multi_turn(reference["category"]):
            turns = row.get("turns") or [{"role": "assistant", "content": response}]
            return self._conversation(turns, reference, format_for(row, self.format))
        graded = graded_text(response, row.get("prompt"))
        if graded.problem and graded.problem != "empty answer":
            return Verdict.scored(0.0, graded.problem)
        calls, problem = read_calls(
            response, reference.get("style", self.style), format_for(row, self.format), reference.get("functions")
        )
        if is_relevance(reference["category"]):
            is_call_wanted = "irrelevance" not in reference["category"]
            return Verdict.scored(bool(calls) == is_call_wanted, f"{len(calls)} calls {problem}".strip())
        problem = problem or mismatch(
            reference["functions"],
            calls,
            reference["ground_truth"],
            reference["category"],
            reference.get("dots_as_underscores", self.dots_as_underscores),
        )
        return Verdict.scored(not problem, problem or "calls match")

    def _conversation(self, turns: Sequence[Mapping[str, Any]], reference: Mapping[str, Any], format: str) -> Verdict:
        steps = steps_of(turns, reference.get("style", self.style), format)
        try:
            problem = self._worker().mismatch(scenario_row(reference), steps, _wanted(reference))
        except ScenarioLimit as error:
            return Verdict.scored(0.0, str(error))
        except VerifierError as error:
            return Verdict.error(str(error))
        return Verdict.scored(not problem, problem or "states and answers match", {"turns": float(len(steps))})

    def check_reference(self, row: Row) -> str | None:
        reference = row.get("reference")
        if problem := self._form_problem(reference):
            return problem
        assert isinstance(reference, Mapping)
        category = reference["category"]
        if is_relevance(category):
            return None
        if not is_multi_turn(category):
            return gold_problem(reference["functions"], reference["ground_truth"], category) or None
        try:
            wanted = _wanted(reference)
            own = [[[call] for call in calls] for calls in wanted]
            mismatched = self._worker().mismatch(scenario_row(reference), own, wanted)
            answers = self._worker().answers(scenario_row(reference), own, sum(map(len, wanted)))
        except ScenarioLimit as error:
            return f"the reference's own calls cannot be run: {error}"
        except VerifierError as error:
            return str(error)
        if undefined := [answer for answer in answers if _UNDEFINED.match(answer)]:
            return f"the reference calls a function that its classes do not have: {undefined[0]}"
        return f"the reference refuses its own calls: {mismatched}" if mismatched else None

    def _form_problem(self, reference: object) -> str:
        """What a reference lacks, or ""."""
        if not isinstance(reference, Mapping) or not isinstance(reference.get("category"), str):
            return "a bfcl reference is a mapping with a category"
        category, style = reference["category"], reference.get("style", self.style)
        if style not in STYLES:
            return f"style is one of {', '.join(STYLES)}, got {style!r}"
        if style == "python" and language_of(category) != "python":
            return f"category {category}: calls in {language_of(category)} are read in Hermes form only"
        if is_relevance(category):
            return ""
        needed: dict[str, type] = {"ground_truth": list, "functions": list}
        if is_multi_turn(category):
            needed = {"ground_truth": list, "involved_classes": list, "initial_config": dict, "later_turns": list}
        for name, kind in needed.items():
            if not isinstance(reference.get(name), kind):
                return f"category {category}: {name} is a {kind.__name__}, got {type(reference.get(name)).__name__}"
        empty = [name for name in ("ground_truth", "functions") if name in needed and not reference[name]]
        return f"category {category}: {empty[0]} is empty" if empty else ""

    def _worker(self) -> ScenarioWorker:
        return shared_worker(self.package, self.timeout_seconds)


def read_calls(
    text: str, style: Style, format: str = DEFAULT_FORMAT, tools: object = None
) -> tuple[Sequence[ParsedCall], str]:
    """The calls of an assistant's turn after its thinking, and what is wrong with its form, or "".

    `format`: how a model writes calls to offered tools, which `style` calls hermes."""
    if style == "hermes":
        parsed = parse_tool_calls(text, format, tools)
        return parsed.calls, parsed.errors[0] if parsed.errors else ""
    try:
        return python_calls(graded_text(text).text), ""
    except ValueError as error:
        return (), str(error)


def calls_of_step(text: str, style: Style, format: str = DEFAULT_FORMAT) -> list[Call]:
    """The calls of a step of a conversation. What cannot be read is passed over; a step without calls ends the turn."""
    return [Call(call.name, (), dict(call.arguments)) for call in read_calls(text, style, format)[0]]


def steps_of(turns: Sequence[Mapping[str, Any]], style: Style, format: str = DEFAULT_FORMAT) -> list[list[list[Call]]]:
    """For each turn of the user the assistant's steps that had calls. The conversation begins after the first user's
    message, and each later run of messages of the user begins a turn."""
    steps: list[list[list[Call]]] = [[]]
    before: object = "user"
    for turn in turns:
        role = turn.get("role")
        if role == "user" and before != "user":
            steps.append([])
        elif role == "assistant" and (calls := calls_of_step(str(turn.get("content") or ""), style, format)):
            steps[-1].append(calls)
        before = role
    return steps


def scenario_row(reference: Mapping[str, Any]) -> ScenarioRow:
    """What the scenario of a multi-turn reference begins with."""
    return ScenarioRow(
        tuple(reference["involved_classes"]), reference["initial_config"], "long_context" in reference["category"]
    )


def _wanted(reference: Mapping[str, Any]) -> list[list[Call]]:
    try:
        return [[literal_call(text) for text in turn] for turn in reference["ground_truth"]]
    except (ValueError, TypeError, AttributeError) as error:  # no list of lists of texts
        raise VerifierError(f"the reference is not readable: {error}") from error
