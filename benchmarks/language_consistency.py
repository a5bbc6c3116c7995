"""Clean and mixed texts through the verifier `language`. Prints JSON: clean ones flagged, mixed ones found.

`python -m benchmarks.language_consistency ENGLISH.jsonl ... [--translations FOLDER] [--half held_out] [--texts 60]`

ENGLISH.jsonl: rows whose texts are English (questions and solutions of public data sets); every text of a row is read.
--translations: a folder LANGUAGE/LC_MESSAGES/*.mo of any package, for sentences of other languages that nobody chose
(Django's `conf/locale`, for instance). Sentences are dealt into two halves by a hash: weights and lists were chosen on
`calibration`.
"""

from __future__ import annotations

import argparse
import gettext
import hashlib
import json
import re
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.language_texts import FOREIGN, LOOKS_FOREIGN, SHAPES
from benchmarks.measuring import machine, print_report
from openqwq.verifiers import get_verifier
from openqwq.verifiers.rules.text import sentences

HALVES = ("calibration", "held_out", "both")
TARGETS = (
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "sv",
    "pl",
    "tr",
    "id",
    "fi",
    "ro",
    "ru",
    "uk",
    "ar",
    "hi",
    "zh_Hans",
    "ja",
    "ko",
    "th",
)
_MARKED = re.compile(r"[%{}<>&\n]")
_ENGLISH_ONLY = re.compile(r"[\u0400-\U0003ffff]")


def in_half(text: str, half: str) -> bool:
    return half == "both" or HALVES[hashlib.sha256(text.encode()).digest()[0] % 2] == half


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (text for item in value for text in texts_in(item))


def english_sentences(files: Iterable[str], half: str) -> list[str]:
    """Different sentences of the files that hold no letters of other writing systems."""
    found: dict[str, None] = {}
    for file in files:
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            for text in (text for value in json.loads(line).values() for text in texts_in(value)):
                for said in sentences(text):
                    if len(said.split()) >= 3 and in_half(said, half) and not _ENGLISH_ONLY.search(said):
                        found[said] = None
    return list(found)


def translated(folder: str, language: str, half: str) -> list[str]:
    """Sentences of a package's catalogue: five to thirty words, or fifteen letters in scripts without blanks."""
    found: dict[str, None] = {}
    for file in sorted(Path(folder).glob(f"{language}/LC_MESSAGES/*.mo")):
        with file.open("rb") as opened:
            catalogue: dict[Any, Any] = gettext.GNUTranslations(opened)._catalog  # type: ignore[attr-defined]
        for original, said in catalogue.items():
            if not isinstance(original, str) or not isinstance(said, str) or said == original or _MARKED.search(said):
                continue
            is_long = len(said) >= 15 if language[:2] in ("zh", "ja", "th") else 5 <= len(said.split()) <= 30
            if is_long and len(original.split()) >= 5 and in_half(said, half):
                found[said] = None
    return list(found)


def flagged(text: str, target: str) -> str:
    """The verifier's reason, or "" when the text is clean."""
    verdict = get_verifier("language", target=target).verify(text, {})
    return verdict.reason if verdict.score == 0.0 else ""


def long_text(rng: Random, said: Sequence[str], words: int) -> list[str]:
    chosen: list[str] = []
    count = 0
    while count < words:
        chosen.append(rng.choice(said))
        count += len(chosen[-1].split())
    return chosen


def mixed(rng: Random, clean: Sequence[str], foreign: str, shape: str) -> str:
    place = rng.randint(0, len(clean))
    return " ".join([*clean[:place], SHAPES[shape].format(foreign), *clean[place:]])


