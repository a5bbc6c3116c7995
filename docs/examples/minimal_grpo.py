"""GRPO in one file: reinforcement learning with outcome rewards, on one CPU core in about a minute.

    python docs/examples/minimal_grpo.py

A model of half a million parameters answers problems such as `Compute 12+8*3.` Four in ten of the worked problems that
it has read were right; the others went from left to right (60 instead of 36). So it answers in both ways. Now right
answers are rewarded, and no label says which token of an answer was good:

    repeat:  sample G responses per prompt -> reward 0 or 1 -> advantage within the group -> clipped policy gradient

Names of tensors end in their dimensions: N sequences, S positions (prompt and response), T positions of the response,
K tokens that count (all sampled ones, end to end).
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

import openqwq
from openqwq.training.algorithms.advantages import grpo_advantages
from openqwq.training.algorithms.losses import clipped_surrogate, token_weights
from openqwq.verifiers import Verifier, get_verifier

DATA = Path(openqwq.__file__).parent / "data" / "tiny"
MAX_NEW_TOKENS = 48
CLIP_LOW, CLIP_HIGH = 0.2, 0.28
"""The upper range is larger, so that rare tokens may become likely (DAPO, arXiv 2503.14476, eq. 10)."""


@dataclass(frozen=True)
class Samples:
    """Responses of the policy. Rows i*G .. (i+1)*G - 1 answer the i-th prompt; prompts are padded on the left."""

    tokens_NS: torch.Tensor
    is_token_NS: torch.Tensor
    """False at padding."""
    is_sampled_NT: torch.Tensor
    """True at tokens of the response, its end token included: those that the loss counts."""
    texts: list[str]


def read_rows(name: str) -> list[dict[str, Any]]:
    """The expressions among the rows of a file in data/tiny/: prompt, reference answer."""
    rows = [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]
    return [row for row in rows if row["extra"]["kind"] == "expr"]


def token_logprobs(model: Any, tokens_NS: torch.Tensor, is_token_NS: torch.Tensor, num_last: int) -> torch.Tensor:
    """log pi(token | tokens before it) of the last `num_last` positions, [N, num_last]."""
    logits = model(tokens_NS, attention_mask=is_token_NS.long(), logits_to_keep=num_last + 1).logits[:, :-1]
    logprobs_NT: torch.Tensor = logits.log_softmax(-1).gather(-1, tokens_NS[:, -num_last:, None])[..., 0]
    return logprobs_NT


@torch.no_grad()
def sample(model: Any, tokenizer: Any, rows: Sequence[dict[str, Any]], group_size: int) -> Samples:
    """`group_size` responses to each prompt, at temperature 1: samples of the policy itself."""
    chats = [row["prompt"] for row in rows for _ in range(group_size)]
    prompts = tokenizer.apply_chat_template(
        chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
    )
    tokens_NS = model.generate(
        **prompts, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=MAX_NEW_TOKENS
    )
    response_NT = tokens_NS[:, prompts["input_ids"].shape[1] :]
    is_end_NT = response_NT == tokenizer.eos_token_id
    is_sampled_NT = is_end_NT.cumsum(1) - is_end_NT.long() == 0  # no end token before this one
    texts = [
        tokenizer.decode(tokens[mask & ~is_end])
        for tokens, mask, is_end in zip(response_NT, is_sampled_NT, is_end_NT, strict=True)
    ]
    return Samples(tokens_NS, torch.cat([prompts["attention_mask"].bool(), is_sampled_NT], 1), is_sampled_NT, texts)


def judge(verifier: Verifier, samples: Samples, rows: Sequence[dict[str, Any]], group_size: int) -> list[float | None]:
    """The reward of each sample's outcome: 1 if the final answer is right, else 0. None if it could not be judged."""
    asked = [row for row in rows for _ in range(group_size)]
    return [verdict.score for verdict in verifier.verify_many(samples.texts, asked)]


