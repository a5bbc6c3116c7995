"""`openqwq verify`: its options, and what it does with them."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, cast, get_args

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.json_safe import json_safe
from openqwq.verifiers.workbench.audit import Audit, audit, audit_built_in, check_needs, service_of
from openqwq.verifiers.workbench.cases import Case, Selection, load_cases
from openqwq.verifiers.workbench.findings import findings_of
from openqwq.verifiers.workbench.limits import Limits, broken, checks_of
from openqwq.verifiers.workbench.probes import FAULTS, Fault
from openqwq.verifiers.workbench.process import Subject
from openqwq.verifiers.workbench.report import audit_json, audit_text, findings_json, findings_text
from openqwq.verifiers.workbench.trial import Bench, run_trial

DESCRIPTION = """Try a verifier before you train on it.

--cases measures it on labelled answers: a line of the file is a JSON object with `response` and `correct` (true or
false) or `expected` (the score), perhaps `id` and `category`; all other columns are the row that the verifier sees.
--audit tries degenerate answers that no verifier should pay, and golds with a flipped sign, another operator or number,
on rows of --cases or on built-in ones.
Exit status 1 when a limit is broken, 2 when something cannot be used."""


def main(words: Sequence[str]) -> int:
    """Returns the exit status: 0 every limit kept, 1 one broken, 2 unusable input, 130 interrupted."""
    try:
        return verify(_parser().parse_args(words))
    except VerifierError as error:
        print(f"openqwq: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("openqwq: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="openqwq verify", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--verifier",
        metavar="NAME|path.py:function|package.module:function",
        help="with --audit the default is every built-in",
    )
    parser.add_argument("--cases", type=Path, metavar="FILE.jsonl", help="labelled answers")
    parser.add_argument("--audit", action="store_true", help="degenerate answers that deserve no pay")
    parser.add_argument(
        "--answers-for",
        metavar="FAULT,...",
        help=f"the faults that an audit counts: {', '.join(get_args(Fault))} (default: all, of a verifier of yours)",
    )
    parser.add_argument("--argument", action="append", default=[], metavar="key=value", help="of the verifier")
    parser.add_argument("--column", action="append", default=[], metavar="ours=theirs", help="e.g. reference=gold")
    parser.add_argument("--where", action="append", default=[], metavar="column=value", help="only such rows")
    parser.add_argument("--limit", type=int, help="only the first so many rows")
    parser.add_argument(
        "--deadline-seconds", type=float, default=10.0, help="for one check, else it is a hang (default 10)"
    )
    parser.add_argument("--processes", type=int, default=1, help="that check at a time (default 1)")
    parser.add_argument("--examples", type=int, default=3, help="shown of each kind (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything here as well; - prints JSON alone")
    defaults = Limits()
    for each in fields(Limits):
        usual = getattr(defaults, each.name)
        shown = "no limit" if usual is None else f"{usual:g}"
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=float, default=usual, help=f"(default {shown})")
    return parser


def verify(options: argparse.Namespace) -> int:
    """Run what the options ask for; returns the exit status."""
    if not options.audit and not (options.verifier and options.cases):
        raise VerifierError("give --verifier and --cases, or --audit; `openqwq verify --help` shows the form of a case")
    limits = Limits(**{each.name: getattr(options, each.name) for each in fields(Limits)})
    cases = _cases(options)
    progress = _Progress(options.json == Path("-"))
    report: dict[str, Any] = {}
    texts: list[str] = []
    is_passed = True
    if options.verifier and cases:
        text, report["cases"] = _on_cases(options, cases, limits, progress)
        texts.append(text)
        is_passed = report["cases"]["passed"]
    if options.audit:
        audits = list(_audits(options, cases, limits, progress))
        texts.append(audit_text(audits, options.examples, _width()))
        report["audits"] = [audit_json(each) for each in audits]
        is_passed = is_passed and not any(broken(each.checks) for each in audits)
    progress.done()
    _write(options.json, report | {"verifier": options.verifier, "passed": is_passed}, "\n\n".join(texts))
    return 0 if is_passed else 1


def _cases(options: argparse.Namespace) -> list[Case]:
    if options.cases is None:
        return []
    columns, where = _pairs(options.column, "--column"), _pairs(options.where, "--where")
    return load_cases(options.cases, Selection(columns, where, options.limit))


def _on_cases(
    options: argparse.Namespace, cases: list[Case], limits: Limits, progress: _Progress
) -> tuple[str, dict[str, Any]]:
    with (
        service_of(_subject(options)) as subject,
        Bench(subject, options.deadline_seconds, options.processes) as bench,
    ):
        check_needs(subject, cases, bench)
        trial = run_trial(bench, [case.question for case in cases], progress)
    findings = findings_of(cases, trial)
    checks = checks_of(findings, limits)
    title = f"{options.verifier} on {len(cases)} answers of {options.cases}"
    text = findings_text(title, findings, checks, options.examples, _width())
    return text, findings_json(findings, checks)


def _audits(options: argparse.Namespace, cases: list[Case], limits: Limits, progress: _Progress) -> list[Audit]:
    if options.verifier:
        return [
            audit(_subject(options), cases, limits, options.deadline_seconds, progress, _faults(options.answers_for))
        ]
    if cases:
        raise VerifierError("--audit with --cases needs --verifier: the rows of a file are for one verifier")
    return list(audit_built_in(limits, options.deadline_seconds, progress))


def _subject(options: argparse.Namespace) -> Subject:
    words = _pairs(options.argument, "--argument")
    return Subject(options.verifier, {key: _value(word) for key, word in words.items()}, {})


def _faults(words: str | None) -> frozenset[Fault] | None:
    if words is None:
        return None
    names = [name.strip() for name in words.split(",")]
    if unknown := [name for name in names if name not in FAULTS]:
        raise VerifierError(f"--answers-for knows {', '.join(get_args(Fault))}, not {unknown[0]!r}")
    return frozenset(cast(Fault, name) for name in names)


def _pairs(words: Sequence[str], option: str) -> dict[str, str]:
    found = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not key:
            raise VerifierError(f"{option} takes key=value, got {word!r}")
        found[key] = value
    return found


def _value(word: str) -> Any:
    """2, true, [1, 2] and "text" as JSON says; anything else is text."""
    try:
        return json.loads(word)
    except ValueError:
        return word


class _Progress:
    """How far a pass is, in one line on standard error, where that is a terminal."""

    def __init__(self, is_quiet: bool) -> None:
        self._is_shown = sys.stderr.isatty() and not is_quiet

    def __call__(self, name: str, done: int, total: int) -> None:
        if self._is_shown and (done == total or done % max(1, total // 100) == 0):
            print(f"\r\x1b[K{name}: {done}/{total}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _width() -> int:
    return min(140, max(60, shutil.get_terminal_size((100, 24)).columns))


def _write(path: Path | None, report: dict[str, Any], text: str) -> None:
    whole = json.dumps(json_safe(report, "report"), indent=2, ensure_ascii=False, allow_nan=False)
    if path == Path("-"):
        print(whole)
        return
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(whole + "\n", encoding="utf-8")
        partial.replace(path)
    print(text)
