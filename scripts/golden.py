"""Golden numbers: five steps of every algorithm and schedule on the tiny model, with their numbers committed.

    python scripts/golden.py              # run all, write changes to tests/golden/numbers/; review the diff like code
    python scripts/golden.py grpo async   # only these
    python scripts/golden.py --check      # write nothing, print what differs; exit status 1 if anything does

A value that agrees within the tolerance is kept as it stands, so a diff shows what has changed and no last digits.
A record is written only if it does not hang on the last digits either: the same run from weights that are nudged by two
millionths must sample the same tokens and stay within the tolerance. Otherwise the next seed is tried. Tokens that are
decided by less than `TIE` stand in the record, and are taken from there.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).absolute().parents[1]))

import torch
from safetensors.torch import load_file, save_file

from tests.golden.golden_runs import BASE, CASES, ROOT, STEPS, Record, run

NUMBERS = ROOT / "tests" / "golden" / "numbers"
COMMAND = "python scripts/golden.py"

RELATIVE, ABSOLUTE = 5e-4, 1e-5
"""Tolerance of a step's numbers: from nudged weights (below), or without vector instructions, a run stays within."""
OF_CHANGE = 5e-3
"""Tolerance of a tensor's change after the last step, as a fraction of its norm. AdamW divides by the root of the
squared gradient: where a gradient is hardly more than rounding, its last digits become a whole step."""
NUDGES = {1: 2e-6, 2: -2e-6}
"""Seed of the noise -> its size relative to each weight: about twice what the kernels of two CPUs differ by."""
SEEDS_TRIED = 30


def agrees(metric: str, stored: float | None, found: float | None) -> bool:
    """Whether two values of a metric are equal within the tolerance. Digests must be equal."""
    if stored is None or found is None or metric == "samples/digest":
        return stored == found
    relative, absolute = (OF_CHANGE, OF_CHANGE) if metric.startswith("change/") else (RELATIVE, ABSOLUTE)
    if metric == "change/norm":
        absolute = ABSOLUTE
    return math.isclose(stored, found, rel_tol=relative, abs_tol=absolute)


@dataclass(frozen=True)
class Difference:
    """A value that differs. Example: `Difference("step 3", "update/loss", 0.25, -0.25)`"""

    where: str
    metric: str
    stored: float | None
    found: float | None

    def __str__(self) -> str:
        return f"{self.where}: {self.metric} is {self.found}, golden is {self.stored}"


def differences(stored: Record, found: Record) -> list[Difference]:
    """What is not within the tolerance, the earliest step first."""
    none: list[None] = [None] * STEPS
    rows = []
    for metric in sorted({*stored["steps"], *found["steps"]}):
        sides = zip(stored["steps"].get(metric, none), found["steps"].get(metric, none), strict=True)
        rows += [(i, Difference(f"step {i}", metric, *side)) for i, side in enumerate(sides, 1)]
    for tensor in sorted({*stored["change"], *found["change"]}):
        sides = zip(stored["change"].get(tensor, [None] * 2), found["change"].get(tensor, [None] * 2), strict=True)
        where = f"change of {tensor} in {STEPS} steps"
        rows += [
            (STEPS + 1, Difference(where, metric, *side))
            for metric, side in zip(("change/norm", "change/direction"), sides, strict=True)
        ]
    rows.sort(key=lambda row: row[0])
    return [row for _, row in rows if not agrees(row.metric, row.stored, row.found)]


def explained(name: str, found: Sequence[Difference], limit: int = 12) -> str:
    """The differences of a case as a message."""
    lines = [f"golden run {name} ({CASES[name].algorithm}): {len(found)} numbers differ", *map(str, found[:limit])]
    lines += [f"... and {len(found) - limit} more"] if len(found) > limit else []
    if any(d.metric == "samples/digest" for d in found):
        lines.append("samples/digest is a hash of the sampled tokens: from that step on, the run is another one")
    return "\n  ".join([*lines, f"If the change is meant: `{COMMAND} {name}`, and have the diff reviewed"])