def group_advantages(rewards: Sequence[float | None], group_size: int) -> torch.Tensor:
    """A_i = (r_i - mean(r)) / std(r) over the samples of one prompt, [N] (DeepSeekMath, arXiv 2402.03300, 4.1.2).

    The group's mean takes the place of a critic. Equal rewards give 0: such a prompt teaches nothing. A sample without
    a reward gets 0 as well: an error is no reason to change the policy.
    """
    groups = [rewards[start : start + group_size] for start in range(0, len(rewards), group_size)]
    return torch.tensor([advantage or 0.0 for group in groups for advantage in grpo_advantages(group)])


def grpo_loss(
    logprobs_NT: torch.Tensor, old_logprobs_NT: torch.Tensor, is_sampled_NT: torch.Tensor, advantages_N: torch.Tensor
) -> torch.Tensor:
    """-mean over tokens of min(rho A, clip(rho, 1 - CLIP_LOW, 1 + CLIP_HIGH) A), with rho = pi / pi_old.

    PPO's surrogate (arXiv 1707.06347, eq. 7). Every token of a response has the advantage of the whole response, and
    all tokens of the batch have the same weight (DAPO, eq. 12). openqwq's trainer leaves groups of equal rewards out of
    the mean; here their tokens count in it, with a loss of 0.
    """
    num_tokens_N = is_sampled_NT.sum(1)
    ratio_K = torch.exp(logprobs_NT - old_logprobs_NT)[is_sampled_NT]
    advantages_K = advantages_N.repeat_interleave(num_tokens_N)
    weights_K = token_weights(num_tokens_N, "token", MAX_NEW_TOKENS)
    return (weights_K * clipped_surrogate(ratio_K, advantages_K, CLIP_LOW, CLIP_HIGH)).sum()


def train(
    model: Any, tokenizer: Any, verifier: Verifier, steps: int, prompts_per_step: int = 16, group_size: int = 8,
    updates_per_step: int = 2, learning_rate: float = 3e-4,
) -> Iterator[float]:  # fmt: skip
    """Yield the mean reward of each step's samples."""
    rows = read_rows("math_train")
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
    for _ in range(steps):
        prompts = random.sample(rows, prompts_per_step)
        samples = sample(model, tokenizer, prompts, group_size)
        rewards = judge(verifier, samples, prompts, group_size)
        advantages_N = group_advantages(rewards, group_size)

        inputs = (samples.tokens_NS, samples.is_token_NS, samples.is_sampled_NT.shape[1])
        with torch.no_grad():  # pi_old: the policy that sampled
            old_logprobs_NT = token_logprobs(model, *inputs)
        for _ in range(updates_per_step):  # from the second update on, rho differs from 1 and the clip acts
            logprobs_NT = token_logprobs(model, *inputs)
            loss = grpo_loss(logprobs_NT, old_logprobs_NT, samples.is_sampled_NT, advantages_N)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        yield _mean(rewards)


def held_out_accuracy(model: Any, tokenizer: Any, verifier: Verifier, num_rows: int) -> float:
    """Mean reward on problems that no training row holds, at temperature 1."""
    rows = read_rows("math_heldout")[:num_rows]
    return _mean(judge(verifier, sample(model, tokenizer, rows, 1), rows, 1))


def main(steps: int = 30, num_held_out: int = 150, seed: int = 0) -> list[float]:
    """Train and print; returns the mean reward of each step."""
    disable_progress_bar()
    random.seed(seed)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(DATA / "base", padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(DATA / "base")
    verifier = get_verifier("math")

    before = held_out_accuracy(model, tokenizer, verifier, num_held_out)
    rewards = []
    for step, reward in enumerate(train(model, tokenizer, verifier, steps), 1):
        rewards.append(reward)
        print(f"step {step:3}  mean reward {reward:.3f}  {'#' * round(40 * reward)}", flush=True)
    after = held_out_accuracy(model, tokenizer, verifier, num_held_out)
    print(f"held-out accuracy {before:.3f} -> {after:.3f}")
    verifier.close()
    return rewards


def _mean(rewards: Sequence[float | None]) -> float:
    judged = [reward for reward in rewards if reward is not None]
    return sum(judged) / max(len(judged), 1)


if __name__ == "__main__":
    main()
