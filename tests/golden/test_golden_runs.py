"""Five steps of every algorithm and schedule give the committed numbers; `python scripts/golden.py` writes them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import get_args

import pytest
import torch

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.config.rl import Schedule
from openqwq.training.rollout.drawing import Drawing
from openqwq.training.rollout.engine import GenerationRequest
from scripts import golden
from tests.golden.golden_runs import CASES, STEPS, recipe_of, run, settled_ties

CHANGED = [
    ("update/loss", 3, lambda value: -value, "step 3: update/loss is "),
    ("update/grad_norm", 2, lambda value: value * 1.001, "step 2: update/grad_norm is "),
    ("samples/digest", 4, lambda value: value + 1, "samples/digest is a hash of the sampled tokens"),
    ("update/kl", 1, lambda value: None, "step 1: update/kl is None, golden is "),
]


@pytest.mark.parametrize("name", list(CASES))
def test_a_run_gives_the_golden_numbers(name: str) -> None:
    stored = golden.read(name)
    assert stored is not None, f"golden run {name} has no record; `{golden.COMMAND} {name}` writes it"
    found = golden.differences(stored, run(name, stored["seed"], stored["ties"]))
    assert not found, golden.explained(name, found)


def test_every_algorithm_and_every_schedule_has_a_golden_run() -> None:
    recipes = [recipe_of(case, 0) for case in CASES.values()]
    assert {recipe.stages[0].algorithm.name for recipe in recipes} == set(CATALOGUE)
    assert {recipe.stages[0].schedule.kind for recipe in recipes} == set(
        get_args(Schedule.model_fields["kind"].annotation)
    )
    assert sorted(path.stem for path in golden.NUMBERS.glob("*.json")) == sorted(CASES)


def test_the_golden_runs_reach_what_they_are_to_guard() -> None:
    """Clipping, discarded groups, partial rollouts, stale samples, truncated weights and answers, a moving critic."""
    reached = {name for case in CASES for name, values in golden.read(case)["steps"].items() if any(values)}
    assert reached >= {
        "update/clip_fraction_low", "update/clip_fraction_high", "update/mismatch/truncated_fraction", "update/kl",
        "update/entropy", "update/critic/explained_variance", "groups/discarded", "groups/zero_signal_fraction",
        "partial/fraction", "partial/max_span", "partial/in_flight", "staleness/mean", "prompts/replay_fraction",
        "completions/truncated_fraction", "tokens/dropped", "verifier/brevity", "verifier/digits", "verifier/uneven",
    }  # fmt: skip


@pytest.mark.parametrize(("metric", "step", "change", "message"), CHANGED, ids=[row[0] for row in CHANGED])
def test_a_changed_number_is_named_with_its_step_both_values_and_the_command(
    metric: str, step: int, change: object, message: str
) -> None:
    stored = golden.read("grpo")
    changed = deepcopy(stored)
    changed["steps"][metric][step - 1] = change(stored["steps"][metric][step - 1])
    text = golden.explained("grpo", golden.differences(stored, changed))
    assert message in text and "python scripts/golden.py grpo" in text and text.startswith("golden run grpo (grpo): 1 ")


def test_last_digits_are_no_difference_and_leave_the_file_as_it_is() -> None:
    stored = golden.read("ppo")
    digits = deepcopy(stored)
    for values in (values for key, values in digits["steps"].items() if key != "samples/digest"):
        values[:] = [value and value * (1 + 1e-5) for value in values]
    for sizes in digits["change"].values():
        sizes[:] = [sizes[0] * (1 + 1e-3), sizes[1] + 1e-3]
    assert digits != stored and not golden.differences(stored, digits)
    assert golden.kept(stored, digits) == stored
    digits["steps"]["update/loss"][STEPS - 1] += 0.01
    assert [(d.where, d.metric) for d in golden.differences(stored, digits)] == [(f"step {STEPS}", "update/loss")]


def test_a_tensor_that_moves_elsewhere_is_named() -> None:
    stored = golden.read("rloo")
    moved = deepcopy(stored)
    moved["change"]["model.norm.weight"][1] *= -1
    [difference] = golden.differences(stored, moved)
    assert str(difference).startswith("change of model.norm.weight in 5 steps: change/direction is ")


def test_a_written_record_reads_back_with_a_line_for_each_metric(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = golden.read("grpo")
    monkeypatch.setattr(golden, "NUMBERS", tmp_path)
    golden.write("grpo", stored)
    text = (golden.NUMBERS / "grpo.json").read_text()
    assert json.loads(text) == stored == golden.read("grpo")
    assert text.count("\n") == len(stored["steps"]) + len(stored["change"]) + 8


def test_a_token_at_a_border_is_the_recorded_one_and_every_other_is_the_samplers() -> None:
    # the nucleus holds 0.85: borders at 0.2 / 0.85 and 0.4 / 0.85
    drawing = Drawing([GenerationRequest(0, (1,), 0, 1, 0.7, top_p=0.8)], torch.device("cpu"))
    logits = torch.tensor([[0.2, 0.2, 0.45, 0.15]] * 3).log() * 0.7
    uniforms = torch.tensor([0.2, 0.470587, 0.470599], dtype=torch.float64)

    def drawn() -> list[int]:
        tokens, logprobs = drawing.draw(logits, uniforms, torch.zeros(3, dtype=torch.long))
        assert logprobs.tolist() == pytest.approx((logits / 0.7).gather(1, tokens[:, None])[:, 0].tolist(), abs=1e-6)
        return tokens.tolist()

    assert drawn() == [0, 1, 2]
    with settled_ties({}) as ties:
        assert drawn() == [0, 1, 2]
    assert ties == {"0.470587000": 1, "0.470599000": 2}
    with settled_ties({"0.470587000": 2, "0.200000000": 9}) as ties:
        assert drawn() == [0, 2, 2]
    assert ties == {"0.470587000": 2, "0.470599000": 2}
    assert drawn() == [0, 1, 2]


def test_ties_are_few_and_come_from_the_engine() -> None:
    for name in CASES:
        stored = golden.read(name)
        assert 0 < len(stored["ties"]) < 0.1 * sum(stored["steps"]["tokens/consumed"]), name
