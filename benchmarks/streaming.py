"""A data set that does not fit into memory: does it stream? Prints JSON; fails when a figure is off.

Makes JSON lines of arithmetic (`--rows`, 10 million of about 120 bytes), takes prompts through the stream of a run, and
measures the seconds to the first batch, the growth of memory over the rest, rows a second, and whether a stream that is
restored at a saved position gives the same prompts.

    python -m benchmarks.streaming
    python -m benchmarks.streaming --rows 100000 --take 50000
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from openqwq.training.config import PromptSource, Rewards
from openqwq.training.pipeline.preflight import load_streamed
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.rewards.router import RewardRouter

BATCH = 256
MAX_FIRST_SECONDS, MAX_GROWTH_MB = 10.0, 50.0
REWARDS = {"tasks": {"math": {"verifiers": [{"name": "math"}]}}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--take", type=int, default=400_000, help="prompts that are taken")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_rows(path, asked.rows)
        found = {"rows": asked.rows, "megabytes": round(path.stat().st_size / 1e6), **measure(path, asked.take)}
    print(json.dumps(found, indent=1))
    is_fine = found["first_batch_seconds"] <= MAX_FIRST_SECONDS and found["growth_mb"] <= MAX_GROWTH_MB
    return 0 if is_fine and found["is_exact"] else 1


def write_rows(path: Path, count: int) -> None:
    chance = random.Random(0)
    with path.open("w") as file:
        for number in range(count):
            a, b = chance.randrange(1000), chance.randrange(1000)
            file.write(
                f'{{"id": "{number}", "prompt": "What is {a} times {b}? Think first, then box it.", "task": "math", '
                f'"reference": {{"answer": "{a * b}"}}}}\n'
            )


def measure(path: Path, take: int) -> dict[str, Any]:
    source = PromptSource(source=str(path), streaming=True)
    start = time.perf_counter()
    stream = stream_of(source)
    stream.next(BATCH)
    first = time.perf_counter() - start
    process = psutil.Process()
    before, most = process.memory_info().rss, 0
    start = time.perf_counter()
    for _ in range(take // BATCH):
        stream.next(BATCH)
        most = max(most, process.memory_info().rss)
    seconds = time.perf_counter() - start
    position = json.loads(json.dumps(stream.state()))
    later = [prompt.id for prompt in stream.next(2 * BATCH)]
    restored = stream_of(source)
    start = time.perf_counter()
    restored.restore(position)
    again = [prompt.id for prompt in restored.next(2 * BATCH)]
    return {
        "first_batch_seconds": round(first, 2),
        "growth_mb": round((most - before) / 1e6, 1),
        "prompts_a_second": round(take / seconds),
        "resume_seconds": round(time.perf_counter() - start, 2),
        "is_exact": again == later,
    }


def stream_of(source: PromptSource) -> PromptStream:
    """As a run makes it."""
    router = RewardRouter(Rewards.model_validate(REWARDS))
    return PromptStream([(load_streamed(source, router, lambda _: None), 1.0)], seed=0)


if __name__ == "__main__":
    sys.exit(main())
