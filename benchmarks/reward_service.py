"""What do chunked requests to a reward model's service save, and which samples does a failing one mask? Prints JSON.

The service is our own (`openqwq.verifiers.scoring.server`), in a process of its own on loopback, with a reward model of
the tiny base's size. Items are held-out answers of the tiny pairs, each another one. Rounds are interleaved; medians.
`one_by_one`: a request for each answer, one after another. `chunked`: the verifier's defaults. `loopback`: the model
computes on the CPU that the client also has, so most of a request is arithmetic which no chunk saves. `far`: a service
that takes 20 ms for a request, whatever it holds, as one on a GPU behind a network nearly does. Then services that fail
in each way on one of 512 answers. Exit status 1 below 10 times for `far`, where chunks are slower on loopback, where
scores differ, or where another sample than that one is masked.

    python -m benchmarks.reward_service
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.measuring import interleave, machine, print_report, summary
from openqwq.training.config import Source
from openqwq.training.models import locate
from openqwq.training.prompts.sources import load_rows
from openqwq.training.supervised.encoding import pair_texts
from openqwq.verifiers.scoring.delivery import Limits
from openqwq.verifiers.scoring.item import Item
from openqwq.verifiers.scoring.services import OwnForm, ServiceScorer

MIN_RATIO = 10.0
FAR_SECONDS = 0.02
MAX_GAP = 1e-4
BAD = "the one that fails"
SLOW_SECONDS = 3.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    items = _items(asked.items)
    report: dict[str, Any] = {**machine(), "items": len(items)}
    with tempfile.TemporaryDirectory() as folder:
        _save_model(Path(folder))
        with _our_service(folder) as url:
            report["loopback"] = _compare(url, items, asked.rounds)
    with _told(lambda body: _after(FAR_SECONDS, _lengths(body))) as url:
        report["far"] = _compare(url, items, asked.rounds)
    report["failures"] = {name: _masked(name) for name in FAILURES}
    wrong = [name for name, found in report["failures"].items() if found["masked"] != ["the one"]]
    if report["far"]["ratio"] < MIN_RATIO:
        wrong.append("far: less than 10 times one by one")
    if report["loopback"]["ratio"] < 1:
        wrong.append("loopback: slower than one by one")
    if max(report[name]["largest_gap_of_scores"] for name in ("far", "loopback")) > MAX_GAP:
        wrong.append("chunks change scores")
    return print_report(report, wrong)


def _items(count: int) -> list[Item]:
    rows = load_rows(Source(source="data/tiny/preferences_heldout.jsonl"))
    texts = [(messages, text) for messages, *sides in map(pair_texts, rows) for text in sides]
    return [
        Item(tuple(messages), f"{text} {n}")
        for n, (messages, text) in enumerate(texts[k % len(texts)] for k in range(count))
    ]


def _save_model(folder: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(0)
    base = locate("data/tiny/base")
    AutoModelForSequenceClassification.from_pretrained(base, num_labels=1).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)


@contextmanager
def _our_service(folder: str) -> Iterator[str]:
    command = [sys.executable, "-m", "openqwq.verifiers.scoring.server", "--model", folder, "--port", "0"]
    process = subprocess.Popen([*command, "--batch-size", "64"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait()


def _compare(url: str, items: Sequence[Item], num_rounds: int) -> dict[str, Any]:
    single = ServiceScorer(url, OwnForm(200_000), Limits(chunk_items=1, parallel=1))
    chunked = ServiceScorer(url, OwnForm(200_000), Limits())
    scores: dict[str, list[Any]] = {}

    def timed(name: str, scorer: ServiceScorer) -> float:
        start = time.perf_counter()
        scores[name] = [outcome.value for outcome in scorer.outcomes_now(items)]
        return len(items) / (time.perf_counter() - start)

    for name, scorer in (("one_by_one", single), ("chunked", chunked)):  # the first requests open connections
        timed(name, scorer)
    rates = interleave(
        {"one_by_one": lambda: timed("one_by_one", single), "chunked": lambda: timed("chunked", chunked)}, num_rounds
    )
    single.close()
    chunked.close()
    gap = max(abs(one - other) for one, other in zip(scores["one_by_one"], scores["chunked"], strict=True))
    ratios = [fast / slow for fast, slow in zip(rates["chunked"], rates["one_by_one"], strict=True)]
    return {
        "items_per_second": {name: summary(values, 1) for name, values in rates.items()},
        "ratio": summary(ratios)["median"],
        "largest_gap_of_scores": gap,
    }


Reply = tuple[int, bytes] | None


def _lengths(body: Any) -> Reply:
    return _scores([float(len(item["response"])) for item in body["items"]])


def _scores(values: Sequence[Any]) -> Reply:
    return 200, json.dumps({"scores": values}).encode()


def _instead(value: Any) -> Callable[[Any], Reply]:
    return lambda body: _scores([value if item["response"] == BAD else 1.0 for item in body["items"]])


def _after(seconds: float, reply: Reply) -> Reply:
    time.sleep(seconds)
    return reply


FAILURES: dict[str, Callable[[Any], Reply]] = {
    "null score": _instead(None),
    "NaN": _instead(math.nan),
    "a text": _instead("high"),
    "wrong length": lambda body: _scores([1.0] * (len(body["items"]) + 1)),
    "no JSON": lambda body: (200, b"oops"),
    "503": lambda body: (503, b"no room"),
    "422": lambda body: (422, b"no"),
    "connection lost": lambda body: None,
    "slow": lambda body: _after(SLOW_SECONDS, (200, b"{}")),
}


def _masked(name: str) -> dict[str, Any]:
    """Which of 512 samples a service masks that fails in this way on every request that holds one of them."""
    answers = [f"answer {number}" for number in range(511)]
    answers.insert(300, BAD)
    count = [0]

    def reply(body: Any) -> Reply:
        count[0] += 1
        has_it = any(item["response"] == BAD for item in body["items"])
        return FAILURES[name](body) if has_it else _lengths(body)

    with _told(reply) as url:
        limits = Limits(request_seconds=1.0, deadline_seconds=60.0, retries=2, pause_seconds=0.05)
        scorer = ServiceScorer(url, OwnForm(200_000), limits)
        start = time.perf_counter()
        outcomes = scorer.outcomes_now([Item(({"role": "user", "content": "q"},), answer) for answer in answers])
        seconds = time.perf_counter() - start
        scorer.close()
    lost = [answer for answer, outcome in zip(answers, outcomes, strict=True) if outcome.value is None]
    masked = ["the one" if answer == BAD else answer for answer in lost]
    return {"masked": masked, "of": len(answers), "requests": count[0], "seconds": round(seconds, 2)}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    reply: Callable[[Any], Reply]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        reply = self.server.reply(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        if reply is None:
            self.close_connection = True
            return
        try:
            self.send_response(reply[0])
            self.send_header("content-length", str(len(reply[1])))
            self.end_headers()
            self.wfile.write(reply[1])
            self.wfile.flush()
        except OSError:  # the client has gone
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def _told(reply: Callable[[Any], Reply]) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.reply = reply
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    sys.exit(main())
