"""A reward model behind our own HTTP service: `python -m openqwq.verifiers.scoring.server --model FOLDER`.

POST any path {"items": [{"prompt", "response"}]} -> {"scores": [number or null], "problems": {"3": "why"}}, raw scores
in order. GET -> {"status": "ok"}. It has no password: it listens on this machine only unless `--host` says otherwise.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openqwq.verifiers.prompts import prompt_messages
from openqwq.verifiers.scoring.item import Item, Outcome, Scorer
from openqwq.verifiers.scoring.local_model import ModelScorer

MAX_BYTES = 64 << 20
MAX_ITEMS = 4096
IDLE_SECONDS = 60.0
"""After so long without a byte a connection is closed."""


class Refusal(ValueError):
    """A request that is not answered, with its HTTP status."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def items_of(body: bytes) -> list[Item]:
    """The items of a request.

    Raises:
        Refusal: 400 or 413, with what is wrong.
    """
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise Refusal(400, f"the body is no JSON: {problem}") from problem
    entries = tree.get("items") if isinstance(tree, dict) else None
    if not isinstance(entries, list):
        raise Refusal(400, 'the body is {"items": [{"prompt", "response"}, ...]}')
    if len(entries) > MAX_ITEMS:
        raise Refusal(413, f"{len(entries)} items; at most {MAX_ITEMS} in a request")
    return [_item(place, entry) for place, entry in enumerate(entries)]


def _item(place: int, entry: Any) -> Item:
    if not isinstance(entry, dict) or not isinstance(entry.get("response"), str):
        raise Refusal(400, f"item {place} needs a prompt (text or messages) and a response (text)")
    messages = prompt_messages(entry.get("prompt"))
    if not messages:
        raise Refusal(400, f"item {place} has no prompt")
    return Item(tuple(messages), entry["response"])


def answer_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The answer to a request."""
    problems = {str(place): one.problem for place, one in enumerate(outcomes) if one.value is None}
    return {"scores": [one.value for one in outcomes], **({"problems": problems} if problems else {})}


class ScoreServer(ThreadingHTTPServer):
    """Serves a scorer. More than `max_waiting` requests at once get a 429, which clients send again."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], scorer: Scorer, max_waiting: int = 64) -> None:
        super().__init__(address, _Handler)
        self.scorer = scorer
        self.room = threading.BoundedSemaphore(max_waiting)


class _Handler(BaseHTTPRequestHandler):
    server: ScoreServer
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        self._send(200, {"status": "ok"})

    def do_POST(self) -> None:
        try:
            body = self._body()
        except Refusal as refusal:  # what is left of it would be read as the next request
            self.close_connection = True
            self._send(refusal.status, {"error": str(refusal)})
            return
        if not self.server.room.acquire(blocking=False):
            self._send(429, {"error": "too many requests at once"}, {"retry-after": "1"})
            return
        try:
            status, tree = 200, answer_of(self.server.scorer.outcomes_now(items_of(body)))
        except Refusal as refusal:
            status, tree = refusal.status, {"error": str(refusal)}
        finally:
            self.server.room.release()  # before the answer: who reads it may ask again at once
        self._send(status, tree)

    def _body(self) -> bytes:
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            raise Refusal(411, "a content-length is needed")
        if len(length) > 12 or int(length) > MAX_BYTES:
            raise Refusal(413, f"more than {MAX_BYTES >> 20} MB")
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            raise Refusal(400, "the body ended early")
        return body

    def _send(self, status: int, tree: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        content = json.dumps(tree).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a line for each request would be the slowest part of it."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the reward model")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    parser.add_argument("--batch-size", type=int, default=16, help="answers in one forward pass")
    parser.add_argument("--max-tokens", type=int, default=4096, help="longer texts keep beginning and end")
    asked = parser.parse_args(arguments)
    scorer = ModelScorer(asked.model, asked.batch_size, asked.max_tokens, asked.device)
    [first] = scorer.outcomes_now([Item(({"role": "user", "content": "?"},), "!")])
    if first.value is None:
        raise SystemExit(f"the reward model does not score: {first.problem}")
    server = ScoreServer((asked.host, asked.port), scorer)
    print(f"scores on http://{asked.host}:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
