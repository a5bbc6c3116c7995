"""docs/metrics.md defines every number that a run logs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from openqwq.training.console import ConsoleLogger
from openqwq.training.pipeline.launch import launch
from tests.recipes.small_rl import StopAfter, small_rl

ROOT = Path(__file__).resolve().parents[2]


def documented() -> set[str]:
    """Names in the first column; `_p99` and `_/x` continue the name before, `NAME` stays a wildcard."""
    names: set[str] = set()
    for line in (ROOT / "docs" / "metrics.md").read_text().splitlines():
        if not line.startswith("| `"):
            continue
        previous = ""
        for name in re.findall(r"`([^`]+)`", line.split("|")[1]):
            if name.startswith("_/"):
                name = previous.rsplit("/", 1)[0] + name[1:]
            elif re.fullmatch(r"_p\d+_", name):
                name = previous.rsplit("_", 1)[0] + name + previous.rsplit("_", 1)[1]
            elif name.startswith("_"):
                name = previous.rsplit("_", 1)[0] + name
            else:
                previous = name
            names.add(name)
    return names


def test_every_number_of_a_run_is_defined_once_on_the_page(tmp_path: Path) -> None:
    recipe = small_rl(tmp_path, ROOT / "data/tiny/base", steps=2, algorithm={"name": "ppo"},
                      schedule={"kind": "partial"})  # fmt: skip
    assert launch(recipe, tmp_path / "run", "auto", StopAfter(), True, ConsoleLogger()) == 0
    patterns = [re.escape(name).replace("NAME", ".+") for name in documented()]
    known = re.compile("|".join([*patterns, r"update/mismatch/histogram_\d+", "stage", "step"]))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    found = {name for line in lines if line["stage"] == "stage1" for name in line}
    assert [name for name in sorted(found) if not known.fullmatch(name)] == []
