"""The models under a trainer, each alone: the scored policy and its heads, low-rank factors, reference and critic."""

from __future__ import annotations

import math
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.backends.critic import ValueModel, make_critic
from openqwq.training.backends.gathering import WeightGatherer
from openqwq.training.backends.ranks import Ranks
from openqwq.training.backends.reference import Reference, make_reference
from openqwq.training.backends.scored_policy import (
    ScoredPolicy,
    specs_of_parameters,
    with_lora,
)
from openqwq.training.batches.collate import Batch
from openqwq.training.config import Algorithm, Critic, Kl, Lora
from openqwq.training.models import load_model
from openqwq.training.weight_sync.buckets import plan_buckets
from tests.training.backends.plain_updates import plain_scores, token_ids
from tests.training.small_updates import grouped_batch, micro_batches_of, trainer_of

CPU = torch.device("cpu")
ALONE = Ranks(None, CPU)


def flat(rows: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat(rows).detach()


def scored(policy: ScoredPolicy, batch: Batch, token_loss: Any = None) -> tuple[torch.Tensor, torch.Tensor, float]:
    logprobs, entropies, total = torch.zeros(batch.num_loss_tokens), torch.zeros(batch.num_loss_tokens), 0.0
    for micro in micro_batches_of(batch, 80)[0]:
        loss, *outputs = policy(micro, token_loss)
        logprobs[micro.indices_K], entropies[micro.indices_K] = (x.detach() for x in outputs)
        total += float(loss.detach())
    return logprobs, entropies, total


@pytest.mark.parametrize("temperature", [0.7, 1.6])
@pytest.mark.parametrize("has_bias", [False, True])
def test_the_policy_scores_tokens_as_the_whole_model_does(
    tiny_model: PreTrainedModel, temperature: float, has_bias: bool
) -> None:
    if has_bias:
        tiny_model.lm_head = nn.Linear(32, tiny_model.config.vocab_size)
        nn.init.normal_(tiny_model.lm_head.bias)
    batch = grouped_batch()
    logprobs, entropies = (flat(rows) for rows in plain_scores(tiny_model, batch, temperature))
    policy = ScoredPolicy(tiny_model, temperature)
    for token_loss in (None, lambda logprobs, entropies: 2 * logprobs - entropies):
        found = scored(policy, batch, token_loss)
        assert torch.allclose(found[0], logprobs, atol=1e-4) and torch.allclose(found[1], entropies, atol=1e-4)
        expected = 0.0 if token_loss is None else float((2 * logprobs - entropies).sum())
        assert found[2] == pytest.approx(expected, rel=1e-4)


@contextmanager
def untouched(_: list[nn.Parameter]) -> Any:
    yield


def test_merged_weights_are_base_plus_scaled_product_of_the_factors(tiny_model: PreTrainedModel) -> None:
    plain = {name: p.detach().clone() for name, p in tiny_model.named_parameters()}
    model = with_lora(tiny_model, Lora(rank=4, alpha=6, modules=("q_proj", "up_proj")))
    factors = {n: p for n, p in model.named_parameters() if "lora_" in n}
    assert {name.split(".")[-4] for name in factors} == {"q_proj", "up_proj"}
    with torch.no_grad():
        for p in factors.values():
            nn.init.normal_(p, std=0.3)
    asked: list[int] = []

    def gathered(parameters: list[nn.Parameter]) -> Any:
        asked.append(len(parameters))
        return untouched(parameters)

    specs = specs_of_parameters(model, "float32")
    assert list(plain) == [spec.name for spec in specs]
    found: dict[str, torch.Tensor] = {}
    gatherer = WeightGatherer(model, 0, gathered)
    for bucket in plan_buckets(specs, limit=3000):
        for spec, array in zip(bucket.arrays, gatherer.collected(bucket, (0,), CPU), strict=True):
            found.setdefault(spec.name, torch.zeros(spec.whole_shape))[spec.rows] = array
    assert list(found) == list(plain)
    for name, value in plain.items():
        place = f"base_model.model.{name.removesuffix('.weight')}"
        a, b = (factors.get(f"{place}.lora_{x}.default.weight") for x in "AB")
        expected = value if a is None or b is None else value + 6 / 4 * (b @ a)
        assert torch.allclose(found[name], expected, atol=1e-6), name
        assert (a is None) == torch.equal(found[name], value)
    # a layer with factors is made whole with all of its parameters: q_proj has weight, bias and two factors
    assert set(asked) == {3, 4}


def test_factors_go_to_all_linear_layers_unless_the_recipe_names_some(tiny_model: PreTrainedModel) -> None:
    model = with_lora(tiny_model, Lora(rank=2))
    layers = {name.split(".")[-4] for name, _ in model.named_parameters() if "lora_" in name}
    assert layers == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert model.peft_config["default"].r == 2 and model.peft_config["default"].lora_alpha == 64
    assert all(p.requires_grad == ("lora_" in name) for name, p in model.named_parameters())


def test_specs_of_a_sharded_parameter_have_its_whole_shape(tiny_model: PreTrainedModel) -> None:
    weight = tiny_model.model.norm.weight
    weight.ds_shape = torch.Size([4096])  # as ZeRO-3 notes it on a shard
    (spec,) = [s for s in specs_of_parameters(tiny_model, "bfloat16") if s.name == "model.norm.weight"]
    assert (spec.shape, spec.dtype) == ((4096,), "bfloat16")


def test_a_reference_stays_what_the_stage_started_from(tiny_folder: str) -> None:
    algorithm = resolve(Algorithm(name="grpo", kl=Kl(coefficient=0.1)))
    trainer = trainer_of(tiny_folder, algorithm, temperature=0.7, micro_batch_tokens=80)
    batch = grouped_batch()
    expected = flat(plain_scores(load_model(tiny_folder), batch, 0.7)[0])
    assert trainer.reference is not None
    for _ in range(2):
        found = trainer.reference.logprobs(batch)
        assert torch.allclose(found, expected, atol=1e-4) and not found.requires_grad
        trainer.update(batch)
    assert not any(p.requires_grad for p in trainer.reference._policy.parameters())
    assert not trainer.reference._policy.training


class Moving(nn.Module):
    """A policy that scores tokens with 0 and notes where it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def to(self, device: Any) -> Any:
        self.seen.append(str(device))
        return self

    def forward(self, micro: Any) -> tuple[torch.Tensor, torch.Tensor]:
        self.seen.append("scores")
        return torch.zeros(()), torch.full((len(micro.indices_K),), -2.0)


@pytest.mark.parametrize("moves", [True, False])
def test_an_offloaded_reference_is_on_the_device_during_a_call_only(moves: bool) -> None:
    policy, batch = Moving(), grouped_batch()
    found = Reference(policy, 10_000, ALONE, torch.device("cuda:3"), moves).logprobs(batch)
    assert policy.seen == (["cuda:3", "scores", "cpu"] if moves else ["scores"])
    assert found.tolist() == [-2.0] * batch.num_loss_tokens


@pytest.mark.parametrize("is_offloaded", [True, False])
def test_a_reference_is_offloaded_where_the_settings_say_so(tiny_folder: str, is_offloaded: bool) -> None:
    settings = trainer_of(tiny_folder, reference_offload=is_offloaded).settings
    made = make_reference(settings, torch.device("meta"), ALONE)
    assert made._moves is is_offloaded
    assert {p.device.type for p in made._policy.parameters()} == {"cpu" if is_offloaded else "meta"}


def test_values_come_from_the_state_before_each_token(tiny_model: PreTrainedModel) -> None:
    batch, model = grouped_batch(), ValueModel(tiny_model)
    assert tiny_model.get_output_embeddings() is None
    (micro,) = micro_batches_of(batch, 10_000)[0]
    assert not model(micro).any()  # the head starts at zero
    nn.init.normal_(model.head.weight), nn.init.constant_(model.head.bias, 0.3)
    found = torch.zeros(batch.num_loss_tokens)
    found[micro.indices_K] = model(micro).detach()
    rows = []
    for n in range(len(batch)):
        ids, counts = token_ids(batch, n)
        states = tiny_model.base_model(input_ids=ids).last_hidden_state[0, :-1]
        rows.append((states @ model.head.weight[0] + 0.3)[counts])
    assert found.dtype == torch.float32 and torch.allclose(found, flat(rows), atol=1e-4)


CRITIC = Critic(learning_rate=1e-2, epochs=1, clip_value=0.2)


def critic_of(folder: str, **changes: Any) -> Any:
    trainer = trainer_of(folder, resolve(Algorithm(name="ppo", critic=CRITIC)), micro_batch_tokens=60, **changes)
    return make_critic(trainer.settings, trainer.accelerator, trainer.ranks)


def test_a_critic_learns_its_returns_and_says_what_it_explained(tiny_folder: str) -> None:
    critic, batch = critic_of(tiny_folder), grouped_batch()
    returns = batch.rewards_N[batch.sequence_K]
    explained = []
    for _ in range(4):
        values = critic.values(batch)
        assert not values.requires_grad and values.dtype == torch.float32
        metrics = critic.update(batch, values, returns)
        residual, spread = (float(x.var(unbiased=False)) for x in (returns - values, returns))
        assert metrics["critic/explained_variance"] == pytest.approx(1 - residual / spread, abs=1e-5)
        assert metrics["critic/value_mean"] == pytest.approx(float(values.mean()), abs=1e-6)
        explained.append(metrics["critic/explained_variance"])
    assert explained[0] == 0.0 and explained[-1] > explained[1]


def test_of_equal_returns_nothing_is_explained_and_a_broken_step_has_no_norm(tiny_folder: str) -> None:
    critic, batch = critic_of(tiny_folder), grouped_batch()
    values = critic.values(batch)
    metrics = critic.update(batch, values, torch.full_like(values, 0.5))
    assert metrics["critic/explained_variance"] == 0.0 and metrics["critic/loss"] == pytest.approx(0.125)
    assert math.isfinite(metrics["critic/grad_norm"])
    before = critic.values(batch)
    broken = critic.update(batch, before, torch.full_like(values, math.nan))
    assert math.isnan(broken["critic/grad_norm"]) and torch.equal(critic.values(batch), before)


def test_a_critic_is_float32_beside_a_policy_of_bfloat16_and_checkpoints_activations_as_asked(tiny_folder: str) -> None:
    for is_asked in (True, False):
        critic = critic_of(tiny_folder, dtype="bfloat16", gradient_checkpointing=is_asked)
        model = critic.optimizer.bare()
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        assert model.model.is_gradient_checkpointing is is_asked
        critic.optimizer.policy.eval()
        values = critic.values(grouped_batch())
        critic.update(grouped_batch(), values, values + 1)
        assert critic.optimizer.policy.training


def test_a_saved_critic_goes_on_from_its_own_weights(tiny_folder: str, tmp_path: Path) -> None:
    critic, batch = critic_of(tiny_folder), grouped_batch()
    for _ in range(2):
        values = critic.values(batch)
        critic.update(batch, values, batch.rewards_N[batch.sequence_K])
        critic.save(tmp_path / "critic")  # the second time over the first
    again = critic_of(tiny_folder)
    again.load(tmp_path / "critic")
    assert torch.equal(again.values(batch), critic.values(batch)) and critic.values(batch).any()
