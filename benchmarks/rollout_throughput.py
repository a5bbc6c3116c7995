"""Sampled tokens per second of the `hf` engine and of transformers' `generate`, interleaved. Prints JSON.

The same model, prompts, batch, token count and threads; end tokens do not end a sample, so both draw as many. Greedy
answers of both are compared token by token.

`python -m benchmarks.rollout_throughput [--model data/tiny/base] [--rows 32] [--tokens 128] [--rounds 5] [--least 2]`
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import torch
from transformers import PreTrainedModel

from benchmarks.measuring import interleave, machine, print_report, summary
from openqwq.training.models import load_model
from openqwq.training.rollout.engine import GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine


class Contest:
    """One model, one set of prompts of different lengths, two ways to go on with them."""

    def __init__(self, folder: str, dtype: str, rows: int, tokens: int) -> None:
        self.tokens = tokens
        self.theirs = load_model(folder, dtype).eval()
        self.theirs.generation_config.eos_token_id = None  # type: ignore[union-attr]
        self.engine = HFEngine(load_model(folder, dtype), stop_tokens=[-1])
        random = torch.Generator().manual_seed(0)
        lengths = torch.randint(20, 60, (rows,), generator=random).tolist()
        vocabulary = int(self.theirs.config.vocab_size)
        self.prompts = [torch.randint(10, vocabulary, (n,), generator=random).tolist() for n in lengths]

    def ours(self, temperature: float = 1.0) -> list[tuple[int, ...]]:
        requests = [
            GenerationRequest(i, tuple(prompt), seed=i, max_new_tokens=self.tokens, temperature=temperature)
            for i, prompt in enumerate(self.prompts)
        ]
        drawn = {generated.key: generated.tokens for generated in self.engine.generate(requests)}
        return [drawn[i] for i in range(len(requests))]

    @torch.inference_mode()
    def transformers(self, temperature: float = 1.0) -> list[tuple[int, ...]]:
        width = max(map(len, self.prompts))
        ids = torch.tensor([[0] * (width - len(p)) + p for p in self.prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in self.prompts])
        model: PreTrainedModel = self.theirs
        chosen: dict[str, Any] = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        out = model.generate(  # type: ignore[operator]
            ids,
            attention_mask=mask,
            max_new_tokens=self.tokens,
            pad_token_id=0,
            eos_token_id=None,
            **(chosen if temperature else {"do_sample": False}),
        )
        return [tuple(row[width:].tolist()) for row in out]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="data/tiny/base", help="folder of a checkpoint")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--least", type=float, default=2.0, help="least ratio that is no violation")
    arguments = parser.parse_args(words)
    torch.set_num_threads(arguments.threads)
    contest = Contest(arguments.model, arguments.dtype, arguments.rows, arguments.tokens)
    same = [a == b for a, b in zip(contest.ours(0.0), contest.transformers(0.0), strict=True)]
    contest.ours(), contest.transformers()
    num_tokens = arguments.rows * arguments.tokens

    def speed(path: Any) -> float:
        started = time.perf_counter()
        path()
        return num_tokens / (time.perf_counter() - started)

    paths = {"ours": contest.ours, "transformers": contest.transformers}
    rounds = interleave({name: lambda path=path: speed(path) for name, path in paths.items()}, arguments.rounds)
    ratios = [a / b for a, b in zip(rounds["ours"], rounds["transformers"], strict=True)]
    report = {
        "benchmark": "rollout_throughput",
        **machine(),
        "model": arguments.model,
        "dtype": arguments.dtype,
        "rows": arguments.rows,
        "tokens": arguments.tokens,
        "threads": arguments.threads,
        "tokens_per_second": {name: summary(values, 0) for name, values in rounds.items()},
        "ratio": summary(ratios),
        "same_greedy_rows": f"{sum(same)}/{len(same)}",
    }
    violations = []
    if not all(same) and arguments.dtype == "float32":
        violations.append("greedy answers differ from transformers'")
    if report["ratio"]["median"] < arguments.least:  # type: ignore[index]
        violations.append(f"less than {arguments.least:g} times transformers' generate")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
