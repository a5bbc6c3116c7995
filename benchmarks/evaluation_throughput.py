"""What does an evaluation cost beside the bare sampling of the same tokens? Prints JSON; fails above 1.2 times.

300 held-out problems of the tiny data, 4 samples each, by the tiny base model. Rounds are interleaved: once the engine
alone draws the answers, once `evaluate_suite` draws, judges and keeps them. The tokens are compared; medians are over
rounds.

    python -m benchmarks.evaluation_throughput
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openqwq.training.config.files import load_recipe
from openqwq.training.evaluation.evaluate import evaluate_suite
from openqwq.training.evaluation.examination import Examination, examination
from openqwq.training.evaluation.kept import KeptAnswers
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.models import locate
from openqwq.training.pipeline.preflight import load_suites
from openqwq.training.rewards.judging import Judging
from openqwq.training.worker_group import engine_settings, samples_of_a_call

MAX_RATIO = 1.2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="data/tiny/base")
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    overrides = [f"model={asked.model}", f"evaluation.suites.math.samples_per_prompt={asked.samples}"]
    recipe = load_recipe("quickstart", overrides)
    prompts = load_suites(recipe.evaluation, recipe.rewards, print, only=["math"])["math"]
    suite, block = examination(recipe, "math", prompts, {}, []), samples_of_a_call(recipe, 1)
    workers = InlineWorkerGroup()
    workers.start_engines(engine_settings(recipe, locate(recipe.model)))
    bare, whole, tokens = list[float](), list[float](), set[int]()
    try:
        for _ in range(asked.rounds + 1):  # the first warms up
            for seconds, work in ((bare, _sample), (whole, _evaluate)):
                start = time.perf_counter()
                tokens.add(work(workers, suite, block or len(suite.requests())))
                seconds.append(time.perf_counter() - start)
    finally:
        workers.close()
    ratios = [there / here for there, here in zip(whole[1:], bare[1:], strict=True)]
    found = {
        "problems": len(prompts),
        "samples": asked.samples,
        "tokens": sorted(tokens),
        "bare_seconds": _rounded(bare[1:]),
        "evaluation_seconds": _rounded(whole[1:]),
        "ratio": round(statistics.median(ratios), 3),
    }
    print(json.dumps(found, indent=1))
    return 0 if found["ratio"] <= MAX_RATIO and len(tokens) == 1 else 1


def _sample(workers: InlineWorkerGroup, suite: Examination, block: int) -> int:
    requests = suite.requests()
    parts = [requests[start : start + block] for start in range(0, len(requests), block)]
    return sum(
        rollout.num_sampled
        for part in parts
        for chunk in workers.sample(part, suite.sampling)
        for rollout in chunk.rollouts
    )


def _evaluate(workers: InlineWorkerGroup, suite: Examination, block: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        kept = KeptAnswers(Path(folder) / "math.jsonl.gz")
        evaluate_suite(workers, Judging(workers, print, lambda: None), suite, kept, block)
        return sum(answer.num_tokens for answer in kept)


def _rounded(values: Sequence[float]) -> list[Any]:
    return [round(value, 3) for value in values]


if __name__ == "__main__":
    sys.exit(main())
