"""Would the tests notice? Plants single-point mistakes and runs the tests that cover each.

Every mutant (`benchmarks/mutants.py`) is written into a copy of the checkout, and the tests of the mirrored folder that
enter the changed function run against it, cheapest test files first, until one fails. A mutant that no test notices
survives. Mutants that change nothing anybody could observe are listed in `benchmarks/equivalent_mutants.yaml`, each
with its reason, and leave the score: score = killed / (killed + survived). Prints survivors and a table by file, writes
JSON; the same seed picks the same mutants from the same sources.

`python -m benchmarks.mutation --sample 60` is a sample in ten minutes on two cores; without `--sample` all of it runs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, as in the tests

import yaml

from benchmarks import covering_tests
from benchmarks.covering_tests import TestMap
from benchmarks.mutant_runs import MAY_BE_PRELOADED, Copy, preload, run_forked, run_tests
from benchmarks.mutants import Mutant, mutants_of

ROOT = Path(__file__).absolute().parents[1]
EQUIVALENT = ROOT / "benchmarks" / "equivalent_mutants.yaml"
MAPS = ROOT / ".mutation"
MODULES = [
    *(
        f"training/{room}"
        for room in ("algorithms", "batches", "backends", "rewards", "rl", "rollout", "run_folder", "evaluation")
    ),
    *("verifiers/math_answer", "verifiers/answers.py", "verifiers/code_answer"),
    *("sandbox/verdict.py", "sandbox/compare.py", "sandbox/jobs.py"),
]


@dataclass(frozen=True)
class Planted:
    """A mutant and what is run against it."""

    mutant: Mutant
    tests: tuple[str, ...]
    expected_seconds: float

    @property
    def limit_seconds(self) -> float:
        """Far above what the tests take without the mistake; an endless loop is noticed by the limit."""
        return 30 + 8 * self.expected_seconds


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant: `killed`, `survived` or `equivalent`."""

    mutant: Mutant
    status: str
    seconds: float = 0.0
    by: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    started = time.perf_counter()
    files = _files(options.modules)
    mutants = [m for file in files for m in mutants_of(file, (ROOT / file).read_text())]
    mutants = _chosen(mutants, options)
    if options.list:
        for mutant in mutants:
            print(_line(mutant))
        return 0
    reasons = equivalent_reasons()
    outcomes = [Outcome(m, "equivalent", by=reasons[_name(m)]) for m in mutants if _name(m) in reasons]
    mutants = [m for m in mutants if _name(m) not in reasons]
    with tempfile.TemporaryDirectory(prefix="openqwq-mutation-") as folder:
        copies = [Copy(ROOT, Path(folder) / str(i)) for i in range(options.jobs)]
        maps = _maps({area: covering_tests.area_of(ROOT, area) for area in {m.path for m in mutants}}, copies)
        planted = [_planted(m, maps[m.path], options.seconds) for m in mutants]
        outcomes += _run(planted, copies)
    report = _report(outcomes, options, time.perf_counter() - started)
    if options.out:
        options.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    _print(outcomes, report)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutation", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "modules", nargs="*", default=MODULES, help="files or folders, such as training/rl; default: the named core"
    )
    parser.add_argument("--sample", type=int, help="this many mutants over all modules")
    parser.add_argument("--each", type=int, help="this many mutants of each file")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="forks at once (default: one a core)")
    parser.add_argument(
        "--seconds", type=float, default=60, help="tests to run against a mutant, by the time they took when traced"
    )
    parser.add_argument("--out", type=Path, help="write the JSON here")
    parser.add_argument("--list", action="store_true", help="print the mutants and run nothing")
    return parser


def _files(modules: Iterable[str]) -> list[str]:
    files = []
    for module in modules:
        path = ROOT / module
        if not path.exists():
            sys.exit(f"mutation: no file or folder {module} in {ROOT}")
        files += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [str(f.relative_to(ROOT)) for f in files]


def _chosen(mutants: list[Mutant], options: argparse.Namespace) -> list[Mutant]:
    if options.each:
        by_file: dict[str, list[Mutant]] = defaultdict(list)
        for mutant in mutants:
            by_file[mutant.path].append(mutant)
        return [m for file, own in by_file.items() for m in _some(own, options.each, f"{options.seed} {file}")]
    return _some(mutants, options.sample, str(options.seed)) if options.sample else mutants


