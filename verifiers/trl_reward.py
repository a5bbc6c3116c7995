"""Any verifier as a reward function of TRL: `as_trl_reward("math")` goes into an unmodified GRPOTrainer.

The other direction, a TRL reward function as a verifier, is in user_functions.py.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openqwq.verifiers.base import Row, Verdict, Verifier, VerifierError
from openqwq.verifiers.building import build
from openqwq.verifiers.json_safe import NotJsonSafe, json_safe
from openqwq.verifiers.registry import get_verifier, is_built_in
from openqwq.verifiers.user_functions import function_verifier

REFERENCE_COLUMNS = ("reference", "answer", "solution")
"""Columns that are tried for the reference, in this order."""
_READ_BY_BUILT_INS = ("id", "task", "reference", "tools", "extra")
"""Columns of a row that built-in verifiers read, beside prompt and turns. Others may hold what is no JSON: images."""
_OF_THE_TRAINER = ("completion_ids", "trainer_state", "log_extra", "log_metric", "environments")
_log = logging.getLogger(__name__)


def as_trl_reward(
    verifier: str | Verifier | Callable[..., Any],
    *,
    reference: str | Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    name: str | None = None,
    opens_think: bool = False,
    **arguments: Any,
) -> TrlReward:
    """A reward function `f(prompts, completions, **columns) -> list[float | None]` for TRL's trainers.

    verifier: a registered name, `path.py:function`, a function, a class or a Verifier; `arguments` are its own.
    reference: the column that holds the reference (default: the first of `reference`, `answer`, `solution` that the
    data set has), or a mapping that builds one from several: {"tests": "tests", "entry_point": "name"}.
    columns: further columns of a row under our names, {"tools": "functions"}.
    name: what TRL logs, `rewards/<name>/mean`; default is the verifier's name.
    opens_think: the chat template ends in `<think>`, so a completion begins inside the thinking.

    Only scored verdicts are numbers. A verdict that is an error or not applicable is None, which TRL leaves out;
    errors are logged as a warning, and their share as the metric `rewards/<name>/error_share`. Built-in verifiers read
    the columns as plain JSON (json_safe.py); your own function or class gets them as TRL hands them over.
    """
    if isinstance(verifier, str):
        built = get_verifier(verifier, **arguments)
    elif isinstance(verifier, type):
        built = build(verifier.__name__, verifier, arguments)
    elif isinstance(verifier, Verifier):
        if arguments:
            raise VerifierError(f"{verifier.name} is built already; give {sorted(arguments)} to its own constructor")
        built = verifier
    else:
        built = function_verifier(verifier.__name__, verifier, arguments)
    sources = {**(columns or {}), **({} if reference is None else {"reference": reference})}
    return TrlReward(built, sources, name or built.name.rpartition(":")[2], opens_think)


class TrlReward:
    """The function that as_trl_reward returns. It can be pickled when its verifier can, and called from any thread."""

    def __init__(
        self, verifier: Verifier, columns: Mapping[str, str | Mapping[str, str]], name: str, opens_think: bool
    ) -> None:
        self.verifier = verifier
        self.columns = dict(columns)
        self.opens_think = opens_think
        self.__name__ = name  # what TRL calls it in its log

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[Any], log_metric: Any = None, **columns: Any
    ) -> list[float | None]:
        rows = self._rows(prompts, completions, columns)
        opening = "<think>\n" if self.opens_think else ""
        responses = [opening + last_answer(completion) for completion in completions]
        verdicts = self._verdicts(responses, rows)
        errors = [verdict for verdict in verdicts if verdict.is_error]
        if errors:
            _log.warning("%s: %s", self.__name__, _describe(errors, len(verdicts)))
        if log_metric is not None and verdicts:
            log_metric(f"rewards/{self.__name__}/error_share", len(errors) / len(verdicts))
        return [verdict.score for verdict in verdicts]

    def _verdicts(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        """Built-in verifiers see plain JSON, and a row without a JSON form is an error of its own; a user's function
        or class sees what TRL gives."""
        if not is_built_in(self.verifier):
            return self.verifier.verify_many(responses, rows)
        read = [_as_json(row) for row in rows]
        asked = [(text, row) for text, row in zip(responses, read, strict=True) if not isinstance(row, Verdict)]
        judged = iter(self.verifier.verify_many([text for text, _ in asked], [row for _, row in asked]))
        return [row if isinstance(row, Verdict) else next(judged) for row in read]

    def _rows(self, prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Any]) -> list[Row]:
        given = {key: values for key, values in columns.items() if key not in _OF_THE_TRAINER}
        taken = {ours: _column(theirs, given) for ours, theirs in self.columns.items()}
        if "reference" not in taken:
            found = next((key for key in REFERENCE_COLUMNS if key in given), None)
            taken |= {"reference": given[found]} if found is not None else {}
        columns = {**given, **taken}
        rows: list[Row] = []
        for number, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            row = {key: values[number] for key, values in columns.items()}
            if not isinstance(completion, str):
                row["turns"] = [{**turn, "content": message_text(turn)} for turn in completion]
            rows.append({**row, "prompt": prompt})
        return rows


def _as_json(row: Row) -> Row | Verdict:
    try:
        plain = {key: json_safe(row[key], f"row[{key!r}]") for key in _READ_BY_BUILT_INS if key in row}
    except NotJsonSafe as error:
        return Verdict.error(str(error))
    return plain | {key: row[key] for key in ("prompt", "turns") if key in row}  # TRL's own texts and messages


def _column(theirs: str | Mapping[str, str], given: Mapping[str, Any]) -> Sequence[Any]:
    for key in (theirs,) if isinstance(theirs, str) else theirs.values():
        if key not in given:
            raise VerifierError(f"the data set has no column {key!r}; it has {', '.join(sorted(given)) or 'none'}")
    if isinstance(theirs, str):
        taken: Sequence[Any] = given[theirs]
        return taken
    return [dict(zip(theirs, values, strict=True)) for values in zip(*(given[k] for k in theirs.values()), strict=True)]


def _describe(errors: Sequence[Verdict], total: int) -> str:
    kinds = ", ".join(f"{count} {status}" for status, count in Counter(error.status for error in errors).items())
    return f"{len(errors)} of {total} completions could not be judged ({kinds}: {errors[0].reason[:200]})"


def last_answer(completion: str | Sequence[Mapping[str, Any]]) -> str:
    """The text that is graded: the completion, or the last assistant message of a conversation."""
    if isinstance(completion, str):
        return completion
    return next((message_text(turn) for turn in reversed(completion) if turn.get("role") == "assistant"), "")


def message_text(message: Mapping[str, Any]) -> str:
    """A message as the model wrote it: TRL takes thinking and tool calls out of texts whose template it knows."""
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = "".join(str(block.get("text") or "") for block in content)
    thinking = message.get("reasoning_content") or message.get("thinking")
    opened = f"<think>\n{thinking}\n</think>\n\n" if thinking else ""
    calls = [call.get("function", call) for call in message.get("tool_calls") or ()]
    written = [f"<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>" for call in calls]
    return "\n".join([opened + content, *written]) if written else opened + content
