"""Trains the second opinion of the `refusal` rule and says how well it does on frames that it was not trained on.

    python scripts/refusal_model.py                  # cross-validate, print JSON
    python scripts/refusal_model.py --write          # ... train on all, write verifiers/rules/refusal_weights.json
    python scripts/refusal_model.py --check          # train again; exit status 1 if the file would differ

Texts: benchmarks/refusal_frames/LANGUAGE.txt, a frame a line: `+ kind | text` (a refusal) or `- kind | text`, with
`<one|another>` for a choice and {slots} of slots.txt; and the texts of benchmarks/refusal_texts.txt that the phrase
rules were mended by (`seen`, `once`). All texts of a frame lie in one fold. Needs numpy.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openqwq.verifiers.rules.refusal import says_so
from openqwq.verifiers.rules.refusal_model import NUM_BUCKETS, WEIGHTS, features, is_short

ROOT = Path(__file__).parents[1] / "benchmarks"
FRAMES, RULE_TEXTS = ROOT / "refusal_frames", ROOT / "refusal_texts.txt"
SEED, FOLDS, SAMPLES = 63, 5, 4
STEPS, PENALTY, LEAST_FAMILIES, SMOOTHING = 150, 5e-5, 3, 0.5
THRESHOLD = 0.6
"""Above a half, since a false alarm costs a good answer its pay (docs/measured/loops_and_refusals.md)."""
_CHOICE = re.compile(r"<([^<>]*\|[^<>]*)>")
_SLOT = re.compile(r"\{(doing|thing|topic|name)\}")
Floats = NDArray[np.float64]


class Text(NamedTuple):
    """Example: Text("No browsing from here.", True, "en", "lack", 17)."""

    text: str
    is_refusal: bool
    language: str
    kind: str
    family: int


def read_frames() -> list[tuple[str, bool, str, str]]:
    """(language, whether it refuses, kind, frame), in the order of the files."""
    found = []
    for path in sorted(FRAMES.glob("??.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            mark, kind, frame = line[0], *line[2:].split(" | ", 1)
            found.append((path.stem, mark == "+", kind.strip(), frame))
    for line in RULE_TEXTS.read_text(encoding="utf-8").splitlines():
        if line.startswith(("seen", "once")):
            _, language, _, mark, text = (part.strip() for part in line.split(" | ", 4))
            found.append((language, mark == "+", "of the rules", text))
    return found


def read_slots() -> dict[tuple[str, str], list[str]]:
    slots: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in (FRAMES / "slots.txt").read_text(encoding="utf-8").splitlines():
        head, value = line.split(" | ", 1)
        language, name = head.split()
        slots[language, name].append(value)
    return slots


def texts(seed: int = SEED) -> list[Text]:
    """Up to SAMPLES different texts of each frame; the line number of the frame names its family."""
    draw, slots, found = random.Random(seed), read_slots(), []
    for family, (language, is_refusal, kind, frame) in enumerate(read_frames()):
        made = []
        for _ in range(SAMPLES):
            text = _CHOICE.sub(lambda match: draw.choice(match[1].split("|")), frame)
            text = _SLOT.sub(lambda match, of=language: draw.choice(slots[of, match[1]]), text)  # type: ignore[misc]
            text = text.replace("\\n", "\n").strip()
            text = text[:1].upper() + text[1:]
            if text not in made:
                made.append(text)
        for text in made:
            found.append(Text(text, is_refusal, language, kind, family))
    return found


class Table(NamedTuple):
    """Features of all texts, row after row: buckets and values [entries], where each row starts [texts]."""

    buckets: NDArray[np.int64]
    values: Floats
    rows: NDArray[np.int64]
    num_texts: int


def table(items: Sequence[list[tuple[int, float]]]) -> Table:
    lengths = np.array([len(item) for item in items])
    buckets = np.fromiter((bucket for item in items for bucket, _ in item), np.int64, int(lengths.sum()))
    values = np.fromiter((value for item in items for _, value in item), np.float64, int(lengths.sum()))
    return Table(buckets, values, np.repeat(np.arange(len(items)), lengths), len(items))


def kept_buckets(made: Table, families: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Buckets that LEAST_FAMILIES frames share: what a single frame says is learnt by heart."""
    pairs = np.unique(made.buckets * (families.max() + 1) + families[made.rows]) // (families.max() + 1)
    return np.bincount(pairs, minlength=NUM_BUCKETS) >= LEAST_FAMILIES