def _some(mutants: list[Mutant], number: int, seed: str) -> list[Mutant]:
    return sorted(random.Random(seed).sample(mutants, min(number, len(mutants))), key=lambda m: (m.path, m.span))


def _name(mutant: Mutant) -> tuple[str, str, str]:
    return mutant.path, mutant.before, mutant.after


def equivalent_reasons() -> dict[tuple[str, str, str], str]:
    """Of the reviewed list: file, line before and line after to the reason why nobody could tell them apart."""
    listed = yaml.safe_load(EQUIVALENT.read_text()) or {}
    return {(path, e["before"], e["after"]): e["reason"] for path, entries in listed.items() for e in entries}


def _maps(areas: dict[str, list[str]], copies: list[Copy]) -> dict[str, list[TestMap]]:
    """Of each mutated file the maps of its area's test files; those that are missing or old are traced first."""
    wanted = sorted({test for tests in areas.values() for test in tests})
    missing = [test for test in wanted if covering_tests.load(ROOT, MAPS, test) is None]
    preload(MAY_BE_PRELOADED)

    def trace(test: str) -> int:
        covering_tests.trace(MAPS, test)
        return 0

    for i, done in enumerate(run_forked(missing, copies, lambda test, copy: None, trace, lambda test: 900.0)):
        _progress(f"traced {i + 1}/{len(missing)} {done.work}, {done.seconds:.0f} s")
        if done.exit_status != 0:
            sys.exit(f"mutation: tracing {done.work} failed:\n{done.output}")
    maps = {test: covering_tests.load(ROOT, MAPS, test) for test in wanted}
    loaded = {test: test_map for test, test_map in maps.items() if test_map is not None}
    if len(loaded) < len(wanted):
        sys.exit("mutation: files changed while their tests were traced; run it in a checkout that nobody edits")
    preload({name for test_map in loaded.values() for name in test_map.third_party})
    return {path: [loaded[test] for test in tests] for path, tests in areas.items()}


def _planted(mutant: Mutant, maps: list[TestMap], budget_seconds: float) -> Planted:
    """The covering tests in whole files, cheapest file first, within the budget (the first file always)."""
    chosen: list[tuple[float, list[str]]] = []
    for test_map in maps:
        tests = _covering(mutant, test_map)
        if tests:
            chosen.append((sum(test_map.seconds[t] for t in tests), tests))
    chosen.sort(key=lambda c: c[0])
    taken: list[str] = []
    seconds = 0.0
    for cost, tests in chosen:
        if taken and seconds + cost > budget_seconds:
            break
        taken += tests
        seconds += cost
    return Planted(mutant, tuple(taken), seconds)


def _covering(mutant: Mutant, test_map: TestMap) -> list[str]:
    """Tests that enter the changed function, or that start processes; for code that runs on import, all tests of a file
    that imports it."""
    name = f"{mutant.path}::{mutant.function}"
    if name in test_map.on_import:
        return list(test_map.seconds)
    entering = {*test_map.entered.get(name, ()), *test_map.starts_processes}
    return [test for test in test_map.seconds if test in entering]


def _run(planted: list[Planted], copies: list[Copy]) -> list[Outcome]:
    mutated: dict[Path, str] = {}

    def prepare(work: Planted, copy: Copy) -> None:
        """Put this mistake into the copy, and take out the one before."""
        if before := mutated.get(copy.folder):
            copy.restore(before)
        copy.write(work.mutant.path, work.mutant.apply((ROOT / work.mutant.path).read_text()))
        mutated[copy.folder] = work.mutant.path

    outcomes = [Outcome(p.mutant, "survived", by="no test enters it") for p in planted if not p.tests]
    run = [p for p in planted if p.tests]
    _check_that_all_pass_without_a_mistake(run, copies)
    for done in run_forked(run, copies, prepare, _tests_of, lambda work: work.limit_seconds):
        status = "survived" if done.exit_status == 0 else "killed"
        noticed_by = _noticed_by(done.exit_status, done.output)
        outcomes.append(Outcome(done.work.mutant, status, round(done.seconds, 2), noticed_by))
        _progress(f"{len(outcomes)}/{len(planted)} {status:8} {done.seconds:5.1f} s  {_line(done.work.mutant)}")
    return outcomes


