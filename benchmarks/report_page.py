"""How long the report of a long run takes, how large it is, and when a served page paints. Prints JSON.

A made-up run of many steps and rollouts; the page is served as `openqwq report --watch` does and opened twice in
Chromium (the `dev` extra). `python -m benchmarks.report_page [--steps 10000] [--rollouts 100000]`
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.measuring import print_report
from openqwq.training.reporting.report import write_report

PER_STEP = 200
WORDS = [
    "the",
    "of",
    "to",
    "find",
    "sum",
    "number",
    "apples",
    "boxes",
    "each",
    "how",
    "many",
    "left",
    "then",
    "add",
    "subtract",
    "12",
    "7",
    "9",
    "3",
    "so",
    "that",
    "is",
]
NUMBERS = (
    "reward/mean",
    "update/entropy",
    "completions/tokens_mean",
    "groups/zero_signal_fraction",
    "update/grad_norm",
)
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"

FILTER = """word => {
  const search = document.querySelector('#browser input[type=search]');
  search.value = word;
  const start = performance.now();
  search.dispatchEvent(new Event('input', { bubbles: true }));
  document.body.offsetHeight;
  return performance.now() - start;
}"""
"""Milliseconds from a word in the search field to its laid-out result."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--rollouts", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        make_run(run, options.steps, options.rollouts)
        start = time.process_time()
        page = write_report(run).read_text()
        found = {"report_cpu_seconds": time.process_time() - start, "page_mb": len(page) / 1e6}
        shown = re.search(r"([\d,]+) of [\d,]+ rollouts", page)
        paints = served(run)
    report = {"steps": options.steps, "rollouts": options.rollouts, "shown": shown and shown[1], **found}
    return print_report({**report, **paints}, [])


def make_run(run: Path, steps: int, rollouts: int) -> None:
    """A finished stage with random numbers and texts."""
    rng = random.Random(0)
    (run / "rollouts" / "stage1").mkdir(parents=True)
    rows = [{"stage": "stage1", "step": i, **{name: rng.random() for name in NUMBERS}} for i in range(1, steps + 1)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    stage = {"name": "stage1", "kind": "rl", "steps": steps, "seconds": 1.0}
    (run / "summary.json").write_text(json.dumps({"status": "completed", "stages": [stage]}))
    for step in range(1, rollouts // PER_STEP + 1):
        lines = []
        for i in range(PER_STEP):
            said = [{"role": "assistant", "content": " ".join(rng.choices(WORDS, k=120))}]
            asked = [{"role": "user", "content": f"question {i // 8} of {step}"}]
            line = {"id": f"p{step}-{i // 8}", "task": "math", "sample": i % 8, "group": i // 8, "messages": asked}
            lines.append(json.dumps({**line, "turns": said, "num_tokens": 120, "reward": float(i % 3 == 0)}))
        (run / f"rollouts/stage1/step_{step}.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))


def served(run: Path) -> dict[str, object]:
    """Milliseconds to the first paint of the served page, opened twice, and to its rollouts."""
    command = [sys.executable, "-m", "openqwq.training.cli", "report", str(run), "--watch"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with sync_playwright() as driver:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            page = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"]).new_page()
            found = []
            for _ in range(2):
                page.goto(address)
                while not page.evaluate("performance.getEntriesByName('first-contentful-paint').length"):
                    page.wait_for_timeout(20)
                found.append(float(page.evaluate(PAINT)))
            page.locator("#browser article").first.wait_for(timeout=300_000)
            rollouts = float(page.evaluate("performance.now()"))
            paints = {"first_paint_ms": found, "rollouts_of_the_second_ms": rollouts}
            return {**paints, **filters(page)}
    finally:
        process.terminate()
        process.wait()


def filters(page: Page) -> dict[str, list[float]]:
    """Of ten searches, wall-clock time and the time of the page's own thread, which other work does not stretch. The
    first one reads every text once."""
    thread = page.context.new_cdp_session(page)
    thread.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        values = {one["name"]: one["value"] for one in thread.send("Performance.getMetrics")["metrics"]}
        return 1000 * float(values["ScriptDuration"] + values["LayoutDuration"] + values["RecalcStyleDuration"])

    found: dict[str, list[float]] = {"filter_ms": [], "filter_thread_ms": []}
    for word in ["zebra", *WORDS[:8], "apples 12"]:
        start = busy()
        found["filter_ms"].append(float(page.evaluate(FILTER, word)))
        found["filter_thread_ms"].append(busy() - start)
    return found


if __name__ == "__main__":
    sys.exit(main())
