"""The planner against published step times, with the shipped constants.

NeMo-RL rows: its performance summary (docs/about/performance-summary.md at v0.5, and at v0.4 where it says so): step
seconds, prompts, samples, mean and largest length, GPUs. v0.4 publishes tokens a second and GPU in place of the mean
length (540 and 494); the mean is theirs by the samples, less the 104 tokens of a prompt by which both figures differ in
v0.5. Not published and therefore assumed: the spread of the lengths, the prompts' length, 150 tokens. Published steps
of others (verl, AReaL, DAPO, Open-Reasoner-Zero, SimpleRL-Zoo) come without the lengths of their answers.
The memory table: ZeRO (arXiv 1910.02054) with full recomputation (arXiv 2205.05198), 32B, 16 384 tokens a micro-batch.
"""

import argparse
import json
import sys

from openqwq.training.planning.hardware import Constants, gpu_named
from openqwq.training.planning.lengths import lognormal
from openqwq.training.planning.memory import Training, cache_tokens, trainer_memory
from openqwq.training.planning.shapes import KNOWN
from openqwq.training.planning.step import Layout, Workload, estimate

TOLERANCE = 0.15
PROMPT = 150
ROWS = [
    # name, model, seconds, mean, sigma, engines, tensor parallel, trainer GPUs, overlaps
    ("Qwen3-32B sync, 32 H100", "Qwen/Qwen3-32B", 376.0, 3251, 0.45, 8, 4, 32, False),
    ("Qwen3-32B one step off, 64 H100", "Qwen/Qwen3-32B", 200.0, 3252, 0.45, 8, 4, 32, True),
    ("Qwen3-32B sync, 32 H100, v0.4", "Qwen/Qwen3-32B", 393.0, 3212, 0.45, 8, 4, 32, False),
    ("Qwen3-32B one step off, 64 H100, v0.4", "Qwen/Qwen3-32B", 215.0, 3215, 0.45, 8, 4, 32, True),
    ("Llama-3.1-8B sync, 16 H100", "meta-llama/Llama-3.1-8B", 92.8, 1019, 0.7, 16, 1, 16, False),
    ("Llama-3.1-8B one step off, 16 H100", "meta-llama/Llama-3.1-8B", 64.8, 1123, 0.7, 8, 1, 8, True),
]
MEMORY = {8: (201, 144, 91, 42), 16: (177, 115, 58, 33), 32: (165, 101, 42, 29), 64: (158, 94, 33, 27),
          128: (155, 90, 29, 26)}  # fmt: skip
"""GPUs -> GB of ZeRO-1, ZeRO-2, ZeRO-3, ZeRO-3 with the optimizer offloaded; computed by hand from the formulas."""


def predict(mfu: float) -> list[dict[str, object]]:
    """One entry per published row."""
    constants = Constants(training_mfu=mfu)
    out: list[dict[str, object]] = []
    for name, model, observed, mean, sigma, engines, tp, trainers, overlaps in ROWS:
        shape, gpu = KNOWN[model], gpu_named("h100")
        work = Workload(2048, lognormal(mean, sigma, 4096, 2048), PROMPT, minibatches=4, extra_passes=2)
        pool = cache_tokens(shape, gpu, tp, 0.85, constants)
        slots = min(1024, int(pool / (PROMPT + mean)))
        layout = Layout(shape, gpu, engines, tp, slots, trainers, is_colocated=not overlaps, constants=constants)
        step = estimate(work, layout, overlaps)
        phases = {phase: round(seconds, 1) for phase, seconds in step.phases.items()}
        ratio = round(step.seconds / observed, 3)
        out.append({"row": name, "observed": observed, "predicted": round(step.seconds, 1), "ratio": ratio, **phases})
    return out


def memory_table() -> dict[int, list[int]]:
    """GB a GPU, rounded."""
    shape, constants = KNOWN["Qwen/Qwen2.5-32B"], Constants()
    kinds = [(1, "none"), (2, "none"), (3, "none"), (3, "optimizer")]
    return {
        gpus: [
            round(sum(trainer_memory(shape, Training(gpus, stage, 16384, offload), constants).values()) / 1e9)
            for stage, offload in kinds
        ]
        for gpus in MEMORY
    }


def main() -> int:
    """Print JSON; 1 when a row is off by more than the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    rows, table = predict(Constants().training_mfu), memory_table()
    is_same = all(
        abs(ours - by_hand) <= 1 for gpus in MEMORY for ours, by_hand in zip(table[gpus], MEMORY[gpus], strict=True)
    )
    low, high = predict(0.40), predict(0.30)
    for row, fast, slow in zip(rows, low, high, strict=True):
        row["range for MFU 0.40 to 0.30"] = [fast["predicted"], slow["predicted"]]
    worst = max(abs(float(str(row["ratio"])) - 1) for row in rows)
    print(
        json.dumps({"rows": rows, "worst": round(worst, 3), "memory": table, "memory is by hand's": is_same}, indent=2)
    )
    return 0 if worst <= TOLERANCE and is_same else 1


if __name__ == "__main__":
    sys.exit(main())
