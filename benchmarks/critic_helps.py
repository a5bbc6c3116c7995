"""PPO with a critic against GRPO where most of the outcome is the luck of the environment. Prints JSON.

The environment opens every sample with a random digit, which the policy sees and cannot change; then the policy writes
a secret word of K digits. The reward, known only at the end, is 0.7 times the luck plus 0.3 times the share of places
that are right. The samples of a group differ in luck, so a group's mean is a poor baseline: that is GRPO's noise. A
critic that reads the opening knows the luck before the first action and takes it out. Both start from the same model,
which writes random digits, and see the same number of samples per step. Reported by algorithm and seed: the share of
right places over the last steps, and the first step that reaches half.

`python -m benchmarks.critic_helps [--seeds 3] [--steps 60] [--digits 6]`
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
from openqwq.training.backends.accelerate_trainer import AccelerateTrainer
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import make_batch
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
LUCK = 0.7
"""Share of the reward that is luck."""
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


def draw(engine: HFEngine, step: int, seed: int, digits: int) -> tuple[list[Group], float]:
    """The step's groups, and the share of places of all samples that agree with the secret word."""
    word = [FIRST_DIGIT + derive_seed(seed, "word", place) % 10 for place in range(digits)]
    luck = [derive_seed(seed, step, "luck", n) % 10 for n in range(GROUPS * GROUP_SIZE)]
    prompts = [(*([FIRST_DIGIT + luck[n]] * digits), GO) for n in range(GROUPS * GROUP_SIZE)]
    requests = [GenerationRequest(n, prompt, derive_seed(seed, step, n), digits) for n, prompt in enumerate(prompts)]
    drawn = {generated.key: generated for generated in engine.generate(requests)}
    rights = [sum(a == b for a, b in zip(drawn[n].tokens, word, strict=True)) / digits for n in range(len(requests))]
    groups = []
    for g in range(GROUPS):
        members = range(g * GROUP_SIZE, (g + 1) * GROUP_SIZE)
        rollouts = [
            Rollout(g, n, str(g), "word", prompts[n], drawn[n].tokens, drawn[n].logprobs, (1,) * digits, (), "",
                    "stop", 0, 0)
            for n in members
        ]  # fmt: skip
        judgements = [Judgement(LUCK * luck[n] / 9 + (1 - LUCK) * rights[n], {}, {}) for n in members]
        groups.append(Group(Prompt(str(g), "word", (), {}), rollouts, judgements))
    return groups, statistics.fmean(rights)


def learn(name: str, folder: str, digits: int, steps: int, seed: int) -> list[float]:
    """Share of right places by step."""
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
    shares = []
    for step in range(steps):
        groups, right = draw(engine, step, seed, digits)
        shares.append(right)
        trainer.update(make_batch(groups, spec, digits))
        engine.load_weights(step + 1, trainer.weights())
    return shares


def first_above(shares: Sequence[float], level: float) -> int | None:
    return next((step for step, share in enumerate(shares, 1) if share >= level), None)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--digits", type=int, default=6)
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
                shares = learn(name, folder, arguments.digits, arguments.steps, seed)
                ends[name].append(statistics.fmean(shares[-LAST_STEPS:]))
                entry = {
                    "first_step": round(shares[0], 3),
                    "last_steps": round(ends[name][-1], 3),
                    "steps_to_half": first_above(shares, 0.5),
                    "seconds": round(time.perf_counter() - started, 1),
                }
                report[name]["by_seed"].append(entry)
                print(f"seed {seed} {name}: {entry}", file=sys.stderr, flush=True)
    worse = [seed for seed in range(arguments.seeds) if ends["ppo"][seed] <= ends["grpo"][seed]]
    return print_report(report, [f"seed {seed}: the critic did not help" for seed in worse])


if __name__ == "__main__":
    sys.exit(main())
