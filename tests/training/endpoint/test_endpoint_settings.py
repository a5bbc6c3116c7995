"""Addresses and keys: what is taken, what is refused, and that no message holds a secret."""

from __future__ import annotations

from typing import Any

import pytest

from openqwq.training.endpoint.settings import EndpointSettings, base_url, is_loopback, read_key, shown
from openqwq.training.errors import RecipeError


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://a:8000", "http://a:8000/v1"),
        (" http://a:8000/ ", "http://a:8000/v1"),
        ("http://a/v1/", "http://a/v1"),
        ("https://a/api/v1", "https://a/api/v1"),
        ("https://a/v1beta/openai/", "https://a/v1beta/openai"),
        ("http://a/v1/chat/completions", "http://a/v1"),
        ("https://a/openai/v1/chat/completions/?api-version=2#x", "https://a/openai/v1?api-version=2"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_an_address_is_taken_with_and_without_its_routes(url: str, base: str) -> None:
    assert str(base_url(url)) == base


@pytest.mark.parametrize(
    "url",
    ["", "a:8000", "localhost/v1", "ftp://a/v1", "http://", "http:///v1", "http://a:b", "http://a:99999", 5, None],
)
def test_what_is_no_address_is_refused_with_an_example(url: Any) -> None:
    with pytest.raises(RecipeError, match=r"endpoint .*http://host:port/v1"):
        EndpointSettings(url)


def test_no_message_holds_a_password_or_a_query() -> None:
    with pytest.raises(RecipeError) as caught:
        base_url("https://me:s3cret@a/v1")
    assert "s3cret" not in str(caught.value) and "environment variable" in str(caught.value)
    for url in ("https://me:s3cret@a:b/v1", "ftp://a/v1?key=s3cret"):
        with pytest.raises(RecipeError) as caught:
            base_url(url)
        assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(EndpointSettings("https://a/v1?key=s3cret"))
    assert shown(base_url("https://a/v1?key=s3cret")) == "https://a/v1"


@pytest.mark.parametrize("name", ["concurrency", "request_seconds", "requests_per_minute", "tokens_per_minute",
                                  "busy_seconds", "pause_seconds"])  # fmt: skip
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_are_above_zero(name: str, value: float) -> None:
    with pytest.raises(RecipeError, match=f"{name} of an endpoint must be above 0"):
        EndpointSettings("http://a", **{name: value})  # type: ignore[arg-type]


def test_no_retry_is_allowed_and_less_is_not() -> None:
    assert EndpointSettings("http://a", retries=0).retries == 0
    with pytest.raises(RecipeError, match="retries"):
        EndpointSettings("http://a", retries=-1)


def test_the_key_comes_from_the_environment_and_from_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", " sk-abc\n")
    assert read_key("MY_KEY") == "sk-abc"
    assert "sk-abc" not in repr(EndpointSettings("http://a", key_variable="MY_KEY"))
    monkeypatch.setenv("MY_KEY", "")
    assert read_key("MY_KEY") is None and read_key("NO_SUCH_KEY") is None


@pytest.mark.parametrize("key", ["sk a", "sk-ä", "sk\r\nx: y"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", key)
    with pytest.raises(RecipeError, match=r"the key in \$MY_KEY") as caught:
        read_key("MY_KEY")
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "is_here"),
    [("http://127.0.0.1:1", True), ("http://localhost", True), ("http://[::1]", True), ("http://127.9.9.9", True),
     ("http://10.0.0.1", False), ("http://a.example", False), ("http://localhost.example", False)],
)  # fmt: skip
def test_this_machine_is_known_by_its_address(url: str, is_here: bool) -> None:
    assert is_loopback(base_url(url)) is is_here
