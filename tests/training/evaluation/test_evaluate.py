"""The evaluation of suites: what is sampled with which seeds, what counts as right, what is an error; with a real model
where anything is sampled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from openqwq.training.config import Evaluation, Recipe, Rewards, Sampling, Suite, TaskReward, VerifierUse
from openqwq.training.errors import VerifierFailures
from openqwq.training.evaluation.evaluate import (
    _summarise,
    evaluate_suite,
    measure_suites,
    report_from_json,
    report_to_json,
    suite_rewards,
    timed_report,
)
from openqwq.training.evaluation.policy import Policy, PolicyEvaluator
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.records import Chunk, EvalReport, Judged, Judgement, Prompt, SampleRequest, SuiteResult
from openqwq.training.rewards.judging import Judging
from openqwq.training.rollout.build import EngineSettings
from openqwq.training.run_folder.metrics import MetricsLog
from openqwq.training.seeds import derive_seed
from tests.training.small_records import make_prompt, make_rollout, write_verifier


class NotingWorkers(InlineWorkerGroup):
    """Workers in this process, which note what they are asked for. Every other token ends an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[SampleRequest] = []
        self.samplings: list[Sampling] = []
        self.started: list[EngineSettings] = []

    def start_engines(self, settings: EngineSettings) -> None:
        self.started.append(settings)
        super().start_engines(settings)
        engine: Any = self._sampler.engine
        engine.stop_tokens = torch.arange(0, engine.model.config.vocab_size, 2)

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
    ) -> Iterator[Chunk]:
        assert enough_groups is None
        self.requests += requests
        self.samplings.append(sampling)
        return super().sample(requests, sampling)


@pytest.fixture(scope="module")
def workers(base: str) -> Iterator[NotingWorkers]:
    group = NotingWorkers()
    group.start_engines(EngineSettings(base, "float32", {}, 64))
    yield group
    group.close()


@pytest.fixture
def noted(workers: NotingWorkers) -> NotingWorkers:
    for notes in (workers.requests, workers.samplings, workers.started):
        notes.clear()  # type: ignore[attr-defined]
    return workers


def judging(workers: NotingWorkers) -> Judging:
    return Judging(workers, warn=lambda _: None, repair=lambda: None)


def rewards_of(verifier: str, fraction: float = 0.5) -> Rewards:
    tasks = {"math": TaskReward(verifiers=(VerifierUse(name=verifier),))}
    return Rewards(tasks=tasks, max_error_fraction=fraction, error_patience_seconds=0.1)


def measured(
    workers: NotingWorkers, verifier: str, samples: int, fraction: float = 0.5, numbers: Sequence[int] = range(4)
) -> SuiteResult:
    prompts = [make_prompt(n) for n in numbers]
    rewards, sampling = rewards_of(verifier, fraction), Sampling(max_new_tokens=40)
    return evaluate_suite(workers, judging(workers), prompts, samples, rewards, sampling, 5, "held_out")


def test_an_evaluation_measures_every_item_and_is_repeatable(noted: NotingWorkers, tmp_path: Path) -> None:
    verifier = write_verifier(tmp_path, "return len(response) % 2 == 0")
    first, again = measured(noted, verifier, 4), measured(noted, verifier, 4)
    assert first == again
    assert sorted(first.scores) == ["p0", "p1", "p2", "p3"]
    assert first.pass_at_k is not None and first.pass_at_k >= sum(first.scores.values()) / 4
    assert len(first.examples) == 4 and first.mean_tokens > 0
    assert measured(noted, verifier, 1).pass_at_k is None


def test_every_sample_of_an_item_has_a_seed_of_its_own_that_nothing_else_enters(
    noted: NotingWorkers, tmp_path: Path
) -> None:
    measured(noted, write_verifier(tmp_path, "return 1.0"), 3, numbers=[7, 2])
    assert [(r.prompt.id, r.group, r.index, r.seed) for r in noted.requests] == [
        (f"p{n}", group, index, derive_seed(5, "eval", "held_out", f"p{n}", index))
        for group, n in enumerate([7, 2])
        for index in range(3)
    ]
    assert len({r.seed for r in noted.requests}) == 6
    assert noted.samplings == [Sampling(max_new_tokens=40)]


