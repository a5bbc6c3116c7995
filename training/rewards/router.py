"""Judges rollouts by the verifiers of their rows: gates first, then the weighted mean, with the breakdown kept.

A verdict that is an error is no reward: the sample's reward is None and the update leaves it out.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from openqwq.training.config import Rewards, VerifierUse
from openqwq.training.errors import RecipeError
from openqwq.training.records import Judgement, Prompt, Rollout
from openqwq.training.rewards.routing import distinct_uses, gates_of, key_of, verifiers_of
from openqwq.verifiers import Verdict, Verifier, get_verifier
from openqwq.verifiers.base import VerifierError

JUDGE_THREADS = 32
"""Chunks judged at the same time: verifiers wait for a sandbox or a service most of their time."""


def fill_in(rewards: Rewards, stage_models: Mapping[str, str], sandbox_urls: Sequence[str]) -> Rewards:
    """`rewards` with `{stage:NAME}` replaced by that stage's model folder and the run's sandbox given to `code`."""

    def filled(use: VerifierUse) -> VerifierUse:
        arguments = dict(use.arguments)
        for key, value in arguments.items():
            for name, folder in stage_models.items():
                if isinstance(value, str):
                    value = value.replace(f"{{stage:{name}}}", folder)
            arguments[key] = value
        if use.name == "code" and sandbox_urls:
            arguments.setdefault("url", list(sandbox_urls))
        return use.model_copy(update={"arguments": arguments})

    def filled_all(uses: tuple[VerifierUse, ...] | None) -> tuple[VerifierUse, ...] | None:
        return None if uses is None else tuple(map(filled, uses))

    tasks = {
        name: task.model_copy(update={"verifiers": filled_all(task.verifiers), "gates": filled_all(task.gates)})
        for name, task in rewards.tasks.items()
    }
    for_rows = rewards.for_rows
    if all(use.name != "code" for use in for_rows):  # a row may name `code` unlisted: it needs the sandbox too
        for_rows += (VerifierUse(name="code"),)
    return rewards.model_copy(
        update={"tasks": tasks, "gates": filled_all(rewards.gates), "for_rows": filled_all(for_rows)}
    )


class RewardRouter:
    """Judges rollouts by a recipe's `rewards` section.

    Verifiers are built once, at the first use of `(name, arguments)`, and closed by `close()`.
    """

    def __init__(self, rewards: Rewards) -> None:
        self.rewards = rewards
        self._verifiers: dict[str, Verifier] = {}
        self._building = threading.Lock()  # chunks are judged by several threads

    def judge(self, rollouts: Sequence[Rollout], rows: Sequence[Mapping[str, Any]]) -> list[Judgement]:
        """One judgement per rollout, order kept. Each verifier sees its samples in one batch."""
        pending = [
            _Pending(rollout, row, verifiers_of(self.rewards, rollout.task, row))
            for rollout, row in zip(rollouts, rows, strict=True)
        ]
        for sample in pending:
            if sample.rollout.finish_reason == "error":
                sample.statuses["environment"] = "service_error"
                sample.settle(None, f"the environment failed: {sample.rollout.response}")
        if self.rewards.truncated == "zero":
            for sample in pending:
                if sample.rollout.finish_reason in ("length", "turns"):
                    sample.settle(0.0, f"not finished: {sample.rollout.finish_reason}")
        for sample, uses in self._rounds(pending, lambda s: gates_of(self.rewards, s.rollout.task)):
            sample.apply_gates(uses)
        for sample, uses in self._rounds(pending, lambda s: s.verifiers):
            sample.apply_scores(uses)
        return [sample.judgement(self.rewards.truncated) for sample in pending]

    def _rounds(
        self, pending: "Sequence[_Pending]", uses_of: "Callable[[_Pending], Sequence[VerifierUse]]"
    ) -> "list[tuple[_Pending, list[tuple[VerifierUse, Verdict]]]]":
        """Ask every verifier once for all open samples that need it."""
        open_samples = [sample for sample in pending if not sample.is_settled]
        batches: dict[str, tuple[VerifierUse, list[_Pending]]] = {}
        for sample in open_samples:
            for use in uses_of(sample):
                batches.setdefault(key_of(use), (use, []))[1].append(sample)
        verdicts: dict[tuple[int, str], Verdict] = {}
        for key, (use, samples) in batches.items():
            responses = [sample.rollout.response for sample in samples]
            rows = [{**sample.row, "turns": list(sample.rollout.turns)} for sample in samples]
            for sample, verdict in zip(samples, self._verifier(use).verify_many(responses, rows), strict=True):
                verdicts[id(sample), key] = verdict
        return [(s, [(use, verdicts[id(s), key_of(use)]) for use in uses_of(s)]) for s in open_samples]

    def _verifier(self, use: VerifierUse) -> Verifier:
        key = key_of(use)
        with self._building:
            if key not in self._verifiers:
                try:
                    self._verifiers[key] = get_verifier(use.name, **use.arguments)
                except VerifierError as error:
                    raise RecipeError(f"rewards: {error}") from error
            return self._verifiers[key]

    def check_verifiers(self, prompts: Sequence[Prompt]) -> None:
        """Build the verifiers of these prompts, so that a wrong name stops before the start. Those that need the model
        of an earlier stage wait for it.

        Raises:
            RecipeError: a verifier cannot be built.
        """
        for use, prompt in distinct_uses(self.rewards, prompts):
            if "{stage:" not in repr(use.arguments):
                try:
                    self._verifier(use)
                except RecipeError as error:
                    own = f"row {prompt.id!r}, column 'verifier': " if prompt.row.get("verifier") else ""
                    raise RecipeError(f"{own}{error}") from error

    def unusable_references(self, prompts: Sequence[Prompt]) -> dict[int, str]:
        """Place in `prompts` of each one whose reference a verifier of it refuses -> why."""
        reasons = ((index, next(self._reference_problems(prompt), "")) for index, prompt in enumerate(prompts))
        return {index: reason for index, reason in reasons if reason}

    def _reference_problems(self, prompt: Prompt) -> Iterator[str]:
        for use in verifiers_of(self.rewards, prompt.task, prompt.row):
            if "{stage:" in repr(use.arguments):
                continue
            try:
                problem = self._verifier(use).check_reference(prompt.row)
            except VerifierError as error:  # the check itself could not run, for example without a sandbox
                raise RecipeError(f"row {prompt.id!r}: its reference cannot be checked: {error}") from error
            if problem is not None:
                yield problem

    def close(self) -> None:
        """End the verifiers' processes."""
        for verifier in self._verifiers.values():
            verifier.close()
        self._verifiers.clear()


