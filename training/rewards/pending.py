"""A sample that is being judged: it passes gates, verifiers of the main reward, tie-break and penalties."""

from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.training.config import Composition, VerifierUse
from openqwq.training.config.rewards import SAMPLE_TERMS, Scope
from openqwq.training.records import Judgement, Rollout
from openqwq.training.rewards.composing import is_closed, main_reward, tie_break_factor
from openqwq.training.rewards.penalties import of_group, of_length, of_score
from openqwq.training.rewards.scopes import Judged, texts_of
from openqwq.verifiers import Verdict

Verdicts = Sequence[tuple[VerifierUse, Verdict]]


class PendingSample:
    """Once settled it has its reward and is not judged further."""

    def __init__(
        self,
        rollout: Rollout,
        row: Mapping[str, Any],
        gates: Sequence[VerifierUse],
        verifiers: Sequence[VerifierUse],
        composition: Composition,
    ) -> None:
        """`gates` and `verifiers`: what judges this row; `composition`: what their scores add up to in its task."""
        self.rollout = rollout
        self.gates, self.verifiers, self.composition = gates, verifiers, composition
        self.is_settled = False
        self.reward: float | None = None
        self.reason = ""
        self.main: float | None = None
        self.tie_break = 1.0
        self.parts: dict[str, float] = {}
        self.statuses: dict[str, str] = {}
        self.weights: dict[str, float] = {}
        self.reasons: dict[str, str] = {}
        self.details: dict[str, Mapping[str, float]] = {}
        self.shaping: list[str] = []
        self.penalties: dict[str, float] = {}
        self.penalty_weights: dict[str, float] = {}
        self.group_penalties: dict[str, float] = {}
        self.seconds = 0.0
        self._row = row
        self._texts: dict[Scope, list[Judged]] = {}

    def texts(self, scope: Scope) -> list[Judged]:
        """What a verifier of this scope gets."""
        if scope not in self._texts:
            self._texts[scope] = texts_of(self.rollout, self._row, scope)
        return self._texts[scope]

    @property
    def tie_breaks(self) -> tuple[VerifierUse, ...]:
        """The verifier of the tie-break, which is not asked where the main reward is 0."""
        tie_break = self.composition.tie_break
        return () if tie_break is None or not self.main else (tie_break.verifier,)

    @property
    def judged_penalties(self) -> tuple[VerifierUse, ...]:
        """The penalties that are a verifier's."""
        return tuple(penalty for penalty in self.composition.penalties if penalty.name not in SAMPLE_TERMS)

    def settle(self, reward: float | None, reason: str) -> None:
        """Give the sample its reward."""
        self.is_settled, self.reward, self.reason = True, reward, reason

    def settle_unfinished(self) -> None:
        """Settle with a main reward of 0; its length is punished like that of others."""
        self.main = 0.0
        self.settle(0.0, f"not finished: {self.rollout.finish_reason}")
        self._add_lengths()

    def apply_gates(self, verdicts: Verdicts) -> None:
        """Settle with reward 0 if a gate is closed, whatever the others say; else with None if one failed."""
        noted = [(use, verdict, self._note(use, verdict)) for use, verdict in verdicts]
        closed = [f"{use.name}: {verdict.reason}" for use, verdict, _ in noted if is_closed(verdict)]
        failed = [verdict.reason for _, verdict, _ in noted if verdict.is_error]
        if closed:
            self.main = 0.0
            self.settle(0.0, closed[0])
        elif failed:
            self.settle(None, failed[-1])

    def apply_main(self, verdicts: Verdicts) -> None:
        """Combine the scores; settle with None where that cannot be done."""
        combine, total = self.composition.main.combine, 0.0
        for use, verdict in verdicts:
            name = self._note(use, verdict)
            if verdict.score is not None:
                total += use.weight
                self.weights[name] = use.weight
                self.shaping += [name] if use.is_shaping else []
                self.reason = verdict.reason
        self.weights = {name: weight / total for name, weight in self.weights.items()}
        if combine != "mean" or self.composition.tie_break is not None:
            self.weights = {}  # the main reward is no weighted sum
        self.main = main_reward(combine, [(use.weight, verdict) for use, verdict in verdicts])
        if self.main is None:
            self.settle(None, next((v.reason for _, v in reversed(verdicts) if v.is_error), self.reason))
        elif combine != "mean":
            self.reason = _lowest_reason(verdicts)

    def apply_tie_break(self, verdicts: Verdicts) -> None:
        """Take the tie-break into account; settle with None where it failed."""
        for use, verdict in verdicts:
            self._note(use, verdict)
            assert self.composition.tie_break is not None
            factor = tie_break_factor(self.composition.tie_break.share, verdict)
            if factor is None:
                self.settle(None, verdict.reason)
            else:
                self.tie_break = factor

    def apply_penalties(self, verdicts: Verdicts) -> None:
        """Settle with the whole reward, or with None where a penalty's verifier failed."""
        for use, verdict in verdicts:
            penalty = next(one for one in self.composition.penalties if one is use)
            name, term = self._note(use, verdict), of_score(penalty, verdict)
            if term is None:
                self.settle(None, verdict.reason)
                return
            self.penalties[name] = term
            self.penalty_weights[name] = penalty.weight
        assert self.main is not None
        self.settle(self.main * self.tie_break, self.reason)
        self._add_lengths()

    def _add_lengths(self) -> None:
        own = self.composition.penalties
        self.penalties |= of_length(own, self.rollout)
        self.group_penalties = of_group(own)
        weights = {penalty.label or penalty.name: penalty.weight for penalty in own if penalty.name in SAMPLE_TERMS}
        self.penalty_weights |= weights
        if self.penalties and self.reward is not None:
            self.reward += sum(self.penalties.values())

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

    def judgement(self, truncated: str) -> Judgement:
        """The record of what was found."""
        is_masked = truncated == "mask" and self.rollout.finish_reason != "stop"
        reward = None if is_masked else self.reward
        return Judgement(
            reward=reward,
            parts=self.parts,
            statuses=self.statuses,
            reason=self.reason,
            weights=self.weights,
            seconds=self.seconds,
            reasons=self.reasons,
            details=self.details,
            shaping=tuple(self.shaping),
            main=None if reward is None else self.main,
            tie_break=self.tie_break,
            penalties={} if reward is None else self.penalties,
            penalty_weights=self.penalty_weights,
            group_penalties=self.group_penalties,
        )


def _lowest_reason(verdicts: Verdicts) -> str:
    """The reason of the lowest score, which a product, a minimum or a veto turns on."""
    scored = [verdict for _, verdict in verdicts if verdict.score is not None]
    return min(scored, key=lambda verdict: verdict.score or 0.0).reason if scored else ""
