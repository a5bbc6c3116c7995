"""Kept answers: what they are answers of, which of them count again, and what a suite asks besides its rows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.answers.files import read_answers
from openqwq.training.config import Evaluation, Recipe, Rewards, Sampling, Suite, TaskReward, VerifierUse
from openqwq.training.errors import RunFolderError
from openqwq.training.evaluation.evaluate import _portions
from openqwq.training.evaluation.examination import Examination, examination, suite_rewards
from openqwq.training.evaluation.kept import DECISIVE, KeptAnswers, about_answers, open_kept, read_about
from openqwq.training.evaluation.policy import suite_progress
from openqwq.training.records import Chunk, Judged, Judgement
from tests.training.evaluation.test_results import answers_of
from tests.training.small_records import make_prompt, make_rollout

ABOUT: dict[str, Any] = {name: f"some {name}" for name in DECISIVE} | {"sampling": {"temperature": 0.5, "top_k": 3}}


def recipe_of(**suite: Any) -> Recipe:
    use = {"verifiers": [{"name": "math"}]}
    suites = {"s": {"sources": [], "rewards": {"math": use}, **suite}}
    tree = {"name": "r", "model": "m", "stages": [], "rewards": {"tasks": {"code": use}},
            "evaluation": {"suites": suites}}  # fmt: skip
    return Recipe.model_validate(tree)


def test_answers_of_the_same_count_again_and_their_note_is_renewed(tmp_path: Path) -> None:
    open_kept(tmp_path, "s", {**ABOUT, "seed": 1}, "refuse").add(answers_of({"a": [1.0]}))
    for otherwise in ("refuse", "begin_again"):
        kept = open_kept(tmp_path, "s", {**ABOUT, "seed": 2}, otherwise)  # type: ignore[arg-type]
        assert [answer.id for answer in kept] == ["a"]
    assert read_about(tmp_path / "s.about.json") == {**ABOUT, "seed": 2}
    assert (tmp_path / "s.about.json").read_text().startswith('{\n "weights"')  # people read it


@pytest.mark.parametrize("key", DECISIVE)
def test_answers_of_something_else_are_refused_or_begun_again(tmp_path: Path, key: str) -> None:
    other = {**ABOUT, key: {"temperature": 0.7, "top_k": 3} if key == "sampling" else "another"}
    open_kept(tmp_path, "s", ABOUT, "refuse").add(answers_of({"a": [1.0]}))
    where = r"sampling\.temperature is 0.5 there and 0.7 here" if key == "sampling" else rf"{key} is 'some {key}' there"
    with pytest.raises(RunFolderError, match=where):
        open_kept(tmp_path, "s", other, "refuse")
    assert read_about(tmp_path / "s.about.json") == ABOUT
    assert [answer.id for answer in open_kept(tmp_path, "s", ABOUT, "refuse")] == ["a"]
    other = {name: "another" for name in DECISIVE} if key == DECISIVE[0] else other  # several differ
    assert list(open_kept(tmp_path, "s", other, "begin_again")) == []
    assert read_about(tmp_path / "s.about.json") == other


@pytest.mark.parametrize("text", [None, "", "[1]", "{broken"])
def test_what_is_not_known_of_answers_is_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "note").write_text(text)
    assert read_about(tmp_path / "note") == {}


def test_what_answers_are_answers_of_is_json_and_holds_the_rewards_of_both(tmp_path: Path) -> None:
    recipe = recipe_of()
    about = about_answers(recipe, str(tmp_path), examination(recipe, "s", [make_prompt(0)], {}, []))
    assert json.loads(json.dumps(about)) == about
    assert set(about["rewards"]["tasks"]) == {"math", "code"} and set(DECISIVE) <= set(about)
    assert about["engine"] == recipe.cluster.rollout.engine == "hf"
    about = about_answers(recipe, "m", examination(recipe, "s", [], {}, []), "http://a/v1")
    assert (about["weights"], about["engine"]) == ("http://a/v1 m", "endpoint")


@pytest.mark.parametrize(
    ("path", "clusters"),
    [
        (None, {}),
        ("extra.frame", {"p0": "7", "p1": "x"}),
        ("id", {"p0": "p0", "p1": "p1", "p2": "p2"}),
        ("extra.frame.more", {}),
        ("nowhere", {}),
    ],
)
def test_what_problems_share_is_found_by_its_path(path: str | None, clusters: dict[str, str]) -> None:
    extras = [{"frame": 7}, {"frame": "x"}, {"kind": "y"}]
    prompts = [make_prompt(n, extra=extra) for n, extra in enumerate(extras)]
    asked = examination(recipe_of(cluster=path, may_be_shown=False, columns={"strict": "math"}), "s", prompts, {}, [])
    assert (asked.clusters, asked.may_be_shown, asked.columns) == (clusters, False, {"strict": "math"})


def test_a_stream_is_judged_in_portions_that_end_with_a_whole_chunk() -> None:
    sizes = [1, 1, 1, 3, 1, 0, 5]
    chunks = [Chunk([make_rollout(n, k) for k in range(size)], []) for n, size in enumerate(sizes)]
    read = [[len(rollouts) for rollouts in portion] for portion in _portions(iter(chunks), 2)]
    assert read == [[1, 1], [1, 3], [1, 0, 5]]
    assert [[len(r) for r in portion] for portion in _portions(iter(chunks), 99)] == [sizes]


def test_progress_is_out_of_all_samples() -> None:
    counted: list[tuple[str, int]] = []

    class Console:
        def counting(self, name: str, total: int) -> Any:
            counted.append((name, total))
            return open("/dev/null")  # any context

    asked = examination(recipe_of(samples_per_prompt=3), "s", [make_prompt(n) for n in range(4)], {}, [])
    with suite_progress(Console(), asked):  # type: ignore[arg-type]
        assert counted == [("s", 12)]


@pytest.mark.parametrize("is_kept", [True, False])
def test_in_memory_answers_are_without_their_tokens(tmp_path: Path, is_kept: bool) -> None:
    path = tmp_path / "s.jsonl.gz" if is_kept else None
    answers = [replace(a, tokens=(1, 2), loss_mask=((1, 2),), logprobs=(-1.0, -2.0)) for a in answers_of({"a": [1.0]})]
    kept = KeptAnswers(path)
    kept.add(answers)
    for each in (kept, *([KeptAnswers(path)] if is_kept else [])):
        [held] = each
        assert held == replace(answers[0], tokens=(), loss_mask=(), logprobs=())
    if path is not None:
        [written] = read_answers(path)
        assert (list(written.tokens), list(written.logprobs)) == ([1, 2], [-1.0, -2.0])


def test_the_reward_of_a_suite_with_columns_is_its_strict_one_unless_that_failed() -> None:
    asked = Examination("s", [], 1, Rewards(), Sampling(), 5, columns={"strict": "hard", "as_published": "soft"})
    rollout = make_rollout()
    for scores, statuses, reward in [
        ({"hard": 0.0, "soft": 1.0}, {"hard": "scored", "soft": "scored"}, 0.0),
        ({"hard": 1.0, "soft": 0.0}, {"hard": "scored", "soft": "scored"}, 1.0),
        ({"hard": 1.0}, {"hard": "scored", "soft": "sandbox_error"}, None),
    ]:
        judgement = Judgement(None if reward is None else 0.5, scores, statuses)
        assert asked.record(make_prompt(), Judged(rollout, judgement)).reward == reward
    plain = Examination("s", [], 1, Rewards(), Sampling(), 5)
    assert plain.record(make_prompt(), Judged(rollout, Judgement(0.5, {}, {}))).reward == 0.5


def test_the_rewards_of_a_suite_replace_those_of_the_recipe() -> None:
    use = {name: TaskReward(verifiers=(VerifierUse(name=name),)) for name in ("math", "code", "placebo")}
    evaluation = Evaluation(suites={"s": Suite(sources=(), rewards={"math": use["placebo"]})})
    laid = suite_rewards(Rewards(tasks={"math": use["math"], "code": use["code"]}), evaluation, "s")
    assert laid.tasks == {"math": use["placebo"], "code": use["code"]}
