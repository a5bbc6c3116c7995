"""`openqwq doctor`: reports what this machine has and whether a quickstart can run. It runs attacks in the sandbox and
a question in a math worker; it does not start Ray, which is slow."""

import importlib.metadata
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openqwq.training.backends.machine_memory import free_and_total_memory

TRAINING = ("torch", "transformers", "trl", "accelerate", "datasets", "ray")
SHOWN = (*TRAINING, "sympy", "math-verify", "starlette", "wandb", "vllm")
"""Packages whose versions are printed."""
OPTIONAL = {"wandb": "only for `logging.wandb`", "vllm": "only for the vllm engine"}
MEMORY_NEEDED = 4 * 2**30
"""Free bytes that a quickstart needs for Ray, two workers, trainer and sandbox together."""
DISK_NEEDED = 2**30
QUESTION = (r"<think>at 2</think> \boxed{4}", {"id": "doctor", "reference": {"answer": r"\lim_{x \to 2} x^2"}})
"""An answer and its row that only the symbolic tier of the math verifier, in a worker process, can judge."""


@dataclass(frozen=True)
class Finding:
    """One line of the report. Example: `Finding("disk", "3.1 GB free in /home/a", "")`"""

    topic: str
    words: str
    problem: str = ""
    """What a quickstart lacks and how to get it; empty when nothing is missing."""


def examine() -> int:
    """Print what this machine has and what a run would use; returns 0 when a quickstart can run, else 1."""
    findings: list[Finding] = []
    for finding in _findings():
        topic = finding.topic if not findings or findings[-1].topic != finding.topic else ""
        print(f"{'!' if finding.problem else ' '} {topic:<14}{finding.words}", flush=True)
        findings.append(finding)
    problems = [finding.problem for finding in findings if finding.problem]
    print()
    if problems:
        print("A quickstart cannot run here yet:")
        print("\n".join(f"  - {problem}" for problem in problems))
        return 1
    print("A quickstart can run here: openqwq run quickstart")
    return 0


def _findings() -> Iterator[Finding]:
    yield python_version(sys.version_info[:2])
    yield from package_versions(SHOWN, importlib.metadata.version, version_ranges())
    cpus, gpus = count_cpus(), _gpus()
    yield processors(cpus, quickstart_cpus())
    yield memory(*free_and_total_memory())
    yield Finding("GPUs", ", ".join(gpus) or "none; everything runs on the CPU")
    isolation = sandbox_isolation()
    yield isolation
    yield math_workers()
    yield disk_space(Path.cwd())
    yield Finding("would use", _plan(cpus, gpus, not isolation.problem))


def python_version(version: tuple[int, int]) -> Finding:
    """Whether the pinned packages exist for this Python."""
    words = f"{platform.python_version()} at {sys.executable}"
    fits = (3, 11) <= version < (3, 13)
    return Finding(
        "Python", words, "" if fits else "Python 3.11 or 3.12 is needed; make a virtual environment with one"
    )


def version_ranges() -> dict[str, str]:
    """Package -> version range of this distribution, for example `>=5.16.1,<5.20`; empty when it is not installed."""
    try:
        lines = importlib.metadata.requires("openqwq") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        requirement = line.partition(";")[0].strip()
        name = requirement.replace("[", "=").replace("<", "=").replace(">", "=").partition("=")[0].strip()
        if not requirement.startswith("openqwq"):
            found.setdefault(name, requirement.removeprefix(name).strip())
    return found


def package_versions(
    names: Sequence[str], version_of: Callable[[str], str], ranges: dict[str, str]
) -> Iterator[Finding]:
    """Each package's version, compared with the range that this release was tested with."""
    for name in names:
        wanted = ranges.get(name, "")
        try:
            version = version_of(name)
        except importlib.metadata.PackageNotFoundError:
            if name in OPTIONAL:
                yield Finding("packages", f"{name:<14}not installed ({OPTIONAL[name]})")
            else:
                remedy = f"{name} is not installed; pip install 'openqwq[train]'"
                yield Finding("packages", f"{name:<14}not installed", remedy)
            continue
        if _is_in(version, wanted):
            yield Finding("packages", f"{name:<14}{version}")
        else:
            note = f"{version}, this release was run with {wanted}; if something breaks: pip install '{name}{wanted}'"
            yield Finding("packages", f"{name:<14}{note}")


