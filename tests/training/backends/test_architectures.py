"""Every architecture is trained as its own forward computes it, or refused."""

from __future__ import annotations

import copy
from typing import Any
from unittest import mock

import pytest
import torch

from openqwq.training.backends import load_check
from openqwq.training.backends.load_check import check_architecture, check_policy
from openqwq.training.backends.ranks import Rank, Ranks
from openqwq.training.backends.reference import score
from openqwq.training.backends.scored_policy import ScoredPolicy, with_lora
from openqwq.training.backends.sequence_parallel import make_sequence_group
from openqwq.training.batches.packing import lay_out, plan_micro_batches
from openqwq.training.config import Lora
from openqwq.training.errors import RecipeError
from openqwq.training.models import load_for_training
from tests.training.backends.architectures import REFUSED, TRAINED, small_model
from tests.training.backends.plain_updates import plain_scores
from tests.training.backends.threaded_ranks import on_ranks
from tests.training.small_updates import grouped_batch

CPU = torch.device("cpu")
ALONE = Ranks(None, CPU)


def loaded(name: str, folder: Any, dtype: str = "float32") -> Any:
    """As a trainer loads it: from a folder, without dropout."""
    small_model(name, TRAINED[name]).save_pretrained(folder)
    return load_for_training(str(folder), dtype)


@pytest.mark.parametrize("name", TRAINED)
def test_log_probabilities_and_gradients_are_those_of_the_models_own_forward(name: str, tmp_path: Any) -> None:
    model, batch = loaded(name, tmp_path), grouped_batch()
    own = copy.deepcopy(model).eval()
    own.set_attn_implementation("eager")
    expected = torch.cat(plain_scores(own, batch, 0.7)[0])
    weights = torch.linspace(-1, 1, len(expected))
    (expected * weights).sum().backward()
    policy = ScoredPolicy(model, 0.7).train()
    assert check_policy(policy, policy, "float32", ALONE) < 1e-5
    found = torch.zeros(len(expected))
    for micro in ALONE.own_shard(batch, 90):  # rows that share prompts
        loss, logprobs, _ = policy(micro, lambda lp, _, micro=micro: lp * weights[micro.indices_K])
        loss.backward()
        found[micro.indices_K] = logprobs
    assert torch.allclose(found, expected.detach(), atol=1e-5)
    for (place, p), q in zip(model.named_parameters(), own.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None and q.grad is not None:
            assert float((p.grad - q.grad).norm()) <= 1e-4 * float(q.grad.norm()) + 1e-6, place


@pytest.mark.parametrize("name", TRAINED)
def test_in_bfloat16_the_gap_is_that_of_rounding(name: str, tmp_path: Any) -> None:
    policy = ScoredPolicy(loaded(name, tmp_path, "bfloat16"), 1.0)
    assert 0 < check_policy(policy, policy, "bfloat16", ALONE) < 0.02


@pytest.mark.parametrize("name", ["Qwen2", "Gemma2", "GptOss", "Granite"])
def test_ranks_that_share_rows_compute_the_same(name: str, tmp_path: Any) -> None:
    """Windows, capped scores and sinks go with their heads."""
    model, batch = loaded(name, tmp_path), grouped_batch()
    expected = torch.cat(plain_scores(model, batch, 0.7)[0]).detach()
    models = [copy.deepcopy(model) for _ in range(4)]

    def run(rank: int) -> Any:
        ranks = Ranks(Rank(rank, 4, "127.0.0.1", 1, zero_stage=2, sequence_parallel=4), CPU)
        policy = ScoredPolicy(models[rank], 0.7, ranks.sequence_group)
        return check_policy(policy, policy, "float32", ranks), score(policy, batch, 60, ranks)

    for gap, found in on_ranks(4, run):
        assert gap < 1e-5 and torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize(("name", "size"), [("Qwen3Moe", 2), ("Gemma2", 2), ("Phi3", 2), ("Cohere", 4), ("GptOss", 4)])
def test_gradients_of_ranks_that_share_rows_are_those_of_one_sequence_a_row(
    name: str, size: int, is_shared: bool, tmp_path: Any
) -> None:
    """Recomputed, with two key heads: one for each of two ranks, copies of them for four."""
    own, batch = loaded(name, tmp_path).eval(), grouped_batch()
    own.set_attn_implementation("eager")
    expected = torch.cat(plain_scores(own, batch, 0.7)[0])
    weights = torch.linspace(-1, 1, len(expected))
    (expected * weights).sum().backward()
    models = [load_for_training(str(tmp_path), "float32", gradient_checkpointing=True) for _ in range(size)]

    def run(rank: int) -> torch.Tensor:
        policy = ScoredPolicy(models[rank], 0.7, make_sequence_group(rank, size, size)).train()
        found = torch.zeros(len(expected))
        for rows in plan_micro_batches(batch, 90, share_prompts=is_shared)[0]:
            micro = lay_out(batch, rows).columns(rank, size)
            loss, logprobs, _ = policy(micro, lambda lp, _, of=weights[micro.indices_K]: lp * of)
            loss.backward()
            found[micro.indices_K] = logprobs
        return found

    found = torch.stack(on_ranks(size, run)).sum(0)
    assert float((found - expected.detach()).abs().max()) < 1e-5
    off = norm = 0.0
    for wanted, *shares in zip(own.parameters(), *(model.parameters() for model in models), strict=True):
        total = sum(torch.zeros(()) if p.grad is None else p.grad for p in shares)
        whole = torch.zeros(()) if wanted.grad is None else wanted.grad
        off, norm = off + float((total - whole).square().sum()), norm + float(whole.square().sum())
    assert off**0.5 < 1e-5 * norm**0.5


def test_low_rank_factors_are_checked_inside_their_wrapper(tmp_path: Any) -> None:
    policy = ScoredPolicy(with_lora(loaded("Gemma2", tmp_path), Lora(rank=2)), 0.7)
    assert check_policy(policy, policy, "float32", ALONE) < 1e-5


@pytest.mark.parametrize("name", REFUSED)
def test_an_architecture_that_packing_would_change_is_refused_by_name(name: str) -> None:
    changes, reason = REFUSED[name]
    policy = ScoredPolicy(small_model(name, changes), 1.0)
    with pytest.raises(RecipeError, match=rf"^{name}ForCausalLM.*{reason}"):
        check_policy(policy, policy, "float32", ALONE)


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "OPT"])
def test_ways_of_attending_are_refused_before_any_weight_is_loaded(name: str) -> None:
    changes, _ = REFUSED[name]
    with pytest.raises(RecipeError, match=rf"^{name}ForCausalLM: "):
        check_architecture(small_model(name, changes).config)


