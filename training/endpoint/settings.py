"""Where a chat server is and how it is asked: address, key, limits. The key is read from the environment only."""

import os
import re
from dataclasses import dataclass, field, fields
from ipaddress import ip_address

import httpx2

from openqwq.training.errors import RecipeError

ROUTE = "/chat/completions"


@dataclass(frozen=True)
class EndpointSettings:
    """Example: `EndpointSettings("http://127.0.0.1:8000/v1", requests_per_minute=500)`

    Raises:
        RecipeError: the address is none, or a number is not above 0.
    """

    url: str = field(repr=False)
    """Address of the server, as far as `/v1`; only a host means its `/v1`."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; without it none is sent."""
    concurrency: int = 32
    """Largest number of requests at a time."""
    request_seconds: float = 3600.0
    """How long an answer may take. 32k tokens of thinking take ten minutes at 50 tokens a second."""
    requests_per_minute: float | None = None
    """Largest number of requests that begin in a minute, evenly spread."""
    tokens_per_minute: float | None = None
    """Largest number of tokens in a minute, of prompts and answers together."""
    retries: int = 8
    """How often a request that failed is sent again: lost connections, 5xx, answers that cannot be read."""
    busy_seconds: float = 1800.0
    """How long a request is sent again to a server that answers that it is busy (429)."""
    pause_seconds: float = 0.5
    """Pause before the first retry; each one after it waits twice as long, up to a minute."""
    opens_thinking: bool = False
    """The chat template opens `<think>` in the prompt and the server does not split off the thinking, so an answer
    without `</think>` is nothing but thinking."""

    def __post_init__(self) -> None:
        base_url(self.url)
        for name in (one.name for one in fields(self)):
            value = getattr(self, name)
            if type(value) in (int, float) and not value > 0 and name != "retries":
                raise RecipeError(f"{name} of an endpoint must be above 0, got {value}")
        if self.retries < 0:
            raise RecipeError(f"retries of an endpoint must be at least 0, got {self.retries}")


def base_url(url: str) -> httpx2.URL:
    """The address that routes are appended to; a query, which some services want, stays.

    Raises:
        RecipeError: it is none, or holds a password.
    """
    try:
        parsed = httpx2.URL(url.strip())
    except (httpx2.InvalidURL, TypeError, AttributeError) as problem:
        raise RecipeError(f"endpoint {_masked(url)}: {problem}; give it as http://host:port/v1") from problem
    if parsed.userinfo:
        raise RecipeError("the endpoint's address holds a password; give the key in an environment variable instead")
    if parsed.scheme not in ("http", "https") or not parsed.host or not 0 < (parsed.port or 80) < 1 << 16:
        raise RecipeError(f"endpoint {_masked(url)} is no address; give it as http://host:port/v1")
    path = parsed.path.rstrip("/").removesuffix(ROUTE).rstrip("/")
    return parsed.copy_with(path=path or "/v1", fragment=None)


def _masked(url: object) -> str:
    """What stands there instead of an address, without what may be a secret in it."""
    return repr(re.sub(r"//[^/]*@", "//***@", url.partition("?")[0]) if isinstance(url, str) else url)


def shown(url: httpx2.URL) -> str:
    """The address in messages, without its query, which may hold a secret."""
    return str(url.copy_with(query=None))


def read_key(variable: str) -> str | None:
    """The key in this environment variable, None where it is unset or empty.

    Raises:
        RecipeError: it cannot stand in a header; the message does not hold it.
    """
    key = os.environ.get(variable, "").strip()
    if not all("!" <= character <= "~" for character in key):
        raise RecipeError(f"the key in ${variable} holds blanks or characters beyond ASCII; set it again")
    return key or None


def is_loopback(url: httpx2.URL) -> bool:
    """Whether the address is of this machine."""
    try:
        return url.host == "localhost" or ip_address(url.host).is_loopback
    except ValueError:
        return False
