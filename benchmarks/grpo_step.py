"""Seconds of a whole GRPO step, ours and TRL's GRPOTrainer: the same model, prompts, group size and limits.

Each side runs in a process of its own for its whole life and does one step when told to: A B A B. A step is sampling,
a trivial reward, the update, and whatever the trainer does around them. Ours runs the real loop in one process: log,
rollouts file, weight sync with its probe. TRL samples with `generate`. Both draw from the same model at temperature 1,
so their answers have the same lengths on average; the lengths and the peak memory of both are reported. Prints JSON.

`python -m benchmarks.grpo_step [--rounds 7] [--prompts 16] [--group 8] [--tokens 64] [--threads 2]`
`... --model runs/smollm2_words-seed0/checkpoints/cold_start/step_10/model --rows words/prompts.jsonl --tokens 32`
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import interleave, machine, print_report, summary

ROOT = Path(__file__).absolute().parents[1]
SIDES = ("ours", "trl")
LEARNING_RATE = 1e-6
LIMIT = 0.7


def letters(response: str, row: Any) -> float:
    """A number in [0, 1) that differs between answers; the reward of both sides."""
    return sum(map(ord, response)) % 97 / 97


def tell(mean_length: float) -> None:
    """The last words of a side."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    os.write(1, f"{mean_length}\n{peak}\n".encode())


class Turn:
    """Waits for the word to do a step, and says how long the last one took."""

    def __init__(self) -> None:
        self._started: float | None = None

    def __call__(self) -> bool:
        """Called between steps. True when there is nothing more to do."""
        seconds = 0.0 if self._started is None else time.perf_counter() - self._started
        os.write(1, f"{seconds}\n".encode())
        is_over = sys.stdin.readline().strip() != "go"
        self._started = time.perf_counter()
        return is_over

    def listen(self) -> None:
        """Leaves signals alone."""


def run_ours(arguments: argparse.Namespace) -> None:
    from openqwq.training.config import Recipe
    from openqwq.training.console import ConsoleLogger
    from openqwq.training.errors import Interrupted
    from openqwq.training.pipeline.launch import launch

    recipe = Recipe.model_validate(
        {
            "name": "grpo_step",
            "model": arguments.model,
            "dtype": arguments.dtype,
            "cluster": {"trainer": {"cpus": arguments.threads}, "rollout": {"cpus": arguments.threads}},
            "rewards": {"tasks": {"math": {"verifiers": [{"name": f"{__file__}:letters"}]}}},
            "stages": [
                {
                    "name": "stage1",
                    "kind": "rl",
                    "prompts": [{"source": arguments.rows}],
                    "steps": 1000,
                    "prompts_per_step": arguments.prompts,
                    "group_size": arguments.group,
                    "sampling": {"max_new_tokens": arguments.tokens},
                    "optimizer": {"learning_rate": LEARNING_RATE},
                    "micro_batch_tokens": arguments.micro_batch_tokens,
                    "checkpoint_every": 1000,
                }
            ],
        }
    )
    turn = Turn()
    turn()  # ready

    def never_stops() -> bool:
        return turn()

    never_stops.listen = lambda: None  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        try:
            from rich.console import Console

            launch(recipe, Path(folder) / "run", "never", never_stops, True, ConsoleLogger(Console(stderr=True)))
        except Interrupted:
            lengths = [json.loads(line) for line in (Path(folder) / "run" / "metrics.jsonl").read_text().splitlines()]
            means = [entry["completions/tokens_mean"] for entry in lengths]
            tell(sum(means) / len(means))


def run_trl(arguments: argparse.Namespace) -> None:
    import torch
    from datasets import Dataset
    from transformers import TrainerCallback
    from transformers.utils import logging
    from trl import GRPOConfig, GRPOTrainer

    logging.disable_progress_bar()
    torch.set_num_threads(arguments.threads)
    rows = [json.loads(line) for line in Path(arguments.rows).read_text().splitlines()]
    prompts = [
        row["prompt"] if isinstance(row["prompt"], list) else [{"role": "user", "content": row["prompt"]}]
        for row in rows
    ]
    lengths: list[float] = []
    samples = arguments.prompts * arguments.group

    def reward(completions: list[Any], completion_ids: list[list[int]], **_: Any) -> list[float]:
        lengths.append(sum(map(len, completion_ids)) / len(completion_ids))
        return [letters(completion[0]["content"], None) for completion in completions]

    class Stepper(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.turn = Turn()

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if self.turn():
                tell(sum(lengths) / len(lengths))
                os._exit(0)

    with tempfile.TemporaryDirectory() as folder:
        config = GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=arguments.dtype == "bfloat16",
            gradient_checkpointing=False,
            per_device_train_batch_size=arguments.trl_batch or samples,
            gradient_accumulation_steps=samples // (arguments.trl_batch or samples),
            num_generations=arguments.group,
            max_completion_length=arguments.tokens,
            temperature=1.0,
            beta=0.0,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            max_steps=1000,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            logging_strategy="no",
        )
        trainer = GRPOTrainer(
            model=arguments.model,
            reward_funcs=reward,
            args=config,
            train_dataset=Dataset.from_dict({"prompt": prompts}),
        )
        trainer.add_callback(Stepper())
        trainer.train()


class Side:
    """One trainer in its process."""

    def __init__(self, name: str, words: list[str]) -> None:
        command = [sys.executable, "-m", "benchmarks.grpo_step", *words, "--side", name]
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment,
        )  # fmt: skip
        self._read()  # ready

    def _read(self) -> float:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            try:
                return float(line)
            except ValueError:
                continue  # a library that prints
        raise RuntimeError(f"{self._process.args!r} ended early")

    def step(self, word: str = "go") -> float:
        """Seconds of one step; after any other word what `tell` told first."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return self._read()

    def end(self) -> tuple[float, float]:
        """Mean length of all answers, and the most memory that the process held, in GB."""
        length, peak = self.step("end"), self._read()
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(60)
        return round(length, 1), round(peak, 2)


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default=str(ROOT / "data" / "tiny" / "base"), help="folder")
    parser.add_argument("--rows", default=str(ROOT / "data" / "tiny" / "math_train.jsonl"), help="file of prompts")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--micro-batch-tokens", type=int, default=65536, help="ours")
    parser.add_argument("--trl-batch", type=int, help="TRL's per_device_train_batch_size [all samples of a step]")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.side:
        (run_ours if arguments.side == "ours" else run_trl)(arguments)
        return 0
    sides = {name: Side(name, words) for name in SIDES}
    for _ in range(2):  # the first step warms up; the second shows it is over
        for side in sides.values():
            side.step()
    rounds = interleave({name: side.step for name, side in sides.items()}, arguments.rounds)
    ends = {name: side.end() for name, side in sides.items()}
    ratios = [a / b for a, b in zip(rounds["ours"], rounds["trl"], strict=True)]
    report: dict[str, Any] = {
        "benchmark": "grpo_step",
        **machine(),
        "samples_per_step": arguments.prompts * arguments.group,
        "threads": arguments.threads,
        "seconds": {name: summary(values, 3) for name, values in rounds.items()},
        "mean_tokens_per_answer": {name: length for name, (length, _) in ends.items()},
        "peak_gb": {name: peak for name, (_, peak) in ends.items()},
        "model": "/".join(Path(arguments.model).parts[-3:]),
        "dtype": arguments.dtype,
        "ratio": summary(ratios, 3),
    }
    too_slow = report["ratio"]["median"] > LIMIT
    return print_report(report, [f"a step takes more than {LIMIT} of TRL's"] if too_slow else [])


if __name__ == "__main__":
    sys.exit(main())
