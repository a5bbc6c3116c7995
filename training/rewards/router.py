"""Judges rollouts with the verifiers of their rows: gates first, then the weighted mean of the scores.

A verdict that is an error is not a reward: the sample's reward is None, and the update leaves it out.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from openqwq.training.config import Rewards, VerifierUse
from openqwq.training.errors import RecipeError
from openqwq.training.records import Judgement, Prompt, Rollout
from openqwq.training.rewards.routing import build_verifier, distinct_uses, gates_of, key_of, verifiers_of
from openqwq.verifiers import Verdict, Verifier
from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.tool_calls import DEFAULT_FORMAT

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

    def filled_all(uses: tuple[VerifierUse, ...] | None) -> tuple[VerifierUse, ...] | None:
        return None if uses is None else tuple(map(filled, uses))

    tasks = {
        name: task.model_copy(update={"verifiers": filled_all(task.verifiers), "gates": filled_all(task.gates)})
        for name, task in rewards.tasks.items()
    }
    for_rows = rewards.for_rows
    if all(use.name != "code" for use in for_rows):  # a row may use `code` although it is not listed
        for_rows += (VerifierUse(name="code"),)
    return rewards.model_copy(
        update={"tasks": tasks, "gates": filled_all(rewards.gates), "for_rows": filled_all(for_rows)}
    )


class RewardRouter:
    """Judges rollouts by a recipe's `rewards` section.

    A verifier is built at the first use of its `(name, arguments)`, and `close()` closes all of them.
    """

    def __init__(self, rewards: Rewards) -> None:
        self.rewards = rewards
        self._verifiers: dict[str, Verifier] = {}
        self._building = threading.Lock()  # several threads judge chunks

    def judge(self, rollouts: Sequence[Rollout], rows: Sequence[Mapping[str, Any]]) -> list[Judgement]:
        """One judgement per rollout, in order. Each verifier gets all of its samples in one call."""
        pending = [
            _PendingSample(rollout, row, verifiers_of(self.rewards, rollout.task, row))
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
        self, pending: "Sequence[_PendingSample]", uses_of: "Callable[[_PendingSample], Sequence[VerifierUse]]"
    ) -> "list[tuple[_PendingSample, list[tuple[VerifierUse, Verdict]]]]":
        """The verdicts on every sample that is not settled; each verifier is called once."""
        open_samples = [sample for sample in pending if not sample.is_settled]
        batches: dict[str, tuple[VerifierUse, list[_PendingSample]]] = {}
        for sample in open_samples:
            for use in uses_of(sample):
                batches.setdefault(key_of(use), (use, []))[1].append(sample)
        verdicts: dict[tuple[int, str], Verdict] = {}
        for key, (use, samples) in batches.items():
            responses = [sample.rollout.response for sample in samples]
            rows = [sample.seen_row for sample in samples]
            for sample, verdict in zip(samples, _verdicts(self.verifier(use), responses, rows), strict=True):
                verdicts[id(sample), key] = verdict
        return [(s, [(use, verdicts[id(s), key_of(use)]) for use in uses_of(s)]) for s in open_samples]

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
        for use in verifiers_of(self.rewards, prompt.task, prompt.row):
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


class _PendingSample:
    """A sample that passes through gates and verifiers. Once settled it has its reward and is not judged further."""

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
        self.reasons: dict[str, str] = {}
        self.details: dict[str, Mapping[str, float]] = {}
        self.shaping: list[str] = []
        self.seconds = 0.0

    @property
    def seen_row(self) -> dict[str, Any]:
        """What verifiers see: the row, and what was sampled for it."""
        sampled = self.rollout
        return {
            **self.row,
            "turns": list(sampled.turns),
            "completion_ids": sampled.tokens,
            "weights_version": sampled.weights_version,
            **({} if sampled.call_format == DEFAULT_FORMAT else {"call_format": sampled.call_format}),
        }

    def settle(self, reward: float | None, reason: str) -> None:
        self.is_settled, self.reward, self.reason = True, reward, reason

    def _note(self, use: VerifierUse, verdict: Verdict) -> str:
        base = name = use.label or use.name.rpartition(":")[2]
        number = 1
        while name in self.statuses:  # the same verifier twice, with different arguments
            number += 1
            name = f"{base}#{number}"
        self.statuses[name] = verdict.status
        self.seconds += verdict.seconds
        if verdict.score is not None:
            self.parts[name] = verdict.score
        if verdict.reason:
            self.reasons[name] = verdict.reason
        if verdict.parts:
            self.details[name] = verdict.parts
        return name

    def apply_gates(self, verdicts: Sequence[tuple[VerifierUse, Verdict]]) -> None:
        """Settle with reward 0 if a gate is not fully passed, with None if a gate's verdict is an error."""
        for use, verdict in verdicts:
            self._note(use, verdict)
            if verdict.is_error:
                self.settle(None, verdict.reason)
            elif verdict.score is not None and verdict.score < 1.0 and not self.is_settled:
                self.settle(0.0, f"{use.name}: {verdict.reason}")

    def apply_scores(self, verdicts: Sequence[tuple[VerifierUse, Verdict]]) -> None:
        """Settle with the weighted mean of the scores, or with None if a verifier failed or none applies."""
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
                self.shaping += [name] if use.is_shaping else []
                self.reason = verdict.reason
        self.weights = {name: own / weight for name, own in self.weights.items()}
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
            reasons=self.reasons,
            details=self.details,
            shaping=tuple(self.shaping),
        )
