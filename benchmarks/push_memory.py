"""Peak memory of two ZeRO-3 ranks that push their weights in buckets and save a checkpoint, at two sizes of the model,
and whether the buckets are the weights, bit for bit. On CPUs, in bfloat16; what a rank adds to what it holds at rest
may be one bucket and 5 % of its shard.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SHARE = 0.05
"""Of a rank's shard, which it may need beside the bucket."""
WIDTHS = {"small": 512, "large": 1024}
"""Hidden width of the models."""
LAYERS, VOCABULARY = 4, 8000


def make_model(folder: Path, width: int) -> int:
    """A model with random weights; returns its parameters."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from openqwq.training.models import load_tokenizer, save_model

    sizes = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": LAYERS}
    config = Qwen2Config(vocab_size=VOCABULARY, num_attention_heads=8, num_key_value_heads=4, **sizes)
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    save_model(model, load_tokenizer("data/tiny/base"), folder)
    return sum(p.numel() for p in model.parameters())


def resident(peak: bool = False) -> int:
    """Bytes of memory of this process, now or at most since the last `forget_peak`."""
    field = "VmHWM:" if peak else "VmRSS:"
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    """Let the peak begin at what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def measured(work: Any) -> dict[str, Any]:
    """Seconds of some work, and the MB by which memory rose above the start."""
    forget_peak()
    before, start = resident(), time.perf_counter()
    work()
    return {"seconds": round(time.perf_counter() - start, 2), "rise": (resident(peak=True) - before) / 2**20}


def run_rank(rank: int, port: int, folder: Path, bucket_mb: int) -> dict[str, Any]:
    """One rank: starts, pushes, saves."""
    from openqwq.training.algorithms.catalogue import CATALOGUE
    from openqwq.training.backends.ranks import Rank
    from openqwq.training.backends.settings import TrainerSettings
    from openqwq.training.backends.trainer import make_trainer
    from openqwq.training.config import Optimizer

    place = Rank(rank, 2, "127.0.0.1", port, zero_stage=3)
    trainer = make_trainer(TrainerSettings(
        model=str(folder / "model"), dtype="bfloat16", algorithm=CATALOGUE["grpo"], optimizer=Optimizer(),
        temperature=1.0, max_new_tokens=16, micro_batch_tokens=64, minibatches=1, seed=0, threads=1, rank=place,
        bucket_bytes=bucket_mb * 2**20,
    ))  # fmt: skip
    digests: list[str] = []

    def push() -> None:
        for index in range(len(trainer.buckets)):
            digests.extend(hashlib.sha256(array.tobytes()).hexdigest() for array in trainer.bucket(index))

    trainer.logprobs(list(range(3, 9)))  # the ranks know each other
    pushes = [measured(push), measured(push)]
    target = folder / "checkpoint"
    target.mkdir(exist_ok=True)
    save = measured(lambda: trainer.save(target))
    return {"pushes": pushes, "save": save, "digests": digests, "buckets": len(trainer.buckets)}


def run_size(name: str, bucket_mb: int, root: Path) -> dict[str, Any]:
    """Both ranks at one size; returns the numbers."""
    import socket

    import torch

    from openqwq.training.models import load_model
    from openqwq.training.weight_sync.arrays import to_arrays
    from openqwq.training.weight_sync.buckets import arrays_of, plan_buckets, specs_of

    folder = root / name
    folder.mkdir()
    parameters = make_model(folder / "model", WIDTHS[name])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.push_memory", "--bucket-mb", str(bucket_mb), "--port", str(port)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    ranks = [subprocess.Popen([*command, "--rank", str(rank), "--folder", str(folder)], stdout=subprocess.PIPE,
                              env=environment, text=True) for rank in range(2)]  # fmt: skip
    found = [json.loads(rank.communicate()[0].splitlines()[-1]) for rank in ranks]
    before = to_arrays(dict(load_model(str(folder / "model"), "bfloat16").named_parameters()), "bfloat16")
    buckets = plan_buckets(specs_of(before), bucket_mb * 2**20)
    expected = [hashlib.sha256(a.tobytes()).hexdigest() for b in buckets for a in arrays_of(b, before)]
    saved = load_model(str(folder / "checkpoint" / "model"), "bfloat16")
    after = dict(saved.named_parameters())
    same = all(torch.equal(torch.from_numpy(before[n]).view(torch.bfloat16), p) for n, p in after.items())
    shard = parameters * 2 / 2**20 / 2
    limit = bucket_mb + SHARE * shard
    rises = {"push": [max(p["rise"] for p in f["pushes"]) for f in found], "save": [f["save"]["rise"] for f in found]}
    return {
        "parameters": parameters, "shard of the weights, MB": round(shard), "bucket, MB": bucket_mb,
        "buckets": found[0]["buckets"], "allowed above the shard, MB": round(limit, 1),
        "push: rise of each rank, MB": [round(r, 1) for r in rises["push"]],
        "save: rise of each rank, MB": [round(r, 1) for r in rises["save"]],
        "push, seconds": [p["seconds"] for p in found[0]["pushes"]], "save, seconds": found[0]["save"]["seconds"],
        "pushed bit for bit": found[0]["digests"] == [*expected, *expected] and found[1]["digests"] == [],
        "saved bit for bit": same and after.keys() == before.keys(),
        "files": sorted(p.name for p in (folder / "checkpoint" / "model").glob("*.safetensors")),
        "holds": max(rises["push"] + rises["save"]) <= limit,
    }  # fmt: skip


def main() -> int:
    """Print JSON; 1 when a rank needs more than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bucket-mb", type=int, default=8)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rank is not None:
        print(json.dumps(run_rank(options.rank, options.port, options.folder, options.bucket_mb)))
        return 0
    with tempfile.TemporaryDirectory() as root:
        sizes = {}
        for name in WIDTHS:
            sizes[name] = run_size(name, options.bucket_mb, Path(root))
            print(name, sizes[name], file=sys.stderr, flush=True)
    print(json.dumps(sizes, indent=2))
    fine = all(s["holds"] and s["pushed bit for bit"] and s["saved bit for bit"] for s in sizes.values())
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
