"""Functions as verifiers, run unchanged: plain ones, TRL's reward functions, verl's `compute_score`.

Finding and loading them: user_functions.py.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from openqwq.verifiers.base import (
    Row,
    ScoreRange,
    Verdict,
    Verifier,
    VerifierBase,
    VerifierError,
    verdict_from_value,
)

_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_FROM_TRAINER = frozenset({"prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric"})
"""What TRL's trainers pass beside the columns of a row, and so do we."""


class FunctionVerifier(VerifierBase):
    """f(response, row) -> bool | float | None | Verdict, for one answer at a time, also as `async def`."""

    reload: tuple[Callable[..., Verifier], tuple[Any, ...]] | None = None
    """How another process loads the function again; None pickles the function itself."""
    score_range: ScoreRange | None = None

    def __init__(self, location: str, function: Callable[..., Any], kwargs: Mapping[str, Any]) -> None:
        self.name = location
        self.function = function
        self.kwargs = dict(kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        make, arguments = self.reload or (type(self), (self.name, self.function, self.kwargs))
        return make, arguments, {"score_range": self.score_range}

    def grade(self, response: str, row: Row) -> Verdict:
        return verdict_from_value(waited_for(self.function(response, row, **self.kwargs)), self.score_range)


def with_range(verifier: Verifier, score_range: ScoreRange) -> Verifier:
    """The verifier of a function whose scores lie in `score_range`, mapped onto [0, 1].

    Raises:
        VerifierError: it is no function of the user's, and its scores are in [0, 1].
    """
    if not isinstance(verifier, FunctionVerifier):
        raise VerifierError(f"verifier {verifier.name!r} scores in [0, 1]; `range` is for functions of your own")
    verifier.score_range = score_range
    return verifier


class BatchFunctionVerifier(FunctionVerifier):
    """TRL's f(prompts, completions, completion_ids, **columns) -> list[float | None], given the rows' columns as lists.

    Columns are the row's own keys, then the keys of `extra`, then those of a mapping `reference`. Completions
    are strings for text prompts and message lists for chat prompts, as in TRL, unless the annotation of the function
    asks for the other. `trainer_state.global_step` is the number of updates of the weights that sampled.
    What it gives to `log_metric` stands in the verdict's parts.
    """

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """Columns that the function cannot be called without."""
        parameters = inspect.signature(self.function).parameters.values()
        required = (each.name for each in parameters if each.default is each.empty and each.kind not in _VARIABLE)
        return tuple(name for name in required if name not in _FROM_TRAINER and name not in self.kwargs)

    def grade(self, response: str, row: Row) -> Verdict:
        return self._grade_batch([response], [row])[0]

    def verify_many(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        if len(responses) != len(rows):
            raise ValueError(f"got {len(responses)} responses for {len(rows)} rows")
        start = time.perf_counter()
        try:
            verdicts = self._grade_batch(responses, rows) if rows else []
        except Exception as error:  # one answer may break the whole call, so each is graded alone
            if len(rows) > 1:
                return [self.verify(response, row) for response, row in zip(responses, rows, strict=True)]
            verdicts = [Verdict.error(f"{self.name}: {type(error).__name__}: {error}")] * len(rows)
        seconds = (time.perf_counter() - start) / max(1, len(rows))
        return [replace(verdict, seconds=seconds) for verdict in verdicts]

    def _grade_batch(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        metrics: dict[str, float] = {}
        values = waited_for(self.function(**self._arguments(responses, rows, metrics)))
        if len(values) != len(rows):
            raise VerifierError(f"returned {len(values)} rewards for {len(rows)} completions")
        verdicts = [verdict_from_value(value, self.score_range) for value in values]
        return [replace(one, parts={**one.parts, **metrics}) for one in verdicts] if metrics else verdicts

    def _arguments(self, responses: Sequence[str], rows: Sequence[Row], metrics: dict[str, float]) -> dict[str, Any]:
        columns = [_columns(row) for row in rows]
        shared = set.intersection(*(set(column) for column in columns))
        arguments: dict[str, Any] = {name: [column[name] for column in columns] for name in shared}
        if "completion_ids" in arguments:
            arguments["completion_ids"] = [list(ids) for ids in arguments["completion_ids"]]
        arguments["prompts"] = [_prompt(row) for row in rows]
        form = _form_of_completions(self.function)
        arguments["completions"] = [_completion(text, row, form) for text, row in zip(responses, rows, strict=True)]
        updates = max((row.get("weights_version") or 0 for row in rows), default=0)
        arguments |= {
            "trainer_state": SimpleNamespace(global_step=updates),
            "log_metric": lambda name, value: metrics.update({str(name): float(value)}),
            "log_extra": lambda name, values: None,
        }
        arguments |= self.kwargs
        parameters = inspect.signature(self.function).parameters.values()
        if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            return arguments
        return {parameter.name: arguments[parameter.name] for parameter in parameters if parameter.name in arguments}


class VerlFunctionVerifier(FunctionVerifier):
    """verl's compute_score(data_source, solution_str, ground_truth, extra_info) -> score, or a mapping with `score`.

    `data_source` and `extra_info` are columns of the row; the truth is the row's reference, or what stands in it under
    `ground_truth` or `answer`. Other numbers of the mapping stand in the verdict's parts.
    """

    def grade(self, response: str, row: Row) -> Verdict:
        reference = row.get("reference")
        if isinstance(reference, Mapping):
            reference = reference.get("ground_truth", reference.get("answer", reference))
        given = {
            "data_source": row.get("data_source"),
            "solution_str": response,
            "ground_truth": reference,
            "extra_info": row.get("extra_info"),
        } | self.kwargs
        parameters = inspect.signature(self.function).parameters.values()
        is_open = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
        taken = given if is_open else {each.name: given[each.name] for each in parameters if each.name in given}
        value = waited_for(self.function(**taken))
        if isinstance(value, list | tuple) and value:
            value = value[0]
        if not isinstance(value, Mapping):
            return verdict_from_value(value, self.score_range)
        verdict = verdict_from_value(value.get("score"), self.score_range)
        others = {str(key): float(part) for key, part in value.items() if isinstance(part, bool | int | float)}
        others.pop("score", None)
        return replace(verdict, parts={**others, **verdict.parts})


def waited_for(value: Any) -> Any:
    """The result of an async function, also when the caller's thread already runs an event loop; else the value."""
    if not inspect.isawaitable(value):
        return value
    import asyncio  # here: most verifiers never need it

    results: list[Any] = []
    errors: list[BaseException] = []

    async def collect() -> None:
        results.append(await value)

    def run() -> None:
        try:
            asyncio.run(collect())
        except BaseException as error:  # carried over to the caller's thread below
            errors.append(error)

    thread = threading.Thread(target=run, name="async-reward")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def columns_of(row: Row) -> tuple[str, ...]:
    """The names of all columns that a TRL function can have from this row, the row's own first."""
    return tuple(dict.fromkeys((*row, *_columns(row))))


def _columns(row: Row) -> dict[str, Any]:
    reference, extra = row.get("reference"), row.get("extra")
    columns: dict[str, Any] = dict(reference) if isinstance(reference, Mapping) else {}
    columns |= dict(extra) if isinstance(extra, Mapping) else {}
    of_trainer = {"prompt"} if _prompt_text(row) is None else {"prompt", "prompt_text"}
    return columns | {key: value for key, value in row.items() if key not in of_trainer}


def _form_of_completions(function: Callable[..., Any]) -> str | None:
    """`texts` or `chats`, as the annotation says; None where it says neither."""
    parameter = inspect.signature(function).parameters.get("completions")
    annotation = "" if parameter is None else str(parameter.annotation).replace("typing.", "").lower()
    if annotation.startswith("list[list["):
        return "chats"
    return "texts" if annotation.startswith(("list[str]", "sequence[str]")) else None


def _prompt(row: Row) -> Any:
    """As the data set has it: a text, where training made a chat of one."""
    text = _prompt_text(row)
    return row.get("prompt") if text is None else text


def _prompt_text(row: Row) -> str | None:
    """The text of which training made the only message of a chat; a data set may have a column of this name itself."""
    text, prompt = row.get("prompt_text"), row.get("prompt")
    is_ours = isinstance(prompt, list) and len(prompt) == 1 and prompt[0].get("content") == text
    return text if is_ours and isinstance(text, str) else None


def _completion(text: str, row: Row, form: str | None) -> str | list[dict[str, Any]]:
    if form == "texts" or (form is None and not isinstance(_prompt(row), list)):
        return text
    return [dict(turn) for turn in row.get("turns") or ()] or [{"role": "assistant", "content": text}]
