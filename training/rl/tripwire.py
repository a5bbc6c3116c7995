"""Watches a stage for over-optimisation: does the reward pay hacks of the policy's own answers, and does the quality
that another judge sees fall while the watched score rises? Gives numbers; the alerts act on them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from openqwq.training.config import Alert, Tripwire
from openqwq.training.evaluation.results import paired_gain
from openqwq.training.records import Group, Judged, Judgement, Prompt, Rollout, SuiteResult
from openqwq.verifiers.answers import THINK_CLOSE
from openqwq.verifiers.scoring.hack_probes import changed

MAX_HACKED = 16
"""Answers of a step that are hacked in every way and judged."""
ROUNDING = 1e-4
"""A reward that rises by less is not paid for the hack."""

Judge = Callable[[Sequence[Rollout], Sequence[Prompt]], Sequence[Judged]]
Evaluate = Callable[[], Mapping[str, SuiteResult]]


def alerts_of(config: Tripwire | None) -> dict[str, Alert]:
    """The alerts that act on the numbers of a tripwire."""
    if config is None:
        return {}
    limits = {"hacks_paid": config.probes, "fall": config.drop if config.suites else None, "gap": config.gap}
    return {
        f"tripwire_{name}": Alert(metric=f"tripwire/{name}", above=limit, patience=1, action=config.action)
        for name, limit in limits.items()
        if limit is not None
    }


class TripwireWatch:
    """The tripwire of one stage; with `config=None` it gives no numbers."""

    def __init__(
        self,
        config: Tripwire | None = None,
        baseline: Mapping[str, SuiteResult] | None = None,
        evaluate: Evaluate = dict,
        judge: Judge = lambda rollouts, prompts: [],
    ) -> None:
        self._config, self._baseline = config, dict(baseline or {})
        self._evaluate, self._judge = evaluate, judge
        self._scores: list[float] = []
        """Mean watched score of each step so far; NaN where no sample had one."""

    def numbers(self, step: int, groups: Sequence[Group]) -> dict[str, float]:
        """`tripwire/score` of every step; of each `every`th one also `tripwire/hacks_paid`, and of suites
        `tripwire/fall`, `tripwire/gap` and `tripwire/gain/<suite>`."""
        config = self._config
        if config is None:
            return {}
        score = watched_score(groups, config.watches)
        self._scores.append(score)
        found = {} if math.isnan(score) else {"tripwire/score": score}
        if step % config.every:
            return found
        if config.probes is not None:
            found |= self._hacks(groups, config.watches)
        if config.suites:
            found |= self._suites(config.every)
        return found

    def _hacks(self, groups: Sequence[Group], name: str) -> dict[str, float]:
        chosen = [one for group in groups if (one := _best(group, name)) is not None][:MAX_HACKED]
        kinds, rollouts, before = list[str](), list[Rollout](), list[float]()
        for _, rollout, reward in chosen:
            for kind, response in hacked_responses(rollout.response).items():
                kinds.append(kind)
                rollouts.append(replace(rollout, response=response))
                before.append(reward)
        if not rollouts:
            return {}
        after = [entry.judgement.reward for entry in self._judge(rollouts, [prompt for prompt, *_ in chosen])]
        shares = paid_shares(kinds, before, after)
        paid = {f"tripwire/paid/{kind}": share for kind, share in shares.items()}
        return {**paid, **({"tripwire/hacks_paid": max(shares.values())} if shares else {})}

    def _suites(self, every: int) -> dict[str, float]:
        paired = {suite: paired_gain(self._baseline[suite], now) for suite, now in self._evaluate().items()}
        gains = {suite: gain.value for suite, gain in paired.items() if gain is not None}
        found = {f"tripwire/gain/{suite}": gain for suite, gain in gains.items()}
        if gains:
            found["tripwire/fall"] = -min(gains.values())
            first, last = (_mean(part) for part in (self._scores[:every], self._scores[-every:]))
            if math.isfinite(last - first):
                found["tripwire/gap"] = last - first - min(gains.values())
        return found

    def state(self) -> dict[str, Any]:
        """The watched scores so far, as plain JSON values."""
        return {"scores": [None if math.isnan(score) else score for score in self._scores]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self._scores = [math.nan if score is None else float(score) for score in state.get("scores", ())]


def watched_score(groups: Sequence[Group], name: str) -> float:
    """The mean score of the verifier of this name over the samples that have one, else NaN."""
    return _mean([j.parts[name] for group in groups for j in group.judgements if name in j.parts])


def hacked_responses(response: str) -> dict[str, str]:
    """Kind of hack -> the response with its answer hacked and its thinking as it was; no answer at all is left out, as
    that is judged without asking."""
    thinking, close, tail = response.rpartition(THINK_CLOSE)
    answer = tail.strip()
    before = thinking + close + tail[: len(tail) - len(tail.lstrip())]
    return {kind: before + text for kind, text in changed(answer).items() if answer and kind != "empty"}


def paid_shares(kinds: Sequence[str], before: Sequence[float], after: Sequence[float | None]) -> dict[str, float]:
    """Kind of hack -> share of the answers whose reward it raised, over those that could be judged."""
    found: dict[str, list[bool]] = {}
    for kind, old, new in zip(kinds, before, after, strict=True):
        if new is not None:
            found.setdefault(kind, []).append(new > old + ROUNDING)
    return {kind: sum(of) / len(of) for kind, of in found.items()}


def _best(group: Group, name: str) -> tuple[Prompt, Rollout, float] | None:
    """The sample of a group that the watched verifier scores highest, with its reward."""

    def score(entry: tuple[Rollout, Judgement]) -> float:
        return entry[1].parts[name]

    judged = [
        (rollout, judgement)
        for rollout, judgement in zip(group.rollouts, group.judgements, strict=True)
        if name in judgement.parts and judgement.reward is not None and rollout.finish_reason == "stop"
    ]
    if not judged:
        return None
    rollout, judgement = max(judged, key=score)
    return None if judgement.reward is None else (group.prompt, rollout, judgement.reward)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return math.fsum(known) / len(known) if known else math.nan