def english(
    said: Sequence[str], foreign: dict[str, list[str]], texts: int, words: int, shapes: Sequence[str] = tuple(SHAPES)
) -> tuple[dict[str, Any], list[str]]:
    """English sentences alone, long clean texts, and texts with one foreign sentence in each shape."""
    rng = Random("language")
    wrong = [f"{sentence[:100]!r} {reason}" for sentence in said if (reason := flagged(sentence, "en"))]
    looks = [f"{sentence[:100]!r} {reason}" for sentence in LOOKS_FOREIGN if (reason := flagged(sentence, "en"))]
    longs = [[*long_text(rng, said, words), *rng.sample(LOOKS_FOREIGN, 8)] for _ in range(texts)]
    for pieces in longs:
        rng.shuffle(pieces)
    seconds, long_wrong = [], []
    for pieces in longs:
        started = time.process_time()
        reason = flagged(" ".join(pieces), "en")
        seconds.append(time.process_time() - started)
        if reason:
            long_wrong.append(f"long: {reason}")
    short = [long_text(rng, said, 40) for _ in range(200)]
    by_language, by_shape, missed = {}, {shape: [0, 0] for shape in shapes}, []
    for language, sentences_ in foreign.items():
        found = asked = 0
        for sentence in sentences_:
            for shape in shapes:
                is_found = bool(flagged(mixed(rng, rng.choice(short), sentence, shape), "en"))
                found, asked = found + is_found, asked + 1
                by_shape[shape][0] += is_found
                by_shape[shape][1] += 1
                if not is_found and shape in ("plain", "dollar"):
                    missed.append(f"missed {language} {shape}: {sentence}")
        by_language[language] = {"found": found, "of": asked}
    long_found = 0
    every = [sentence for group in foreign.values() for sentence in group]
    for pieces in longs:
        long_found += bool(flagged(mixed(rng, pieces, rng.choice(every), rng.choice(shapes)), "en"))
    report = {
        "sentences": len(said),
        "sentences_flagged": len(wrong),
        "looks_foreign": len(LOOKS_FOREIGN),
        "looks_foreign_flagged": len(looks),
        "long_texts": texts,
        "words_of_a_long_text": words,
        "long_flagged": len(long_wrong),
        "long_mixed_found": long_found,
        "median_ms_of_a_long_text": round(1000 * statistics.median(seconds), 1) if seconds else None,
        "mixed_by_language": by_language,
        "mixed_by_shape": {shape: f"{a}/{b}" for shape, (a, b) in by_shape.items()},
        "mixed_found": sum(a for a, _ in by_shape.values()),
        "mixed": sum(b for _, b in by_shape.values()),
    }
    return report, [*wrong, *looks, *long_wrong, *missed]


def other_targets(folder: str, half: str, said: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Clean texts of other languages, and the same with one English sentence."""
    rng = Random("targets")
    report, wrong = {}, []
    plain = [
        sentence
        for sentence in said
        if 6 <= len(sentence.split()) <= 15 and "\\" not in sentence and "$" not in sentence
    ]
    for name in TARGETS:
        own, target = translated(folder, name, half), name[:2]
        if not own:
            continue
        reasons = [
            f"{target} clean {sentence[:80]!r} {reason}" for sentence in own if (reason := flagged(sentence, target))
        ]
        found = sum(
            bool(flagged(mixed(rng, rng.sample(own, min(4, len(own))), rng.choice(plain), "plain"), target))
            for _ in own
        )
        report[target] = {"sentences": len(own), "flagged": len(reasons), "mixed_with_english_found": found}
        wrong += reasons
    return report, wrong


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help="JSONL files of English rows")
    parser.add_argument("--translations", help="folder of gettext catalogues, LANGUAGE/LC_MESSAGES/*.mo")
    parser.add_argument("--half", choices=HALVES, default="held_out")
    parser.add_argument("--texts", type=int, default=60, help="long texts (default 60)")
    parser.add_argument("--words", type=int, default=20_000, help="words of a long text (default 20,000)")
    parser.add_argument("--sentences", type=int, default=100_000, help="English sentences judged alone, at most")
    arguments = parser.parse_args(words)
    said = english_sentences(arguments.files, arguments.half)
    Random("order").shuffle(said)
    said = said[: arguments.sentences]
    foreign = {language: list(own) for language, own in FOREIGN.items()}
    report: dict[str, Any] = {"machine": machine(), "half": arguments.half}
    report["english"], wrong = english(said, foreign, arguments.texts, arguments.words)
    if arguments.translations:
        catalogues = {name[:2]: translated(arguments.translations, name, arguments.half)[:40] for name in TARGETS}
        report["english_with_catalogues"], missed = english(said[:50], catalogues, 0, 0, ("plain", "backticks"))
        report["other_targets"], unclean = other_targets(arguments.translations, arguments.half, said)
        wrong += [*missed, *unclean]
    return print_report(report, wrong[:200])


if __name__ == "__main__":
    raise SystemExit(main())
