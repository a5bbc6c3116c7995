"""A request is answered by its deadline, and its worker is free again."""

from __future__ import annotations

import json

import pytest

from openqwq.sandbox import ServerHandle
from tests.sandbox.requests_of_jobs import DOUBLE, ENDLESS, HTTP, is_well, post, run


def test_a_run_is_answered_by_its_deadline_and_its_worker_is_free_again(lonely: ServerHandle) -> None:
    answer = run(lonely, {**ENDLESS, "deadline_s": 0.5}, timeout=20)
    assert (answer["verdict"], answer["is_retryable"]) == ("error", True)
    assert "deadline of 0.5 s" in answer["reason"] and answer["isolation"] == "L2"
    assert run(lonely, {**DOUBLE, "deadline_s": 20})["verdict"] == "pass"


def test_a_batch_is_answered_by_its_deadline_and_its_worker_is_free_again(lonely: ServerHandle) -> None:
    body = {"jobs": [DOUBLE, ENDLESS, DOUBLE, ENDLESS], "deadline_s": 0.7}
    lines = HTTP.post(f"{lonely.url}/v1/batch", json=body, timeout=20).text.splitlines()
    answers = {answer["index"]: answer for answer in map(json.loads, lines)}
    assert sorted(answers) == [0, 1, 2, 3]
    assert answers[0]["verdict"] == "pass"
    for index in (1, 2, 3):
        assert answers[index]["verdict"] == "error" and "deadline" in answers[index]["reason"]
    assert is_well(lonely)


@pytest.mark.parametrize(
    "value", ["0", "-1", '"1"', "true", "[1]", "{}", "86401", "1e999", "NaN", "-Infinity", "9" * 400]
)
def test_a_deadline_that_is_none_is_refused(lonely: ServerHandle, value: str) -> None:
    for path, body in (("/v1/run", json.dumps(DOUBLE)[:-1]), ("/v1/batch", f'{{"jobs": [{json.dumps(DOUBLE)}]')):
        answer = post(lonely, f'{body}, "deadline_s": {value}}}', path)
        assert (answer.status_code, answer.json()["field"]) == (422, "deadline_s")
        assert answer.json()["value"] and "86400" in answer.json()["allowed"]