def test_items_that_cannot_be_judged_are_counted_and_too_many_stop(noted: NotingWorkers, tmp_path: Path) -> None:
    verifier = write_verifier(tmp_path, "if row['id'] == 'p1':\n    raise OSError('gone')\nreturn 1.0")
    result = measured(noted, verifier, 1)
    assert result.errors == 1
    assert sorted(result.scores) == ["p0", "p2", "p3"]
    broken = write_verifier(tmp_path, "raise OSError('gone')", "broken")
    with pytest.raises(VerifierFailures, match=r"4 of 4 samples could not be judged .* No reward was given"):
        measured(noted, broken, 1, fraction=0.0)


def judged(rewards: Mapping[str, Sequence[float | None]]) -> tuple[list[Prompt], list[Judged]]:
    """Prompts and their judged samples, the last sample first. Sample k of prompt g has 3 + g + k sampled tokens, and
    one of an environment."""
    prompts, entries = [], []
    for group, (item, values) in enumerate(rewards.items()):
        prompts.append(replace(make_prompt(group, extra={"kind": f"kind{group % 2}"} if group else None), id=item))
        for index, reward in enumerate(values):
            count = 3 + group + index
            rollout = make_rollout(group, index, f"{item}/{index}", tokens=[7] * (count + 1), mask=[1] * count + [0])
            reason = f"no verdict on {item}/{index}" if reward is None else "because"
            entries.append(Judged(replace(rollout, prompt_id=item), Judgement(reward, {}, {}, reason)))
    return prompts, entries[::-1]


def test_scores_are_means_and_only_full_marks_are_right() -> None:
    table = {
        "a": [1.0, 1.0, 0.0],
        "b": [0.5, 0.9, 0.75],
        "c": [0.0, 0.0, 0.0],
        "d": [0.0, 1.0, 0.25],
        "e": [1.0, None, 1.0],
    }
    result = _summarise(*judged(table), samples=3, max_error_fraction=0.2, suite="s")
    assert result.scores == {
        "a": pytest.approx(2 / 3),
        "b": pytest.approx(2.15 / 3),
        "c": 0.0,
        "d": pytest.approx(1.25 / 3),
    }
    assert (result.errors, result.pass_at_k) == (1, 0.5)  # a and d have a right one, b and c have none
    assert result.mean_tokens == pytest.approx(sum(3 + g + k for g in range(5) for k in range(3)) / 15)
    assert result.kinds == {"a": "math", "b": "kind1", "c": "kind0", "d": "kind1", "e": "kind0"}


def test_more_errors_than_the_recipe_allows_stop_with_a_reason() -> None:
    table = {"a": [1.0], "b": [None], "c": [0.0], "d": [1.0]}
    assert _summarise(*judged(table), samples=1, max_error_fraction=0.25, suite="s").errors == 1
    with pytest.raises(VerifierFailures, match="evaluation of s: 1 of 4 items could not be judged: no verdict on b/0"):
        _summarise(*judged(table), samples=1, max_error_fraction=0.24, suite="s")


def test_a_suite_of_which_nothing_could_be_judged_has_no_estimates() -> None:
    prompts, entries = judged({"a": [None, 1.0], "b": [None, None]})
    result = _summarise(prompts, entries, samples=2, max_error_fraction=1.0, suite="s")
    assert (result.scores, result.errors, result.pass_at_k) == ({}, 2, None)


