"""Judges rollouts with the verifiers of their rows: gates, the main reward, its tie-break, penalties.

A verdict that is an error is not a reward: the sample's reward is None, and the update leaves it out.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from openqwq.training.config import Rewards, VerifierUse
from openqwq.training.config.rewards import Scope
from openqwq.training.errors import RecipeError
from openqwq.training.records import Judgement, Prompt, Rollout
from openqwq.training.rewards.pending import PendingSample
from openqwq.training.rewards.routing import (
    all_uses,
    build_verifier,
    composition_of,
    distinct_uses,
    gates_of,
    key_of,
    verifiers_of,
)
from openqwq.training.rewards.scopes import Judged, worst
from openqwq.verifiers import Verdict, Verifier
from openqwq.verifiers.base import VerifierError

JUDGE_THREADS = 32
"""Number of chunks that are judged at the same time; verifiers mostly wait for a sandbox or a service."""


def fill_in(rewards: Rewards, stage_models: Mapping[str, str], sandbox_urls: Sequence[str]) -> Rewards:
    """`rewards` with each `{stage:NAME}` replaced by that stage's model folder, and with the run's sandbox as the `url`
    of `code` verifiers that have none."""

    def filled(use: VerifierUse) -> VerifierUse:
        arguments = dict(use.arguments)
        for key, value in arguments.items():
            for name, folder in stage_models.items():
                if isinstance(value, str):
                    value = value.replace(f"{{stage:{name}}}", folder)
            arguments[key] = value
        if "code" in (use.name, use.arguments.get("verifier")) and sandbox_urls:  # also as_published of it
            arguments.setdefault("url", list(sandbox_urls))
        return use.model_copy(update={"arguments": arguments})

    tasks = {name: task.with_uses(filled) for name, task in rewards.tasks.items()}
    for_rows = rewards.for_rows
    if all(use.name != "code" for use in for_rows):  # a row may use `code` although it is not listed
        for_rows += (VerifierUse(name="code"),)
    lists = {"gates": tuple(map(filled, rewards.gates)), "for_rows": tuple(map(filled, for_rows))}
    return rewards.model_copy(update={"tasks": tasks, **lists})


class RewardRouter:
    """Judges rollouts by a recipe's `rewards` section.

    A verifier is built at the first use of its `(name, arguments)`, and `close()` closes all of them.
    """

    def __init__(self, rewards: Rewards) -> None:
        self.rewards = rewards
        self._verifiers: dict[str, Verifier] = {}
        self._building = threading.Lock()  # several threads judge chunks

    def judge(self, rollouts: Sequence[Rollout], rows: Sequence[Mapping[str, Any]]) -> list[Judgement]:
        """One judgement per rollout, in order. Each verifier gets all of its texts in one call."""
        pending = [self._pending(rollout, row) for rollout, row in zip(rollouts, rows, strict=True)]
        for sample in pending:
            if sample.rollout.finish_reason == "error":
                sample.statuses["environment"] = "service_error"
                sample.settle(None, f"the environment failed: {sample.rollout.response}")
            elif self.rewards.truncated == "zero" and sample.rollout.finish_reason in ("length", "turns"):
                sample.settle_unfinished()
        for sample, verdicts in self._rounds(pending, lambda s: s.gates, is_gate=True):
            sample.apply_gates(verdicts)
        for sample, verdicts in self._rounds(pending, lambda s: s.verifiers):
            sample.apply_main(verdicts)
        for sample, verdicts in self._rounds(pending, lambda s: s.tie_breaks):
            sample.apply_tie_break(verdicts)
        for sample, verdicts in self._rounds(pending, lambda s: s.judged_penalties):
            sample.apply_penalties(verdicts)
        return [sample.judgement(self.rewards.truncated) for sample in pending]

    def _pending(self, rollout: Rollout, row: Mapping[str, Any]) -> PendingSample:
        gates, verifiers = gates_of(self.rewards, rollout.task), verifiers_of(self.rewards, rollout.task, row)
        return PendingSample(rollout, row, gates, verifiers, composition_of(self.rewards, rollout.task))

    def _rounds(
        self,
        pending: Sequence[PendingSample],
        uses_of: Callable[[PendingSample], Sequence[VerifierUse]],
        is_gate: bool = False,
    ) -> list[tuple[PendingSample, list[tuple[VerifierUse, Verdict]]]]:
        """The verdicts on every sample that is not settled; each verifier is called once."""
        scope: Scope = "every_turn" if is_gate else "last_turn"
        asked = [(sample, list(uses_of(sample))) for sample in pending if not sample.is_settled]
        batches: dict[str, tuple[VerifierUse, dict[tuple[int, Scope], list[Judged]]]] = {}
        for number, (sample, uses) in enumerate(asked):
            for use in uses:
                its_scope = use.scope or scope
                batches.setdefault(key_of(use), (use, {}))[1][number, its_scope] = sample.texts(its_scope)
        verdicts: dict[tuple[str, int, Scope], Verdict] = {}
        for key, (use, texts) in batches.items():
            flat = [one for several in texts.values() for one in several]
            said = iter(_verdicts(self.verifier(use), [one.text for one in flat], [one.row for one in flat]))
            for (number, its_scope), several in texts.items():
                verdicts[key, number, its_scope] = worst([next(said) for _ in several], is_gate)
        return [
            (sample, [(use, verdicts[key_of(use), number, use.scope or scope]) for use in uses])
            for number, (sample, uses) in enumerate(asked)
        ]

    def verifier(self, use: VerifierUse) -> Verifier:
        """The verifier of a use, built at the first question.

        Raises:
            RecipeError: it cannot be built.
        """
        key = key_of(use)
        with self._building:
            if key not in self._verifiers:
                try:
                    self._verifiers[key] = build_verifier(use)
                except VerifierError as error:
                    raise RecipeError(f"rewards: {error}") from error
            return self._verifiers[key]

    def check_verifiers(self, prompts: Sequence[Prompt]) -> None:
        """Build the verifiers of these prompts, so that a wrong name is found before the run starts. Verifiers that
        need the model of an earlier stage are left out.

        Raises:
            RecipeError: a verifier cannot be built.
        """
        for use, prompt in distinct_uses(self.rewards, prompts):
            if "{stage:" not in repr(use.arguments):
                try:
                    self.verifier(use)
                except RecipeError as error:
                    own = f"row {prompt.id!r}, column 'verifier': " if prompt.row.get("verifier") else ""
                    raise RecipeError(f"{own}{error}") from error

    def unusable_references(self, prompts: Sequence[Prompt]) -> dict[int, str]:
        """Index of each prompt whose reference one of its verifiers refuses -> the reason."""
        reasons = ((index, next(self._reference_problems(prompt), "")) for index, prompt in enumerate(prompts))
        return {index: reason for index, reason in reasons if reason}

    def _reference_problems(self, prompt: Prompt) -> Iterator[str]:
        for use in all_uses(self.rewards, prompt):
            if "{stage:" in repr(use.arguments):
                continue
            try:
                problem = self.verifier(use).check_reference(prompt.row)
            except VerifierError as error:  # the check itself could not run, for example without a sandbox
                raise RecipeError(f"row {prompt.id!r}: its reference cannot be checked: {error}") from error
            except Exception as error:  # a row may hold anything, and is left out like one whose reference is refused
                problem = f"verifier {use.name!r} raised on it: {type(error).__name__}: {error}"
            if problem is not None:
                yield problem

    def close(self) -> None:
        """Close the verifiers, which ends their processes."""
        for verifier in self._verifiers.values():
            verifier.close()
        self._verifiers.clear()


def _verdicts(verifier: Verifier, responses: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """One verdict for each row, whatever the verifier does: a batch on which it raises is judged row by row, and a row
    on which it raises alone gets an error that says which row and what was raised."""
    try:
        return _checked(verifier.verify_many(responses, rows), len(rows))
    except Exception as error:
        if len(rows) == 1:
            words = f"verifier {verifier.name!r} raised on row {rows[0].get('id')!r}: {type(error).__name__}: {error}"
            return [Verdict.error(words)]
    pairs = zip(responses, rows, strict=True)
    return [verdict for response, row in pairs for verdict in _verdicts(verifier, [response], [row])]


def _checked(verdicts: Sequence[Verdict], count: int) -> list[Verdict]:
    if len(verdicts) != count or not all(isinstance(verdict, Verdict) for verdict in verdicts):
        raise TypeError(f"verify_many returned something other than {count} verdicts")
    return list(verdicts)
