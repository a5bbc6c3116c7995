"""Very many programs through one server: nothing may be left behind. Prints JSON.

`python -m benchmarks.sandbox_soak [--programs 100000] [--hostile 0.02] [--replacements 4]`

Compared before and after: processes under the server and on the host, orphans (this script adopts them), mounts,
open descriptors, files in the folders that programs might reach, resident memory. A worker is killed a few times on
the way, so that its replacement is part of what must not leak. Exit status 1 on a leak, a wrong verdict or a lost
request. With `--shared-machine`, where others write to the temporary folder, new files are listed and are no leak.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.measuring import KeepAliveClient, in_threads, machine, print_report, request, run_request
from benchmarks.mixture import draw
from benchmarks.processes import (
    adopt_orphans,
    descendants,
    lasting_rss_mb,
    num_descriptors,
    num_mounts,
    num_with_command,
)
from benchmarks.sandbox_load import Tally, send_until_taken
from openqwq.sandbox import start_server

ROOT = str(Path(__file__).absolute().parents[1])
FOLDERS = (tempfile.gettempdir(), "/dev/shm")
DEADLINE_SECONDS = 300.0
RSS = "rss_mb_without_jails"
Table = dict[str, Any]


def files() -> list[str]:
    """Entries of the shared folders; nothing below them."""
    found = []
    for folder in FOLDERS:
        with contextlib.suppress(OSError):
            found += [f"{folder}/{name}" for name in os.listdir(folder)]
    return sorted(found)


def look(pid: int) -> Table:
    """What the host holds for the server now. Lists are by kind of process, so that a replaced worker counts alike."""
    below = descendants(pid)
    ours = {pid, os.getpid(), *(process.pid for process in below)}
    descriptors: dict[str, list[int | None]] = {"server": [num_descriptors(pid)]}
    mounts: dict[str, list[int | None]] = {"server": [num_mounts(pid)]}
    for process in below:
        descriptors.setdefault(process.kind, []).append(num_descriptors(process.pid))
        mounts.setdefault(process.kind, []).append(num_mounts(process.pid))
    return {
        "processes_under_server": dict(Counter(process.kind for process in below)),
        "orphans": sum(process.pid not in ours for process in descendants(os.getpid())),
        "processes_on_host": num_with_command("openqwq.sandbox", ROOT),
        "descriptors": {kind: sorted(counts, key=str) for kind, counts in descriptors.items()},
        "mounts": {kind: sorted(counts, key=str) for kind, counts in mounts.items()},
        RSS: lasting_rss_mb(pid),
    }


def settle(pid: int, wanted: Table, seconds: float) -> Table:
    """Look again until all is as wanted, or this long; the last table."""
    deadline = time.monotonic() + seconds
    while True:
        table = look(pid)
        if is_same(table, wanted) or time.monotonic() > deadline:
            return table
        time.sleep(0.2)


def at_rest(pid: int, seconds: float) -> Table:
    """The first table that is the same a second later, or the last one after this long: on a loaded machine the end of
    a bomb takes its time."""
    deadline, table = time.monotonic() + seconds, look(pid)
    while True:
        time.sleep(1.0)
        before, table = table, look(pid)
        if is_same(before, table) or time.monotonic() > deadline:
            return table


def is_same(table: Table, other: Table) -> bool:
    """In everything but memory."""
    return all(table[key] == other[key] for key in other if key != RSS)


def kill_a_worker(pid: int) -> None:
    launchers = [process for process in descendants(pid) if process.depth == 1]
    if launchers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(launchers[0].pid, signal.SIGKILL)


def soak(url: str, pid: int, arguments: argparse.Namespace) -> tuple[Tally, float]:
    """All programs by a few clients; a line of progress now and then on standard error."""
    samples = enumerate(draw(arguments.seed, arguments.programs, arguments.hostile, 0.85, only_quick=True))
    kills = {
        arguments.programs * (number + 1) // (arguments.replacements + 1) for number in range(arguments.replacements)
    }
    tally, lock, is_over = Tally(), threading.Lock(), threading.Event()
    requests: dict[str, bytes] = {}
    started = time.monotonic()

    def watch() -> None:
        next_line = started + arguments.progress_seconds
        while not is_over.wait(0.1):
            if time.monotonic() >= next_line:
                next_line += arguments.progress_seconds
                count = sum(tally.verdicts.values())
                seconds = time.monotonic() - started
                line = f"{seconds:.0f} s: {count} programs, {count / seconds:.0f}/s, {lasting_rss_mb(pid):.0f} MB"
                print(f"{line}, wrong {len(tally.wrong)}, lost {len(tally.lost)}", file=sys.stderr, flush=True)

    def client(_: int) -> None:
        connection = KeepAliveClient(url)
        while True:
            with lock:
                number, sample = next(samples, (0, None))
                if sample is None:
                    break
                if number in kills:  # by the count and not by a clock: the programs that follow meet the lost worker
                    kill_a_worker(pid)
                data = requests.setdefault(sample.name, run_request(sample.job))
            send_until_taken(connection, sample, data, tally, DEADLINE_SECONDS)
        connection.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return tally, in_threads(arguments.clients, client)
    finally:
        is_over.set()
        watcher.join()


def leaks(before: Table, after: Table, growth_mb: float) -> list[str]:
    found = [f"{key} was {before[key]}, is {after[key]}" for key in before if after[key] != before[key] and key != RSS]
    if after[RSS] - before[RSS] > growth_mb:
        found.append(f"{RSS} was {before[RSS]}, is {after[RSS]}, allowed growth {growth_mb:g}")
    return found


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=100_000, help="in all (default 100000)")
    parser.add_argument("--warm-programs", type=int, default=500, help="before the first table (default 500)")
    parser.add_argument("--hostile", type=float, default=0.02, help="their share (default 0.02)")
    parser.add_argument("--clients", type=int, default=8, help="at the same time (default 8)")
    parser.add_argument("--workers", type=int, default=None, help="programs at a time (default: one a core)")
    parser.add_argument("--replacements", type=int, default=4, help="workers killed on the way (default 4)")
    parser.add_argument("--growth-mb", type=float, default=32.0, help="allowed growth of memory (default 32)")
    parser.add_argument("--settle-seconds", type=float, default=10.0, help="longest wait for the last table")
    parser.add_argument("--progress-seconds", type=float, default=10.0, help="between lines of progress")
    parser.add_argument("--shared-machine", action="store_true", help="others write to the temporary folder")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    report: dict[str, Any] = {"benchmark": "sandbox_soak", **machine(), **vars(arguments)}
    adopt_orphans()
    with start_server(arguments.workers) as server:
        warm = argparse.Namespace(**{**vars(arguments), "programs": arguments.warm_programs, "replacements": 0})
        soak(server.url, server.pid, warm)
        before = at_rest(server.pid, arguments.settle_seconds)
        files_before = files()
        tally, wall = soak(server.url, server.pid, arguments)
        after = settle(server.pid, before, arguments.settle_seconds)
        files_after = files()
        health = KeepAliveClient(server.url, 30.0).send(request("GET", "/health")).status
    time.sleep(0.5)
    left = [process.kind for process in descendants(os.getpid())]
    new_files = sorted(set(files_after) - set(files_before))
    num_errors = tally.verdicts.get("error", 0)
    wrong = [text for text in tally.wrong if "got error" not in text]
    report |= {
        "seconds": round(wall, 1),
        "programs_per_second": round(arguments.programs / wall, 1),
        "verdicts": dict(tally.verdicts),
        "num_wrong_verdicts": len(wrong),
        "num_errors": num_errors,
        "num_lost": arguments.programs - sum(tally.verdicts.values()),
        "before": before,
        "after": after,
        "num_files": {"before": len(files_before), "after": len(files_after)},
        "new_files": new_files[:50],
        "left_after_stop": left,
    }
    violations = [*wrong[:20], *tally.lost[:20], *leaks(before, after, arguments.growth_mb)]
    # A killed worker costs at most the one program it runs an error; without a kill there must be none.
    if num_errors > arguments.replacements:
        violations += [text for text in tally.wrong if "got error" in text][:20]
    if new_files and not arguments.shared_machine:
        violations.append(f"{len(new_files)} new files")
    if health != 200:
        violations.append(f"/health answers {health} at the end")
    if left:
        violations.append(f"processes left after the server stopped: {left}")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
