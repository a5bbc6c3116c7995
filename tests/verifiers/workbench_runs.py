"""What the tests of the workbench share: a cases file, its rows, and a run of `openqwq verify` with its JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openqwq.training.cli import main


def write_cases(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def case(response: str, correct: bool, category: str = "sums") -> dict[str, Any]:
    return {"reference": "4", "response": response, "correct": correct, "category": category}


def run(tmp_path: Path, *words: str) -> tuple[int, dict[str, Any]]:
    status = main(["verify", *words, "--json", str(tmp_path / "out.json")])
    return status, json.loads((tmp_path / "out.json").read_text())
