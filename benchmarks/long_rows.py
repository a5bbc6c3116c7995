"""Attention within segments: exact over ranks that share rows, linear in memory and as fast as its flops to 32k tokens.

Two parts. `gaps`: every architecture of the model matrix over 2 and 4 processes (gloo) that share each row, prompts
shared and not, activations recomputed: log-probabilities and gradients against one sequence a row through the model's
own attention. `widths`: rows of 2k to 32k tokens (a prompt and four answers), one layer's attention and whole models,
forward and backward: processor seconds and peak memory beyond the weights, each in a process of its own. Exact flops:
per token those of the matrices, and 2 x 2 A d for each pair of a token and one that it sees, four times as much with
the backward pass and a recomputed forward pass, three times without. A rate is flops by seconds; `slope` is the time
at a width by what its flops take at the rate of 8k: more than 1.2 beyond 8k is a violation. So is memory that grows
faster than tokens. Prints JSON.

`python -m benchmarks.long_rows [--only Qwen2 Gemma2] [--widths 2048 8192 16384 32768] [--kinds attention model]`
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.distributed
import torch.multiprocessing

from benchmarks.measuring import machine, print_report
from openqwq.training.backends.attention_kernels import Score, attend
from openqwq.training.backends.scored_policy import ScoredPolicy
from openqwq.training.backends.sequence_parallel import make_sequence_group
from openqwq.training.batches.packing import MicroBatch, lay_out, plan_micro_batches
from openqwq.training.batches.segments import Segment, SegmentLayout
from openqwq.training.models import load_for_training
from tests.training.backends.architectures import TRAINED, small_model
from tests.training.backends.plain_updates import plain_scores
from tests.training.small_updates import free_port, grouped_batch

TEMPERATURE, GAP, SLOPE, BENT = 0.7, 1e-5, 0.20, 0.20
HEADS, KEY_HEADS, DEPTH, LAYERS, INNER, VOCABULARY = 8, 2, 32, 2, 704, 512
ANSWERS = 4
BASE = 8192


# -- exactness over ranks


def own_gradients(name: str, folder: str) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Log-probabilities and gradients of one sequence a row."""
    model = load_for_training(folder, "float32").eval()
    model.set_attn_implementation("eager")
    logprobs = torch.cat(plain_scores(model, grouped_batch(), TEMPERATURE)[0])
    (logprobs * torch.linspace(-1, 1, len(logprobs))).sum().backward()
    return logprobs.detach(), {key: p.grad for key, p in model.named_parameters() if p.grad is not None}


def on_rank(rank: int, size: int, port: int, folders: dict[str, str], target: str) -> None:
    """One process of a group that shares rows; the first one writes the gaps of every architecture."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)
    group, batch, found = make_sequence_group(rank, size, size), grouped_batch(), {}
    for name, folder in folders.items():
        expected, gradients = own_gradients(name, folder)
        weights = torch.linspace(-1, 1, len(expected))
        for is_shared in (True, False):
            model = load_for_training(folder, "float32", gradient_checkpointing=True)
            policy, values = ScoredPolicy(model, TEMPERATURE, group).train(), torch.zeros(len(expected))
            for rows in plan_micro_batches(batch, 90, share_prompts=is_shared)[0]:
                micro = lay_out(batch, rows).columns(rank, size)
                loss, logprobs, _ = policy(micro, lambda lp, _, of=weights[micro.indices_K]: lp * of)
                loss.backward()
                values[micro.indices_K] = logprobs.detach()
            torch.distributed.all_reduce(values)
            off, norm = 0.0, 0.0
            for key, parameter in model.named_parameters():
                mine = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                torch.distributed.all_reduce(mine)
                wanted = gradients.get(key, torch.zeros_like(mine))
                off += float((mine.double() - wanted.double()).square().sum())
                norm += float(wanted.double().square().sum())
            key = f"{size} ranks, {'shared' if is_shared else 'not shared'}"
            gap = {"values": float((values - expected).abs().max()), "gradients": (off / norm) ** 0.5}
            found.setdefault(name, {})[key] = {kind: float(f"{number:.2g}") for kind, number in gap.items()}
    if rank == 0:
        Path(target).write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


def gaps(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Architecture -> ranks and sharing -> the largest gap of a log-probability in nats, and the norm of the
    gradients' difference by the norm of the gradients."""
    table: dict[str, dict[str, Any]] = {name: {} for name in names}
    with tempfile.TemporaryDirectory() as place:
        folders = {name: f"{place}/{name}" for name in names}
        for name, folder in folders.items():
            small_model(name, TRAINED[name]).save_pretrained(folder)
        for size in (2, 4):
            target = f"{place}/{size}.json"
            torch.multiprocessing.spawn(on_rank, (size, free_port(), folders, target), nprocs=size)  # type: ignore[no-untyped-call]
            for name, row in json.loads(Path(target).read_text()).items():
                table[name] |= row
                print(f"{name}: {row}", file=sys.stderr, flush=True)
    return table


# -- time and memory by width


def row_of(width: int) -> list[Segment]:
    """A prompt of a sixteenth of the row, and four answers of equal length; the first stands in the prompt's own
    segment."""
    prompt = width // 16
    bounds = [prompt + (width - prompt) * n // ANSWERS for n in range(ANSWERS + 1)]
    later = [Segment(0, start, stop, 0, prompt) for start, stop in pairwise(bounds[1:])]
    return [Segment(0, 0, bounds[1]), *later]


def pairs(segments: Sequence[Segment]) -> int:
    """Pairs of a token and one that it sees."""
    return sum(
        (s.stop - s.start) * (s.prompt_stop - s.prompt_start) + (s.stop - s.start) * (s.stop - s.start + 1) // 2
        for s in segments
    )


def attention_step(width: int, score: Score) -> tuple[Callable[[], None], float]:
    """One layer's attention forward and backward, and its flops."""
    segments, make = row_of(width), torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, heads, width, DEPTH, generator=make) for heads in (HEADS, KEY_HEADS, KEY_HEADS))

    def step() -> None:
        inputs = [x.clone().requires_grad_() for x in (q, k, v)]
        layout = SegmentLayout(segments, 1, width, torch.device("cpu"))
        attend(*inputs, layout, score).sum().backward()

    return step, 3 * 4 * HEADS * DEPTH * pairs(segments)


