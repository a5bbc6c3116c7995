"""What slow tools cost: seconds and tokens per second of the sampler with tools that take time and with tools that
answer at once, in rounds and with continuous turns, interleaved. Prints JSON.

A random model of 128 words samples through the `hf` engine, so that turns have different lengths: about 8 tokens on
average where one slow call is measured, about 128 where throughput is. Each forward pass takes `--step-seconds` longer
than it does, and `--prefill-seconds` for each token of a new context; the defaults are those of a large model on GPUs,
during which the CPU is free as it is there. The tools sleep.

`python -m benchmarks.tool_latency [--samples 64] [--many 512] [--rounds 3] [--step-seconds 0.02]`
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.measuring import interleave, machine, print_report, summary
from openqwq.training.config import EnvironmentUse, Sampling
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.records import Message, Prompt, Rollout, SampleRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.rollout.sampler import Sampler
from openqwq.training.seeds import derive_seed

VOCABULARY = 128
SHORT_TURNS = range(1, 17)
LONG_TURNS = range(1, 2)
"""Tokens that end a turn; every token is about as likely as every other."""
CONTEXT = tuple(range(10, 90))
ANSWER = tuple(range(90, 110))


class Codec:
    """Text is the tokens' numbers; a prompt is CONTEXT, a tool's answer ANSWER."""

    def prompt(self, messages: object, tools: object) -> tuple[tuple[int, ...], bool]:
        return CONTEXT, False

    def tool_answer(self, messages: object, most: int | None) -> tuple[int, ...]:
        return ANSWER

    def text(self, tokens: Sequence[int]) -> str:
        return " ".join(map(str, tokens))


class SlowTool:
    """Answers `turns` turns, each after `seconds`, without a look at them; the next one ends the sample."""

    is_stateless = True

    def __init__(self, seconds: float, turns: int) -> None:
        self.seconds, self.left = seconds, turns

    def tools(self) -> list[dict[str, Any]]:
        return []

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        return []

    async def step(self, turn: AssistantTurn) -> StepResult:
        self.left -= 1
        if self.left < 0:
            return StepResult([], done=True)
        time.sleep(self.seconds)
        return StepResult([{"role": "tool", "content": "an answer"}], done=False)

    async def close(self) -> None:
        pass


def paced_engine(stops: Sequence[int], max_batch: int, step_seconds: float, prefill_seconds: float) -> HFEngine:
    """An engine whose forward passes take longer, by sleeping."""
    from transformers import Olmo2Config, Olmo2ForCausalLM

    torch.manual_seed(0)
    sizes: dict[str, Any] = dict(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=4096, eos_token_id=None, pad_token_id=None, bos_token_id=None,
    )  # fmt: skip
    model = Olmo2ForCausalLM(Olmo2Config(**sizes))

    def pace(module: object, words: object, given: Mapping[str, Any]) -> None:
        rows, width = given["input_ids"].shape
        time.sleep(step_seconds + (rows * width * prefill_seconds if width > 1 else 0.0))

    model.register_forward_pre_hook(pace, with_kwargs=True)
    return HFEngine(model, stops, max_batch)


class Setting:
    """So many samples with a tool, sampled by one engine."""

    def __init__(self, engine: HFEngine, num_samples: int, turns: int) -> None:
        self.engine, self.turns = engine, turns
        self.requests = [
            SampleRequest(_prompt(n), n, 0, derive_seed("tool latency", num_samples, n)) for n in range(num_samples)
        ]

    def sample(self, seconds: float, is_continuous: bool) -> tuple[float, int]:
        """Seconds until all samples have ended, and the number of their sampled tokens."""
        use = EnvironmentUse(
            name=f"{Path(__file__).resolve()}:SlowTool", arguments={"seconds": seconds, "turns": self.turns}
        )
        sampler = Sampler(self.engine, Codec(), {"tools": use})  # type: ignore[arg-type]
        sampling = Sampling(max_new_tokens=800, max_turns=self.turns + 1, continuous_turns=is_continuous)
        started = time.perf_counter()
        rollouts = [item for item in sampler.sample(self.requests, sampling) if isinstance(item, Rollout)]
        taken = time.perf_counter() - started
        wrong = [r.response for r in rollouts if r.finish_reason not in ("stop", "turns", "length")]
        assert len(rollouts) == len(self.requests) and not wrong, wrong[:1]
        return taken, sum(sum(rollout.loss_mask) for rollout in rollouts)

    def seconds(self, seconds: float, is_continuous: bool) -> float:
        return self.sample(seconds, is_continuous)[0]

    def tokens_per_second(self, seconds: float, is_continuous: bool) -> float:
        taken, tokens = self.sample(seconds, is_continuous)
        return tokens / taken


def _prompt(number: int) -> Prompt:
    return Prompt(f"row {number}", "tools", ({"role": "user", "content": "go"},), row={})


def one_slow_call(setting: Setting, seconds: float, num_rounds: int) -> dict[str, Any]:
    """What one call of `seconds` in each sample adds to the seconds of the whole."""
    arms = {
        (kind, slow): (lambda slow=slow, is_on=kind == "continuous": setting.seconds(slow, is_on))
        for kind in ("rounds", "continuous")
        for slow in (0.0, seconds)
    }
    rounds = interleave({f"{kind}, {slow:g} s": measure for (kind, slow), measure in arms.items()}, num_rounds)
    report: dict[str, Any] = {"seconds": {name: summary(values) for name, values in rounds.items()}}
    for kind in ("rounds", "continuous"):
        pairs = zip(rounds[f"{kind}, {seconds:g} s"], rounds[f"{kind}, 0 s"], strict=True)
        report[f"added_{kind}"] = summary([slow - quick for slow, quick in pairs])
    return report


def throughput(setting: Setting, seconds: float, num_rounds: int) -> dict[str, Any]:
    """Tokens per second with tools of `seconds` beside tools that answer at once."""
    arms = {
        f"{kind}, {slow:g} s": (lambda slow=slow, is_on=kind == "continuous": setting.tokens_per_second(slow, is_on))
        for kind in ("rounds", "continuous")
        for slow in (0.0, seconds)
    }
    rounds = interleave(arms, num_rounds)
    report: dict[str, Any] = {"tokens_per_second": {name: summary(values, 0) for name, values in rounds.items()}}
    for kind in ("rounds", "continuous"):
        pairs = zip(rounds[f"{kind}, {seconds:g} s"], rounds[f"{kind}, 0 s"], strict=True)
        report[f"ratio_{kind}"] = summary([slow / quick for slow, quick in pairs])
    pairs = zip(rounds[f"continuous, {seconds:g} s"], rounds["rounds, 0 s"], strict=True)
    report["ratio_continuous_to_rounds_at_once"] = summary([slow / quick for slow, quick in pairs])
    return report


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--many", type=int, default=512, help="samples of the last part; 0 leaves it out")
    parser.add_argument("--turns", type=int, default=3, help="tool calls of a sample in the second part")
    parser.add_argument("--waves", type=int, default=1, help="samples of the second part for each row of the batch")
    parser.add_argument("--slow", type=float, default=1.0, help="seconds of the tool in the first and last part")
    parser.add_argument("--short", type=float, default=0.5, help="seconds of the tool in the second part")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step-seconds", type=float, default=0.02)
    parser.add_argument("--prefill-seconds", type=float, default=5e-5, help="for each token of a new context")
    parser.add_argument("--most", type=float, default=3.0, help="most added seconds that are no violation")
    parser.add_argument("--least", type=float, default=0.8, help="least ratio that is no violation")
    arguments = parser.parse_args(words)
    torch.set_num_threads(1)
    num, many = arguments.samples, arguments.many
    pace = arguments.step_seconds, arguments.prefill_seconds
    engine, patient = paced_engine(SHORT_TURNS, max(num, many), *pace), paced_engine(LONG_TURNS, num, *pace)
    Setting(engine, 2, 1).sample(0.0, True)
    report: dict[str, Any] = {
        "benchmark": "tool_latency",
        **machine(),
        "step_seconds": arguments.step_seconds,
        "prefill_seconds": arguments.prefill_seconds,
        "one_call": one_slow_call(Setting(engine, num, 1), arguments.slow, arguments.rounds),
        "throughput": throughput(
            Setting(patient, num * arguments.waves, arguments.turns), arguments.short, arguments.rounds
        ),
    }
    parts = {"one_call": num}
    if many:
        report["one_call_of_many"] = one_slow_call(Setting(engine, many, 1), arguments.slow, arguments.rounds)
        parts["one_call_of_many"] = many
    violations = [
        f"{arguments.slow:g} s tools of {count} samples add more than {arguments.most:g} s, {kind}"
        for name, count in parts.items()
        for kind in ("rounds", "continuous")
        if report[name][f"added_{kind}"]["median"] > arguments.most
    ]
    if report["throughput"]["ratio_continuous"]["median"] < arguments.least:
        violations.append(f"continuous turns with {arguments.short:g} s tools are below {arguments.least:g}")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
