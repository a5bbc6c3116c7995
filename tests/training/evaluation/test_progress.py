"""What is shown of a suite that is being measured."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from openqwq.training.answers.record import answer_of
from openqwq.training.console import ConsoleLogger, duration
from openqwq.training.evaluation.policy import SuiteProgress
from openqwq.training.records import Judgement
from tests.training.small_records import make_prompt, make_rollout


def test_progress_counts_answers_tokens_and_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("openqwq.training.evaluation.policy.time.monotonic", lambda: now[0])
    shown: list[tuple[int, str]] = []
    progress = SuiteProgress(lambda done, note: shown.append((done, note)))
    answers = [
        answer_of(make_prompt(0), make_rollout(0, k), Judgement(reward, {}, {})) for k, reward in enumerate((1.0, 0.0))
    ]
    progress.begin(answers)
    now[0] = 102.0
    progress.sampled([make_rollout(1, 0), make_rollout(1, 1)])  # three tokens each
    progress.judged([answer_of(make_prompt(1), make_rollout(1, 0), Judgement(1.0, {}, {}))])
    assert shown == [(2, "score 0.500  0 tokens/s"), (4, "score 0.500  3 tokens/s"), (4, "score 0.667  3 tokens/s")]


def test_a_log_file_gets_a_line_every_half_minute_with_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now, out = [0.0], io.StringIO()
    monkeypatch.setattr("openqwq.training.console.time.monotonic", lambda: now[0])
    console = ConsoleLogger(Console(file=out, soft_wrap=True))
    with console.counting("aime24", 100) as show:
        for second, done in ((0, 20), (10, 25), (31, 30), (40, 35), (62, 40)):
            now[0] = float(second)
            show(done, "note")
    assert out.getvalue().splitlines() == [
        "aime24 30/100  note  4 min left",
        "aime24 40/100  note  3 min left",
    ]  # ten answers in 31 s, those of an earlier session aside; then twenty in 62 s


def test_of_the_first_answers_of_a_batch_nothing_is_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    now, out = [0.0], io.StringIO()
    monkeypatch.setattr("openqwq.training.console.time.monotonic", lambda: now[0])
    with ConsoleLogger(Console(file=out, soft_wrap=True)).counting("words", 400) as show:
        for second, done in ((0, 0), (100, 1), (135, 19), (170, 20)):
            now[0] = float(second)
            show(done, "note")
    assert out.getvalue().splitlines() == ["words 1/400  note", "words 19/400  note", "words 20/400  note  54 min left"]


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (95, "2 min"), (5400, "1 h 30 min")])
def test_durations_are_said_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words