def _tests_of(planted: Planted) -> int:
    return run_tests(planted.tests)


def _check_that_all_pass_without_a_mistake(planted: list[Planted], copies: list[Copy]) -> None:
    """Once for each folder of mutated files: a run that fails anyway would call every mutant killed."""
    cheapest: dict[str, Planted] = {}
    for work in sorted(planted, key=lambda p: -p.expected_seconds):
        cheapest[str(Path(work.mutant.path).parent)] = work
    for done in run_forked(
        list(cheapest.values()), copies, lambda work, copy: None, _tests_of, lambda work: work.limit_seconds
    ):
        if done.exit_status != 0:
            sys.exit(f"mutation: these tests fail without a mistake: {' '.join(done.work.tests)}\n{done.output}")


def _noticed_by(exit_status: int | None, output: str) -> str:
    """The test that failed. Stops the benchmark when it was not the tests that ended the run."""
    if exit_status == 0:
        return ""
    if exit_status is None:
        return "time limit"
    # "found no collectors": a test file that cannot be imported any more
    ends = ("FAILED ", "ERROR ", "ImportError ", "ERROR: found no collectors")
    failed = [line for line in output.splitlines() if line.startswith(ends)]
    if not failed and exit_status > 2:
        sys.exit(f"mutation: a run ended with status {exit_status} and no failed test:\n{output}")
    return failed[0].split(" - ")[0] if failed else f"exit status {exit_status}"


def _line(mutant: Mutant) -> str:
    return f"{mutant.path}:{mutant.line} [{mutant.kind}] {mutant.before}  ->  {mutant.after}"


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _report(outcomes: list[Outcome], options: argparse.Namespace, seconds: float) -> dict[str, Any]:
    def counts(of: Callable[[Outcome], str]) -> dict[str, Any]:
        groups: dict[str, list[str]] = defaultdict(list)
        for outcome in outcomes:
            groups[of(outcome)].append(outcome.status)
        return {name: _counts(statuses) for name, statuses in sorted(groups.items())}

    modules = [m.removesuffix("/") for m in options.modules]
    return {
        "sample": options.sample,
        "each": options.each,
        "seed": options.seed,
        "seconds": round(seconds, 1),
        "total": _counts([o.status for o in outcomes]),
        "modules": counts(
            lambda o: next((m for m in modules if f"{o.mutant.path}/".startswith(f"{m}/")), o.mutant.path)
        ),
        "files": counts(lambda o: o.mutant.path),
        "survivors": [{**_described(o), "by": o.by} for o in outcomes if o.status == "survived"],
        "killed": [{**_described(o), "by": o.by} for o in outcomes if o.status == "killed"],
    }


def _described(outcome: Outcome) -> dict[str, Any]:
    kept = asdict(outcome.mutant)
    return {name: kept[name] for name in ("path", "line", "function", "kind", "before", "after")}


def _counts(statuses: list[str]) -> dict[str, Any]:
    killed, survived, equivalent = (statuses.count(s) for s in ("killed", "survived", "equivalent"))
    score = round(killed / (killed + survived), 3) if killed + survived else None
    return {"killed": killed, "survived": survived, "equivalent": equivalent, "score": score}


def _print(outcomes: list[Outcome], report: dict[str, Any]) -> None:
    for outcome in sorted(outcomes, key=lambda o: (o.mutant.path, o.mutant.line)):
        if outcome.status == "survived":
            print(f"survived  {_line(outcome.mutant)}{'  (' + outcome.by + ')' if outcome.by else ''}")
    print(f"\n{'':44} killed survived equivalent score")
    for name, count in (report["files"] | report["modules"] | {"total": report["total"]}).items():
        score = "-" if count["score"] is None else count["score"]
        print(f"{name:44} {count['killed']:6} {count['survived']:8} {count['equivalent']:10} {score:>5}")
    print(f"{report['seconds']:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