def read(name: str) -> Record | None:
    """The committed record of a case; None if there is none."""
    path = NUMBERS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def write(name: str, record: Record) -> None:
    """One line per metric, so that a diff names it."""
    sections = []
    for section in ("steps", "change"):
        lines = [f"    {json.dumps(key)}: {json.dumps(values)}" for key, values in sorted(record[section].items())]
        sections.append(f'  "{section}": {{\n' + ",\n".join(lines) + "\n  }")
    NUMBERS.mkdir(exist_ok=True)
    head = [f'  "{key}": {json.dumps(record[key])}' for key in ("seed", "ties")]
    text = "{\n" + ",\n".join([*head, *sections]) + "\n}\n"
    (NUMBERS / f"{name}.json").write_text(text)


def kept(stored: Record, found: Record) -> Record:
    """`found`, with the stored value wherever the two agree."""

    def merged(metrics: Sequence[str], old: Sequence[Any] | None, new: Sequence[Any]) -> list[Any]:
        sides = zip(metrics, old or [None] * len(new), new, strict=True)
        return [before if agrees(metric, before, now) else now for metric, before, now in sides]

    steps = {key: merged([key] * STEPS, stored["steps"].get(key), new) for key, new in found["steps"].items()}
    sizes = ("change/norm", "change/direction")
    change = {key: merged(sizes, stored["change"].get(key), new) for key, new in found["change"].items()}
    return {"seed": found["seed"], "ties": found["ties"], "steps": steps, "change": change}


def nudged(folder: Path, noise: int, size: float) -> Path:
    """The base model with each weight changed by about `size` of itself."""
    shutil.copytree(BASE, folder)
    file, random = folder / "model.safetensors", torch.Generator().manual_seed(noise)
    weights = {key: w * (1 + size * torch.randn(w.shape, generator=random)) for key, w in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})
    return folder


def shaky(name: str, record: Record) -> list[Difference]:
    """What a nudge of the weights changes by more than the tolerance."""
    found: list[Difference] = []
    with tempfile.TemporaryDirectory(prefix="openqwq-nudged-") as scratch:
        for noise, size in NUDGES.items():
            model = nudged(Path(scratch) / str(noise), noise, size)
            found = found or differences(record, run(name, record["seed"], record["ties"], model))
    return found


def regenerate(name: str) -> Record:
    """A record of the case as the code is now: that of the stored seed, or of the next one that is not shaky."""
    stored = read(name)
    if stored and not differences(stored, run(name, stored["seed"], stored["ties"])):
        return stored
    first = stored["seed"] if stored else 0
    for seed in range(first, first + SEEDS_TRIED):
        record = run(name, seed, stored["ties"] if stored and seed == first else {})
        found = shaky(name, record)
        if not found:
            return kept(stored, record) if stored and seed == first else record
        print(f"{name}: seed {seed} hangs on last digits ({found[0]})", flush=True)
    raise SystemExit(f"golden: {name} hangs on last digits with each of {SEEDS_TRIED} seeds; change its case")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all if none is given")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.cases if name not in CASES]:
        parser.error(f"no golden run {unknown[0]!r}; there are {', '.join(CASES)}")
    has_changed = False
    for name in options.cases or CASES:
        stored = read(name)
        record = regenerate(name) if not options.check else run(name, stored["seed"], stored["ties"]) if stored else {}
        if stored is None:
            has_changed = True
            print(f"{name}: {'has no record' if options.check else 'new'}")
        elif not (found := differences(stored, record)):
            print(f"{name}: as committed")
        else:
            has_changed = True
            print(explained(name, found, limit=40))
        if not options.check and record != stored:
            write(name, record)
    return int(has_changed and options.check)


if __name__ == "__main__":
    sys.exit(main())
