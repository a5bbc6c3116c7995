"""A scoring service that fails in each way: only the samples that it cannot score are masked."""

from __future__ import annotations

import asyncio
import json
import math
import pickle
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from scoring_servers import Reply, failing_on, lengths, scores, told

from openqwq.verifiers import get_verifier
from openqwq.verifiers.reward_model import RewardModelVerifier
from openqwq.verifiers.scoring.delivery import Limits
from openqwq.verifiers.scoring.http_scorer import HttpScorer
from openqwq.verifiers.scoring.item import Item
from openqwq.verifiers.scoring.services import OwnForm, ServiceScorer

ROW = {"prompt": [{"role": "user", "content": "hi"}]}
BAD = "the bad one"
ANSWERS = [*(f"answer {'x' * number}" for number in range(1, 13)), BAD, "last"]
FAST: dict[str, Any] = {"timeout_seconds": 5.0, "deadline_seconds": 20.0}


def statuses(url: str, answers: list[str] = ANSWERS, **arguments: Any) -> list[str]:
    verifier = get_verifier("reward_model", url=url, **{**FAST, **arguments})
    try:
        return [verdict.status for verdict in verifier.verify_many(answers, [ROW] * len(answers))]
    finally:
        verifier.close()


def _half_of_it(body: Any) -> Reply:
    return scores([1.0] * (len(body["items"]) // 2))


def _bad_is(value: Any) -> Callable[[Any], Reply]:
    return lambda body: scores([value if item["response"] == BAD else 1.0 for item in body["items"]])


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("null", _bad_is(None)),
        ("NaN", _bad_is(math.nan)),
        ("infinite", _bad_is(math.inf)),
        ("a text", _bad_is("0.5")),
        ("a bool", _bad_is(True)),
        ("a list", _bad_is([1.0])),
        ("beyond floats", _bad_is(10**400)),
        ("too few", _half_of_it),
        ("too many", lambda body: scores([1.0] * (len(body["items"]) + 1))),
        ("no scores", lambda body: (200, b'{"score": [1]}')),
        ("a list instead of an object", lambda body: (200, b"[1.0]")),
        ("no JSON", lambda body: (200, b"oops")),
        ("nested without end", lambda body: (200, b"[" * 100_000)),
        ("refused", lambda body: (422, b"no")),
        ("too large", lambda body: (413, b"no")),
        ("a broken server", lambda body: (500, b"")),
        ("no room", lambda body: (503, b"")),
        ("no answer", lambda body: None),
    ],
)
def test_a_service_that_fails_on_one_item_masks_that_item(name: str, reply: Callable[[Any], Reply]) -> None:
    with told(failing_on(BAD, reply)) as server:
        verifier = RewardModelVerifier(url=server.url, **FAST)
        verifier.scorer = quick(server.url)
        verdicts = verifier.verify_many(ANSWERS, [ROW] * len(ANSWERS))
        verifier.close()
    assert [verdict.status for verdict in verdicts] == ["service_error" if a == BAD else "scored" for a in ANSWERS]
    assert all(verdict.reason for verdict in verdicts), name
    assert [v.parts["raw"] for v, a in zip(verdicts, ANSWERS, strict=True) if a != BAD and name not in IN_PLACE] == (
        [] if name in IN_PLACE else [float(len(a)) for a in ANSWERS if a != BAD]
    )


IN_PLACE = ("null", "NaN", "infinite", "a text", "a bool", "a list", "beyond floats")
"""Failures that come with scores of the neighbours, so nothing is asked again."""


def quick(url: str, **changes: Any) -> ServiceScorer:
    limits = {"request_seconds": 5.0, "deadline_seconds": 20.0, "retries": 2, "pause_seconds": 0.01} | changes
    return ServiceScorer(url, OwnForm(200_000), Limits(**limits))


