"""Sixty mistakes that people make at the command: each is answered in at most three lines that say what to do, with
status 2 where the input is at fault and 1 where something failed, and never by a traceback."""

from __future__ import annotations

import errno
import re
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

from openqwq.training.cli import main
from openqwq.training.config import Recipe
from openqwq.training.errors import RecipeError
from openqwq.training.pipeline import dry_run
from openqwq.training.pipeline.preflight import preflight
from openqwq.training.run_folder.failures import told
from openqwq.verifiers import Verdict
from openqwq.verifiers.base import VerifierBase
from tests.training.pipeline.mistakes import MISTAKES
from tests.training.pipeline.test_bad_input import recipe_tree


def test_there_are_sixty() -> None:
    assert len(MISTAKES) >= 60


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_in_a_line_or_three(
    name: str, tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mistake = MISTAKES[name]
    tree = recipe_tree(tmp_path, base)
    tree["stages"][1]["prompts"][0]["source"] = "rows.jsonl"
    monkeypatch.chdir(tmp_path)
    mistake.make(tmp_path, tree)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tree))
    monkeypatch.setattr(socket, "getaddrinfo", no_hub(socket.getaddrinfo))
    try:
        status = main(mistake.words.split())
    except SystemExit as ended:  # argparse, which prints the usage
        status = ended.code if isinstance(ended.code, int) else 1
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("warning: ")]
    assert status == mistake.status, said
    assert 1 <= len(lines) <= 3 and "Traceback" not in said, said
    assert re.search(mistake.said, said), said
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def no_hub(resolve: Any) -> Any:
    def only_here(host: Any, *more: Any, **named: Any) -> Any:
        if host not in (None, "localhost", "127.0.0.1"):
            raise socket.gaierror("no network in a test")
        return resolve(host, *more, **named)

    return only_here


def test_what_nobody_expected_is_a_line_and_a_file_with_the_traceback(
    tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe_tree(tmp_path, base)))
    monkeypatch.setattr("openqwq.training.pipeline.pipeline.Pipeline.run", lambda self: [][7])
    assert main(["run", "mine.yaml", "--run-dir", "run", "--inline"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "IndexError: list index out of range. openqwq does not know this error" in said
    [written] = (tmp_path / "run").glob("error-*.txt")
    assert str(written) in said and "Traceback (most recent call last)" in written.read_text()
    monkeypatch.setattr("openqwq.training.planning.command.plan_command", lambda *_: {}["key"])
    assert main(["plan", "mine.yaml"]) == 1
    assert re.fullmatch(
        r"openqwq: KeyError: 'key'\. openqwq does not know .* Traceback: \S+\n", capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "x"),
            r"no space left for the run folder .*Make room; run the",
        ),
        (RuntimeError("I/O error: No space left on device (os error 28)"), r"no space left for the run folder"),
        (MemoryError(), r"out of memory; lower micro_batch_tokens"),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried\nmore"),
            r"out of memory.*OutOfMemoryError: CUDA out of memory",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), r"/x/y: Permission denied\. Traceback: "),
        (
            ValueError("Traceback (most recent call last):\n  a\nKeyError: 'q'"),
            r"ValueError: KeyError: 'q'\. openqwq does",
        ),
        (RecipeError("mine"), r"^mine$"),
    ],
)
def test_what_fails_in_a_run_is_told_with_what_to_do(error: Exception, words: str, tmp_path: Path) -> None:
    known = told(error, tmp_path)
    assert re.search(words, str(known)) and "\n" not in str(known)
    assert known.exit_status == (2 if isinstance(error, RecipeError) else 1)
    try:
        raise OSError("while saving") from error
    except OSError as later:
        assert "out of memory" not in str(known) or "out of memory" in str(told(later, tmp_path))
        assert "no space" not in str(known) or "no space" in str(told(later, tmp_path))


def test_a_service_that_comes_back_in_time_is_asked_again_and_a_verifier_that_raises_is_not(
    tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a run starts; stages that are done are not asked at all."""
    slept: list[float] = []
    monkeypatch.setattr(dry_run, "time", SimpleNamespace(monotonic=lambda: float(len(slept)), sleep=slept.append))
    asked: list[str] = []

    class Service(VerifierBase):
        name = "service"

        def __init__(self, status: str, back_after: int) -> None:
            self.status, self.back_after = status, back_after

        def grade(self, response: str, row: Any) -> Verdict:
            asked.append(response)
            is_back = len(asked) > self.back_after
            return Verdict.scored(1.0) if is_back else Verdict.error("away", self.status)  # type: ignore[arg-type]

    recipe = Recipe.model_validate(recipe_tree(tmp_path, base))
    data = preflight(recipe, lambda _: None)
    for status, back_after, patient, done, calls in (
        ("service_error", 3, True, (), 4),
        ("service_error", 3, False, (), None),
        ("service_error", 90, True, (), None),
        ("verifier_error", 3, True, (), None),
        ("verifier_error", 3, True, ("stage1",), 0),
    ):
        asked.clear(), slept.clear()
        monkeypatch.setattr(dry_run, "build_verifier", lambda _, s=status, b=back_after: Service(s, b))
        if calls is None:
            with pytest.raises(RecipeError, match=f"verifier math fails on row 'a': {status}: away"):
                dry_run.score_canned_answers(recipe, data, [], patient, done)
            assert len(asked) == (61 if back_after == 90 else 1)
        else:
            dry_run.score_canned_answers(recipe, data, [], patient, done)
            assert len(asked) == calls
