"""Where the code verifier finds its sandbox, and what becomes of its connection."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from openqwq.sandbox import Job, SandboxClient, TestCase
from openqwq.sandbox.loop_thread import SandboxClosed
from openqwq.verifiers.code_answer.verifier import CodeVerifier
from tests.verifiers.told_sandbox import Told

CALL = {"entry_point": "f", "tests": [{"input": [2], "output": 4}]}


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    server = Told()
    with server.remote:
        yield server


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        (None, []),
        ("http://a:1", ["http://a:1"]),
        (" http://a:1 , http://b:2,", ["http://a:1", "http://b:2"]),
        (["http://a:1", " "], ["http://a:1"]),
        ("", []),
    ],
)
def test_the_addresses_are_a_list_or_a_text_with_commas(
    monkeypatch: pytest.MonkeyPatch, url: Any, urls: list[str]
) -> None:
    assert CodeVerifier(url).urls == urls
    monkeypatch.setenv("OPENQWQ_SANDBOX_URL", "http://env:3, http://env:4")
    verifier = CodeVerifier(url, timeout_seconds=7.0)
    client = verifier._connected()
    assert client.urls == (urls or ["http://env:3", "http://env:4"])
    assert client.timeout_seconds == 7.0
    assert verifier._connected() is client
    verifier.close()


def test_the_defaults_of_the_verifier() -> None:
    verifier = CodeVerifier("http://a:1")
    client = verifier._connected()
    assert isinstance(client, SandboxClient) and client.timeout_seconds == 120.0
    verifier.close()


def test_a_closed_verifier_connects_anew(told: Told) -> None:
    verifier = CodeVerifier(told.remote.url)
    first = verifier._connected()
    verifier.close()
    verifier.close()
    with pytest.raises(SandboxClosed):
        first.run(Job("x", tests=(TestCase("", ""),)))
    assert verifier.verify("x = 1", {"reference": CALL}).score == 1.0
    assert verifier._connected() is not first


def test_a_copy_has_the_same_settings_and_a_connection_of_its_own(told: Told) -> None:
    built = CodeVerifier(told.remote.url, time_seconds=1.5, memory_mb=96, timeout_seconds=7.0)
    client = built._connected()
    copy = pickle.loads(pickle.dumps(built))
    assert (copy.urls, copy.limits, copy.timeout_seconds) == (built.urls, built.limits, 7.0)
    assert copy.verify("x = 1", {"reference": CALL}).score == 1.0
    assert copy._connected() is not client
    copy.close()
    built.close()


def test_nothing_to_run_opens_no_connection() -> None:
    verifier = CodeVerifier("http://127.0.0.1:9")
    assert verifier.verify_many([], []) == []
    assert verifier.verify("<think>x", {"reference": CALL}).score == 0.0
    assert verifier._client is None
