"""Seconds from asking the trainer for its weights until an engine in another process holds them: 135 M parameters in
bfloat16 (270 MB), by shared memory, with the object store that a run of the model gets. The engine's log-probabilities
of the check's tokens are part of it.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

LEAST_GB_PER_SECOND = 1.0


def make_model(folder: Path) -> int:
    """A model of SmolLM2-135M's shape with random weights; returns its bytes."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from openqwq.training.models import load_tokenizer, save_model
    from openqwq.training.planning.shapes import KNOWN

    sizes = KNOWN["HuggingFaceTB/SmolLM2-135M"].config()
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**sizes), dtype=torch.bfloat16)
    save_model(model, load_tokenizer("data/tiny/base"), folder)
    return sum(p.numel() * p.element_size() for p in model.parameters())


def main() -> int:
    """Print JSON; 1 when the sync is slower than it may be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--syncs", type=int, default=7)
    options = parser.parse_args()

    from openqwq.training.algorithms.catalogue import CATALOGUE
    from openqwq.training.backends.settings import TrainerSettings
    from openqwq.training.cluster.object_store import with_object_store
    from openqwq.training.cluster.ray_worker_group import RayWorkerGroup
    from openqwq.training.config import Optimizer
    from openqwq.training.config.files import load_recipe
    from openqwq.training.rollout.build import EngineSettings

    with tempfile.TemporaryDirectory() as root:
        size = make_model(Path(root) / "model")
        model = str(Path(root) / "model")
        recipe = load_recipe("smoke", [f"model={model}", "dtype=bfloat16", "cluster.rollout.workers=1"])
        cluster = with_object_store(recipe, lambda line: print(line, file=sys.stderr))
        workers = RayWorkerGroup(cluster)
        settings = TrainerSettings(
            model=model, dtype="bfloat16", algorithm=CATALOGUE["grpo"], optimizer=Optimizer(), temperature=1.0,
            max_new_tokens=16, micro_batch_tokens=1024, minibatches=1, seed=0, threads=1,
        )  # fmt: skip
        workers.start_engines(EngineSettings(model, "bfloat16", {}, 8))
        workers.start_trainer(settings, None)
        syncs, whole = [], []
        for version in range(1, options.syncs + 2):
            start = time.perf_counter()
            workers._syncs.load(version, workers._trainer, workers._check_tokens)
            workers._remote.get([call for _, call in workers._syncs._calls], "the sync")
            syncs.append(time.perf_counter() - start)
            start = time.perf_counter()
            workers.sync_weights(version)
            whole.append(time.perf_counter() - start)
        workers.close()
    seconds = statistics.median(syncs[1:])
    rate = size / 1e9 / seconds
    print(json.dumps({
        "megabytes": round(size / 1e6), "object store, MB": cluster.object_store_mb,
        "sync seconds": [round(s, 3) for s in syncs[1:]],
        "sync with its check, seconds": round(statistics.median(whole[1:]), 3),
        "gigabytes a second": round(rate, 2), "least": LEAST_GB_PER_SECOND,
    }, indent=2))  # fmt: skip
    return 0 if rate >= LEAST_GB_PER_SECOND else 1


if __name__ == "__main__":
    sys.exit(main())
