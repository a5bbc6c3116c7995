"""Walks "the first hour" of docs/running_on_a_cluster.md on machines that are network namespaces: every command of its
table as far as it goes without GPUs, and whether each prints what the page says it prints.

Needs root and `ip` (iproute2); starts a Ray on each of two machines. `make bench` leaves it out.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cluster_netns import ROOT, Machines

PAGE = ROOT / "docs" / "running_on_a_cluster.md"
START = "scripts/cluster/start_ray.sh"
HEAD = "10.99.0.10:6379"


@dataclass(frozen=True)
class Row:
    """A row of the table, each cell as it stands there."""

    command: str
    prints: str
    otherwise: str


def table(page: Path = PAGE) -> dict[int, Row]:
    """The rows by number."""
    text = page.read_text().split("The first hour\n")[1].split("\n\n`python -m")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()]
    return {int(row[0].strip()): Row(*row[1:4]) for row in cells if len(row) == 4 and row[0].strip().isdigit()}


def absent(cell: str, said: str, home: Path = Path()) -> list[str]:
    """What a cell quotes and the output does not hold. `N` and `M` stand for numbers, `~` for the home folder."""
    return [quote for quote in re.findall(r"`([^`]+)`", cell) if not re.search(_pattern(quote, home), said)]


def _pattern(quote: str, home: Path) -> str:
    words = re.escape(quote.replace("~", str(home)))
    return re.sub(r"\b[NM]\b", r"\\d+", words)


def refusals(machines: Machines, worker: int) -> str:
    """What a worker is told that has no token, a wrong address, and another token than the head."""
    told = [machines.said(worker, START, "worker", HEAD)]
    machines.give_token(worker, "0" * 64)
    told.append(machines.said(worker, START, "worker", "10.99.0.10:1"))
    told.append(machines.said(worker, START, "worker", HEAD))
    if any(status != 1 or said.count("\n") != 1 for status, said in told):
        raise RuntimeError(f"a worker was not refused in one line each: {told}")
    return "".join(said for _, said in told)


def walk(machines: Machines, has_smoke: bool) -> Mapping[int, tuple[str, str, Path]]:
    """Number of a row -> the cell that is held, what was said, and the home of the machine that said it."""
    rows, home = table(), machines.token(0).parents[1]
    openqwq = (sys.executable, "-m", "openqwq.training.cli")
    ray = ("--num-cpus=4", f"--object-store-memory={200 * 2**20}")
    found: dict[int, tuple[str, str, Path]] = {}

    def held(number: int, cell: str, *words: str, status: int | None = 0) -> None:
        begun = time.monotonic()
        code, said = machines.said(0, *words)
        if status is not None and code != status:
            said += f"\nexit status {code}"
        found[number] = (cell, said, home)
        print(f"{number}: {time.monotonic() - begun:.0f} s, status {code}", file=sys.stderr, flush=True)

    held(1, rows[1].prints, *openqwq, "doctor", status=None)
    held(2, rows[2].prints, *openqwq, "plan", "smoke", "--nodes", "4")
    held(3, rows[3].prints, START, "head", *ray, "--node-ip-address=10.99.0.10")
    refused = refusals(machines, 1)
    machines.give_token(1, machines.token(0).read_text())
    code, said = machines.said(1, START, "worker", HEAD, *ray, "--node-ip-address=10.99.0.11")
    if code:
        raise RuntimeError(f"a worker with the head's token does not join: {said}")
    found[4] = (rows[4].otherwise, refused, home)
    dry = f"source scripts/cluster/environment.sh; {' '.join(openqwq)} run smoke --dry-run cluster.address=auto"
    held(5, rows[5].prints, "bash", "-c", dry)
    held(6, rows[6].prints, *openqwq, "doctor", "--cluster", status=None)
    if has_smoke:
        with tempfile.TemporaryDirectory() as folder:
            words = ("run", "smoke", "cluster.address=auto", "--run-dir", f"{folder}/run")
            held(7, rows[7].prints, *openqwq, *words)
    return found


def main() -> int:
    """Print what is absent; 1 when a command does not print what the page says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="row 7 too: a run on the machines")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("needs root: it makes network namespaces", file=sys.stderr)
        return 2
    is_as_said = True
    with tempfile.TemporaryDirectory(prefix="oq", dir="/tmp") as root:
        machines = Machines(Path(root))
        try:
            machines.wire()
            for number, (cell, said, home) in walk(machines, options.smoke).items():
                missing = absent(cell, said, home)
                is_as_said = is_as_said and not missing
                print(f"row {number}: {'as the page says' if not missing else f'does not print {missing}'}")
                if missing:
                    print(said[-3000:])
        finally:
            machines.stop()
    return 0 if is_as_said else 1


if __name__ == "__main__":
    sys.exit(main())