@pytest.mark.parametrize(
    ("count", "shown"), [(1, [0]), (5, [0, 1, 2, 3, 4]), (11, [0, 1, 2, 3, 4, 5]), (14, [0, 2, 4, 6, 8, 10])]
)
def test_examples_are_the_first_samples_of_six_items_over_the_whole_suite(count: int, shown: list[int]) -> None:
    prompts, entries = judged({f"i{n}": [0.5, 1.0] for n in range(count)})
    result = _summarise(prompts, entries, samples=2, max_error_fraction=0.0, suite="s")
    assert result.examples == [
        {
            "prompt": f"question {n}",
            "turns": [{"role": "assistant", "content": f"i{n}/0"}],
            "reward": 0.5,
            "reason": "because",
        }
        for n in shown
    ]


def test_an_example_shows_the_last_message_of_its_prompt() -> None:
    prompts, entries = judged({"a": [0.0]})
    chat = ({"role": "system", "content": "be brief"}, {"role": "user", "content": "2+2?"})
    [example] = _summarise([replace(prompts[0], messages=chat)], entries, 1, 0.0, "s").examples
    assert example["prompt"] == "2+2?"


def test_a_report_is_the_same_after_writing_and_reading() -> None:
    suite = SuiteResult({"a": 1.0}, {"a": "k"}, 1, 0.5, 12.5, [{"prompt": "q", "reward": None}])
    report = EvalReport("stage1", {"math": suite}, 1.5)
    assert report_from_json(json.loads(json.dumps(report_to_json(report)))) == report


def test_a_report_has_the_seconds_since_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.perf_counter", lambda: 107.5)
    assert timed_report("stage1", {}, 100.0) == EvalReport("stage1", {}, 7.5)


def test_the_rewards_of_a_suite_replace_those_of_the_recipe() -> None:
    use = {name: TaskReward(verifiers=(VerifierUse(name=name),)) for name in ("math", "code", "placebo")}
    evaluation = Evaluation(suites={"s": Suite(sources=(), rewards={"math": use["placebo"]})})
    laid = suite_rewards(Rewards(tasks={"math": use["math"], "code": use["code"]}), evaluation, "s")
    assert laid.tasks == {"math": use["placebo"], "code": use["code"]}


def test_an_unfinished_answer_is_wrong_in_an_evaluation_also_where_updates_leave_it_out(
    noted: NotingWorkers, base: str, tmp_path: Path
) -> None:
    recipe = recipe_of(tmp_path, base)
    (tmp_path / "right").touch()
    assert recipe.rewards.truncated == "mask"
    cut = recipe.evaluation.model_copy(update={"sampling": Sampling(max_new_tokens=1, temperature=2.0)})
    recipe = recipe.model_copy(update={"evaluation": cut})
    prompts = [make_prompt(n) for n in range(20)]
    result = measure_suites(noted, judging(noted), recipe, {"one": prompts}, {}, [])["one"]
    assert (len(result.scores), result.errors) == (20, 0)
    assert set(result.scores.values()) == {0.0, 0.5, 1.0}


def recipe_of(folder: Path, base: str) -> Recipe:
    """Two suites that are judged by whether a file `right` is there, the second one in a way of its own."""
    body = "return float((Path(__file__).parent / 'right').exists())"
    plain, other = (
        write_verifier(folder, body),
        write_verifier(folder, "return row['id'] in extra.split(',')", "listed"),
    )
    (folder / "verifier_listed.py").write_text(
        (folder / "verifier_listed.py").read_text().replace("(response, row)", "(response, row, extra='')")
    )
    listed = {"name": other, "arguments": {"extra": "p1,{stage:rm}"}}
    return Recipe.model_validate(
        {
            "name": "small", "seed": 5, "model": base, "stages": [],
            "rewards": {"truncated": "mask", "tasks": {"math": {"verifiers": [{"name": plain}]}}},
            "evaluation": {
                "sampling": {"max_new_tokens": 30, "temperature": 0.5},
                "suites": {
                    "one": {"sources": [], "samples_per_prompt": 2},
                    "two": {"sources": [], "rewards": {"math": {"verifiers": [listed]}}},
                },
            },
        }
    )  # fmt: skip


