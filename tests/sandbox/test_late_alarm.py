"""The time limit of an assert text, when it passes in the moment in which the text ends."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from openqwq.sandbox.inside import asserts
from openqwq.sandbox.inside.judge import link


@pytest.mark.parametrize("name", ["_executed", "_of_text"])
def test_an_alarm_that_comes_while_a_text_ends_is_its_time_limit_and_no_error_of_the_tests(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    written: list[bytes] = []

    def ends_too_late(*given: Any, **named: Any) -> Any:
        asserts._on_alarm(signal.SIGALRM, None)

    monkeypatch.setattr(asserts, name, ends_too_late)
    monkeypatch.setattr(asserts.os, "write", lambda descriptor, data: written.append(data))
    monkeypatch.setattr(asserts, "_furnish", lambda whole: None)
    monkeypatch.setattr(link, "trouble", [])
    monkeypatch.setattr(link.Count, "asked", 1)
    before = signal.getsignal(signal.SIGALRM)
    order = {"asserts": ["x = 1", "x = 2"], "setup": "", "stop": False, "wall_seconds": 60.0}
    try:
        asserts.run(json.dumps(order), "f")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    (line,) = written
    assert json.loads(line) == {"status": "time_limit", "detail": "asserts[0]: no answer within the time limit"}