def _is_in(version: str, wanted: str) -> bool:
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:
        return True  # packaging comes with transformers; where it is missing, transformers is reported as missing
    return SpecifierSet(wanted).contains(version, prereleases=True)


def count_cpus() -> int:
    """Number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quickstart_cpus() -> int:
    """Number of CPUs that the quickstart's placement reserves."""
    try:
        from openqwq.training.config.files import load_recipe
    except ImportError:
        return 2
    from openqwq.training.cluster.roles import wanted

    return sum(bundle.cpus for bundle in wanted(load_recipe("quickstart").cluster))


def processors(cpus: int, needed: int) -> Finding:
    """Whether the CPUs are enough for the placement."""
    problem = (
        f"{needed} CPUs are needed, {cpus} found; run with cluster.rollout.workers={cpus}" if cpus < needed else ""
    )
    return Finding("CPUs", f"{cpus} ({platform.machine()})", problem)


def memory(free: int, total: int) -> Finding:
    """Whether the free memory is enough for a quickstart."""
    problem = f"{_gb(MEMORY_NEEDED)} of free memory are needed, {_gb(free)} found; end other programs"
    return Finding("memory", f"{_gb(free)} free of {_gb(total)}", problem if free < MEMORY_NEEDED else "")


def _gpus() -> list[str]:
    try:
        import torch
    except ImportError:
        return []
    if not torch.cuda.is_available():
        return []
    cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return [f"{card.name} ({_gb(card.total_memory)})" for card in cards]


def sandbox_isolation() -> Finding:
    """Build the best jail that this machine allows, and run attacks inside it."""
    from openqwq.sandbox.probe import DEFAULT_LEVEL, LEVEL_MEANINGS, check_host

    best = max(check_host(), key=lambda check: check.level)
    words = f"{best.level or 'none'}, {LEVEL_MEANINGS.get(best.level, 'no jail can be built')}"
    if best.level >= DEFAULT_LEVEL:
        return Finding("sandbox", f"{words}; {len(best.results)} attacks tried with {best.backend}")
    faults = "; ".join(f"{result.name} ({result.detail})" for result in best.broken if result.level <= DEFAULT_LEVEL)
    remedy = (
        f"programs of the model are not isolated well here, failed: {faults}. Allow unprivileged user namespaces "
        f"(sysctl kernel.unprivileged_userns_clone=1, or a container with its default seccomp profile relaxed), "
        f"or name a sandbox server elsewhere with sandbox.url=http://HOST:PORT"
    )
    return Finding("sandbox", words, remedy)


def math_workers() -> Finding:
    """Judge an answer that needs a sympy process."""
    from openqwq.verifiers import get_verifier

    start = time.perf_counter()
    verifier = get_verifier("math")
    try:
        verdict = verifier.verify(*QUESTION)
    finally:
        verifier.close()
    seconds = time.perf_counter() - start
    if verdict.score == 1.0:
        return Finding("math workers", f"answer: {verdict.reason}, {seconds:.1f} s with their start")
    remedy = "pip install sympy==1.14.0 math-verify==0.9.0"
    if verdict.reason == "timeout":
        remedy = "end what else computes on this machine, and ask again"
    return Finding(
        "math workers",
        f"{verdict.status}: {verdict.reason}",
        f"the math verifier cannot judge ({verdict.reason}); {remedy}",
    )


def disk_space(folder: Path) -> Finding:
    """Whether the working directory is writable and has space for run folders."""
    free = shutil.disk_usage(folder).free
    problem = ""
    if not os.access(folder, os.W_OK):
        problem = f"{folder} cannot be written; go to another folder, or choose one with --run-dir"
    elif free < DISK_NEEDED:
        problem = f"{_gb(DISK_NEEDED)} of disk are needed in {folder}, {_gb(free)} found; choose another with --run-dir"
    return Finding("disk", f"{_gb(free)} free in {folder}", problem)


def _plan(cpus: int, gpus: Sequence[str], has_sandbox: bool) -> str:
    """The resources that a quickstart would use."""
    device = "GPU" if gpus else "CPU"
    sandbox = "L2, a server of its own on loopback" if has_sandbox else "none"
    workers = min(2, cpus)
    return f"rollouts: {workers} Ray worker{'s' * (workers > 1)} on {device}; trainer: {device}; sandbox: {sandbox}"


def _gb(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"
