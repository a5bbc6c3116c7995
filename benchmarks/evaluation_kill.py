"""An evaluation is killed again and again with SIGKILL: does the same command end with the same answers and numbers?
Prints JSON; fails when anything differs.

    python -m benchmarks.evaluation_kill
    python -m benchmarks.evaluation_kill --model runs/quickstart-seed0/checkpoints/stage1/step_50/model --kills 5
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from openqwq.training.answers.files import read_answers
from openqwq.training.answers.record import Answer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="data/tiny/base")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        straight, killed = Path(name) / "straight", Path(name) / "killed"
        start = time.monotonic()
        _run(asked, straight).wait()
        seconds, whole = time.monotonic() - start, _answers(straight)
        held = []
        for _ in range(asked.kills):
            process, before = _run(asked, killed), len(_answers(killed))
            deadline = time.monotonic() + 2 * seconds
            while process.poll() is None and len(_answers(killed)) <= before and time.monotonic() < deadline:
                time.sleep(0.05)  # until something new is kept
            time.sleep(chance.random() * seconds / (4 * asked.kills))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            held.append(len(_answers(killed)))
        _run(asked, killed).wait()
        again = _answers(killed)
        results = [json.loads((folder / "results.json").read_text()) for folder in (straight, killed)]
    found: dict[str, Any] = {
        "answers": len(whole),
        "kept_at_each_kill": held,
        "different_answers": sum(again.get(key) != answer for key, answer in whole.items())
        + len(set(again) - set(whole)),
        "same_numbers": results[0] == results[1],
    }
    print(json.dumps(found, indent=1))
    was_cut = any(0 < count < len(whole) for count in held)
    return 0 if found["different_answers"] == 0 and found["same_numbers"] and was_cut else 1


def _run(asked: argparse.Namespace, folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "openqwq.training.cli", "eval", asked.model, "--recipe", "quickstart", "--inline"]
    command += ["--suite", "math", "--samples", str(asked.samples), "--out", str(folder)]
    command += ["evaluation.sampling.max_batch=64", "stages=[]"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)


def _answers(folder: Path) -> dict[tuple[str, int], Answer]:
    path = folder / "math.jsonl.gz"
    return {answer.key: answer for answer in read_answers(path)} if path.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