def ask(scorer: HttpScorer, answers: list[str]) -> list[float | None]:
    items = [Item(tuple(ROW["prompt"]), answer) for answer in answers]
    try:
        return asyncio.run(scorer.score(items))
    finally:
        scorer.close()


def test_a_slow_item_masks_itself_and_its_neighbours_are_asked_again_without_it() -> None:
    with told(failing_on(BAD, lambda _: (200, b"{}"), seconds=1.5)) as server:
        found = ask(quick(server.url, request_seconds=0.3), ANSWERS)
    assert [answer for answer, score in zip(ANSWERS, found, strict=True) if score is None] == [BAD]


def test_a_service_that_is_slow_for_all_ends_at_the_deadline() -> None:
    start = time.monotonic()
    with told(lambda *_: time.sleep(1.0) or (200, b"")) as server:
        scorer = quick(server.url, request_seconds=0.2, deadline_seconds=0.6)
        assert ask(scorer, ANSWERS) == [None] * len(ANSWERS)
    assert time.monotonic() - start < 10


def test_a_failure_that_passes_costs_no_sample() -> None:
    refused = iter([(503, b""), (429, b""), None, (500, b"")])
    with told(lambda path, body: next(refused, "ok") if (kept := next(refused, "ok")) != "ok" and kept is None
              else lengths(path, body)) as server:  # fmt: skip
        assert ask(quick(server.url), ANSWERS) == [float(len(answer)) for answer in ANSWERS]
    count = iter(range(100))
    with told(lambda path, body: (429, b"busy") if next(count) < 4 else lengths(path, body)) as server:
        assert ask(quick(server.url, retries=0), ["a", "bb"]) == [1.0, 2.0]
        assert len(server.asked) == 5


def test_a_server_that_asks_for_a_pause_is_left_alone_so_long() -> None:
    count, times = iter(range(100)), list[float]()

    def reply(path: str, body: Any) -> Reply:
        times.append(time.monotonic())
        return (429, b"") if next(count) < 1 else lengths(path, body)

    with told(reply) as server:
        server.retry_after = "0.4"
        assert ask(quick(server.url), ["a"]) == [1.0]
    assert times[1] - times[0] >= 0.39


def test_a_request_that_never_has_room_is_divided_after_half_of_the_time() -> None:
    def reply(path: str, body: Any) -> Reply:
        return (429, b"") if len(body["items"]) > 1 else lengths(path, body)

    with told(reply) as server:
        assert ask(quick(server.url, deadline_seconds=1.0), ["a", "bb", "ccc"]) == [1.0, 2.0, 3.0]


def test_a_dead_service_is_given_up_soon_and_a_wrong_key_at_once() -> None:
    assert statuses("http://127.0.0.1:9/", timeout_seconds=0.2, deadline_seconds=0.3) == ["service_error"] * 14
    with told(lambda *_: (401, b"who are you?")) as server:
        verdicts = RewardModelVerifier(url=server.url, chunk_items=1).verify_many(ANSWERS, [ROW] * len(ANSWERS))
        assert all("401 who are you?" in verdict.reason for verdict in verdicts)
        assert len(server.asked) <= 8


def test_a_service_that_answers_nothing_is_not_asked_for_every_item() -> None:
    with told(lambda *_: (400, b"no")) as server:
        answers = [f"{number}" for number in range(512)]
        assert ask(quick(server.url, chunk_items=64), answers) == [None] * 512
        assert len(server.asked) < 200


def test_many_bad_items_are_each_found() -> None:
    bad = {f"answer {number}" for number in range(0, 300, 17)}
    with told(lambda path, body: (500, b"") if any(i["response"] in bad for i in body["items"])
              else lengths(path, body)) as server:  # fmt: skip
        answers = [f"answer {number}" for number in range(300)]
        found = ask(quick(server.url), answers)
    assert {answer for answer, score in zip(answers, found, strict=True) if score is None} == bad