def log_ratio(made: Table, labels: Floats, importance: Floats) -> Floats:
    """|log(share among refusals / share among others)| of each bucket, smoothed [buckets]."""
    counts = importance[made.rows] * made.num_texts / 4
    refusals, others = (
        np.bincount(made.buckets, counts * side[made.rows], NUM_BUCKETS) + SMOOTHING for side in (labels, 1 - labels)
    )
    return np.abs(np.log(refusals / others))


def fit(made: Table, labels: Floats, importance: Floats, families: NDArray[np.int64]) -> tuple[Floats, float]:
    """Logistic regression with an L2 penalty, by Nesterov's accelerated gradient; (weights [buckets], bias).

    Features are scaled by how unevenly they fall to the two sides, |log ratio|, as in Wang and Manning 2012 (NBSVM).
    """
    ratio = log_ratio(made, labels, importance)
    kept = kept_buckets(made, families)[made.buckets]
    names, columns = np.unique(made.buckets[kept], return_inverse=True)
    values, rows = made.values[kept] * ratio[made.buckets[kept]], made.rows[kept]
    weight, bias = np.zeros(len(names)), 0.0
    ahead, ahead_bias, rate = weight.copy(), bias, 1.0
    for step in range(STEPS):
        score = np.bincount(rows, values * ahead[columns], made.num_texts) + ahead_bias
        error = importance * (1 / (1 + np.exp(-score)) - labels)
        gradient = np.bincount(columns, values * error[rows], len(names)) + PENALTY * ahead
        new, new_bias = ahead - rate * gradient, ahead_bias - rate * error.sum()
        momentum = step / (step + 3)
        ahead, ahead_bias = new + momentum * (new - weight), new_bias + momentum * (new_bias - bias)
        weight, bias = new, float(new_bias)
    full = np.zeros(NUM_BUCKETS)
    full[names] = weight * ratio[names]
    return full, bias


def scores(made: Table, weight: Floats, bias: float) -> Floats:
    score = np.bincount(made.rows, made.values * weight[made.buckets], made.num_texts) + bias
    return 1 / (1 + np.exp(-score))


def importance_of(items: Sequence[Text]) -> Floats:
    """Each frame counts once, and refusals as much as others; the sum is 4, which suits a step of 1."""
    per_family = Counter(item.family for item in items)
    raw = np.array([1 / per_family[item.family] for item in items])
    side = np.array([item.is_refusal for item in items])
    raw[side] /= raw[side].sum()
    raw[~side] /= raw[~side].sum()
    return 2 * raw


def out_of_fold(items: Sequence[Text], made: list[list[tuple[int, float]]]) -> Floats:
    """The probability of each text by a model that has seen no text of its frame."""
    folds = fold_of(items)
    found = np.zeros(len(items))
    for fold in range(FOLDS):
        inside = [at for at in range(len(items)) if folds[at] != fold]
        outside = [at for at in range(len(items)) if folds[at] == fold]
        weight, bias = trained([items[at] for at in inside], [made[at] for at in inside])
        found[outside] = scores(table([made[at] for at in outside]), weight, bias)
    found[[is_short(item.text) for item in items]] = 0.0  # as at use
    return found


def fold_of(items: Sequence[Text]) -> list[int]:
    """A fold of each frame, drawn by language and side."""
    draw, groups = random.Random(SEED), defaultdict(list)
    for family, (language, is_refusal) in {item.family: (item.language, item.is_refusal) for item in items}.items():
        groups[language, is_refusal].append(family)
    folds = {}
    for families in groups.values():
        draw.shuffle(families)
        folds.update({family: at % FOLDS for at, family in enumerate(families)})
    return [folds[item.family] for item in items]


