"""A page that is served while the run goes on: what it shows, who gets it, what it reads again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from openqwq.training.cli import main
from openqwq.training.reporting.report import write_report
from openqwq.training.reporting.rollouts import rollout_browser
from openqwq.training.reporting.watch import Watched, application
from tests.training.example_run import write_example_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_example_run(tmp_path / "run")


@pytest.fixture
def client(run: Path) -> Iterator[TestClient]:
    with TestClient(application(run, "secret"), base_url="http://127.0.0.1") as client:
        yield client


def add_step(run: Path, step: int, text: str = "") -> None:
    with (run / "metrics.jsonl").open("a") as file:
        file.write(text or json.dumps({"stage": "stage2", "step": step, "reward/mean": 0.5}) + "\n")


def test_the_page_is_the_report_and_may_ask_its_server_alone(run: Path, client: TestClient) -> None:
    page = client.get("/secret/")
    assert page.headers["cache-control"] == "no-store" and "connect-src" in page.text
    for words in ("Did it learn?", "stage1 raised math", 'id="live"', 'id="later"'):
        assert words in page.text
    assert 'id="rollouts-data"' not in page.text, "packing many rollouts takes long; the page is painted before"
    assert "connect-src" not in write_report(run).read_text()


def test_rollouts_come_apart_and_are_packed_again_when_there_are_more(
    run: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = []

    def counted(*arguments: Any) -> str:
        packed.append(1)
        return rollout_browser(*arguments)

    monkeypatch.setattr("openqwq.training.reporting.watch.rollout_browser", counted)
    first = client.get("/secret/rollouts").text
    assert 'id="rollouts-data"' in first and client.get("/secret/rollouts").text == first
    [folder] = [path for path in (run / "rollouts").iterdir() if path.name == "stage2"]
    shutil.copy(next(folder.iterdir()), folder / "step_900.jsonl.gz")
    steps = client.get("/secret/state").json()["steps"]
    assert f'data-steps="{steps}"' in client.get("/secret/rollouts").text and len(packed) == 2


def test_only_what_was_added_is_read_again(run: Path, client: TestClient) -> None:
    first = client.get("/secret/state").json()
    assert client.get("/secret/state").json() == first
    add_step(run, 900)
    second = client.get("/secret/state").json()
    assert second["stamp"] != first["stamp"] and second["step"] == "stage2 step 900"
    add_step(run, 0, '{"stage": "stage2", "step": 901, "rew')
    assert client.get("/secret/state").json()["step"] == "stage2 step 900", "half a line is no step yet"
    add_step(run, 0, 'ard/mean": 1}\n')
    assert client.get("/secret/state").json()["step"] == "stage2 step 901"


def test_steps_that_a_resumed_run_has_forgotten_are_forgotten(run: Path) -> None:
    watched = Watched(run)
    before = watched.record().last_step("stage2")
    add_step(run, 900)
    assert watched.record().last_step("stage2") == 900
    kept = (run / "metrics.jsonl").read_text().splitlines()[:-1]
    (run / "new").write_text("\n".join(kept) + "\n")
    (run / "new").replace(run / "metrics.jsonl")
    assert watched.record().last_step("stage2") == before


def test_nobody_gets_it_without_its_secret_or_by_another_name_of_this_machine(client: TestClient) -> None:
    assert client.get("/").status_code == client.get("/state").status_code == 404
    assert client.get("/secret/state", headers={"host": "evil.example"}).status_code == 400


def test_several_runs_or_none_are_a_clear_error(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run), str(run / "x"), "--watch"]) == 2
    assert main(["report", str(tmp_path / "nothing"), "--watch"]) == 2
    assert "one run" in capsys.readouterr().err
