"""What one machine of a cluster has, looked up on it, and what is wrong with several side by side. Without Ray."""

import os
import platform
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openqwq.training.tracking.software import versions

PACKAGES = ("openqwq", "torch", "transformers", "deepspeed", "ray", "vllm")
"""Whose versions must be the same everywhere."""
MOST_SKEW_SECONDS = 1.0
"""Difference of clocks beyond which logs of several machines cannot be read side by side."""
LEAST_DISK = 20 * 2**30
"""Free bytes in the folder of the runs, for less than which no checkpoint of a model worth a cluster has room."""
LEAST_SHARED_MEMORY = 2**30
"""Bytes of /dev/shm, which Ray's object store and NCCL use; containers start with 64 MB."""


@dataclass(frozen=True)
class Machine:
    """Example: `Machine("10.0.0.7", cpus=64, gpus=("H100 80GB",) * 8, ...)`"""

    name: str
    cpus: int = 0
    memory: int = 0
    """Bytes."""
    shared_memory: int = 0
    """Bytes of /dev/shm."""
    gpus: tuple[str, ...] = ()
    driver: str = ""
    """Version of the GPUs' driver."""
    disk_free: int = 0
    """Free bytes where the runs lie."""
    sees_folder: bool = False
    """Whether it reads what the driver has written there."""
    skew_seconds: float = 0.0
    """Its clock less the driver's."""
    versions: Mapping[str, str] = field(default_factory=dict)
    sandbox: str = ""
    """Best level of isolation: L0 to L3."""
    problem: str = ""
    """Why it could not be looked at."""


def look(name: str, mark: Path, words: str) -> Machine:
    """This machine. `mark`: a file that the driver has written in the folder of the runs, with `words` in it."""
    import psutil

    from openqwq.sandbox.probe import check_host

    gpus, driver = _gpus()
    folder = mark.parent
    return Machine(
        name=name,
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        shared_memory=shutil.disk_usage("/dev/shm").total if Path("/dev/shm").is_dir() else 0,
        gpus=gpus,
        driver=driver,
        disk_free=shutil.disk_usage(folder).free if folder.is_dir() else 0,
        sees_folder=mark.is_file() and mark.read_text() == words,
        versions={"python": platform.python_version(), **versions()},
        sandbox=max(check_host(), key=lambda check: check.level).level or "none",
    )


def _gpus() -> tuple[tuple[str, ...], str]:
    """Names and driver as the driver's own tool says them; torch would hold memory on every GPU."""
    try:
        asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        lines = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return (), ""
    cards = [line.rpartition(", ") for line in lines if ", " in line]
    return tuple(card[0] for card in cards), cards[0][2] if cards else ""


def faults(machines: Sequence[Machine], folder: Path) -> list[str]:
    """What is wrong, one sentence each; the machine that is meant stands first."""
    found = [f"{machine.name}: could not be looked at: {machine.problem}" for machine in machines if machine.problem]
    seen = [machine for machine in machines if not machine.problem]
    for machine in seen:
        if not machine.sees_folder:
            found.append(
                f"{machine.name}: does not see {folder} as this machine does; checkpoints need storage that all share"
            )
        elif machine.disk_free < LEAST_DISK:
            found.append(f"{machine.name}: {_gb(machine.disk_free)} are free in {folder}, give it {_gb(LEAST_DISK)}")
        if abs(machine.skew_seconds) > MOST_SKEW_SECONDS:
            found.append(f"{machine.name}: its clock differs by {machine.skew_seconds:+.1f} s; synchronise it")
        if machine.shared_memory < LEAST_SHARED_MEMORY:
            found.append(
                f"{machine.name}: /dev/shm holds {_gb(machine.shared_memory)}; give a container more with --shm-size"
            )
    with_gpus = [machine for machine in seen if machine.gpus]
    found += _odd("GPUs", {machine.name: _cards(machine) for machine in with_gpus})
    found += _odd("driver", {machine.name: machine.driver for machine in with_gpus})
    for package in ("python", *PACKAGES):
        found += _odd(package, {machine.name: machine.versions.get(package, "none") for machine in seen})
    return found


def _odd(what: str, values: Mapping[str, str]) -> list[str]:
    """Machines whose value is not that of most."""
    if len(set(values.values())) < 2:
        return []
    usual = Counter(values.values()).most_common(1)[0][0]
    return [f"{name}: {what} {own}, elsewhere {usual}" for name, own in values.items() if own != usual]


def _cards(machine: Machine) -> str:
    counted = Counter(machine.gpus)
    return " + ".join(f"{count} x {name}" for name, count in sorted(counted.items())) or "none"


HEAD = ("machine", "CPUs", "memory", "shm", "GPUs", "driver", "disk", "shared", "clock", "torch", "openqwq", "sandbox")


def table(machines: Sequence[Machine]) -> str:
    """One line a machine."""
    rows = [HEAD, *map(_row, machines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(machine: Machine) -> tuple[str, ...]:
    if machine.problem:
        return (machine.name, *["?"] * (len(HEAD) - 1))
    return (
        machine.name,
        str(machine.cpus),
        _gb(machine.memory),
        _gb(machine.shared_memory),
        _cards(machine),
        machine.driver or "-",
        _gb(machine.disk_free),
        "yes" if machine.sees_folder else "no",
        f"{machine.skew_seconds:+.2f} s",
        machine.versions.get("torch", "none"),
        machine.versions.get("openqwq", "none"),
        machine.sandbox,
    )


def _gb(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"