def trained(items: Sequence[Text], made: list[list[tuple[int, float]]]) -> tuple[Floats, float]:
    labels = np.array([float(item.is_refusal) for item in items])
    return fit(table(made), labels, importance_of(items), np.array([item.family for item in items]))


def report(items: Sequence[Text], rules: list[bool], said: list[bool]) -> dict[str, Any]:
    """Balanced accuracy (refusals found, others spared) of the rules alone and with the model, by language and kind."""
    share = importance_of(items) / 2
    sums: dict[tuple[str, bool], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for item, part, by_rules, by_both in zip(items, share, rules, said, strict=True):
        for key in (
            "all",
            "frames" if item.kind != "of the rules" else "rules",
            item.language,
            f"{'+' if item.is_refusal else '-'} {item.kind}",
        ):
            entry = sums[key, item.is_refusal]
            entry[0] += part
            entry[1] += part * (by_rules == item.is_refusal)
            entry[2] += part * (by_both == item.is_refusal)
    rates = {key: tuple(round(float(value / entry[0]), 3) for value in entry[1:]) for key, entry in sums.items()}
    found: dict[str, Any] = {}
    for (key, side), (alone, both) in sorted(rates.items()):
        name = "found" if side else "spared"
        found.setdefault(key, {})[name] = {"rules": alone, "with the model": both}
    return found


def trade_off(items: Sequence[Text], rules: list[bool], probabilities: Floats) -> list[dict[str, float]]:
    """What other thresholds would give, on the frames alone: refusals found and others spared, rules and model."""
    frames = np.array([item.kind != "of the rules" for item in items])
    side, share, by_rules = np.array([item.is_refusal for item in items]), importance_of(items), np.array(rules)
    found = []
    for threshold in (0.95, 0.9, 0.8, 0.7, 0.6, 0.5):
        said = by_rules | (probabilities >= threshold)
        hit, alarm = (float(np.average(said[mask], weights=share[mask])) for mask in (frames & side, frames & ~side))
        found.append({"threshold": threshold, "found": round(hit, 3), "spared": round(1 - alarm, 3)})
    return found


def document(items: Sequence[Text], made: list[list[tuple[int, float]]]) -> str:
    """The file of weights: 8 bits a weight, in base 85."""
    weight, bias = trained(items, made)
    scale = float(f"{abs(weight).max() / 127:.4g}")
    values = np.clip(np.rint(weight / scale), -127, 127).astype(np.int8).tobytes()
    held = {
        "scale": scale,
        "bias": round(bias, 4),
        "threshold": THRESHOLD,
        "seed": SEED,
        "texts": hashlib.sha256("\n".join(item.text for item in items).encode()).hexdigest(),
        "weights_sha256": hashlib.sha256(values).hexdigest(),
        "weights": base64.b85encode(values).decode(),
    }
    return json.dumps(held, indent=1) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the weights")
    parser.add_argument("--check", action="store_true", help="compare with the weights that are there")
    parser.add_argument("--faults", action="store_true", help="print the frames that are judged wrongly")
    options = parser.parse_args(arguments)
    items = texts()
    made = [features(item.text) for item in items]
    probabilities = out_of_fold(items, made)
    rules = [says_so(item.text) for item in items]
    said = [rule or p >= THRESHOLD for rule, p in zip(rules, probabilities, strict=True)]
    found = {
        "num_texts": len(items),
        "num_frames": items[-1].family + 1,
        "threshold": THRESHOLD,
        **report(items, rules, said),
    }
    found["trade_off"] = trade_off(items, rules, probabilities)
    if options.faults:
        judged = zip(items, probabilities, said, strict=True)
        wrong = {item.family: (item, p) for item, p, one in judged if one != item.is_refusal}
        found["faults"] = [[round(float(p), 2), item.language, item.kind, item.text] for item, p in wrong.values()]
    print(json.dumps(found, indent=1, ensure_ascii=False))
    if options.write or options.check:
        new = document(items, made)
        if options.check:
            return int(new != WEIGHTS.read_text(encoding="ascii"))
        WEIGHTS.write_text(new, encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
