"""PPO with a critic against GRPO where the outcome does not say which token earned it. Prints JSON.

Copy K digits; the reward is the share of places that are right, known only at the end. GRPO gives all tokens of an
answer one advantage, so the signal of a place drowns in the luck of the others; a critic that reads the prefix can tell
a right place from a wrong one. Both start from the same model, which writes random digits, and see the same number of
samples per step. Reported: mean reward over the last steps, by algorithm and seed, and the steps to half of the places.

`python -m benchmarks.critic_helps [--seeds 3] [--steps 60] [--digits 12]`
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from benchmarks.measuring import machine, print_report
from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.backends.accelerate_backend import AccelerateTrainer, TrainerSettings
from openqwq.training.collate import make_batch
from openqwq.training.config import Algorithm, Critic, Optimizer
from openqwq.training.models import load_model, load_tokenizer, save_model
from openqwq.training.records import Group, Judgement, Prompt, Rollout
from openqwq.training.rollout.engine import GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.seeds import derive_seed

ROOT = Path(__file__).absolute().parents[1]
FIRST_DIGIT, GO = 10, 20
GROUPS, GROUP_SIZE = 16, 8
LAST_STEPS = 10
ALGORITHMS = {
    "grpo": Algorithm(name="grpo"),
    "ppo": Algorithm(name="ppo", critic=Critic(learning_rate=2e-3, warmup_updates=5, epochs=2)),
}


def make_start(folder: Path, digits: int, seed: int) -> None:
    """A model that has seen the form, K digits after K digits, and nothing of the rule."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=640,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        initializer_range=0.08,
    )
    model = Qwen2ForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    random = torch.Generator().manual_seed(seed)
    for _ in range(80):
        rows = FIRST_DIGIT + torch.randint(0, 10, (32, 2 * digits + 1), generator=random)
        rows[:, digits] = GO
        logits = model(input_ids=rows).logits[:, digits:-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, digits + 1 :].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    save_model(model, load_tokenizer(str(ROOT / "data" / "tiny" / "base")), folder)


def draw(engine: HFEngine, step: int, seed: int, digits: int) -> list[Group]:
    """The step's groups, paid by the share of places that are right."""
    random = torch.Generator().manual_seed(derive_seed(seed, step))
    asked = [(*(FIRST_DIGIT + torch.randint(0, 10, (digits,), generator=random)).tolist(), GO) for _ in range(GROUPS)]
    requests = [
        GenerationRequest(g * GROUP_SIZE + i, asked[g], derive_seed(seed, step, g, i), digits)
        for g in range(GROUPS)
        for i in range(GROUP_SIZE)
    ]
    drawn = {generated.key: generated for generated in engine.generate(requests)}
    groups = []
    for g, prompt in enumerate(asked):
        rollouts, judgements = [], []
        for i in range(GROUP_SIZE):
            found = drawn[g * GROUP_SIZE + i]
            right = sum(a == b for a, b in zip(found.tokens, prompt, strict=False))
            rollouts.append(
                Rollout(g, i, str(g), "copy", prompt, found.tokens, found.logprobs, (1,) * digits, (), "", "stop", 0, 0)
            )
            judgements.append(Judgement(right / digits, {}, {}))
        groups.append(Group(Prompt(str(g), "copy", (), {}), rollouts, judgements))
    return groups


def learn(name: str, folder: str, digits: int, steps: int, seed: int) -> list[float]:
    """Mean reward by step."""
    spec = resolve(ALGORITHMS[name])
    trainer = AccelerateTrainer(
        TrainerSettings(
            model=folder,
            dtype="float32",
            algorithm=spec,
            optimizer=Optimizer(learning_rate=1e-3),
            temperature=1.0,
            max_new_tokens=digits,
            micro_batch_tokens=65536,
            minibatches=1,
            seed=seed,
            threads=2,
        )
    )
    engine = HFEngine(load_model(folder), stop_tokens=[-1])
    rewards = []
    for step in range(steps):
        groups = draw(engine, step, seed, digits)
        rewards.append(statistics.fmean(j.reward or 0.0 for group in groups for j in group.judgements))
        trainer.update(make_batch(groups, spec, digits))
        engine.load_weights(step + 1, trainer.weights())
    return rewards


def first_above(rewards: Sequence[float], level: float) -> int | None:
    return next((step for step, reward in enumerate(rewards, 1) if reward >= level), None)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--digits", type=int, default=12)
    arguments = parser.parse_args(words)
    report: dict[str, Any] = {"benchmark": "critic_helps", **machine(), "digits": arguments.digits,
                              "samples_per_step": GROUPS * GROUP_SIZE, "steps": arguments.steps}  # fmt: skip
    ends: dict[str, list[float]] = {name: [] for name in ALGORITHMS}
    for name in ALGORITHMS:
        report[name] = {"by_seed": []}
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            make_start(Path(folder), arguments.digits, seed)
            for name in ALGORITHMS:
                started = time.perf_counter()
                rewards = learn(name, folder, arguments.digits, arguments.steps, seed)
                ends[name].append(statistics.fmean(rewards[-LAST_STEPS:]))
                entry = {
                    "first_step": round(rewards[0], 3),
                    "last_steps": round(ends[name][-1], 3),
                    "steps_to_half": first_above(rewards, 0.5),
                    "seconds": round(time.perf_counter() - started, 1),
                }
                report[name]["by_seed"].append(entry)
                print(f"seed {seed} {name}: {entry}", file=sys.stderr, flush=True)
    worse = [seed for seed in range(arguments.seeds) if ends["ppo"][seed] <= ends["grpo"][seed]]
    return print_report(report, [f"seed {seed}: the critic did not help" for seed in worse])


if __name__ == "__main__":
    sys.exit(main())
