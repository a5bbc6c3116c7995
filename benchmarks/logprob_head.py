"""The log-prob head beside naive logits and TRL's chunked head: time, extra peak memory, error. Prints JSON.

Forward and backward of sum(A log p) over T tokens, bfloat16 hidden states and weight, the same threads everywhere.
Time: interleaved in one process. Memory: growth of the peak resident size in a fresh process per path. Error: largest
gap of a log-probability to float64 logits of the same inputs. TRL's head runs its torch path on a CPU.

`python -m benchmarks.logprob_head [--rounds 5] [--vocabulary 152064] [--hidden 896] [--threads 2]`
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.measuring import interleave, machine, print_report, summary
from openqwq.training.algorithms.head import fused_head_loss

ROOT = Path(__file__).absolute().parents[1]
TRL_VOCABULARY_TILE = 32768
"""TRL's own default."""
Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def make_inputs(tokens: int, vocabulary: int, hidden: int) -> Inputs:
    random = torch.Generator().manual_seed(0)
    states = torch.randn(tokens, hidden, generator=random).bfloat16().requires_grad_()
    weight = torch.empty(vocabulary, hidden, dtype=torch.bfloat16)
    for part in weight.split(8192):  # in parts: the float32 draw of all would be the largest thing in memory
        part.copy_(torch.randn(part.shape, generator=random) * 0.05)
    targets = torch.randint(0, vocabulary, (tokens,), generator=random)
    return states, weight.requires_grad_(), targets, torch.randn(tokens, generator=random) / tokens


def ours(states: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
    out = fused_head_loss(states, weight, targets, lambda logprobs, _: -advantages * logprobs)
    out.loss.backward()  # type: ignore[no-untyped-call]
    return out.logprobs_K


def naive(states: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
    """bfloat16 logits and their log-softmax, as before chunked heads."""
    logprobs = torch.log_softmax(states @ weight.T, -1).gather(-1, targets[:, None])[:, 0]
    (-advantages * logprobs).sum().backward()  # type: ignore[no-untyped-call]
    return logprobs.detach()


def trl(states: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, advantages: torch.Tensor) -> torch.Tensor:
    from trl.kernels.chunked_logprob import ChunkedLogProbFunction

    logprobs = ChunkedLogProbFunction.apply(
        states, weight, None, targets, 1.0, TRL_VOCABULARY_TILE, None, 1.0, ("entropy",)
    )[0]
    (-advantages * logprobs).sum().backward()
    return torch.as_tensor(logprobs.detach())


PATHS: dict[str, Callable[..., torch.Tensor]] = {"ours": ours, "naive": naive, "trl": trl}


def run_once(path: str, inputs: Inputs) -> float:
    inputs[0].grad = inputs[1].grad = None
    started = time.perf_counter()
    PATHS[path](*inputs)
    return time.perf_counter() - started


def peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def extra_memory(path: str, arguments: argparse.Namespace) -> int:
    """Bytes by which the peak of a fresh process grows in one forward and backward pass."""
    words = [sys.executable, "-m", "benchmarks.logprob_head", "--memory-of", path]
    for name in ("vocabulary", "hidden", "threads", "memory_tokens"):
        words += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    return int(subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def print_memory(path: str, arguments: argparse.Namespace) -> int:
    small = make_inputs(8, 64, 16)
    PATHS[path](*small)  # libraries allocate their own buffers at the first use
    inputs = make_inputs(arguments.memory_tokens, arguments.vocabulary, arguments.hidden)
    before = peak_bytes()
    PATHS[path](*inputs)
    print(peak_bytes() - before)
    return 0


def error_of(path: str, inputs: Inputs) -> float:
    states, weight, targets, _ = (x.detach() for x in inputs)
    normaliser = torch.full((len(states),), -torch.inf, dtype=torch.float64)
    for part in weight.split(8192):
        block = torch.logsumexp(states.double() @ part.double().T, -1)
        normaliser = torch.logaddexp(normaliser, block)
    exact = (states.double() * weight[targets].double()).sum(-1) - normaliser
    inputs[0].grad = inputs[1].grad = None
    return float((PATHS[path](*inputs).double() - exact).abs().max())


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--vocabulary", type=int, default=152_064)
    parser.add_argument("--hidden", type=int, default=896)
    parser.add_argument("--time-tokens", type=int, default=1024)
    parser.add_argument("--memory-tokens", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-of", choices=list(PATHS), help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    torch.set_num_threads(arguments.threads)
    if arguments.memory_of:
        return print_memory(arguments.memory_of, arguments)
    inputs = make_inputs(arguments.time_tokens, arguments.vocabulary, arguments.hidden)
    for path in PATHS:
        run_once(path, inputs)
    rounds = interleave({path: lambda path=path: run_once(path, inputs) for path in PATHS}, arguments.rounds)
    memory = {path: extra_memory(path, arguments) for path in PATHS}
    errors = {path: error_of(path, inputs) for path in PATHS}
    ratios = [a / b for a, b in zip(rounds["ours"], rounds["trl"], strict=True)]
    report: dict[str, Any] = {
        "benchmark": "logprob_head",
        **machine(),
        "threads": arguments.threads,
        "shape": {"vocabulary": arguments.vocabulary, "hidden": arguments.hidden},
        "seconds": {"tokens": arguments.time_tokens, **{path: summary(values) for path, values in rounds.items()}},
        "time_over_trl": summary(ratios, 3),
        "extra_peak_mib": {
            "tokens": arguments.memory_tokens,
            **{path: round(value / 2**20, 1) for path, value in memory.items()},
        },
        "memory_over_naive": round(memory["ours"] / memory["naive"], 3),
        "largest_error": {path: round(value, 6) for path, value in errors.items()},
    }
    violations = []
    if report["time_over_trl"]["median"] > 0.5:
        violations.append("time over TRL's chunked head is above 0.5")
    if report["memory_over_naive"] > 0.35:
        violations.append("extra peak memory over naive logits is above 0.35")
    if errors["ours"] > 0.01:
        violations.append("a log-probability is off by more than 0.01")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
