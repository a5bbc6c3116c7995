"""Labelled programs over HTTP: the verdict of each, and what it did to the host. Prints JSON.

`python -m benchmarks.sandbox_cases [--cases FILE.jsonl] [--url URL | --as-user NAME --server-python PATH]`

A line of the file: id, category, mode (stdin, call or asserts), code, tests ({input, output} or input_expr and
output_expr, evaluated here: give only files you trust), entry_point, asserts, compare, limits, requires, expected,
must_hold. Placeholders such as {{CANARY_FILE}} are filled in with real things of the host. A case that has both tests
and asserts is run in both forms. Without --cases the project's own corpus is run. Exit status 1 when anything is off.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.host_effects import HostWatch
from benchmarks.measuring import BadAnswer, KeepAliveClient, machine, print_report, request, run_request
from benchmarks.server_process import serving, user_number
from openqwq.sandbox import Job, Limits, TestCase, start_server
from openqwq.sandbox.jobs import InvalidJob
from openqwq.sandbox.wire import job_to_json

CORPUS = "tests.sandbox.corpus"
KNOWN_NEEDS = {"python", "linux", "fork", "threads"}


@dataclass
class Run:
    """One case in one form."""

    id: str
    category: str
    expected: str
    body: dict[str, Any]
    must_hold: list[str]
    requires: list[str] = field(default_factory=list)

    @property
    def wall_seconds(self) -> float:
        """The longest that all its tests may take by their limits."""
        limits = self.body.get("limits") or {}
        one = Limits(limits.get("time_s", Limits().time_seconds)).wall_seconds
        return one * max(1, len(self.body.get("tests") or ()) + len(self.body.get("asserts") or ()))


def _evaluate(test: dict[str, Any]) -> dict[str, Any]:
    return {
        name: eval(test[f"{name}_expr"], {}) if f"{name}_expr" in test else test[name] for name in ("input", "output")
    }


def runs_of(case: dict[str, Any]) -> Iterator[Run]:
    """The forms of a case of the file."""
    common = {key: case[key] for key in ("language", "code", "entry_point", "compare", "limits") if case.get(key)}
    needs = case.get("requires") or []
    rest = (case.get("must_hold") or [], [needs] if isinstance(needs, str) else list(needs))
    category, expected = case.get("category", "none"), case["expected"]
    forms: list[tuple[str, dict[str, Any]]] = []
    if case.get("tests"):
        mode = case.get("mode", "stdin")
        forms.append((mode, {"mode": mode, "tests": [_evaluate(test) for test in case["tests"]]}))
    if case.get("asserts"):
        forms.append(("asserts", {"mode": "asserts", "asserts": case["asserts"]}))
    for mode, form in forms:
        yield Run(f"{case['id']} ({mode})", category, expected, common | form, *rest)


def read_cases(path: Path, watch: HostWatch) -> Iterator[Run]:
    """All runs of a file, one by one: placeholders are filled in, in any field, with what is there by then."""
    for line in path.read_text().splitlines():
        if line.strip():
            for name, value in watch.facts.items():
                line = line.replace("{{" + name + "}}", json.dumps(value)[1:-1])
            yield from runs_of(json.loads(line))


def own_corpus() -> Iterator[Run]:
    for program in importlib.import_module(CORPUS).PROGRAMS:
        category = getattr(program, "category", "correct" if program.verdict == "pass" else "hostile")
        try:
            yield Run(program.name, str(category), program.verdict, job_to_json(program.job), [])
        except InvalidJob:  # a caller in this process can give such values, one over HTTP cannot
            yield Run(program.name, str(category), program.verdict, {}, [], ["values that JSON does not carry"])


def is_there(client: KeepAliveClient, name: str) -> bool:
    """Whether programs in the sandbox can import it."""
    if name.lower() in KNOWN_NEEDS:
        return True
    probe = Job(f"import {name}\nprint('here')", tests=(TestCase("", "here"),), limits=Limits(10.0))
    return name.isidentifier() and client.send(run_request(probe)).verdict == "pass"


def run_case(client: KeepAliveClient, run: Run, watch: HostWatch, slack_seconds: float) -> tuple[str, float, list[str]]:
    """The verdict (or `lost`, `HTTP ...`), wall seconds, and the effects on the host that must not be."""
    started = time.monotonic()
    text = b""
    try:
        answer = client.send(run_request(run.body))
        verdict, text = answer.verdict, answer.body
    except (BadAnswer, OSError) as problem:
        client.close()
        verdict = f"lost, {type(problem).__name__}: {problem}"
    seconds = time.monotonic() - started
    effects = watch.effects(text)
    if seconds > run.wall_seconds + slack_seconds:
        effects.append(f"not finished within limits: {seconds:.1f} s, allowed {run.wall_seconds + slack_seconds:.1f} s")
    with contextlib.suppress(BadAnswer, OSError):
        if client.send(request("GET", "/health")).status == 200:
            return verdict, seconds, effects
    return verdict, seconds, [*effects, "server does not answer /health"]


def run_all(url: str, runs: Iterable[Run], watch: HostWatch, slack_seconds: float) -> tuple[dict[str, Any], list[str]]:
    """One after the other, so that an effect has one cause: the report's middle and what is off."""
    client = KeepAliveClient(url, 600.0)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    offending: dict[str, list[str]] = defaultdict(list)
    skipped: Counter[str] = Counter()
    not_checked: set[str] = set()
    for run in runs:
        not_checked |= set(run.must_hold) - set(HostWatch.CHECKS)
        missing = [name for name in run.requires if not is_there(client, name)]
        unfilled = "{{" in json.dumps(run.body) and "unfilled placeholder"
        if missing or unfilled:
            skipped[", ".join(missing) or str(unfilled)] += 1
            continue
        verdict, seconds, effects = run_case(client, run, watch, slack_seconds)
        counts[run.category]["runs"] += 1
        problems = [("host effects", effect) for effect in effects]
        if verdict != run.expected:
            kinds = {("fail", "pass"): "hacks rewarded", ("pass", "fail"): "correct refused"}
            problems.append((kinds.get((run.expected, verdict), "errors"), f"wanted {run.expected}, got {verdict}"))
        for kind in {kind for kind, _ in problems}:
            counts[run.category][kind] += 1
        if problems:
            offending[run.id] = [f"{kind}: {text}" for kind, text in problems]
            print(f"{run.id} ({seconds:.2f} s): {offending[run.id]}", file=sys.stderr, flush=True)
    total = sum(counts.values(), Counter())
    names = ("runs", "hacks rewarded", "correct refused", "host effects", "errors")
    report = {
        "total": {name: total[name] for name in names},
        "by_category": {category: {name: count[name] for name in names} for category, count in counts.items()},
        "skipped": dict(skipped),
        "conditions_not_checked": sorted(not_checked),
        "offending": dict(offending),
    }
    return report, sorted(offending)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, default=None, help="JSON lines; default: the project's own corpus")
    parser.add_argument("--only", default="", help="only ids that hold this text")
    parser.add_argument("--url", default=None, help="a server that runs already; its memory is not watched")
    parser.add_argument("--workers", type=int, default=None, help="programs at a time (default: one a core)")
    parser.add_argument("--as-user", default=None, help="start the server as this user (name or id); needs root")
    parser.add_argument("--server-python", default=sys.executable, help="interpreter that this user can reach")
    parser.add_argument("--slack-seconds", type=float, default=2.0, help="over the limits of a case (default 2)")
    parser.add_argument("--server-memory-mb", type=float, default=256.0, help="allowed rise in one case (default 256)")
    arguments = parser.parse_args(words)
    report: dict[str, Any] = {"benchmark": "sandbox_cases", **machine(), "server_user": arguments.as_user or "own"}
    with ExitStack() as stack:
        url, pid = arguments.url, None
        if arguments.as_user:
            workers = ["--workers", str(arguments.workers)] if arguments.workers else []
            user = user_number(arguments.as_user)
            served = stack.enter_context(serving(workers, interpreter=arguments.server_python, user=user))
            url, pid = served.url, served.pid
        elif url is None:
            server = stack.enter_context(start_server(arguments.workers))
            url, pid = server.url, server.pid
        watch = stack.enter_context(HostWatch(url, pid, arguments.server_memory_mb))
        runs = read_cases(arguments.cases, watch) if arguments.cases else own_corpus()
        chosen = (run for run in runs if arguments.only in run.id)
        middle, violations = run_all(url, chosen, watch, arguments.slack_seconds)
    return print_report({**report, "isolation": watch.isolation, **middle}, violations)


if __name__ == "__main__":
    sys.exit(main())
