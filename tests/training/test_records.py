"""What the records that travel between rooms say about themselves: ages, errors, rewards, and what is left out."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from openqwq.training import records
from openqwq.training.records import (
    Chunk,
    Group,
    Judged,
    Judgement,
    OpenGroup,
    PartialRollout,
    RolloutBatch,
    SampleRequest,
    SuiteResult,
    UpdateReport,
)
from tests.training.small_records import make_prompt, make_rollout

ERRORS = ["verifier_error", "sandbox_error", "service_error"]


@pytest.mark.parametrize("status", ERRORS)
def test_the_error_of_a_judgement_is_that_of_the_first_verifier_that_failed(status: str) -> None:
    fine = {"a": "scored", "b": "not_applicable"}
    assert Judgement(1.0, {}, fine).error is None
    assert Judgement(None, {}, {}).error is None
    others = {f"other {i}": other for i, other in enumerate(ERRORS) if other != status}
    assert Judgement(None, {}, {**fine, "c": status, **others}).error == status


def test_a_group_is_as_old_as_its_oldest_token() -> None:
    rollouts = [replace(make_rollout(9, i), oldest_version=v, weights_version=8) for i, v in enumerate((6, 3, 5))]
    group = Group(make_prompt(9), rollouts, [Judgement(reward, {}, {}) for reward in (0.5, None, 1.0)])
    assert (group.number, group.oldest_version, group.rewards) == (9, 3, [0.5, None, 1.0])


@pytest.mark.parametrize(
    ("finished", "partial", "fresh", "oldest"),
    [([], [], 7, 7), ([4, 6], [], 7, 4), ([], [5, 3], 7, 3), ([6], [5], 7, 5), ([5], [6], 7, 5), ([9], [8], 7, 7)],
)
def test_an_open_group_is_as_old_as_its_oldest_token_and_new_without_one(
    finished: list[int], partial: list[int], fresh: int, oldest: int
) -> None:
    prompt = make_prompt(2)
    judged = [Judged(replace(make_rollout(2, i), oldest_version=v), Judgement(1.0, {}, {}))
              for i, v in enumerate(finished)]  # fmt: skip
    waiting = [SampleRequest(prompt, 2, 9, 1)]
    waiting += [SampleRequest(prompt, 2, i, 1, PartialRollout((7,), (-1.0,), (1,), (), 1, v)) for i, v in
                enumerate(partial)]  # fmt: skip
    assert OpenGroup(2, prompt, judged, waiting).oldest_version(fresh) == oldest


def test_what_a_record_leaves_out_is_nothing() -> None:
    request = SampleRequest(make_prompt(), 0, 0, 5)
    assert (request.partial, request.may_be_aborted) == (None, True)
    chunk = Chunk([])
    assert (list(chunk.unfinished), chunk.busy_seconds) == ([], 0.0)
    batch = RolloutBatch([])
    assert (list(batch.unfinished), batch.sampled_at, batch.busy_seconds) == ([], 0.0, 0.0)
    judgement = Judgement(1.0, {}, {})
    assert (judgement.reason, judgement.weights, judgement.seconds) == ("", {}, 0.0)
    suite = SuiteResult({}, {})
    assert (suite.errors, suite.mean_tokens, dict(suite.samples), dict(suite.facts)) == (0, 0.0, {}, {})
    assert UpdateReport({}, 0.0).returns_K is None
    prompt = records.Prompt("p", "math", (), {})
    assert (prompt.tools, prompt.source, prompt.is_replay) == ((), "", False)


@pytest.mark.parametrize("name", [n for n, found in vars(records).items() if dataclasses.is_dataclass(found)])
def test_no_record_changes_on_its_way(name: str) -> None:
    record = getattr(records, name)
    assert record.__dataclass_params__.frozen
