"""docs/examples/minimal_grpo.py: its numbers are the hand-computed ones and the trainer's, and it learns."""

from __future__ import annotations

import importlib.util
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.algorithms.losses import token_weights
from openqwq.training.algorithms.objective import TokenInputs, token_losses
from openqwq.training.batches.collate import make_batch
from openqwq.training.records import Group, Judgement, Prompt, Rollout
from openqwq.verifiers import Verifier, get_verifier

FILE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "minimal_grpo.py"
G = 4


@pytest.fixture(scope="module")
def example() -> Any:
    spec = importlib.util.spec_from_file_location("minimal_grpo", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["minimal_grpo"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def base(example: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    random.seed(0)
    folder = example.DATA / "base"
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder, padding_side="left")


@pytest.fixture(scope="module")
def math_verifier() -> Iterator[Verifier]:
    verifier = get_verifier("math")
    yield verifier
    verifier.close()


def test_it_is_short_and_needs_only_pure_functions_and_verifiers() -> None:
    lines = FILE.read_text().splitlines()
    imported = {line.split()[1] for line in lines if line.startswith("from openqwq")}
    assert len(lines) <= 200
    assert imported == {
        "openqwq.training.algorithms.advantages", "openqwq.training.algorithms.losses", "openqwq.verifiers"
    }  # fmt: skip


def test_advantages_of_a_group_are_the_hand_computed_ones(example: Any) -> None:
    # mean 1/4, std sqrt(3)/4: (1 - 1/4) / std = sqrt(3), (0 - 1/4) / std = -1/sqrt(3); equal rewards and errors: 0
    advantages = example.group_advantages([1.0, 0.0, 0.0, 0.0, 1.0, 1.0, None, 1.0], group_size=4)
    root = math.sqrt(3)
    assert advantages.tolist() == pytest.approx([root, -1 / root, -1 / root, -1 / root, 0, 0, 0, 0])


def test_the_loss_of_a_group_is_the_hand_computed_one(example: Any) -> None:
    is_sampled_NT = torch.tensor([[True, True], [True, False]])
    ratios_NT = torch.tensor([[1.1, 1.5], [0.5, 9.0]])  # 1.5 is clipped to 1.28 for A = 1, 0.5 to 0.8 for A = -1
    loss = example.grpo_loss(ratios_NT.log(), torch.zeros(2, 2), is_sampled_NT, torch.tensor([1.0, -1.0]))
    assert float(loss) == pytest.approx(-(1.1 + 1.28 - 0.8) / 3)


def test_samples_end_at_the_first_end_token_and_texts_hold_what_was_sampled(example: Any, base: Any) -> None:
    model, tokenizer = base
    samples = example.sample(model, tokenizer, example.read_rows("math_train")[:2], G)
    response_NT = samples.tokens_NS[:, -samples.is_sampled_NT.shape[1] :]
    for tokens, mask, text in zip(response_NT, samples.is_sampled_NT, samples.texts, strict=True):
        sampled = tokens[mask].tolist()
        assert tokenizer.eos_token_id not in sampled[:-1]
        assert sampled[-1] == tokenizer.eos_token_id or len(sampled) == example.MAX_NEW_TOKENS
        assert tokenizer.decode(sampled).removesuffix(tokenizer.eos_token) == text


def test_log_probabilities_do_not_depend_on_padding(example: Any, base: Any) -> None:
    model, tokenizer = base
    samples = example.sample(model, tokenizer, example.read_rows("math_train")[:2], G)
    num_last = samples.is_sampled_NT.shape[1]
    with torch.no_grad():
        batched = example.token_logprobs(model, samples.tokens_NS, samples.is_token_NS, num_last)
        for row, (tokens, is_token, is_sampled) in enumerate(
            zip(samples.tokens_NS, samples.is_token_NS, samples.is_sampled_NT, strict=True)
        ):
            alone = model(tokens[is_token][None]).logits[0, :-1].log_softmax(-1)
            alone = alone.gather(-1, tokens[is_token][1:, None])[-int(is_sampled.sum()) :, 0]
            torch.testing.assert_close(batched[row][is_sampled], alone, atol=1e-4, rtol=1e-4)


def test_its_loss_and_gradient_are_the_trainers_on_the_same_samples(example: Any, base: Any) -> None:
    model, tokenizer = base
    rows = example.read_rows("math_train")[:2]
    samples = example.sample(model, tokenizer, rows, G)
    rewards = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    inputs = (samples.tokens_NS, samples.is_token_NS, samples.is_sampled_NT.shape[1])
    logprobs_NT = example.token_logprobs(model, *inputs)
    old_logprobs_NT = logprobs_NT.detach() + 0.3 * torch.randn(logprobs_NT.shape)  # some ratios leave the clip range
    ours = example.grpo_loss(logprobs_NT, old_logprobs_NT, samples.is_sampled_NT, example.group_advantages(rewards, G))

    spec = CATALOGUE["grpo"]
    batch = make_batch(groups_of(samples, old_logprobs_NT, rewards, rows), spec, example.MAX_NEW_TOKENS)
    counts_N = batch.num_loss_tokens_N
    token_inputs = TokenInputs(
        sampled_logprobs_K=batch.sampled_logprobs_K,
        advantages_K=batch.advantages_N.repeat_interleave(counts_N),
        weights_K=token_weights(counts_N, spec.average, example.MAX_NEW_TOKENS),
        old_logprobs_K=batch.sampled_logprobs_K,
    )
    logprobs_K = logprobs_NT[samples.is_sampled_NT]
    theirs = token_losses(spec, token_inputs, batch.sequence_K, logprobs_K, torch.zeros_like(logprobs_K)).sum()

    parameters = list(model.parameters())
    our_gradient = torch.autograd.grad(ours, parameters, retain_graph=True)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(our_gradient, torch.autograd.grad(theirs, parameters))


def groups_of(samples: Any, logprobs_NT: torch.Tensor, rewards: list[float], rows: list[Any]) -> list[Group]:
    groups = []
    for number, row in enumerate(rows):
        rollouts = []
        for index in range(G):
            n = number * G + index
            mask = samples.is_sampled_NT[n]
            num_prompt = samples.tokens_NS.shape[1] - len(mask)
            prompt = samples.tokens_NS[n, :num_prompt][samples.is_token_NS[n, :num_prompt]]
            tokens = samples.tokens_NS[n, num_prompt:][mask]
            rollouts.append(
                Rollout(
                    group=number, index=index, prompt_id=row["id"], task="math", prompt_tokens=tuple(prompt.tolist()),
                    tokens=tuple(tokens.tolist()), logprobs=tuple(logprobs_NT[n][mask].tolist()),
                    loss_mask=(1,) * len(tokens), turns=(), response=samples.texts[n], finish_reason="stop",
                    weights_version=0, seed=0,
                )
            )  # fmt: skip
        judgements = [Judgement(reward, {}, {}) for reward in rewards[number * G : (number + 1) * G]]
        prompt_record = Prompt(row["id"], "math", tuple(row["prompt"]), row)
        groups.append(Group(prompt_record, tuple(rollouts), tuple(judgements)))
    return groups


def test_a_few_steps_raise_the_reward(example: Any, base: Any, math_verifier: Verifier) -> None:
    model, tokenizer = base
    before = [parameter.clone() for parameter in model.parameters()]
    rewards = list(example.train(model, tokenizer, math_verifier, steps=4))
    assert all(math.isfinite(reward) and 0 <= reward <= 1 for reward in rewards)
    assert rewards[-1] > rewards[0] + 0.1
    for old, new in zip(before, model.parameters(), strict=True):
        assert torch.isfinite(new).all() and not torch.equal(old, new)


def test_the_same_seed_gives_the_same_numbers(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, other = (example.main(steps=1, num_held_out=8, seed=seed) for seed in (0, 0, 1))
    lines = capsys.readouterr().out.splitlines()
    assert first == second and lines[:2] == lines[2:4]
    assert lines[4:] != lines[:2] and len(other) == 1
    assert lines[0].startswith("step   1  mean reward") and lines[1].startswith("held-out accuracy")