def model_step(width: int, changes: dict[str, Any]) -> tuple[Callable[[], None], float]:
    """A whole model's loss and gradients over one row, recomputed, and its flops."""
    from transformers import AutoModelForCausalLM, Qwen2Config

    torch.manual_seed(0)
    hidden = HEADS * DEPTH
    config = Qwen2Config(
        hidden_size=hidden, num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS, intermediate_size=INNER,
        num_hidden_layers=LAYERS, vocab_size=VOCABULARY, max_position_embeddings=width, **changes,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        policy = ScoredPolicy(load_for_training(folder, "float32", gradient_checkpointing=True), 1.0).train()
    segments, ids = row_of(width), torch.randint(0, VOCABULARY, (1, width))
    every, positions = torch.arange(width - 1), torch.arange(width)
    for segment in segments[1:]:
        positions[segment.start : segment.stop] -= segment.start - segment.prompt_stop
    micro = MicroBatch(ids, positions[None], tuple(segments), every, ids[0, 1:], every, torch.zeros_like(every))
    _ = policy.transform

    def step() -> None:
        policy.zero_grad(set_to_none=True)
        policy(micro, lambda logprobs, _: -logprobs)[0].backward()

    matrices = hidden * DEPTH * (2 * HEADS + 2 * KEY_HEADS) + 3 * hidden * INNER
    per_layer = 4 * (2 * matrices * width + 4 * HEADS * DEPTH * pairs(segments))
    return step, LAYERS * per_layer + 4 * 2 * hidden * VOCABULARY * width  # the head: logits, again, two gradients


KINDS: dict[str, Callable[[int], tuple[Callable[[], None], float]]] = {
    "attention": lambda width: attention_step(width, Score()),
    "attention, window 1024": lambda width: attention_step(width, Score(window=1024)),
    "attention, cap 50": lambda width: attention_step(width, Score(cap=50.0)),
    "model": lambda width: model_step(width, {}),
}
EXACT = ("attention", "model")
"""Kinds whose work is the counted flops. Chunks of a window or a cap are computed whole, and forward passes again."""


def measure(kind: str, width: int, repeats: int) -> dict[str, float]:
    """One measurement, in this process."""
    torch.set_num_threads(1)
    step, flops = KINDS[kind](width)
    KINDS[kind](256)[0]()  # loads what the first call loads
    ctypes.CDLL(None).malloc_trim(0)
    seconds, peaks = [], []
    for _ in range(repeats):
        before = memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        at = time.process_time()
        step()
        seconds.append(time.process_time() - at)
        peaks.append(memory("VmHWM") - before)
    return {
        "width": width,
        "seconds": round(min(seconds), 3),
        "gflops": round(flops / 1e9, 1),
        "gflops_a_second": round(flops / min(seconds) / 1e9, 2),
        "peak_mb": round(peaks[0] / 1e6, 1),
    }


def memory(name: str) -> int:
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) * 1024


def apart(kind: str, width: int, repeats: int) -> dict[str, float]:
    words = [sys.executable, "-m", "benchmarks.long_rows", "--kind", kind, "--widths", str(width)]
    done = subprocess.run([*words, "--repeats", str(repeats)], check=True, capture_output=True)
    found: dict[str, float] = json.loads(done.stdout)
    print(f"{kind}: {found}", file=sys.stderr, flush=True)
    return found


def with_slopes(rows: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """The rows with their rate by that at 8k, and bytes a token by those at the largest width."""
    base = min(rows, key=lambda row: abs(row["width"] - BASE))["gflops_a_second"]
    last = rows[-1]["peak_mb"] / rows[-1]["width"]
    return [
        {
            **row,
            "slope": round(base / row["gflops_a_second"], 3),
            "bytes_a_token_by_last": round(row["peak_mb"] / row["width"] / last, 3),
        }
        for row in rows
    ]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(TRAINED), help="architectures (default: all)")
    parser.add_argument("--widths", nargs="*", type=int, default=[2048, 8192, 16384, 32768])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), help=f"what is timed: {', '.join(KINDS)}")
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if arguments.kind:
        print(json.dumps(measure(arguments.kind, arguments.widths[0], arguments.repeats)))
        return 0
    table = gaps(arguments.only) if arguments.only else {}
    violations = [
        f"{name}, {how}: {kind} {number}"
        for name, row in table.items()
        for how, gap in row.items()
        for kind, number in gap.items()
        if not number <= GAP
    ]
    widths = {
        kind: with_slopes([apart(kind, width, arguments.repeats) for width in arguments.widths])
        for kind in (arguments.kinds if arguments.widths else ())
    }
    for kind, rows in widths.items():
        for row in rows:
            if kind in EXACT and row["width"] > BASE and row["slope"] > 1 + SLOPE:
                violations.append(f"{kind}, {row['width']}: {row['slope']} of the seconds that its flops take at 8k")
            if row["width"] >= BASE and row["bytes_a_token_by_last"] < 1 - BENT:
                violations.append(f"{kind}, {row['width']}: memory grows faster than tokens")
    return print_report({"benchmark": "long_rows", **machine(), "gaps": table, "widths": widths}, violations)


if __name__ == "__main__":
    sys.exit(main())
