"""The math verifier from threads, an event loop, a forked child and a Ray actor; and with its worker killed. JSON.

`python -m benchmarks.math_concurrency [--labelled FILE.jsonl] [--pairs 400] [--ray off]`

Every way of calling must give the verdicts of a serial caller and raise nothing. Some pairs need the last tier, whose
worker is also killed with SIGKILL in the middle of a check.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.math_pairs import PAIRS, Pair, check_pairs, own_corpus, peer_check, read_pairs
from benchmarks.measuring import machine, print_report
from benchmarks.processes import descendants
from openqwq.verifiers import get_verifier

NUM_THREADS = 8
Verdict = tuple[str, float | None]
LAST_TIER = [
    Pair(f"limit-{n}", "last tier", rf"\lim_{{x \to {n}}} x^2", rf"\boxed{{{n * n + n % 2}}}", n % 2 == 0)
    for n in range(2, 12)
]
SLOW = Pair("slow", "last tier", r"\int_0^{5} \frac{\sin(x^3)}{x^2+e^x} dx", r"\boxed{\frac{1}{3}}", False)


def verdict(pair: Pair) -> Verdict:
    """Status and score, by the verifier of this process."""
    found = get_verifier("math").verify(pair.response, {"reference": pair.gold})
    return found.status, found.score


def serially(pairs: Sequence[Pair]) -> list[Verdict]:
    return [verdict(pair) for pair in pairs]


def from_threads(pairs: Sequence[Pair]) -> list[Verdict]:
    with ThreadPoolExecutor(NUM_THREADS) as threads:
        return list(threads.map(verdict, pairs))


def from_asyncio(pairs: Sequence[Pair]) -> list[Verdict]:
    async def gathered() -> list[Verdict]:
        return list(await asyncio.gather(*(asyncio.to_thread(verdict, pair) for pair in pairs)))

    return asyncio.run(gathered())


def from_a_forked_child(pairs: Sequence[Pair]) -> list[Verdict]:
    """Forked while this process has live workers and its verifier's threads are at work."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=lambda: theirs.send(serially(pairs)))
    busy = threading.Thread(target=serially, args=(LAST_TIER,))
    busy.start()
    child.start()
    if not ours.poll(300.0):
        child.kill()
        raise TimeoutError("the forked child gave no verdict in 300 s")
    found: list[Verdict] = ours.recv()
    child.join()
    busy.join()
    return found


def from_a_ray_actor(pairs: Sequence[Pair]) -> list[Verdict]:
    import ray

    ray.init("local", num_cpus=1, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    try:
        actor = ray.remote(RemoteGrader).remote()
        found: list[Verdict] = ray.get(actor.grade.remote(list(pairs)))
        return found
    finally:
        ray.shutdown()


class RemoteGrader:
    """What the Ray actor runs."""

    def grade(self, pairs: Sequence[Pair]) -> list[Verdict]:
        return from_threads(pairs)


def peer_errors_in_a_thread() -> int:
    """How many of the built-in pairs Math-Verify cannot check outside of the main thread, with its own time-outs on."""
    with ThreadPoolExecutor(1) as thread:
        _, _, outcomes = thread.submit(check_pairs, peer_check(), PAIRS).result()
    return sum(outcome.status == "raised" for outcome in outcomes)


def with_a_killed_worker() -> dict[str, Any]:
    """Kill every helper of the verifier while it checks: the check must end in a verdict and the next one be right."""
    verdict(LAST_TIER[0])
    timer = threading.Timer(0.05, kill_helpers)
    timer.start()
    started = time.perf_counter()
    hit = verdict(SLOW)
    timer.join()
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    after = verdict(LAST_TIER[0])
    return {
        "verdict_of_the_hit_check": hit,
        "seconds_of_the_hit_check": round(seconds, 3),
        "next_check_is_right": after == ("scored", float(LAST_TIER[0].is_correct)),
        "seconds_of_the_next_check": round(time.perf_counter() - started, 3),
    }


def kill_helpers() -> None:
    for process in descendants(os.getpid()):
        if b"math_answer.worker" in Path(f"/proc/{process.pid}/cmdline").read_bytes():
            os.kill(process.pid, signal.SIGKILL)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", type=Path, default=None, help="JSON lines (default: the project's own corpus)")
    parser.add_argument("--pairs", type=int, default=400, help="from that file (default 400)")
    parser.add_argument("--ray", choices=("on", "off"), default="on", help="also in a Ray actor (default on)")
    arguments = parser.parse_args(words)
    chosen = read_pairs(arguments.labelled) if arguments.labelled else own_corpus()
    random.Random(0).shuffle(chosen)
    pairs = [*chosen[: arguments.pairs], *LAST_TIER, *PAIRS]
    expected = serially(pairs)
    ways: dict[str, Callable[[Sequence[Pair]], list[Verdict]]] = {
        f"{NUM_THREADS} threads": from_threads,
        "asyncio": from_asyncio,
        "forked child": from_a_forked_child,
    }
    if arguments.ray == "on":
        ways["Ray actor"] = from_a_ray_actor
    report: dict[str, Any] = {"benchmark": "math_concurrency", **machine(), "pairs": len(pairs)}
    report["not_scored"] = sum(status != "scored" for status, _ in expected)
    violations = []
    for name, way in ways.items():
        try:
            found = way(pairs)
        except Exception as error:
            violations.append(f"{name}: {type(error).__name__}: {error}")
            continue
        report[name] = {"differences": sum(a != b for a, b in zip(expected, found, strict=True))}
        if report[name]["differences"]:
            violations.append(f"{name}: {report[name]['differences']} verdicts differ from the serial ones")
    report["Math-Verify in a thread"] = {"pairs": len(PAIRS), "raised": peer_errors_in_a_thread()}
    report["killed worker"] = with_a_killed_worker()
    if not report["killed worker"]["next_check_is_right"]:
        violations.append("the check after a killed worker is wrong")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
