"""What goes wrong on the way to an answer: tried again, one sample's own, or the end with one line."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.endpoint.workers import EndpointWorkers
from openqwq.training.errors import EndpointError, OpenqwqError, RecipeError
from openqwq.training.rollout.build import EngineSettings
from tests.training.endpoint.endpoint_cases import SAMPLING, quick, requests_for, sampled
from tests.training.endpoint.scripted_server import MODEL, Asked, ChatServer, Reply, refuses, says, then
from tests.training.small_records import make_prompt

PASSING = {
    "dropped": Reply(is_dropped=True),
    "half": Reply(body=says("half").body[:40], is_cut=True),
    "garbage": Reply(body=b"<html>hello</html>"),
    "not utf-8": Reply(body=b'{"a": "\xff"}'),
    "no choices": Reply(body=b'{"choices": []}'),
    "a list": Reply(body=b"[]"),
    "deep": Reply(body=b"[" * 100_000),
    "broken off": says("half", "error"),
    "error inside": Reply(body=b'{"error": {"message": "upstream", "code": 502}}'),
    "empty": Reply(),
    "busy": refuses(429, "slow down"),
    "busy for a moment": refuses(429, "slow down", {"retry-after": "0.01"}),
    "loading": refuses(503, "loading", {"retry-after": formatdate(usegmt=True)}),
    "unknown pause": refuses(503, "loading", {"retry-after": "soon"}),
    **{f"{status}": refuses(status, "later") for status in (408, 409, 425, 500, 502, 503, 504, 599)},
}


@pytest.mark.parametrize("kind", PASSING)
def test_what_may_pass_is_asked_again_and_answered_once(kind: str) -> None:
    seen = sampled(then(PASSING[kind], PASSING[kind], says("9")))
    assert (seen.only.response, seen.only.finish_reason, len(seen.chats)) == ("9", "stop", 3)
    assert seen.warnings == [] and seen.chats[0].body == seen.chats[2].body


class Script:
    """A server whose behaviour changes from case to case."""

    def __init__(self) -> None:
        self.behave: Callable[[Asked], Reply] = then(says())

    def __call__(self, asked: Asked) -> Reply:
        return self.behave(asked)


@pytest.fixture(scope="module")
def scripted() -> Iterator[tuple[Script, dict[int, EndpointWorkers]]]:
    """Workers of one server by their concurrency."""
    script = Script()
    with ChatServer(script) as server:
        workers = {n: EndpointWorkers(quick(server.url, retries=3, concurrency=n), print) for n in (1, 3, 32)}
        for each in workers.values():
            each.start_engines(EngineSettings(MODEL, "float32", {}, 8))
        yield script, workers
        for each in workers.values():
            each.close()


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_every_sample_is_answered_once_whatever_fails_on_the_way(
    scripted: tuple[Script, dict[int, EndpointWorkers]], seed: int
) -> None:
    script, workers = scripted
    chance = random.Random(seed)
    requests = requests_for([make_prompt(n) for n in range(4)], 2)
    failures = [chance.choices(list(PASSING.values()), k=chance.randrange(4)) for _ in requests]
    left: dict[int, list[Reply]] = {}
    lock = threading.Lock()

    def behave(asked: Asked) -> Reply:
        with lock:
            replies = left.setdefault(asked.body["seed"], failures[len(left) % len(failures)])  # a seed is a sample
            return replies.pop() if replies else says(f"{asked.question}, {asked.body['seed']}")

    script.behave = behave
    chunks = list(workers[chance.choice([1, 3, 32])].sample(requests, SAMPLING))
    rollouts = [rollout for chunk in chunks for rollout in chunk.rollouts]
    assert sorted((r.group, r.index) for r in rollouts) == [(r.group, r.index) for r in requests]
    assert all(r.response.startswith(f"question {r.group}, ") for r in rollouts)
    assert len({r.response for r in rollouts}) == len(requests) == len(left)
    assert {r.finish_reason for r in rollouts} == {"stop"}


def test_after_the_last_retry_the_evaluation_ends_with_one_line() -> None:
    with pytest.raises(EndpointError) as caught:
        sampled(then(Reply(is_dropped=True)), retries=2)
    words = str(caught.value)
    assert (
        "gave no answer to sample 0 of prompt 'p0' (turn 1, 100 tokens) after 3 attempts: RemoteProtocolError" in words
    )
    assert "run the same command again" in words and "\n" not in words


def test_a_sample_on_which_alone_the_server_fails_is_an_error_of_its_own() -> None:
    def behave(asked: Asked) -> Reply:
        return refuses(500, "CUDA error") if asked.question == "question 1" else says("9")

    seen = sampled(behave, requests_for([make_prompt(n) for n in (1, 0, 1)]), retries=2, concurrency=1)
    assert [r.finish_reason for r in seen.rollouts] == ["error", "stop", "error"]
    assert "after 3 attempts: HTTP 500: CUDA error" in seen.rollouts[0].response and seen.rollouts[0].turns == ()


def test_when_all_samples_fail_the_evaluation_ends_although_the_server_answers_something() -> None:
    def behave(asked: Asked) -> Reply:
        return says("yes") if asked.question == "Say yes." else refuses(500, "no tools here")

    with pytest.raises(EndpointError, match=r"none of the first 8 samples was answered: .*HTTP 500: no tools here"):
        sampled(behave, requests_for([make_prompt()], 20), retries=1)


def test_a_server_that_goes_away_ends_the_evaluation_also_for_samples_that_began_before() -> None:
    is_first = threading.Event()

    def behave(asked: Asked) -> Reply:
        if asked.question == "question 0" and not is_first.is_set():
            is_first.set()
            return Reply(seconds=0.2, is_dropped=True)  # meanwhile another is answered
        return Reply(is_dropped=True) if is_gone.is_set() else says("9")

    is_gone = threading.Event()
    with ChatServer(behave) as server:
        workers = EndpointWorkers(quick(server.url, retries=2, concurrency=2), print)
        workers.start_engines(EngineSettings(MODEL, "float32", {}, 8))
        chunks = workers.sample(requests_for([make_prompt(0), make_prompt(1)]), SAMPLING)
        assert next(chunks).rollouts[0].group == 1
        is_gone.set()
        with pytest.raises(EndpointError, match="gave no answer to sample 0 of prompt 'p0'"):
            next(chunks)
        workers.close()


def test_an_address_far_away_is_reached_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with ChatServer(then(says())) as proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        start("http://far.invalid:8000")
        assert [asked.path for asked in proxy.lists] == ["http://far.invalid:8000/v1/models"]
        with ChatServer(then(says())) as near:
            start(near.url)
            assert [asked.path for asked in near.lists] == ["/v1/models"] and len(proxy.lists) == 1


def test_an_answer_that_takes_too_long_is_asked_for_once_more_and_named() -> None:
    with pytest.raises(EndpointError, match=r"no answer to sample 0 of .*after 2 attempts: no answer within 0.05 s"):
        sampled(then(Reply(seconds=5.0)), request_seconds=0.05)
    seen = sampled(then(Reply(seconds=0.5), says("9")), request_seconds=0.2)
    assert seen.only.response == "9" and len(seen.chats) == 2


def test_a_busy_server_is_asked_for_longer_than_the_retries_and_not_for_ever() -> None:
    seen = sampled(then(*[refuses(429, "slow")] * 6, says("9")), retries=1)
    assert seen.only.response == "9"
    with pytest.raises(EndpointError, match="HTTP 429: slow"):
        sampled(then(refuses(429, "slow")), retries=1, busy_seconds=0.05)


def test_a_pause_that_the_server_asks_for_holds_all_requests() -> None:
    seen = sampled(then(refuses(429, "slow", {"retry-after": "0.3"}), says("9")),
                   requests_for([make_prompt()], 5), concurrency=1)  # fmt: skip
    times = [asked.at for asked in seen.chats]
    assert len(times) == 6 and min(times[1:]) - times[0] > 0.29


def test_a_pause_of_hours_ends_the_evaluation() -> None:
    with pytest.raises(
        EndpointError, match=r"asks to wait 86400 s \(HTTP 429: daily quota\); run the same command again"
    ):
        sampled(then(refuses(429, "daily quota", {"retry-after": "86400"})))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refuses(401, "bad key"), r"refuses access \(HTTP 401: bad key\); put the key into \$NO_SUCH_KEY"),
        (refuses(402, "no credit"), "refuses access"),
        (refuses(403, "no"), "refuses access"),
        (
            refuses(404, "no model"),
            rf"has no model '{MODEL}', or no /chat/completions \(HTTP 404: no model\); it has {MODEL}",
        ),
        (Reply(405), "HTTP 405"),
        (Reply(301, headers={"location": "http://elsewhere/"}), "HTTP 301: the server sends elsewhere"),
    ],
)
def test_what_no_sample_would_survive_ends_the_evaluation_at_once(reply: Reply, words: str) -> None:
    requests = requests_for([make_prompt()], 9)
    num_asked = Counter[str]()

    def behave(asked: Asked) -> Reply:
        num_asked["chats"] += 1
        return reply

    with pytest.raises(EndpointError, match=words):
        sampled(behave, requests, concurrency=1)
    assert num_asked["chats"] == 1


def test_a_quota_that_is_used_up_is_not_asked_again() -> None:
    with pytest.raises(EndpointError, match=r"refuses access \(HTTP 429: exceeded"):
        sampled(then(refuses(429, "exceeded", code="insufficient_quota")), requests_for([make_prompt()], 9))


def test_a_request_that_is_refused_costs_its_sample_only() -> None:
    def behave(asked: Asked) -> Reply:
        is_bad = asked.question == "question 1"
        return refuses(400, "Invalid 'tools[0].function.name'") if is_bad else says("9")

    seen = sampled(behave, requests_for([make_prompt(n) for n in range(3)], 4), concurrency=1)
    assert [r.finish_reason for r in seen.rollouts] == ["stop"] * 4 + ["error"] * 4 + ["stop"] * 4
    assert "refuses the request: HTTP 400: Invalid 'tools[0].function.name'" in seen.rollouts[4].response


def test_when_the_first_samples_are_all_refused_the_evaluation_ends() -> None:
    words = '"auto" tool choice requires --enable-auto-tool-choice'
    with pytest.raises(EndpointError, match=r"none of the first 8 samples was answered: .*HTTP 400: .auto. tool"):
        sampled(then(refuses(400, words)), requests_for([make_prompt()], 20), concurrency=2)


def start(url: str, model: str = MODEL, **changes: object) -> None:
    workers = EndpointWorkers(quick(url, **changes), print)
    try:
        workers.start_engines(EngineSettings(model, "float32", {}, 8))
    finally:
        workers.close()


def test_a_model_that_the_server_does_not_list_is_refused_with_those_that_it_does() -> None:
    others = tuple(f"model-{n}" for n in range(12))
    with ChatServer(then(says()), (*others, "qwen/QwQ-32B", "latest:latest", "models/gemini")) as server:
        with pytest.raises(RecipeError, match=r"has no model 'QwQ-32B'; it has qwen/QwQ-32B, model-0, .* and 5 more"):
            start(server.url, "QwQ-32B")
        for name in ("latest", "gemini", "model-3"):
            start(server.url, name)
        assert server.chats == []


@pytest.mark.parametrize(
    "listed",
    [
        Reply(404, b"not found"),
        Reply(500),
        Reply(501),
        Reply(body=b"hello"),
        Reply(body=b'{"data": []}'),
        Reply(body=b"[]"),
    ],
)
def test_a_server_without_a_list_is_asked_a_first_question(listed: Reply) -> None:
    with ChatServer(then(says("ok")), listed) as server:
        start(server.url)
        assert [(asked.body["model"], asked.body["max_tokens"]) for asked in server.chats] == [(MODEL, 16)]
    with (
        ChatServer(then(refuses(404, "no such model")), listed) as server,
        pytest.raises(EndpointError, match=r"HTTP 404: no such model.*it lists no models"),
    ):
        start(server.url)
    with ChatServer(then(refuses(400, "max_tokens must be at least 64")), listed) as server:
        start(server.url)


def test_a_key_that_is_refused_at_the_start_is_the_users_mistake() -> None:
    with (
        ChatServer(then(says()), refuses(401, "no key")) as server,
        pytest.raises(RecipeError, match=r"refuses access \(HTTP 401: no key\); put the key into \$NO_SUCH_KEY"),
    ):
        start(server.url)


def test_an_address_where_nothing_or_something_else_answers_is_one_line_soon() -> None:
    with ChatServer(then(says())) as server:
        gone = server.url
    began = time.monotonic()
    with pytest.raises(EndpointError, match=r"no list of models after 3 attempts: ConnectError.*OpenAI's interface\?"):
        start(gone)
    with (
        ChatServer(then(Reply(body=b"<html>router</html>")), Reply(body=b"<html>router</html>")) as server,
        pytest.raises(EndpointError, match=r"not the answer of a chat server.*is this the address"),
    ):
        start(server.url)
    assert time.monotonic() - began < 20


def test_the_key_is_sent_and_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-s3cret")
    said: list[str] = []
    seen = sampled(then(refuses(400, "top_k: sk-s3cret"), says("9")), key_variable="MY_KEY")
    said += seen.warnings
    assert {asked.headers["authorization"] for asked in seen.chats} == {"Bearer sk-s3cret"}
    for reply in (refuses(401, "Incorrect API key: sk-s3cret"), refuses(500, "sk-s3cret"), Reply(body=b"sk-s3cret"),
                  Reply(body=b'{"error": "sk-s3cret"}')):  # fmt: skip
        with pytest.raises(OpenqwqError) as caught:
            sampled(then(reply), key_variable="MY_KEY", retries=1)
        said.append(str(caught.value))
    assert len(said) == 5 and not any("s3cret" in words for words in said)
    assert "check the key in $MY_KEY" in said[1]


def test_a_key_on_an_open_road_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-s3cret")
    warnings: list[str] = []
    for url in ("http://10.0.0.1:8000", "https://10.0.0.1:8000", "http://127.0.0.1:8000"):
        EndpointWorkers(quick(url, key_variable="MY_KEY"), warnings.append).close()
    assert warnings == [
        "the key in $MY_KEY is sent to http://10.0.0.1:8000/v1 unencrypted; use https where there is one"
    ]


def test_without_a_key_none_is_sent() -> None:
    assert "authorization" not in sampled(then(says("9"))).chats[0].headers
    assert SAMPLING.temperature == 0.6
