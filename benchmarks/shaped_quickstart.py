"""The quickstart's recipe on base models with chat templates of other shapes: does every gate pass? Prints JSON.

Each is the embedded tiny model with another template, and with `<|endoftext|>` as its end token, as base models have
it, while its turns end in `<|im_end|>`. A run takes about four minutes.

`python -m benchmarks.shaped_quickstart [--only qwen2.5-base qwen3 r1-distill]`
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from benchmarks.measuring import machine, print_report
from tests.training.templates.template_shapes import SINCE_USER, STRIPPED, VERBATIM, chatml

ROOT = Path(__file__).absolute().parents[1]
BASE = ROOT / "data" / "tiny" / "base"
SHAPES = {
    "qwen2.5-base": chatml(VERBATIM),
    "qwen3": chatml(SINCE_USER),
    "r1-distill": chatml(STRIPPED, opening="<think>\\n"),
}


def make_model(folder: Path, template: str) -> None:
    """The tiny model with another template, whose end token ends no turn."""
    shutil.copytree(BASE, folder)
    (folder / "chat_template.jinja").write_text(template)
    end = "<|endoftext|>"
    number = AutoTokenizer.from_pretrained(BASE).convert_tokens_to_ids(end)
    for name, value in (("tokenizer_config", {"eos_token": end}), ("generation_config", {"eos_token_id": number}),
                        ("config", {"eos_token_id": number})):  # fmt: skip
        file = folder / f"{name}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | value))


def run(shape: str) -> dict[str, Any]:
    """Seconds, gates and accuracies of one run."""
    with tempfile.TemporaryDirectory() as folder:
        model, run_dir = Path(folder, "model"), Path(folder, "run")
        make_model(model, SHAPES[shape])
        words = ["run", str(ROOT / "recipes" / "quickstart.yaml"), f"model={model}", "--run-dir", str(run_dir)]
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "openqwq.training.cli", *words], stdout=subprocess.DEVNULL, cwd=ROOT
        )
        seconds = time.monotonic() - started
        file = run_dir / "summary.json"
        stages = json.loads(file.read_text())["stages"] if file.exists() else []
    return {
        "status": done.returncode,
        "seconds": round(seconds),
        "gates": {stage["name"]: stage["gate"] for stage in stages if "gate" in stage},
        "accuracy": {
            stage["name"]: {suite: round(e["accuracy"], 3) for suite, e in stage["eval"]["after"].items()}
            for stage in stages
            if "eval" in stage
        },
    }


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(SHAPES), default=list(SHAPES), help="default: all")
    runs = {shape: run(shape) for shape in parser.parse_args(words).only}
    violations = [f"{shape}: exit status {found['status']}" for shape, found in runs.items() if found["status"]]
    return print_report({"benchmark": "shaped_quickstart", **machine(), "runs": runs}, violations)


if __name__ == "__main__":
    sys.exit(main())