class _Pending:
    """One sample on its way through gates and verifiers."""

    def __init__(self, rollout: Rollout, row: Mapping[str, Any], verifiers: Sequence[VerifierUse]) -> None:
        self.rollout = rollout
        self.row = row
        self.verifiers = verifiers
        self.is_settled = False
        self.reward: float | None = None
        self.reason = ""
        self.parts: dict[str, float] = {}
        self.statuses: dict[str, str] = {}
        self.weights: dict[str, float] = {}
        self.seconds = 0.0

    def settle(self, reward: float | None, reason: str) -> None:
        self.is_settled, self.reward, self.reason = True, reward, reason

    def _note(self, use: VerifierUse, verdict: Verdict) -> str:
        base = name = use.label or use.name.rpartition(":")[2]
        number = 1
        while name in self.statuses:  # one verifier twice, with other arguments
            number += 1
            name = f"{base}#{number}"
        self.statuses[name] = verdict.status
        self.seconds += verdict.seconds
        if verdict.score is not None:
            self.parts[name] = verdict.score
        return name

    def apply_gates(self, verdicts: Sequence[tuple[VerifierUse, Verdict]]) -> None:
        """Reward 0 if a gate is not fully passed; None if a gate could not say."""
        for use, verdict in verdicts:
            self._note(use, verdict)
            if verdict.is_error:
                self.settle(None, verdict.reason)
            elif verdict.score is not None and verdict.score < 1.0 and not self.is_settled:
                self.settle(0.0, f"{use.name}: {verdict.reason}")

    def apply_scores(self, verdicts: Sequence[tuple[VerifierUse, Verdict]]) -> None:
        """Weighted mean of the scores; None if any verifier failed or none applies."""
        total = weight = 0.0
        failed = None
        for use, verdict in verdicts:
            name = self._note(use, verdict)
            if verdict.is_error:
                failed = verdict.reason
            elif verdict.score is not None:
                total += use.weight * verdict.score
                weight += use.weight
                self.weights[name] = use.weight
                self.reason = verdict.reason
        self.weights = {name: share / weight for name, share in self.weights.items()}
        if failed is not None:
            self.settle(None, failed)
        else:
            self.settle(total / weight if weight else None, self.reason)

    def judgement(self, truncated: str) -> Judgement:
        is_masked = truncated == "mask" and self.rollout.finish_reason != "stop"
        return Judgement(
            reward=None if is_masked else self.reward,
            parts=self.parts,
            statuses=self.statuses,
            reason=self.reason,
            weights=self.weights,
            seconds=self.seconds,
        )
