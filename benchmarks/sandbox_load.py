"""Many clients, honest and hostile programs mixed: no wrong verdict, no lost request, flat memory. Prints JSON.

`python -m benchmarks.sandbox_load [--clients 64] [--programs 2000] [--hostile 0.1]`

Clients are threads with one kept connection each. An answer 429 is tried again after the pause it asks for, as a
user's client does, and counted; the latency of a program counts from its first try. Exit status 1 when a verdict is
wrong or an error, a request is lost, the server stops answering, or its memory grows beyond the bound.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from benchmarks.measuring import (
    BadAnswer,
    KeepAliveClient,
    in_threads,
    machine,
    milliseconds,
    print_report,
    request,
    run_request,
)
from benchmarks.mixture import Sample, draw
from benchmarks.processes import lasting_rss_mb, tree_rss_mb
from openqwq.sandbox import start_server

DEFAULT_PAUSE_SECONDS = 0.2


@dataclass
class Tally:
    """What the clients saw; shared by their threads, which only append and count under the lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    verdicts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    honest_seconds: list[float] = field(default_factory=list)
    hostile_seconds: list[float] = field(default_factory=list)
    num_429: int = 0


class MemoryWatch:
    """The resident memory of the server's process tree, with and without the jails, once a second until closed."""

    def __init__(self, pid: int, every_seconds: float = 1.0) -> None:
        self.tree: list[tuple[float, float]] = []
        self.lasting: list[tuple[float, float]] = []
        self._pid, self._every_seconds = pid, every_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        started = time.monotonic()
        while not self._stop.wait(self._every_seconds):
            seconds = time.monotonic() - started
            self.tree.append((seconds, tree_rss_mb(self._pid)))
            self.lasting.append((seconds, lasting_rss_mb(self._pid)))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


def memory_report(start: float, end: float, samples: list[tuple[float, float]]) -> dict[str, float]:
    """Megabytes; the slope is the least squares' over the samples, in megabytes a minute."""
    slope = 0.0
    if len(samples) > 2:
        times, values = zip(*samples, strict=True)
        mean_time, mean_value = sum(times) / len(times), sum(values) / len(values)
        spread = sum((moment - mean_time) ** 2 for moment in times)
        slope = 60 * sum((moment - mean_time) * (value - mean_value) for moment, value in samples) / spread
    maximum = max((value for _, value in samples), default=end)
    return {"start": start, "end": end, "maximum": maximum, "slope_per_minute": round(slope, 2)}


def send_until_taken(
    client: KeepAliveClient, sample: Sample, data: bytes, tally: Tally, deadline_seconds: float
) -> None:
    """Send one program until it is taken, and compare its verdict."""
    started = time.monotonic()
    try:
        while (answer := client.send(data)).status == 429:
            with tally.lock:
                tally.num_429 += 1
            if time.monotonic() - started > deadline_seconds:
                break
            time.sleep((answer.retry_after_seconds or DEFAULT_PAUSE_SECONDS) * random.uniform(0.5, 1.0))
        verdict = answer.verdict
    except (BadAnswer, OSError, ValueError, KeyError) as problem:
        client.close()
        with tally.lock:
            tally.lost.append(f"{sample.name}: {type(problem).__name__}: {problem}")
        return
    with tally.lock:
        tally.verdicts[verdict] += 1
        (tally.hostile_seconds if sample.is_hostile else tally.honest_seconds).append(time.monotonic() - started)
        if verdict != sample.verdict:
            text = answer.body[:400].decode(errors="replace")
            tally.wrong.append(f"{sample.name}: wanted {sample.verdict}, got {verdict}: {text}")


def run_load(url: str, samples: list[Sample], num_clients: int, deadline_seconds: float) -> tuple[Tally, float]:
    """All programs, shared by the clients as they become free; what was seen and the wall seconds."""
    tally, queue, lock = Tally(), iter(samples), threading.Lock()
    requests = {sample.name: run_request(sample.job) for sample in samples}

    def client(_: int) -> None:
        connection = KeepAliveClient(url)
        while True:
            with lock:
                sample = next(queue, None)
            if sample is None:
                break
            send_until_taken(connection, sample, requests[sample.name], tally, deadline_seconds)
        connection.close()

    return tally, in_threads(num_clients, client)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64, help="at the same time (default 64)")
    parser.add_argument("--programs", type=int, default=2000, help="in all (default 2000)")
    parser.add_argument("--hostile", type=float, default=0.1, help="their share (default 0.1)")
    parser.add_argument("--workers", type=int, default=None, help="programs at a time (default: one a core)")
    parser.add_argument("--queue-limit", type=int, default=1024, help="below --clients it makes 429s (default 1024)")
    parser.add_argument("--deadline-seconds", type=float, default=300.0, help="for one program, retries included")
    parser.add_argument(
        "--growth-mb", type=float, default=64.0, help="allowed growth of the tree's memory (default 64)"
    )
    parser.add_argument("--settle-seconds", type=float, default=2.0, help="before the last look at the memory")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    report: dict[str, Any] = {"benchmark": "sandbox_load", **machine(), **vars(arguments)}
    samples = list(draw(arguments.seed, arguments.programs, arguments.hostile, 0.3, only_quick=False))
    with start_server(arguments.workers, queue_limit=arguments.queue_limit) as server:
        run_load(server.url, [sample for sample in samples if not sample.is_hostile][:200], 8, 60.0)  # warm
        rss_start, lasting_start = tree_rss_mb(server.pid), lasting_rss_mb(server.pid)
        watch = MemoryWatch(server.pid)
        tally, wall = run_load(server.url, samples, arguments.clients, arguments.deadline_seconds)
        watch.close()
        health = KeepAliveClient(server.url, 30.0).send(request("GET", "/health")).status
        time.sleep(arguments.settle_seconds)
        rss_end, lasting_end = tree_rss_mb(server.pid), lasting_rss_mb(server.pid)
    report |= {
        "num_hostile": sum(sample.is_hostile for sample in samples),
        "seconds": round(wall, 2),
        "programs_per_second": round(len(samples) / wall, 2),
        "verdicts": dict(tally.verdicts),
        "num_wrong_verdicts": len(tally.wrong) - tally.verdicts["error"],
        "num_errors": tally.verdicts["error"],
        "num_lost": len(samples) - sum(tally.verdicts.values()),
        "num_answers_429_retried": tally.num_429,
        "honest_latency": milliseconds(tally.honest_seconds),
        "hostile_latency": milliseconds(tally.hostile_seconds),
        "rss_mb_of_the_tree": memory_report(rss_start, rss_end, watch.tree),
        "rss_mb_without_jails": memory_report(lasting_start, lasting_end, watch.lasting),
        "num_memory_samples": len(watch.tree),
    }
    violations = [*tally.wrong[:20], *tally.lost[:20]]
    if report["num_lost"] > len(tally.lost):
        violations.append(f"{report['num_lost']} of {len(samples)} requests have no answer")
    if health != 200:
        violations.append(f"/health answers {health} after the load")
    if lasting_end - lasting_start > arguments.growth_mb:
        violations.append(f"memory grew from {lasting_start} to {lasting_end} MB, allowed {arguments.growth_mb:g} MB")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
