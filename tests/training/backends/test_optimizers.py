"""The optimizer of one process and its master weights, step by step."""

from __future__ import annotations

import math
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from openqwq.training.backends import accelerators
from openqwq.training.backends.accelerators import make_accelerator, make_optimizer
from openqwq.training.backends.master_weights import MasterWeights
from openqwq.training.backends.optimizer_wrapper import SHARDING_FILE, LocalOptimizer
from openqwq.training.config import Optimizer
from openqwq.training.errors import CheckpointError

RATE = 1e-3


class Mixed(nn.Module):
    """A float32, a bfloat16 and a frozen parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Parameter(torch.tensor([1.0, -2.0]))
        self.narrow = nn.Parameter(torch.tensor([1.0, 3.0, -0.5], dtype=torch.bfloat16))
        self.frozen = nn.Parameter(torch.tensor([7.0], dtype=torch.bfloat16), requires_grad=False)


def named(*pairs: tuple[str, nn.Parameter]) -> MasterWeights:
    return MasterWeights(pairs)


def test_only_what_is_trained_in_half_precision_gets_a_copy() -> None:
    model = Mixed()
    masters = MasterWeights(model.named_parameters())
    wide, half = masters.parameters
    assert wide is model.wide and half is not model.narrow
    assert half.dtype == torch.float32 and half.tolist() == [1.0, 3.0, -0.5]
    assert masters.are_copies and not named(("wide", model.wide)).are_copies
    assert list(masters.state_dict()) == ["wide", "narrow"] and not masters.state_dict()["narrow"].requires_grad
    double, float16 = nn.Parameter(torch.zeros(1).double()), nn.Parameter(torch.zeros(1).half())
    assert not named(("double", double)).are_copies and named(("float16", float16)).are_copies


def test_gradients_of_micro_batches_add_up_in_float32() -> None:
    model = Mixed()
    masters = MasterWeights(model.named_parameters())
    for value in (256.0, 1.0, 1.0):  # in bfloat16 256 + 1 = 256
        model.narrow.grad = torch.full((3,), value, dtype=torch.bfloat16)
        masters.collect()
        assert model.narrow.grad is None
    masters.collect()  # nothing has come since
    model.wide.grad = torch.tensor([1.0, 1.0])
    masters.collect()
    assert masters.parameters[1].grad is not None and masters.parameters[1].grad.tolist() == [258.0] * 3
    assert model.wide.grad is not None and model.wide.grad.tolist() == [1.0, 1.0]


def test_changes_too_small_for_half_precision_are_kept_in_the_copy() -> None:
    model = Mixed()
    masters = MasterWeights(model.named_parameters())
    half = masters.parameters[1]
    for _ in range(4):
        with torch.no_grad():
            half += 0.001
        masters.apply()
    assert half.tolist() == pytest.approx([1.004, 3.004, -0.496])
    assert model.narrow.tolist() == [1.0078125, 3.0, -0.49609375]  # rounded from the sum, not at each step
    assert model.wide.tolist() == [1.0, -2.0]


def test_master_weights_are_loaded_into_the_model_as_well() -> None:
    model = Mixed()
    masters = MasterWeights(model.named_parameters())
    masters.load_state_dict({"wide": torch.tensor([4.0, 5.0]), "narrow": torch.tensor([0.1, 0.2, 0.3])})
    assert masters.parameters[1].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert model.narrow.tolist() == torch.tensor([0.1, 0.2, 0.3]).bfloat16().tolist() and model.wide.tolist() == [4, 5]
    with pytest.raises(KeyError, match="narrow"):
        masters.load_state_dict({"wide": torch.tensor([4.0, 5.0])})


def optimizer_of(model: nn.Module, saves_weights: bool = False, **changes: Any) -> LocalOptimizer:
    config = Optimizer(
        **{"learning_rate": 9.0, "betas": (0.5, 0.75), "weight_decay": 0.5, "max_grad_norm": 1e9, **changes}
    )
    made = make_optimizer(Accelerator(cpu=True), model, config, None, saves_weights)
    assert isinstance(made, LocalOptimizer)
    return made


def test_a_step_is_adamws_at_the_rate_that_is_asked_for() -> None:
    model = Mixed()
    optimizer = optimizer_of(model)
    optimizer.backward((model.wide * torch.tensor([3.0, 0.0])).sum(), is_last=False)
    optimizer.backward((model.wide * torch.tensor([0.0, 4.0])).sum(), is_last=True)
    assert optimizer.step(RATE) == pytest.approx(5.0)
    # the first step moves each weight by the rate against its sign, after decay by rate * 0.5
    assert model.wide.tolist() == pytest.approx([1.0 * (1 - RATE / 2) - RATE, -2.0 * (1 - RATE / 2) - RATE])
    optimizer.backward((model.wide * torch.tensor([-6.0, 4.0])).sum(), is_last=True)
    before = model.wide.tolist()
    assert optimizer.step(2 * RATE) == pytest.approx(math.sqrt(52))
    # m = .5 * .5 * 3 - .5 * 6 = -2.25 over 1 - .25; v = .75 * .25 * 9 + .25 * 36 = 10.6875 over 1 - .5625
    moved = (-2.25 / 0.75) / math.sqrt(10.6875 / 0.4375)
    assert model.wide.tolist()[0] == pytest.approx(before[0] * (1 - RATE) - 2 * RATE * moved)


def test_a_large_gradient_is_scaled_down_and_its_norm_reported_as_it_was() -> None:
    model = Mixed()
    optimizer = optimizer_of(model, max_grad_norm=0.5)
    optimizer.backward((model.wide * torch.tensor([30.0, 40.0])).sum(), is_last=True)
    assert optimizer.step(RATE) == pytest.approx(50.0)
    assert model.wide.grad is not None  # can be read until the next backward pass
    assert model.wide.grad.tolist() == pytest.approx([0.3, 0.4], rel=1e-5)
    optimizer.backward((model.wide * torch.tensor([0.03, 0.04])).sum(), is_last=True)
    assert model.wide.grad.tolist() == pytest.approx([0.03, 0.04])
    assert optimizer.step(RATE) == pytest.approx(0.05)
    assert model.wide.grad.tolist() == pytest.approx([0.03, 0.04])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_step_that_is_not_finite_is_skipped_and_forgotten(bad: float) -> None:
    model, other = Mixed(), Mixed()
    optimizer, untouched = optimizer_of(model), optimizer_of(other)
    optimizer.backward((model.wide * bad).sum(), is_last=True)
    assert optimizer.step(RATE) is None
    assert model.wide.tolist() == [1.0, -2.0]
    for each, weights in ((optimizer, model), (untouched, other)):
        each.backward((weights.narrow * 2).sum(), is_last=True)
        assert each.step(RATE) == pytest.approx(math.sqrt(12))
    assert model.narrow.tolist() == other.narrow.tolist() and model.wide.tolist() == other.wide.tolist()


def test_the_model_of_half_precision_follows_its_masters() -> None:
    model = Mixed()
    optimizer = optimizer_of(model, weight_decay=0.0)  # neutral: the gradient alone moves the weights
    for _ in range(5):
        optimizer.backward((model.narrow * 2).sum(), is_last=True)
        optimizer.step(RATE)
    master = optimizer.masters.parameters[1]
    assert master.tolist() == pytest.approx([0.995, 2.995, -0.505])
    assert model.narrow.tolist() == master.bfloat16().tolist() != [1.0, 3.0, -0.5]
    assert optimizer.bare() is model


@pytest.mark.parametrize("saves_weights", [True, False])
def test_a_checkpoint_holds_weights_that_no_other_file_holds(saves_weights: bool, tmp_path: Path) -> None:
    wide = nn.Linear(2, 1)
    optimizer_of(wide, saves_weights).save(tmp_path)
    assert (torch.load(tmp_path / "optimizer.pt")["trained"] is None) is not saves_weights
    optimizer_of(Mixed(), saves_weights).save(tmp_path)
    assert list(torch.load(tmp_path / "optimizer.pt")["trained"]) == ["wide", "narrow"]


def test_by_default_weights_are_left_to_the_models_own_file(tmp_path: Path) -> None:
    make_optimizer(Accelerator(cpu=True), nn.Linear(2, 1), Optimizer(), None).save(tmp_path)
    assert torch.load(tmp_path / "optimizer.pt")["trained"] is None


def test_an_optimizer_goes_on_where_it_was_saved(tmp_path: Path) -> None:
    one, other = Mixed(), Mixed()
    straight = optimizer_of(one, saves_weights=True)
    resumed = optimizer_of(other, saves_weights=True)
    for step in range(4):
        straight.backward((one.wide * (step + 1.5)).sum() - (one.narrow.float() * step).sum(), is_last=True)
        straight.step(RATE)
        if step == 1:
            straight.save(tmp_path)
            resumed.load(tmp_path)
        if step > 1:
            resumed.backward((other.wide * (step + 1.5)).sum() - (other.narrow.float() * step).sum(), is_last=True)
            resumed.step(RATE)
    assert torch.equal(one.wide, other.wide) and torch.equal(one.narrow, other.narrow)
    assert torch.equal(straight.masters.parameters[1], resumed.masters.parameters[1])


def test_a_checkpoint_that_would_run_code_is_not_unpickled(tmp_path: Path) -> None:
    torch.save({"trained": None, "optimizer": Path("an object")}, tmp_path / "optimizer.pt")
    with pytest.raises(UnpicklingError):
        optimizer_of(Mixed()).load(tmp_path)


def test_a_checkpoint_of_several_ranks_is_refused_by_one(tmp_path: Path) -> None:
    optimizer = optimizer_of(Mixed())
    optimizer.save(tmp_path)
    (tmp_path / SHARDING_FILE).write_text("{}")
    with pytest.raises(CheckpointError, match=r"saved by several trainer ranks, this run has one"):
        optimizer.load(tmp_path)


def test_a_process_alone_computes_in_the_precision_of_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_accelerator(None, "bfloat16", 1.0)  # the model is loaded in bfloat16; nothing is cast on top of it
    assert made.mixed_precision == "no" and made.device.type == "cpu"
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(accelerators, "Accelerator", lambda **arguments: asked.append(arguments))
    make_accelerator(None, "bfloat16", 1.0)
    assert asked == [{"cpu": not torch.cuda.is_available(), "mixed_precision": "no"}]
