"""The page as people open it: from a file, without a network, with a keyboard, on a phone, with hostile rollouts."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openqwq.training.answers.files import append_answers
from openqwq.training.answers.record import Answer
from openqwq.training.reporting.report import write_report
from tests.training.example_run import write_example_run
from tests.training.reporting.test_rollout_browser import HOSTILE, add_rollouts
from tests.training.reporting.test_tokens import PIECES, TOKENIZER

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


class Opened:
    """A page with what went wrong in it."""

    def __init__(
        self, browser: Browser, path: Path, address: str = "", width: int = 1200, scheme: str = "light"
    ) -> None:
        self.page: Page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
        )
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri() + address)
        self.page.wait_for_selector("#browser article")

    @property
    def said(self) -> str:
        return self.page.inner_text("#browser > .facts")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = write_example_run(tmp_path / "run")
    add_rollouts(run, num_steps=100, groups=16)
    return run


def test_it_opens_without_a_request_filters_and_keeps_its_state_in_the_address(browser: Browser, run: Path) -> None:
    opened = Opened(browser, write_report(run), "#?stage=stage1&outcome=right")
    assert opened.said.startswith("1600 of ") and opened.said.endswith(" 1600 right")
    opened.page.fill("input[type=search]", '"question 3"')
    assert opened.said.startswith("100 of ")
    assert "q=%22question+3%22" in opened.page.evaluate("location.hash")
    opened.page.click("text=the newest failures >> nth=-1")
    assert opened.said.endswith(" 0 right") and "sort=newest+first" in opened.page.evaluate("location.hash")
    opened.page.evaluate("location.hash = '#?stage=stage2&outcome=right'")
    folded = opened.page.locator("#browser details").first
    for is_open in (True, False, True):
        folded.locator("summary").click()
        assert folded.evaluate("details => details.open") is is_open
        assert not opened.page.locator("dialog").is_visible()
    folded.locator(".think").click()
    assert opened.page.locator("dialog").is_visible()
    assert opened.faults == [] and len(opened.requests) == 1


def test_a_link_of_the_first_screen_leads_to_the_rollouts_that_show_it(browser: Browser, run: Path) -> None:
    lines = [{"stage": "stage1", "step": step, "reward/mean": 0.0, "reward/math": 0.0} for step in range(1, 30)]
    (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    opened = Opened(browser, write_report(run))
    opened.page.click('.asked p.bad a[href^="#?"]')
    assert opened.said.startswith("4800 of ") and opened.said.endswith(" 0 right")
    top = opened.page.evaluate("document.getElementById('browser').getBoundingClientRect().top")
    assert abs(top) < 60 and opened.faults == []


def test_a_keyboard_is_enough_to_read_all_samples_of_a_prompt(browser: Browser, run: Path) -> None:
    opened = Opened(browser, write_report(run), "#?stage=stage1")
    keys = opened.page.keyboard
    for key in ("j", "j", "k", "Enter"):
        keys.press(key)
    assert opened.page.locator("dialog article").count() == 4
    assert "step 1: 1 of 4 right" in opened.page.inner_text("dialog .facts")
    opened.page.locator("dialog button.step").first.click()
    assert "open=stage1%2F2%2F" in opened.page.evaluate("location.hash"), "the same prompt at the next step"
    assert opened.page.evaluate("document.activeElement.textContent") == "close"
    keys.press("Escape")
    assert not opened.page.locator("dialog").is_visible()
    keys.press("/")
    keys.type("boxed{2}")
    assert opened.said.startswith("1600 of ")


def test_the_filtered_rollouts_can_be_downloaded(browser: Browser, run: Path) -> None:
    opened = Opened(browser, write_report(run), "#?stage=stage1&outcome=right&step=7")
    with opened.page.expect_download() as download:
        opened.page.click("a.save")
    lines = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert len(lines) == 16 and {(row["step"], row["reward"]) for row in lines} == {(7, 1.0)}
    assert opened.faults == []


def test_one_line_reads_all_curves_of_a_stage_by_pointer_and_by_arrow_keys(browser: Browser, run: Path) -> None:
    page = Opened(browser, write_report(run)).page
    charts = page.locator(".charts").nth(1)
    charts.locator("svg").first.hover()
    said = charts.locator("output").all_inner_texts()
    assert len(said) > 3 and len({words.partition(":")[0] for words in said}) == 1
    charts.locator("svg").first.focus()
    page.keyboard.press("ArrowLeft")
    assert charts.locator("output").all_inner_texts()[0] != said[0]
    line = charts.locator("line.hover").first
    assert line.evaluate("line => getComputedStyle(line).visibility") == "visible"


def test_dragging_zooms_all_curves_of_a_stage_and_a_double_click_shows_all_again(browser: Browser, run: Path) -> None:
    page = Opened(browser, write_report(run)).page
    charts = page.locator(".charts").nth(1)
    labels = charts.locator("figure").last.locator("svg > text")
    before = labels.all_text_contents()
    first = charts.locator("svg[data-series]").first
    first.scroll_into_view_if_needed()
    box = first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 60, steps=3)
    page.mouse.up()
    assert labels.all_text_contents() != before
    first.dblclick()
    assert labels.all_text_contents() == before


def test_a_curve_of_far_apart_values_has_a_logarithmic_scale_that_can_be_left_again(
    browser: Browser, run: Path
) -> None:
    log = run / "metrics.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    for i, row in enumerate(rows):
        if "update/grad_norm" in row:
            row["update/grad_norm"] = 10.0 ** (i % 3 - 1)
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = Opened(browser, write_report(run)).page
    button = page.get_by_role("button", name="Gradient norm: logarithmic scale").first
    chart = page.locator("figure").filter(has=button).first
    line = chart.locator("path.line").last
    before, labels = line.get_attribute("d"), chart.locator("svg > text").all_text_contents()
    button.click()
    assert line.get_attribute("d") != before
    assert chart.locator(".decades text").all_text_contents() == ["0.1", "1", "10"]
    button.click()
    assert (line.get_attribute("d"), chart.locator("svg > text").all_text_contents()) == (before, labels)


def test_figures_and_tables_can_be_saved(browser: Browser, run: Path, tmp_path: Path) -> None:
    opened = Opened(browser, write_report(run))
    figure = opened.page.locator(".charts").nth(1).locator("figure").first

    def saved(where: Locator, kind: str) -> bytes:
        with opened.page.expect_download() as download:
            where.locator(f'button:text-is("{kind}")').click()
        assert download.value.suggested_filename.endswith(f".{kind}")
        return Path(download.value.path()).read_bytes()

    drawing = saved(figure, "svg").decode()
    assert drawing.startswith("<svg") and "Reward" in drawing and "class=" not in drawing and "data-" not in drawing
    assert saved(figure, "png").startswith(b"\x89PNG") and len(saved(figure, "png")) > 5000
    assert saved(figure, "csv").startswith(b"step,mean,")
    assert saved(opened.page.locator(".wide").first, "csv").startswith(
        b"suite,n,after,after low,after high\nmath,300,0.310,0.260,0.364\nmath/expr,,"
    )
    assert opened.faults == []


def test_a_served_page_shows_a_step_that_was_written_after_it_was_opened(browser: Browser, run: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "openqwq.training.cli", "report", str(run), "--watch"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        page, faults = browser.new_page(), []
        page.on("console", lambda message: faults.append(message.text))
        page.goto(process.stdout.readline().strip())
        page.locator("#browser article").first.wait_for(timeout=30_000)
        old = page.locator("#browser p.facts").first.inner_text()
        page.keyboard.press("/")
        page.keyboard.type("the")
        [newest] = sorted((run / "rollouts" / "stage2").iterdir())[-1:]
        shutil.copy(newest, newest.with_name("step_777.jsonl.gz"))
        with (run / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"stage": "stage2", "step": 777, "reward/mean": 0.5}) + "\n")
        page.get_by_text("stage2 step 777").wait_for(timeout=30_000)
        assert page.locator(".charts .tools").count() > 5
        page.get_by_role("button", name="show them").click(timeout=30_000)
        page.wait_for_function(
            "old => (document.querySelector('#browser p.facts')?.textContent ?? old) !== old", arg=old
        )
        assert page.get_by_role("searchbox").input_value() == "the" and "the" in page.url
        page.locator("#browser article").first.click()
        assert page.locator("dialog").count() == page.locator("dialog[open]").count() == 1 and faults == []
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0


SAID = "2+3=5"


def add_tokens(run: Path) -> None:
    """Step 999: two samples with tokens, of which the first was trained and its last token has a gap."""
    model = run / "checkpoints" / "stage1" / "step_9" / "model"
    model.mkdir(parents=True)
    shutil.copy(TOKENIZER, model)
    tokens = PIECES._tokenizer.encode(SAID, add_special_tokens=False).ids
    kept = {"gap": [0.0] * (len(tokens) - 1) + [-0.31]}
    mask, turns = [(1, len(tokens))], [{"role": "assistant", "content": SAID}]
    answers = [
        Answer(
            "p0",
            "math",
            0,
            0,
            [],
            turns,
            "stop",
            5,
            1.0,
            group=77,
            advantage=advantage,
            tokens=tokens,
            loss_mask=mask,
            per_token=kept,
        )
        for advantage in (0.75, None)
    ]
    append_answers(run / "rollouts" / "stage1" / "step_999.jsonl.gz", answers)


def test_tokens_of_all_samples_are_coloured_by_what_was_kept_and_a_link_shows_the_same(
    browser: Browser, run: Path
) -> None:
    add_tokens(run)
    opened = Opened(browser, write_report(run), "#?stage=stage1&step=999")
    opened.page.keyboard.press("j")
    opened.page.keyboard.press("Enter")
    opened.page.select_option("dialog select", "log-prob gap")
    shown = opened.page.locator("dialog .tokens")
    assert shown.all_inner_texts()[0].endswith(SAID)
    assert [span.get_attribute("title") for span in shown.locator(".level3").all()] == [
        "gap \u22120.31, advantage +0.75"
    ]
    assert "largest 0.31" in opened.page.inner_text("dialog article >> nth=0")
    assert opened.page.locator("dialog option:disabled").all_inner_texts() == [
        "tokens by improbability (not kept; logging.logprobs=true keeps it)"
    ]
    again = Opened(browser, run / "report.html", opened.page.evaluate("location.hash"))
    assert again.page.locator("dialog .level3").count() == 1
    again.page.keyboard.press("Escape")
    again.page.wait_for_function("!location.hash.includes('open=')")
    assert opened.faults == again.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screen_reader_misses_nothing(browser: Browser, run: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    add_tokens(run)
    page = Opened(browser, write_report(run), "#?stage=stage1&step=999", scheme=scheme).page
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    found = axe.run(page).response["violations"]
    for by in ("loss mask", "advantage", "log-prob gap"):
        page.select_option("dialog select", by)
        found += axe.run(page).response["violations"]
    page.keyboard.press("Escape")
    found += axe.run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []


@pytest.mark.parametrize("words", HOSTILE, ids=["script", "img", "style", "bidi", "megabyte"])
def test_hostile_rollouts_are_text(browser: Browser, tmp_path: Path, words: str) -> None:
    run = write_example_run(tmp_path / "run")
    add_rollouts(run, num_steps=1, groups=1, words=words)
    opened = Opened(browser, write_report(run), "#?stage=stage1")
    opened.page.keyboard.press("j")
    opened.page.keyboard.press("Enter")
    assert "owned" not in opened.page.title() and opened.page.locator("dialog article").count() == 4
    assert words[:9].strip("\u202e\u2066") in opened.page.inner_text("dialog") or "\u202e" in words
    assert opened.faults == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1200, "dark")])
def test_it_fits_a_phone_and_the_dark(browser: Browser, run: Path, width: int, scheme: str) -> None:
    opened = Opened(browser, write_report(run), width=width, scheme=scheme)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.faults == []