@pytest.mark.parametrize("name", TRAINED)
def test_what_is_trained_passes_before_its_weights_are_loaded(name: str) -> None:
    with mock.patch.object(load_check, "_refuse_other_attention") as concluded:  # the pass ran to its end
        check_architecture(small_model(name, TRAINED[name]).config)
    assert concluded.called
    check_architecture(small_model(name, TRAINED[name]).config)


def test_a_window_that_the_forward_loses_is_refused(tmp_path: Any) -> None:
    model = loaded("Qwen2", tmp_path)
    for layer in model.model.layers:
        layer.self_attn.sliding_window = None  # while the configuration names layers with one
    with pytest.raises(RecipeError, match=r"^Qwen2ForCausalLM: in 2 passes .* 8 times, 0 of them with a window"):
        policy = ScoredPolicy(model, 1.0)
        check_policy(policy, policy, "float32", ALONE)


@pytest.mark.parametrize(
    ("dtype", "noise", "said"),
    [
        ("float32", 0.02, "up to 0.02 away .* makes up to 0.0002"),
        ("float32", float("nan"), "up to nan away"),
        ("bfloat16", 0.5, "on average 0.5 away .* makes on average 0.4"),
    ],
)
def test_a_gap_is_refused_with_both_numbers(
    dtype: str, noise: float, said: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = ScoredPolicy(loaded("Llama", tmp_path, dtype), 0.5)
    forward = policy.forward

    def off(micro: Any) -> Any:
        loss, logprobs, entropies = forward(micro)
        return loss, logprobs + noise, entropies

    monkeypatch.setattr(policy, "forward", off)
    with pytest.raises(RecipeError, match=rf"^LlamaForCausalLM: .*{said}"):
        check_policy(policy, policy, dtype, ALONE)


def test_what_an_architecture_raises_is_told_in_one_line(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = ScoredPolicy(loaded("Llama", tmp_path), 1.0)
    monkeypatch.setattr(policy.model, "forward", lambda **_: 1 / 0)
    with pytest.raises(RecipeError, match=r"^LlamaForCausalLM does not run .*ZeroDivisionError"):
        check_policy(policy, policy, "float32", ALONE)


def test_the_check_leaves_mode_and_random_state_as_they_were(tmp_path: Any) -> None:
    policy = ScoredPolicy(loaded("Llama", tmp_path), 1.0)
    for is_training in (True, False):
        policy.train(is_training)
        before = torch.get_rng_state()
        check_policy(policy, policy, "float32", ALONE)
        assert torch.equal(torch.get_rng_state(), before)
        assert {module.training for module in policy.modules()} == {is_training}


def test_dropout_is_off_in_the_modules_and_stays_in_the_saved_configuration(tmp_path: Any) -> None:
    model = loaded("Llama", tmp_path)
    assert {layer.self_attn.attention_dropout for layer in model.model.layers} == {0.0}
    assert model.config.attention_dropout == 0.3
