"""Seconds and peak memory of a checkpoint of several GB: the save as the run sees it, the completion behind it, the
checks before a run goes on; beside SHA-256 over whole files, as it was before."""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.push_memory import forget_peak, resident


def write(folder: Path, files: int, size: int) -> None:
    """Files of random bytes that do not compress."""
    block = os.urandom(2**24)
    (folder / "model").mkdir()
    for i in range(files):
        with (folder / "model" / str(i)).open("wb") as file:
            for start in range(0, size, len(block)):
                file.write(block[: size - start])


def measured(work: Callable[[], Any]) -> dict[str, float]:
    """Seconds, and MB by which memory rose."""
    forget_peak()
    before, start = resident(), time.perf_counter()
    work()
    return {"s": round(time.perf_counter() - start, 2), "MB": round((resident(peak=True) - before) / 2**20, 1)}


def sha_of_whole_files(folder: Path) -> None:
    """The checksums of before."""
    for path in folder.rglob("*"):
        if path.is_file():
            hashlib.sha256(path.read_bytes()).hexdigest()


def flush_one_by_one(folder: Path) -> None:
    """The flush of before."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def main() -> int:
    """Print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=5.0)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--folder", help="where the checkpoint is written; the system's temporary folder")
    options = parser.parse_args()

    from openqwq.training.run_folder.checkpoint import CheckpointStore
    from openqwq.training.run_folder.checksums import THREADS

    size = int(options.gb * 1e9 / options.files)
    with tempfile.TemporaryDirectory(dir=options.folder) as root:
        store = CheckpointStore(Path(root) / "a", 2, in_background=True)
        save = measured(lambda: store.save(1, lambda folder: write(folder, options.files, size), {}))
        rest = measured(store.wait)
        sampled = measured(lambda: store.read(1))
        full = measured(lambda: CheckpointStore(Path(root) / "a", 2, verify="full").read(1))
        before = {
            "hash (also the check at resume)": measured(lambda: sha_of_whole_files(store.path(1))),
            "flush": measured(lambda: flush_one_by_one(store.path(1))),
        }
    print(json.dumps({
        "gigabytes": options.gb, "files": options.files, "threads": THREADS,
        "save, until the run goes on": save, "completion in the background": rest,
        "check at resume, sampled": sampled, "check at resume, full": full, "before": before,
    }, indent=2))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
