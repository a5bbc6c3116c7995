"""Samples and judges suites as training does, on fixed rows with fixed seeds, and keeps every answer.

An engine whose rows share a batch gets the samples in blocks that do not depend on what is there already: an evaluation
that goes on after a kill draws the same batches, and so the same tokens. An engine that decodes continuously, and an
endpoint, get everything that is missing in one call.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Protocol

from openqwq.training.answers.record import Answer
from openqwq.training.config import Recipe
from openqwq.training.evaluation.examination import Examination, examination
from openqwq.training.evaluation.kept import KeptAnswers
from openqwq.training.evaluation.results import summarise
from openqwq.training.records import Chunk, Prompt, Rollout, SuiteResult
from openqwq.training.rewards.judging import PORTION, Judging
from openqwq.training.worker_group import RolloutWorkers


class Watch(Protocol):
    """What wants to know how far an evaluation is."""

    def begin(self, kept: Sequence[Answer]) -> None:
        """These answers are there already."""

    def sampled(self, rollouts: Sequence[Rollout]) -> None:
        """These have been sampled and not judged yet."""

    def judged(self, answers: Sequence[Answer]) -> None:
        """These have been judged and kept."""


class Unwatched:
    """A Watch that looks away."""

    def begin(self, kept: Sequence[Answer]) -> None:
        pass

    def sampled(self, rollouts: Sequence[Rollout]) -> None:
        pass

    def judged(self, answers: Sequence[Answer]) -> None:
        pass


JUDGED_TOGETHER = PORTION
"""Answers of a continuous engine that are judged, and written, at a time."""


def evaluate_suite(
    workers: RolloutWorkers,
    judging: Judging,
    asked: Examination,
    kept: KeptAnswers,
    block: int | None,
    watch: Watch | None = None,
) -> SuiteResult:
    """Sample and judge what is not kept yet. `block`: samples of one call; None is all.

    Raises:
        VerifierFailures: more than `rewards.max_error_fraction` of the answers, or of the items, could not be judged.
    """
    requests = asked.requests()
    blocks = [requests[start : start + block] for start in range(0, len(requests), block)] if block else [requests]
    wanted = {(request.prompt.id, request.index) for request in requests}
    watch = watch or Unwatched()
    watch.begin([answer for answer in kept if answer.key in wanted])
    prompts = {prompt.id: prompt for prompt in asked.prompts}
    for part in blocks:
        missing = [request for request in part if not kept.has(request)]
        if not missing:
            continue
        stream = _watched(workers.sample(part if block else missing, asked.sampling), watch)
        for chunks in _portions(stream, len(part) if block else JUDGED_TOGETHER):
            judged = judging.judged(asked.prompts, chunks, asked.rewards, of=len(requests))
            judged.sort(key=lambda entry: (entry.rollout.group, entry.rollout.index))
            answers = [asked.record(prompts[e.rollout.prompt_id], e) for e in judged]
            kept.add(answers)
            watch.judged(answers)
    known = (answer for answer in kept if answer.key in wanted)
    return summarise(asked.suite, known, asked.samples, asked.rewards.max_error_fraction, asked.columns)


def _watched(stream: Iterator[Chunk], watch: Watch) -> Iterator[Chunk]:
    for chunk in stream:
        watch.sampled(chunk.rollouts)
        yield chunk


def _portions(stream: Iterator[Chunk], size: int) -> Iterator[Iterable[Sequence[Rollout]]]:
    """The chunks of a stream in portions of about `size` rollouts, each to be read to its end before the next."""

    def portion(first: Chunk) -> Iterator[Sequence[Rollout]]:
        count = 0
        for chunk in chain([first], stream):
            yield chunk.rollouts
            count += len(chunk.rollouts)
            if count >= size:
                return

    for first in stream:
        yield portion(first)


def measure_suites(
    workers: RolloutWorkers,
    judging: Judging,
    recipe: Recipe,
    prompts: Mapping[str, Sequence[Prompt]],
    stage_models: Mapping[str, str],
    sandbox_urls: Sequence[str],
    block: int | None,
) -> dict[str, SuiteResult]:
    """The results of the engines' current weights on each suite of `prompts`; the answers are not kept."""
    return {
        suite: evaluate_suite(
            workers, judging, examination(recipe, suite, items, stage_models, sandbox_urls), KeptAnswers(), block
        )
        for suite, items in prompts.items()
    }
