"""Measures one GPU for the planner: rates, log-prob head, update, memory, decoding, weight sync. JSON lines.

Records are written as they are taken, and a file that holds some of them is gone on with, so a short lease is enough.
Needs torch with CUDA and this package's `train` extra; trl's head is left out where trl is absent, vllm is not used.

    python scripts/gpu_check.py --minutes 10 --out gpu_check.jsonl
    python scripts/gpu_check.py --table gpu_check.jsonl     # as Markdown, for docs/benchmarks.md
    python scripts/gpu_check.py --rehearse --out /tmp/x     # tiny shapes on a CPU: tries the script, measures nothing
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).absolute().parents[1]))

import torch

from benchmarks import gpu_measurements as gpu

SMALL, MIDDLE = "Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-1.5B"
Check = Callable[[gpu.Machine], gpu.Record]


def checks() -> dict[str, tuple[float, Check]]:
    """Name -> (seconds to expect, measurement), the most wanted first."""
    found: dict[str, tuple[float, Check]] = {"calibration": (10, gpu.calibration)}

    def add(name: str, seconds: float, function: Callable[..., gpu.Record], *arguments: Any, **named: Any) -> None:
        found[name] = (seconds, lambda machine: function(machine, *arguments, **named))

    add("head H=1536 T=4096", 10, gpu.head, 1536, 4096)
    add("head H=5120 T=16384", 20, gpu.head, 5120, 16384)
    for model, recompute, tokens in ((MIDDLE, True, 16384), (SMALL, True, 16384), (SMALL, False, 8192)):
        name = f"update {model.split('-')[-1]} {tokens} tokens{' recomputed' if recompute else ''}"
        add(name, 30, gpu.update, model, tokens, recompute)
    add("two layers of 32B", 20, gpu.slice_of_32b)
    for batch in (1, 16, 64, 256):
        add(f"decode 1.5B batch={batch}", 30, gpu.decode, MIDDLE, batch)
    add("sync 1.5B through the host", 20, gpu.sync_through_host, MIDDLE)
    add("update 1.5B 8192 tokens", 30, gpu.update, MIDDLE, 8192, False)
    add("update 1.5B 8192 tokens recomputed", 30, gpu.update, MIDDLE, 8192, True)
    add("update 0.5B 16384 tokens recomputed, mixed lengths", 40, gpu.update, SMALL, 16384, True, mixed=True)
    add("head H=896 T=4096", 10, gpu.head, 896, 4096)
    add("head H=896 T=16384", 10, gpu.head, 896, 16384)
    add("sync by CUDA IPC", 30, gpu.sync_by_ipc)  # last: the buffer stays until the process ends
    return found


def described() -> gpu.Record:
    """The machine, in the record's own words."""
    name = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "rehearsal on a CPU"
    return {"gpu": name, "torch": torch.__version__, "cuda": torch.version.cuda}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="start no measurement that would end later")
    parser.add_argument("--out", type=Path, default=Path("gpu_check.jsonl"))
    parser.add_argument("--rehearse", action="store_true", help="tiny shapes on a CPU")
    parser.add_argument("--table", type=Path, help="print a finished file as a table and stop")
    options = parser.parse_args(arguments)
    if options.table is not None:
        print(table(options.table))
        return 0
    if not options.rehearse and not torch.cuda.is_available():
        print("gpu_check: torch sees no CUDA device; --rehearse tries the script on a CPU", file=sys.stderr)
        return 2
    machine = gpu.Machine("cpu", gpu.GPUS["h100"], is_rehearsal=True) if options.rehearse else gpu.this_gpu()
    return measure(machine, options.out, time.monotonic() + 60 * options.minutes)


def measure(machine: gpu.Machine, out: Path, end: float) -> int:
    """Take what the file does not hold yet; returns 1 when a measurement failed."""
    done = {record["name"] for record in read(out) if "error" not in record}
    write = functools.partial(_append, out)
    has_failed = False
    for name, (expected, check) in checks().items():
        if name in done:
            continue
        if time.monotonic() + expected > end:
            print(f"{name}: not taken, {end - time.monotonic():.0f} s are left of the time given", flush=True)
            continue
        start = time.monotonic()
        try:
            figures = check(machine)
        except (RuntimeError, ImportError, AssertionError, TypeError, AttributeError, OSError) as error:
            has_failed, figures = True, {"error": f"{type(error).__name__}: {error}"[:500]}
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        write({"name": name, **described(), "took_seconds": round(time.monotonic() - start, 1), **figures})
        print(f"{name}: {json.dumps(rounded(figures))}", flush=True)
    return int(has_failed)


def read(path: Path) -> list[gpu.Record]:
    """The records of a file, of each name the last; none when there is no file."""
    if not path.exists():
        return []
    records = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return list({record["name"]: record for record in records}.values())


def _append(path: Path, record: gpu.Record) -> None:
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")


def rounded(value: Any) -> Any:
    """Three digits are what a repeat would give again."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return float(f"{value:.3g}") if isinstance(value, float) else value


def table(path: Path) -> str:
    """Markdown: one row a record."""
    records = read(path)
    hardware = sorted({f"{r['gpu']}, torch {r['torch']}, CUDA {r['cuda']}" for r in records})
    lines = [*hardware, "", "| measurement | figures |", "|---|---|"]
    skipped = {"kernels_ms", "name", "gpu", "torch", "cuda", "took_seconds"}
    for record in records:
        figures = {key: value for key, value in rounded(record).items() if key not in skipped}
        lines.append(f"| {record['name']} | {'; '.join(f'{k} {_plain(v)}' for k, v in figures.items())} |")
    return "\n".join(lines)


def _plain(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


if __name__ == "__main__":
    sys.exit(main())
