"""All rollouts inside the page: which ones, as data and never as markup, and the script that shows them."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.answers.files import append_answers
from openqwq.training.answers.record import Answer
from openqwq.training.reporting import rollouts
from openqwq.training.reporting.report import write_report
from openqwq.training.reporting.scripts import scripts_of
from tests.training.example_run import write_example_run

HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "--><style>body{display:none}</style><!--",
    "]]>\u202e\u2066right to left\ud800\x00\x1b[31m",
    "x" * 1_000_000,
)


def add_rollouts(run: Path, num_steps: int, groups: int = 4, words: str = "") -> None:
    """Steps of groups of four samples, of which the first is right."""
    shutil.rmtree(run / "rollouts" / "stage1")
    (run / "rollouts" / "stage1").mkdir()
    for step in range(1, num_steps + 1):
        answers = [
            Answer(
                id=f"m{group}", task="math", sample=sample, seed=0, group=group,
                messages=[{"role": "user", "content": f"Question {group}{words}"}],
                turns=[{"role": "assistant", "content": f"<think>{step} {sample}</think>\\boxed{{{sample}}}{words}"}],
                finish_reason="stop", num_tokens=10 + sample, reward=float(sample == 0), advantage=0.0,
                verdicts={"math": {"status": "scored", "score": float(sample == 0), "reason": words}},
            )
            for group in range(groups)
            for sample in range(4)
        ]  # fmt: skip
        append_answers(run / "rollouts" / "stage1" / f"step_{step}.jsonl.gz", answers)


def unpacked(column: dict[str, list[Any]]) -> list[Any]:
    """The values of a column in which those that are alike stand once."""
    places = column["at"] if "at" in column else accumulate(column["by"])
    return [column["of"][place] for place in places]


def embedded(page: str) -> list[dict[str, Any]]:
    [data] = re.findall(r'id="rollouts-data">([^<]*)<', page)
    packed = json.loads(gzip.decompress(base64.b64decode(data)))
    columns = {name: column if isinstance(column, list) else unpacked(column) for name, column in packed.items()}
    assert len({len(column) for column in columns.values()}) == 1
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_example_run(tmp_path / "run")


def test_every_kept_rollout_is_in_the_page(run: Path) -> None:
    add_rollouts(run, num_steps=5)
    page = write_report(run).read_text()
    rows = [row for row in embedded(page) if row["stage"] == "stage1"]
    assert len(rows) == 5 * 4 * 4 and f"All {len(embedded(page))} rollouts" in page
    assert rows[0]["turns"][0]["content"] == "<think>1 0</think>\\boxed{0}"


def test_above_the_budget_whole_groups_are_chosen_by_their_place_and_the_page_says_so(run: Path) -> None:
    add_rollouts(run, num_steps=40)
    pages = [write_report(run, rollout_bytes=1500).read_text() for _ in range(2)]
    rows = embedded(pages[0])
    assert rows == embedded(pages[1]) and 16 < len(rows) < 640
    assert set(Counter((r["stage"], r["step"], r["group"]) for r in rows if r["stage"] == "stage1").values()) == {4}
    assert re.search(rf"{len(rows)} of \d+ rollouts: whole groups", pages[0])


def test_of_a_run_too_long_to_read_some_steps_are_read(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_rollouts(run, num_steps=60)
    monkeypatch.setattr(rollouts, "READ_AT_MOST", 12_000)
    page = write_report(run).read_text()
    assert re.search(r"rollouts of \d+ of \d+ steps", page) and 0 < len({r["step"] for r in embedded(page)}) < 60


@pytest.mark.parametrize("words", HOSTILE, ids=["script", "img", "style", "bidi", "megabyte"])
def test_nothing_that_a_model_says_is_markup(run: Path, words: str) -> None:
    add_rollouts(run, num_steps=1, groups=1, words=words)
    page = write_report(run).read_text()
    assert [page.count(f"<{name}") for name in ("script", "img", "style")] == [5, 0, 1]
    assert page.isascii() and len(page) < 5_000_000
    assert all(words in row["turns"][0]["content"] for row in embedded(page) if row["stage"] == "stage1")


def test_the_policy_of_the_page_allows_its_own_script_and_nothing_else(run: Path) -> None:
    page = write_report(run).read_text()
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src &#x27;none&#x27;" in policy and "connect-src" not in policy and "unsafe-eval" not in policy
    found = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    assert found == scripts_of(is_live=False) and policy.count("sha256-") == len(found) == 4
    for script in found:
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|fetch\(|import\(", script)


def test_lines_of_any_shape_are_shown_as_far_as_they_can_be_read(run: Path) -> None:
    add_rollouts(run, num_steps=1)
    call = {"role": "assistant", "tool_calls": [{"a": 1}]}
    lines = [
        {"id": 7, "reward": float("nan"), "verdicts": {"math": None}, "turns": [None, {"content": [{"text": "x"}]}]},
        {"id": "big", "reference": 2**70, "num_tokens": "many", "turns": [call]},
        {"id": "bare"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (run / "rollouts" / "stage1" / "step_2.jsonl").write_text(text)
    odd, big, bare = (
        row for row in embedded(write_report(run).read_text()) if row["step"] == 2 and row["stage"] == "stage1"
    )
    assert (odd["reward"], odd["turns"][0]["content"]) == (None, '[{"text": "x"}]')
    assert (big["reference"], big["tokens"], big["turns"][0]["calls"]) == (str(2**70), 0, '[{"a": 1}]')
    assert bare["turns"] == []


def test_a_run_without_rollouts_has_no_browser(run: Path) -> None:
    shutil.rmtree(run / "rollouts")
    assert 'id="browser"' not in write_report(run).read_text()


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("name", ["rows", "tokens", "hover", "logscale", "save", "watch"])
def test_the_pure_part_of_the_scripts_under_node(name: str) -> None:
    tests = Path(__file__).with_name(f"{name}.test.mjs")
    done = subprocess.run(["node", "--test", str(tests)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:]
