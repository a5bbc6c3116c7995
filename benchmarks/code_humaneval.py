"""HumanEval against the judge: canonical solutions must pass, and no mutant that its own tests catch may be paid.

`python -m benchmarks.code_humaneval --data FILE.jsonl [--mutants N] [--seed S] [--workers N]`

A line of the file: task_id, prompt, entry_point, canonical_solution, test. The file is run here too, to find what the
solutions return: give only one that you trust. A mutant is a solution with one operator, comparison or constant
changed. Each program is judged twice: as a test text beside the program, and as one plain process in the same jail; the
two must agree. Both are done again with tests in the form of HumanEval+, which needs numpy. Prints JSON; exit status 1
when anything is off.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.measuring import machine, print_report
from benchmarks.mutants import mutants_of
from openqwq.sandbox import Job, Limits, LocalSandbox, TestCase

KINDS = {"operator", "comparison", "constant", "sign"}
LIMITS = Limits(time_seconds=8.0, memory_mb=1024)
MUTANT_LIMITS = Limits(time_seconds=2.0, memory_mb=512)
PLUS = """import numpy as np

def is_floats(x) -> bool:
    if isinstance(x, float):
        return True
    if isinstance(x, (list, tuple)):
        return all(isinstance(i, float) for i in x)
    if isinstance(x, np.ndarray):
        return x.dtype == np.float64 or x.dtype == np.float32
    return False

def assertion(out, exp, atol):
    exact_match = out == exp
    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if not exact_match and atol != 0:
        assert type(out) == type(exp)
        if isinstance(exp, (list, tuple)):
            assert len(out) == len(exp)
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert exact_match

def check(candidate):
    inputs = {inputs}
    results = {results}
    for i, (inp, exp) in enumerate(zip(inputs, results)):
        assertion(candidate(*inp), exp, 0)
"""


@dataclass(frozen=True)
class Task:
    """One task: the part of a program before the solution, the solution, and its tests in one form."""

    name: str
    prompt: str
    entry_point: str
    solution: str
    test: str

    def judged(self, program: str, limits: Limits) -> Job:
        """The program beside its test text."""
        return Job(
            program,
            mode="asserts",
            entry_point=self.entry_point,
            asserts=(self.test,),
            setup=self.prompt,
            limits=limits,
        )

    def plain(self, program: str, limits: Limits) -> Job:
        """Program and tests in one process, which prints only after the last test."""
        code = f"{program}\n{self.test}\ncheck({self.entry_point})\nimport os\nos.write(1, b'all passed')\n"
        return Job(
            f"import sys, io\nsys.stdout = io.StringIO()\n{code}", tests=(TestCase("", "all passed"),), limits=limits
        )


def read_tasks(path: Path) -> list[Task]:
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return [
        Task(row["task_id"], row["prompt"], row["entry_point"], row["canonical_solution"], row["test"]) for row in rows
    ]


def as_plus(task: Task) -> Task | None:
    """The task with tests in the form of HumanEval+, on the inputs of its own ones; None when these are no literals."""
    names: dict[str, Any] = {}
    exec(compile(f"{task.prompt}{task.solution}\n{task.test}", task.name, "exec"), names)
    inputs: list[list[Any]] = []
    results: list[Any] = []

    def record(*given: Any) -> Any:
        inputs.append(list(copy.deepcopy(given)))
        results.append(names[task.entry_point](*given))
        return results[-1]

    names["check"](record)
    texts = repr(inputs), repr(results)
    try:
        same = eval(f"({texts[0]}, {texts[1]})") == (inputs, results)
    except (SyntaxError, NameError):
        same = False
    return replace(task, test=PLUS.replace("{inputs}", texts[0]).replace("{results}", texts[1])) if same else None


def mutated(task: Task, count: int, chance: random.Random) -> list[str]:
    """Programs with one mistake in the solution."""
    whole = task.prompt + task.solution
    first = task.prompt.count("\n") + 1
    found = [one for one in mutants_of(task.name, whole) if one.line >= first and _is_small(one.kind)]
    return [one.apply(whole) for one in chance.sample(found, min(count, len(found)))]


def _is_small(kind: str) -> bool:
    return any(word in kind for word in KINDS)


def verdicts(sandbox: LocalSandbox, jobs: Sequence[Job]) -> list[tuple[str, str]]:
    return [(outcome.verdict, outcome.reason) for outcome in sandbox.run_many(jobs)]


def measure(sandbox: LocalSandbox, tasks: Sequence[Task], count: int, seed: int) -> tuple[dict[str, Any], list[str]]:
    """The figures of one form, and what is off."""
    off: list[str] = []
    canonical = verdicts(sandbox, [task.judged(task.prompt + task.solution, LIMITS) for task in tasks])
    for task, (verdict, reason) in zip(tasks, canonical, strict=True):
        if verdict != "pass":
            off.append(f"{task.name}: the canonical solution is a {verdict}: {reason}")
    chance = random.Random(seed)
    pairs = [(task, program) for task in tasks for program in mutated(task, count, chance)]
    judged = verdicts(sandbox, [task.judged(program, MUTANT_LIMITS) for task, program in pairs])
    plain = verdicts(sandbox, [task.plain(program, MUTANT_LIMITS) for task, program in pairs])
    counts = Counter[str]()
    for (task, program), mine, other in zip(pairs, judged, plain, strict=True):
        counts[f"{'passes' if other[0] == 'pass' else 'caught'} in a plain process, {mine[0]} beside its tests"] += 1
        if (mine[0] == "pass") != (other[0] == "pass"):
            off.append(f"{task.name}: {mine} beside its tests, {other} in a plain process:\n{program}")
    figures = {"tasks": len(tasks), "canonical_passed": sum(verdict == "pass" for verdict, _ in canonical)}
    return {**figures, "mutants": len(pairs), "mutants_by_verdict": dict(counts)}, off


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--mutants", type=int, default=3, help="of each task")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    report: dict[str, Any] = machine()
    tasks = read_tasks(options.data)
    plus = [task for one in tasks if (task := as_plus(one)) is not None]
    violations: list[str] = []
    with LocalSandbox(workers=options.workers) as sandbox:
        for form, chosen in (("humaneval", tasks), ("humaneval_plus", plus)):
            report[form], off = measure(sandbox, chosen, options.mutants, options.seed)
            violations += [f"{form}: {words}" for words in off]
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
