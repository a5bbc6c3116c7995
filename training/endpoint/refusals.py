"""What a server's refusal says: its words in one line, a prompt that is too long, parameters that it does not take.
Pure; servers word it as they like, so these are lists of what is in use."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

SHOWN, MAX_READ = 300, 10_000
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|context_window_exceeded|maximum context length"
    r"|context (?:length|size|window)[^.]*(?:exceed|too)|(?:exceed|longer than|greater than|larger than)[^.]*context"
    r"|(?:prompt|input)[^.]{0,40}(?:is )?too (?:long|large for)|maximum (?:prompt|input|model) length"
    r"|input token count|allowed input length|max_new_tokens` must be <="
    r"|reduce the length of the (?:messages|prompt|input)",
    re.IGNORECASE,
)
_HELD = re.compile(r"(?:context|model|prompt|input) (?:length|size|window)[^0-9]{0,30}([0-9]+)", re.IGNORECASE)
_ASKED = re.compile(
    r"(?P<least>at least )?(?:(?P<a>[0-9]+) (?:in the (?:messages|prompt)|input tokens|tokens from the input|`inputs`)"
    r"|resulted in (?P<b>[0-9]+)|(?:input|request) \((?P<c>[0-9]+) tokens)",
    re.IGNORECASE,
)


class Refused(Exception):
    """The server refuses a request, and would at every retry. `words`: its own, in one line; `marks`: the code, type
    and parameter that it gives beside them."""

    def __init__(self, status: int, words: str, marks: str = "") -> None:
        super().__init__(f"HTTP {status}: {words[:SHOWN]}")
        self.status, self.said = status, f"{words} {marks}"


def words_of(content: bytes, secret: str | None = None) -> tuple[str, str]:
    """The message of an error body in one line, and the code, type and parameter beside it; without the secret."""
    text = content[:MAX_READ].decode(errors="replace")
    if secret:
        text = text.replace(secret, "***")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        tree = re.sub(r"(?is)<(script|style).*?</\1>|<[^>]*>", " ", text)  # a proxy's page
    error = tree.get("error", tree) if isinstance(tree, Mapping) else None
    marks = [str(error.get(key)) for key in ("param", "code", "type")] if isinstance(error, Mapping) else []
    return " ".join(_message(tree).split()) or "no message", " ".join(marks)


def _message(tree: Any) -> str:
    """The message in the forms that are in use: OpenAI's, a bare text, FastAPI's list of details."""
    if isinstance(tree, list):
        return "; ".join(map(_message, tree[:3]))
    if not isinstance(tree, Mapping):
        return str(tree)
    place = ".".join(str(part) for part in tree["loc"] if part != "body") if isinstance(tree.get("loc"), list) else ""
    for key in ("error", "message", "detail", "msg"):
        if tree.get(key):
            return f"{place}: {_message(tree[key])}" if place else _message(tree[key])
    return json.dumps(tree)


def is_too_long(refusal: Refused) -> bool:
    """Whether prompt and answer do not fit into what the model holds."""
    return refusal.status in (400, 413, 422) and bool(_TOO_LONG.search(refusal.said))


def room_left(said: str) -> int | None:
    """Tokens that the refusal leaves for an answer, 0 or less when the prompt alone is too long; None where it does not
    say."""
    held, asked = _HELD.search(said), _ASKED.search(said)
    if held is None or asked is None or asked["least"]:
        return None
    return int(held[1]) - int(asked["a"] or asked["b"] or asked["c"])


def refused_names(refusal: Refused, names: Iterable[str]) -> list[str]:
    """Those of the parameters that the refusal names."""
    return [name for name in names if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", refusal.said)]
