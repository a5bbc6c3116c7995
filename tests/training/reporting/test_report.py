"""The report of a run folder: self-contained, safe with any model output, and written at any moment of a run."""

import fcntl
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.answers.record import Answer
from openqwq.training.config import Logging
from openqwq.training.errors import RunFolderError
from openqwq.training.reporting.charts import nice_ticks
from openqwq.training.reporting.report import write_report
from openqwq.training.reporting.samples import choose, show, split_thinking
from openqwq.training.run_folder.metrics import MetricsLog
from tests.training.example_run import judged, write_example_run

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Collects the tags and the text of a page, and checks that elements nest."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_example_run(tmp_path / "run")


def page_of(run: Path) -> Page:
    return Page(write_report(run).read_text())


def test_report_of_a_completed_run_shows_its_stages_gates_and_samples(run: Path) -> None:
    words = page_of(run).words
    for expected in (
        "completed, every gate passed",
        "cold_start",
        "reward_model",
        "math.gain_low",
        "padded",
        "\\boxed{24}",
    ):
        assert expected in words
    assert "+0.370" in words and "0.310" in words and "0.680" in words
    assert "sandbox error: 3 (step 7)" in words


def test_report_is_one_small_file_that_needs_no_network(run: Path) -> None:
    path = write_report(run)
    page = path.read_text()
    assert path == run / "report.html" and len(page) < 1_000_000
    assert page.isascii()
    assert not {"link", "img", "iframe", "object"} & set(Page(page).tags)
    assert Page(page).tags.count("script") == 5, "the rollouts as data, and four scripts of ours"
    assert not re.search(r"(src|href)=\"(?!#)|url\(|@import", page)


def test_report_names_a_failed_gate(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    gate = summary["stages"][1]["gate"]
    gate["passed"] = gate["checks"][0]["passed"] = False
    gate["checks"][0]["value"] = None  # a value that is not a number
    (run / "summary.json").write_text(json.dumps({**summary, "status": "gate_failed"}))
    assert "a gate failed" in page_of(run).words


@pytest.mark.parametrize("status", ["interrupted", "failed", "running"])
def test_report_of_a_run_that_stopped_shows_the_stage_it_was_in(run: Path, status: str) -> None:
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "status": status, "stages": summary["stages"][:1]}))
    words = page_of(run).words
    assert "step 40 of" in words and "Reward" in words
    assert ("killed" if status == "running" else status) in words


