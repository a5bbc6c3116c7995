"""What slow tools cost in model time, where a forward pass takes exactly so long and nothing else counts: what the
order of turns alone is worth, however busy the machine is. `tool_latency.py` measures the whole sampler by the clock.
Prints JSON.

The `hf` engine decodes a random model with turns of different lengths (about 128 tokens). Each forward pass moves a
clock by `--step-seconds`, and by `--prefill-seconds` for each token of a new context; a tool answers so many seconds
after its turn.

`python -m benchmarks.tool_latency_model [--samples 64] [--turns 4] [--seconds 0.5] [--seeds 5]`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from benchmarks.measuring import print_report, summary
from openqwq.training.rollout import decoding_batch
from openqwq.training.rollout.decoder import make_decoder
from openqwq.training.rollout.dense_decoder import DenseDecoder
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.seeds import derive_seed

VOCABULARY = 128
STOPS = [1]
PROMPT = tuple(range(10, 90))
ANSWER = tuple(range(90, 110))
MAX_NEW_TOKENS = 800


class Clock:
    """Model time, in seconds."""

    def __init__(self, step_seconds: float, prefill_seconds: float) -> None:
        self.step_seconds, self.prefill_seconds, self.now = step_seconds, prefill_seconds, 0.0


def timed(clock: Clock) -> Any:
    """Makes decoders that move the clock."""

    class TimedDecoder(DenseDecoder):
        def prefill(self, ids_BP: torch.Tensor, valid_BP: torch.Tensor) -> torch.Tensor:
            clock.now += clock.step_seconds + clock.prefill_seconds * float(valid_BP.sum())
            return super().prefill(ids_BP, valid_BP)

        def forward_one(self, tokens_B: torch.Tensor) -> torch.Tensor:
            clock.now += clock.step_seconds
            return super().forward_one(tokens_B)

    def make(model: PreTrainedModel, capacity: int) -> TimedDecoder:
        plain = make_decoder(model, 0)
        assert isinstance(plain, DenseDecoder)
        return TimedDecoder(plain.fused, capacity)

    return make


class Talks:
    """Samples with so many tool calls each, whose tools take `seconds`."""

    def __init__(self, seed: int, num_samples: int, turns: int, seconds: float) -> None:
        self.seed, self.turns, self.seconds = seed, turns, seconds
        self.contexts = dict.fromkeys(range(num_samples), PROMPT)
        self.num_turns = dict.fromkeys(range(num_samples), 0)
        self.num_tokens = 0

    def request(self, key: int) -> GenerationRequest:
        seed = derive_seed("tool latency", self.seed, key, self.num_turns[key])
        return GenerationRequest(key, self.contexts[key], seed, MAX_NEW_TOKENS)

    def add(self, generated: Generated) -> bool:
        """Append a turn and its tool's answer. Returns whether the sample goes on."""
        key = generated.key
        self.num_tokens += len(generated.tokens)
        self.num_turns[key] += 1
        self.contexts[key] = (*self.contexts[key], *generated.tokens, *ANSWER)
        return self.num_turns[key] <= self.turns


def in_rounds(engine: HFEngine, talks: Talks, clock: Clock) -> None:
    pending = list(talks.contexts)
    while pending:
        answered = {}
        for generated in engine.generate([talks.request(key) for key in pending]):
            if talks.add(generated):
                answered[generated.key] = clock.now + talks.seconds
        clock.now = max(clock.now, *answered.values()) if answered else clock.now
        pending = sorted(answered)


def continuously(engine: HFEngine, talks: Talks, clock: Clock) -> None:
    answered: dict[int, float] = {}

    def arrivals(block: bool) -> Sequence[GenerationRequest] | None:
        if block and not answered:
            return None
        clock.now = max(clock.now, min(answered.values())) if block else clock.now
        due = [key for key, at in answered.items() if at <= clock.now]
        for key in due:
            del answered[key]
        return [talks.request(key) for key in due]

    for generated in engine.generate([talks.request(key) for key in talks.contexts], arrivals):
        if talks.add(generated):
            answered[generated.key] = clock.now + talks.seconds


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--rows", type=int, default=64, help="largest number of samples that are decoded together")
    parser.add_argument("--turns", type=int, default=4, help="tool calls of a sample")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a tool call")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--step-seconds", type=float, default=0.02)
    parser.add_argument("--prefill-seconds", type=float, default=5e-5, help="for each token of a new context")
    parser.add_argument("--least", type=float, default=0.8, help="least ratio that is no violation")
    arguments = parser.parse_args(words)
    torch.manual_seed(0)
    sizes: dict[str, Any] = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2)
    positions = {"max_position_embeddings": 8192, "vocab_size": VOCABULARY, "eos_token_id": None, "bos_token_id": None}
    engine = HFEngine(LlamaForCausalLM(LlamaConfig(**sizes, **positions)), STOPS, arguments.rows)
    speeds: dict[str, list[float]] = {}
    for seed in range(arguments.seeds):
        for kind, play in (("rounds", in_rounds), ("continuous", continuously)):
            for seconds in (0.0, arguments.seconds):
                clock = Clock(arguments.step_seconds, arguments.prefill_seconds)
                decoding_batch.make_decoder = timed(clock)
                talks = Talks(seed, arguments.samples, arguments.turns, seconds)
                play(engine, talks, clock)
                speeds.setdefault(f"{kind}, {seconds:g} s", []).append(talks.num_tokens / clock.now)
                print(f"seed {seed} {kind}, {seconds:g} s: {speeds[f'{kind}, {seconds:g} s'][-1]:.4g}", file=sys.stderr)
    decoding_batch.make_decoder = make_decoder
    slow = {kind: speeds[f"{kind}, {arguments.seconds:g} s"] for kind in ("rounds", "continuous")}
    ratios = {
        f"{kind}_to_{other}_at_once": [a / b for a, b in zip(slow[kind], speeds[f"{other}, 0 s"], strict=True)]
        for kind, other in (("rounds", "rounds"), ("continuous", "continuous"), ("continuous", "rounds"))
    }
    report = {
        "benchmark": "tool_latency_model",
        "settings": vars(arguments),
        "tokens_per_second": {name: summary(values, 0) for name, values in speeds.items()},
        "ratio": {name: summary(values) for name, values in ratios.items()},
    }
    worst = min(ratios["continuous_to_continuous_at_once"])
    violations = (
        [f"continuous turns fall to {worst:.2f} of those with tools at once"] if worst < arguments.least else []
    )
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