PROMPTS = {"one": [make_prompt(0), make_prompt(1)], "two": [make_prompt(1), make_prompt(2), make_prompt(3)]}


def test_each_suite_is_measured_with_its_own_samples_rewards_and_name(
    noted: NotingWorkers, base: str, tmp_path: Path
) -> None:
    recipe = recipe_of(tmp_path, base)
    (tmp_path / "right").touch()
    results = measure_suites(noted, judging(noted), recipe, PROMPTS, {"rm": "p3"}, ["http://nowhere"])
    assert {suite: dict(result.scores) for suite, result in results.items()} == {
        "one": {"p0": 1.0, "p1": 1.0},
        "two": {"p1": 1.0, "p2": 0.0, "p3": 1.0},
    }
    assert [r.seed for r in noted.requests] == [
        *(derive_seed(5, "eval", "one", item, k) for item in ("p0", "p1") for k in range(2)),
        *(derive_seed(5, "eval", "two", item, 0) for item in ("p1", "p2", "p3")),
    ]
    assert noted.samplings == [recipe.evaluation.sampling] * 2
    assert (results["one"].pass_at_k, results["two"].pass_at_k) == (1.0, None)


def evaluator_of(workers: NotingWorkers, recipe: Recipe, folder: Path) -> PolicyEvaluator:
    log = MetricsLog(folder, recipe.logging)
    return PolicyEvaluator(recipe, PROMPTS, workers, judging(workers), folder / "evals", log, [])


def test_a_policy_is_measured_once_and_its_suites_are_kept(noted: NotingWorkers, base: str, tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, base)
    evaluator = evaluator_of(noted, recipe, tmp_path)
    policy = Policy(base, "base")
    first = evaluator.evaluate(policy, ["one"], {})
    assert first["one"].scores == {"p0": 0.0, "p1": 0.0}
    (tmp_path / "right").touch()  # measured again, the suite would get another score
    both = evaluator.evaluate(policy, ["two", "one"], {"rm": "p2"})
    assert list(both) == ["two", "one"] and both["one"] == first["one"]
    assert both["two"].scores == {"p1": 1.0, "p2": 1.0, "p3": 0.0}
    assert len(noted.samplings) == 2
    again = evaluator_of(noted, recipe, tmp_path).evaluate(policy, ["one"], {})
    assert again == first and len(noted.samplings) == 2
    report = report_from_json(json.loads((tmp_path / "evals" / "base.json").read_text()))
    assert (report.label, report.suites) == ("base", both)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["stage"], line["step"]) for line in lines] == [("base", 0)] * 2
    assert lines[1]["time/evaluation_seconds"] == report.seconds > 0


def test_engines_are_loaded_when_they_do_not_hold_the_policy(noted: NotingWorkers, base: str, tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, base)
    evaluator = evaluator_of(noted, recipe, tmp_path)
    policy = Policy(base, "base")
    evaluator.load_engines(policy)
    evaluator.evaluate(policy, ["two"], {})
    assert [settings.model for settings in noted.started] == [base]
    evaluator.engines_changed()
    evaluator.evaluate(policy, ["two"], {})  # is known: nothing is loaded for it
    assert len(noted.started) == 1
    evaluator.evaluate(policy, ["one"], {})
    assert len(noted.started) == 2
    evaluator.load_engines(Policy(f"{base}/", "stage1"))
    assert [settings.model for settings in noted.started] == [base, base, f"{base}/"]


def test_the_current_weights_are_measured_without_loading_a_policy(
    noted: NotingWorkers, base: str, tmp_path: Path
) -> None:
    evaluator = evaluator_of(noted, recipe_of(tmp_path, base), tmp_path)
    results: dict[str, Any] = evaluator.measure(["two"], {"rm": "p3"})
    assert (list(results), noted.started) == (["two"], [])
    assert results["two"].scores == {"p1": 1.0, "p2": 0.0, "p3": 1.0}
    assert not (tmp_path / "evals").exists()