def test_a_run_whose_lock_is_held_is_running_and_not_killed(run: Path) -> None:
    (run / "summary.json").write_text(json.dumps({"status": "running", "stages": []}))
    with (run / ".lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "killed" not in page_of(run).words


@pytest.mark.parametrize(
    "part", ["recipe.yaml", "summary.json", "metrics.jsonl", "rollouts", "evals", "state.json", ".lock"]
)
def test_report_leaves_out_a_part_that_is_missing(run: Path, part: str) -> None:
    shutil.rmtree(run / part) if (run / part).is_dir() else (run / part).unlink()
    assert page_of(run).words


@pytest.mark.parametrize("part", ["recipe.yaml", "summary.json", "metrics.jsonl", "rollouts/stage1/step_1.jsonl.gz"])
@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[1, 2", b"null", b'{"stages": 3}', b"\xff\xfe\x00", b'{"stage": 1, "step": "x"}']
)
def test_report_survives_a_damaged_file(run: Path, part: str, damage: bytes) -> None:
    (run / part).write_bytes(damage)
    assert page_of(run).words


def test_report_of_a_folder_that_has_only_begun(tmp_path: Path) -> None:
    write_example_run(tmp_path / "run")
    (tmp_path / "new").mkdir()
    shutil.copy(tmp_path / "run" / "recipe.yaml", tmp_path / "new")
    assert "not yet" in page_of(tmp_path / "new").words


def test_a_folder_that_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is no run folder"):
        write_report(tmp_path)
    with pytest.raises(RunFolderError, match="no run folder"):
        write_report(tmp_path / "absent")
    assert not list(tmp_path.iterdir())


@given(st.text(alphabet=st.characters(codec=None), max_size=80), st.text(max_size=40), st.text(max_size=40))
def test_any_text_of_a_rollout_is_escaped(answer: str, reason: str, prompt: str) -> None:
    hostile = "</pre></article><script>alert(1)</script>"
    page = Page(
        show(
            Answer.from_json(
                {
                    "id": hostile,
                    "task": reason + hostile,
                    "prompt": prompt + hostile,
                    "turns": [
                        {"role": "assistant", "content": answer + hostile},
                        {"role": "tool", "content": hostile + answer},
                    ],
                    "reward": 0.0,
                    "reason": reason + hostile,
                }
            )
        )
    )
    assert "script" not in page.tags
    assert page.tags.count("article") == 1
    assert page.words.count("alert(1)") >= 5


def test_an_extended_stage_says_from_where_and_how(run: Path) -> None:
    changes = {
        "stages.stage1.steps": {"before": 8, "after": 10},
        "stages.stage1.prompts": {"before": [], "after": ["<b>"]},
        "stages.more": {"before": None, "after": {}},
    }
    notes = [{"stage": "stage1", "after_step": 8, "changes": changes}, {"stage": None, "changes": changes}, 7]
    (run / "extensions.json").write_text(json.dumps(notes))
    words = page_of(run).words
    assert words.count("extended") == 1 and "extended after step 8: steps 8 -> 10, other prompts" in words
    (run / "extensions.json").write_text("[")
    assert "extended" not in page_of(run).words


def test_hostile_rollouts_written_by_the_log_reach_the_page_as_text(run: Path) -> None:
    log = MetricsLog(run, Logging())
    log.rollouts("stage1", 1, [judged("math", 0, "\ud800 \x00 <img src=x onerror=alert(1)>", 0.0, "<b>", "<i>")], {})
    page = page_of(run)
    assert "img" not in page.tags and "<img src=x onerror=alert(1)>" in page.words


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_a_rollout_of_any_shape_is_shown(value: object) -> None:
    keys = ("id", "task", "prompt", "messages", "turns", "reward", "reason", "statuses", "verdicts", "finish_reason")
    for key in keys:
        try:
            answer = Answer.from_json({"id": "x", key: value})
        except (TypeError, ValueError, AttributeError):
            continue  # no answer: such a line is left out
        Page(show(answer))


@pytest.mark.parametrize(
    ("content", "thinking", "rest"),
    [
        ("<think>a</think>b", "a", "b"),
        ("a</think>b", "a", "b"),
        ("b", "", "b"),
        ("<think>a", "a\n[thinking never closed]", ""),
    ],
)
def test_thinking_is_separated_from_the_answer(content: str, thinking: str, rest: str) -> None:
    assert split_thinking(content) == (thinking, rest)


def test_samples_are_not_chosen_by_reward_and_cover_every_task() -> None:
    rows = [{"task": "math", "id": "a", "reward": 0.0}] * 3 + [{"task": "math", "id": "b", "reward": 1.0}] * 3
    rows += [{"task": "code", "id": "c", "reward": 1.0}]
    shown = choose(list(map(Answer.from_json, rows)), 3)
    assert [(r.task, r.id) for r in shown] == [
        ("code", "c"),
        ("math", "a"),
        ("math", "b"),
    ]


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_ticks_span_the_data_and_are_few(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    ticks = nice_ticks(low, high)
    margin = 1e-6 * max(1.0, abs(low), abs(high))
    assert 2 <= len(ticks) <= 8 and ticks == sorted(set(ticks))
    assert ticks[0] <= low + margin and ticks[-1] >= high - margin


def say(run: Path, *lines: dict[str, object]) -> None:
    (run / "console.jsonl").write_text("".join(json.dumps({"time": 1.8e9, **line}) + "\n" for line in lines))


def test_what_happened_between_steps_is_marked_in_the_curves_and_listed(run: Path) -> None:
    alert = {"kind": "warning", "stage": "stage1", "step": 12, "text": "alert kl: <b>high</b>"}
    resumed = {"kind": "info", "stage": "stage1", "step": 20, "text": "stage1: resuming after step 20"}
    say(run, alert, resumed, {"kind": "info", "stage": "stage1", "step": 21, "text": "report: there"})
    page = write_report(run).read_text()
    marks = re.findall(r'<line class="mark"[^>]*><title>([^<]*)</title>', page)
    said = {"step 12: alert kl: &lt;b&gt;high&lt;/b&gt;", "step 20: stage1: resuming after step 20"}
    assert set(marks) == said | {f"step {step}: gate passed" for step in (40, 50, 100)}
    assert sum(mark in said for mark in marks) > 2 * 5, "in every chart of the stage"
    words = page_of(run).words
    assert "The dashed lines: 3 marks" in words and "step 40: gate passed" in words
    assert "What the run said" in words and "report: there" in words and "2027-01-15" in words


def test_a_stage_whose_name_no_folder_can_have_is_shown_without_rollouts(run: Path) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        for name in ("x" * 5000, "a\0b"):
            file.write(json.dumps({"stage": name, "step": 1, "reward/mean": 0.5}) + "\n")
    summary = json.loads((run / "summary.json").read_text())
    summary["stages"] += [{"name": name, "kind": "rl", "seconds": 1.0} for name in ("x" * 5000, "a\0b")]
    (run / "summary.json").write_text(json.dumps(summary))
    assert "a\u2400b" in page_of(run).words


def test_a_failed_run_says_what_ended_it(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "status": "failed"}))
    say(run, {"kind": "error", "stage": "stage1", "step": 3, "text": "no space left on device"})
    assert "It ended with: no space left on device" in page_of(run).words


@pytest.mark.parametrize("content", ["", "{", "[]\n3\n", '{"time": "x", "step": null}\n', "\x00\ud800"])
def test_a_damaged_record_of_the_console_is_no_reason_to_have_no_page(run: Path, content: str) -> None:
    (run / "console.jsonl").write_text(content, errors="surrogatepass")
    assert "completed" in page_of(run).words


def test_the_task_whose_reward_rose_furthest_beyond_its_suite_comes_first(run: Path) -> None:
    log = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for row in log:  # the suites gained 0.37 and 0.62 (example_run.py)
        if row["stage"] == "stage1" and "reward/math" in row:
            row |= {"reward/math": 0.2 if row["step"] < 20 else 0.9, "reward/code": 0.5}
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    table = write_report(run).read_text().partition("Reward against held-out rows")[2].partition("</table>")[0]
    words = re.sub(r"<[^>]+>", " ", table).replace("&minus;", "-")
    apart = [float(value) for value in re.findall(r"\]\s+([+-][\d.]+)", words)]
    assert apart == [pytest.approx(0.70 - 0.37), pytest.approx(0.0 - 0.62)]
    assert words.index("math") < words.index("code") and "task=math&amp;outcome=right" in table
