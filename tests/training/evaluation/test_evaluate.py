"""The evaluation of suites: what is sampled with which seeds, what counts as right, what is an error; with a real model
where anything is sampled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from openqwq.training.answers.record import Answer
from openqwq.training.config import Recipe, Rewards, Sampling, TaskReward, VerifierUse
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import VerifierFailures
from openqwq.training.evaluation.evaluate import (
    Unwatched,
    evaluate_suite,
    measure_suites,
)
from openqwq.training.evaluation.examination import Examination
from openqwq.training.evaluation.kept import KeptAnswers
from openqwq.training.evaluation.policy import Policy, PolicyEvaluator
from openqwq.training.evaluation.results import report_from_json
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.records import Chunk, SampleRequest, SuiteResult
from openqwq.training.rewards.judging import Judging
from openqwq.training.rollout.build import EngineSettings
from openqwq.training.run_folder.metrics import MetricsLog
from openqwq.training.seeds import derive_seed
from tests.training.small_records import make_prompt, write_verifier


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
    workers: NotingWorkers,
    verifier: str,
    samples: int,
    fraction: float = 0.5,
    numbers: Sequence[int] = range(4),
    kept: KeptAnswers | None = None,
    block: int | None = None,
) -> SuiteResult:
    prompts = [make_prompt(n) for n in numbers]
    rewards, sampling = rewards_of(verifier, fraction), Sampling(max_new_tokens=40)
    asked = Examination("held_out", prompts, samples, rewards, sampling, 5)
    return evaluate_suite(workers, judging(workers), asked, kept or KeptAnswers(), block)


def test_an_evaluation_measures_every_item_and_is_repeatable(noted: NotingWorkers, tmp_path: Path) -> None:
    verifier = write_verifier(tmp_path, "return len(response) % 2 == 0")
    first, again = measured(noted, verifier, 4), measured(noted, verifier, 4)
    assert first == again
    assert sorted(first.scores) == ["p0", "p1", "p2", "p3"]
    assert first.mean_tokens > 0 and all(len(scores) == 4 for scores in first.samples.values())


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


@pytest.mark.parametrize("block", [None, 1, 3, 100])
def test_an_evaluation_that_is_killed_goes_on_to_the_same_answers(
    noted: NotingWorkers, tmp_path: Path, block: int | None
) -> None:
    verifier = write_verifier(tmp_path, "return len(response) % 2 == 0")
    path = tmp_path / "held_out.jsonl.gz"
    whole = measured(noted, verifier, 3, kept=KeptAnswers(path), block=block)
    straight = {answer.key: answer for answer in KeptAnswers(path)}
    count = len(noted.requests)
    path.write_bytes(path.read_bytes()[:-20])  # killed while the last answers were written
    before = len(list(KeptAnswers(path)))
    assert before == (0 if block in (None, 100) else 12 - (block or 0))
    assert measured(noted, verifier, 3, kept=KeptAnswers(path), block=block) == whole
    assert {answer.key: answer for answer in KeptAnswers(path)} == straight
    assert len(noted.requests) == count + 12 - before
    assert measured(noted, verifier, 3, kept=KeptAnswers(path), block=block) == whole  # nothing is left to do
    assert len(noted.requests) == count + 12 - before


def test_kept_answers_of_other_prompts_seeds_or_failures_are_sampled_again(
    noted: NotingWorkers, tmp_path: Path
) -> None:
    verifier = write_verifier(tmp_path, "if row['id'] == 'p1':\n    raise OSError('gone')\nreturn 1.0")
    kept = KeptAnswers()
    measured(noted, verifier, 1, kept=kept)
    kept.add(replace(answer, messages=[{"role": "user", "content": "?"}]) for answer in list(kept) if answer.id == "p0")
    kept.add(replace(answer, seed=1) for answer in list(kept) if answer.id == "p2")
    failed = {"grade": {"status": "sandbox_error"}}
    kept.add(replace(answer, verdicts=failed, reward=None) for answer in list(kept) if answer.id == "p3")
    noted.requests.clear()
    measured(noted, verifier, 1, kept=kept)
    assert [request.prompt.id for request in noted.requests] == ["p0", "p2", "p3"]  # p1's verifier is at fault


def test_of_a_block_that_lacks_an_answer_all_are_sampled_again_and_of_everything_only_that(
    noted: NotingWorkers, tmp_path: Path
) -> None:
    verifier = write_verifier(tmp_path, "return 1.0")
    for block, asked_again in ((2, ["p0", "p1"]), (None, ["p1"])):
        whole, kept = KeptAnswers(), KeptAnswers()
        measured(noted, verifier, 1, kept=whole, block=block)
        kept.add(answer for answer in list(whole) if answer.id != "p1")
        noted.requests.clear()
        measured(noted, verifier, 1, kept=kept, block=block)  # rows of a block share a batch, and feel each other
        assert [request.prompt.id for request in noted.requests] == asked_again


def test_more_samples_take_over_those_that_are_there(noted: NotingWorkers, tmp_path: Path) -> None:
    kept = KeptAnswers()
    verifier = write_verifier(tmp_path, "return 1.0")
    measured(noted, verifier, 1, kept=kept)
    result = measured(noted, verifier, 3, kept=kept)
    assert len(noted.requests) == 4 + 8 and {len(scores) for scores in result.samples.values()} == {3}
    assert {len(scores) for scores in measured(noted, verifier, 2, kept=kept).samples.values()} == {2}


def test_a_suite_without_prompts_asks_nothing(noted: NotingWorkers, tmp_path: Path) -> None:
    result = measured(noted, write_verifier(tmp_path, "return 1.0"), 1, numbers=[])
    assert (dict(result.scores), result.errors, noted.requests) == ({}, 0, [])


def test_failures_are_counted_against_the_whole_suite_and_not_against_a_block(
    noted: NotingWorkers, tmp_path: Path
) -> None:
    verifier = write_verifier(tmp_path, "if row['id'] == 'p1':\n    raise OSError('gone')\nreturn 1.0")
    assert measured(noted, verifier, 1, fraction=0.5, block=1).errors == 1


def test_who_watches_is_told_of_the_answers_that_count_again(noted: NotingWorkers, tmp_path: Path) -> None:
    class Noting(Unwatched):
        def __init__(self) -> None:
            self.kept: list[tuple[str, int]] = []

        def begin(self, kept: Sequence[Answer]) -> None:
            self.kept += [answer.key for answer in kept]

    kept, watch = KeptAnswers(), Noting()
    verifier = write_verifier(tmp_path, "return 1.0")
    measured(noted, verifier, 3, kept=kept)
    assert all(answer.messages[0]["content"] == f"question {answer.id[1:]}" for answer in kept)
    asked = Examination("held_out", [make_prompt(1), make_prompt(9)], 2, rewards_of(verifier), Sampling(), 5)
    evaluate_suite(noted, judging(noted), asked, kept, None, watch)
    assert watch.kept == [("p1", 0), ("p1", 1)]


def test_items_that_cannot_be_judged_are_counted_and_too_many_stop(noted: NotingWorkers, tmp_path: Path) -> None:
    verifier = write_verifier(tmp_path, "if row['id'] == 'p1':\n    raise OSError('gone')\nreturn 1.0")
    result = measured(noted, verifier, 1)
    assert result.errors == 1
    assert sorted(result.scores) == ["p0", "p2", "p3"]
    broken = write_verifier(tmp_path, "raise OSError('gone')", "broken")
    with pytest.raises(VerifierFailures, match=r"4 of 4 samples could not be judged .* No reward was given"):
        measured(noted, broken, 1, fraction=0.0)


def test_an_unfinished_answer_is_wrong_in_an_evaluation_also_where_updates_leave_it_out(
    noted: NotingWorkers, base: str, tmp_path: Path
) -> None:
    recipe = recipe_of(tmp_path, base)
    (tmp_path / "right").touch()
    assert recipe.rewards.truncated == "mask"
    cut = recipe.evaluation.model_copy(update={"sampling": Sampling(max_new_tokens=1, temperature=2.0)})
    recipe = recipe.model_copy(update={"evaluation": cut})
    prompts = [make_prompt(n) for n in range(20)]
    result = measure_suites(noted, judging(noted), recipe, {"one": prompts}, {}, [], None)["one"]
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
    results = measure_suites(noted, judging(noted), recipe, PROMPTS, {"rm": "p3"}, ["http://nowhere"], None)
    assert {suite: dict(result.scores) for suite, result in results.items()} == {
        "one": {"p0": 1.0, "p1": 1.0},
        "two": {"p1": 1.0, "p2": 0.0, "p3": 1.0},
    }
    assert [r.seed for r in noted.requests] == [
        *(derive_seed(5, "eval", "one", item, k) for item in ("p0", "p1") for k in range(2)),
        *(derive_seed(5, "eval", "two", item, 0) for item in ("p1", "p2", "p3")),
    ]
    assert noted.samplings == [recipe.evaluation.sampling] * 2
    assert {len(scores) for scores in results["one"].samples.values()} == {2}


def evaluator_of(workers: NotingWorkers, recipe: Recipe, folder: Path) -> PolicyEvaluator:
    log = MetricsLog(folder, recipe.logging)
    return PolicyEvaluator(recipe, PROMPTS, workers, judging(workers), folder / "evals", log, [], ConsoleLogger())


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
    assert 600 > lines[1]["time/evaluation_seconds"] == report.seconds > 0


def test_a_policy_is_told_to_trackers_by_its_number_and_its_answers_lie_under_its_name(
    noted: NotingWorkers, base: str, tmp_path: Path
) -> None:
    told: list[tuple[str, int, list[str]]] = []

    class Log(MetricsLog):
        def evaluation(self, policy: str, number: int, suites: Any) -> None:
            told.append((policy, number, list(suites)))

    recipe = recipe_of(tmp_path, base)
    log = Log(tmp_path, recipe.logging)
    evaluator = PolicyEvaluator(recipe, PROMPTS, noted, judging(noted), tmp_path / "evals", log, [], ConsoleLogger())
    evaluator.evaluate(Policy(base, "base"), ["two", "one"], {"rm": "p2"})
    evaluator.evaluate(Policy(base, "base"), ["one"], {})  # is known
    evaluator.evaluate(Policy(base, "another"), ["one"], {})
    assert told == [("base", 0, ["two", "one"]), ("another", 1, ["one"])]
    kept = {str(path.relative_to(tmp_path / "evals")) for path in tmp_path.glob("evals/*/*.gz")}
    assert kept == {"base/one.jsonl.gz", "base/two.jsonl.gz", "another/one.jsonl.gz"}
    assert not list(tmp_path.glob("evals/*.gz"))


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