def test_requests_hold_so_many_items_and_bytes_and_so_many_run_at_once() -> None:
    def reply(path: str, body: Any) -> Reply:
        time.sleep(0.02)
        return lengths(path, body)

    with told(reply) as server:
        answers = ["x" * 100 + str(number) for number in range(100)]
        found = ask(quick(server.url, chunk_items=10, chunk_bytes=1000, parallel=3), answers)
        assert found == [float(len(answer)) for answer in answers]
        assert max(len(body["items"]) for body in server.asked) <= 10
        assert max(server.sizes) <= 1000 + 20
        assert server.most_at_once <= 3
    with told(lengths) as server:  # an item that is larger than a request is sent alone
        assert ask(quick(server.url, chunk_bytes=50), ["a", "b" * 500, "c"]) == [1.0, 500.0, 1.0]


def test_calls_of_many_threads_share_the_places_and_none_times_out_while_it_waits() -> None:
    def reply(path: str, body: Any) -> Reply:
        time.sleep(0.02)
        return lengths(path, body)

    with told(reply) as server:
        scorer = quick(server.url, chunk_items=1, parallel=2, request_seconds=0.4, retries=0)
        items = [Item(tuple(ROW["prompt"]), "x" * number) for number in range(1, 11)]
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: scorer.outcomes_now(items), range(8)))
        scorer.close()
        assert [[one.value for one in call] for call in found] == [[float(n) for n in range(1, 11)]] * 8
        assert server.most_at_once <= 2


def test_what_a_policy_writes_cannot_make_the_service_fail() -> None:
    answers = ["\ud800 lone", "nul \x00", "y" * 300_000, '{"items": []}', "\u2028 \U0001f600"]
    with told(lengths) as server:
        found = ask(quick(server.url), answers)
        sent = [item["response"] for body in server.asked for item in body["items"]]
    assert None not in found and found[2] is not None and found[2] < 200_100
    assert sent[0] == "? lone" and sent[2].startswith("yyy") and sent[2].endswith("yyy")


def test_only_what_stands_after_the_thinking_is_sent_and_equal_samples_once() -> None:
    with told(lengths) as server:
        verifier = RewardModelVerifier(url=server.url, **FAST)
        responses = ["<think>secret</think>abc", "abc", "<think>open", "", "abcd"]
        verdicts = verifier.verify_many(responses, [ROW] * 5)
        verifier.close()
        assert [item["response"] for body in server.asked for item in body["items"]] == ["abc", "abcd"]
    assert [verdict.score for verdict in verdicts] == [verdicts[0].score] * 2 + [0.0, 0.0, verdicts[4].score]
    assert "secret" not in json.dumps(server.asked)


def test_a_service_that_gives_shares_is_not_squashed_and_is_held_to_its_range() -> None:
    with told(lambda _, body: scores([0.25, 1.5])) as server:
        verifier = RewardModelVerifier(url=server.url, squash="none", **FAST)
        first, second = verifier.verify_many(["a", "b"], [ROW] * 2)
        verifier.close()
    assert (first.score, second.status) == (0.25, "service_error")
    assert second.reason == "reward model: a score of 1.5, which is not in [0, 1]"


def test_a_scorer_opens_again_after_its_close_and_travels_to_another_process() -> None:
    with told(lengths) as server:
        scorer = quick(server.url)
        copy = pickle.loads(pickle.dumps(scorer))
        for one in (scorer, scorer, copy):
            assert ask(one, ["abc"]) == [3.0]


def test_a_key_is_read_from_the_environment_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORES_KEY", "secret-key")
    with told(lambda *_: (403, b"no")) as server:
        verifier = RewardModelVerifier(url=f"{server.url}/s?token=hidden", key_variable="SCORES_KEY", **FAST)
        reason = verifier.verify("a", ROW).reason
        verifier.close()
    assert "403" in reason and "secret-key" not in reason and "hidden" not in reason
