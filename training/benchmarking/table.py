"""Results as people read them on a terminal. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from openqwq.training.answers.flags import FLAGS
from openqwq.training.benchmarking.official import OFFICIAL
from openqwq.training.config.suites import Published
from openqwq.training.console import aligned
from openqwq.training.run_folder.entry import Estimate, SuiteEntry

LEVELS = ("part/prompt_", "part/instruction_")
"""Parts of a score that are results of their own; others are for the log."""
TOO_MANY_CUT = 0.05
"""Above this share of truncated answers a score says as much of the limit as of the model."""


def result_lines(entries: Mapping[str, SuiteEntry], published: Mapping[str, Sequence[Published]]) -> Iterator[str]:
    """The table of an evaluation, and below it what each suite has beside its score."""
    head = ("suite", "score", "on problems like these", "on this benchmark", "problems", "samples")
    yield from aligned([head, *(_row(suite, entry) for suite, entry in entries.items())])
    for suite, entry in entries.items():
        for line in _notes(entry, published.get(suite, ())):
            yield f"  {suite}: {line}"


def _row(suite: str, entry: SuiteEntry) -> tuple[str, ...]:
    whole, here = entry.accuracy, entry.on_this_benchmark
    value = "unknown" if whole.value is None else f"{whole.value:.3f}"
    name = "" if entry.name == "accuracy" else f" ({entry.name})"
    count = f"{whole.n or 0}" + (f" (+ {entry.errors} without verdict)" if entry.errors else "")
    at_most = "" if (entry.samples or 1) > 1 else "at most "
    return (suite, value + name, interval(whole), at_most + interval(here), count, str(entry.samples or ""))


def interval(estimate: Estimate) -> str:
    """`[0.490, 0.610]`"""
    return "" if estimate.low is None or estimate.high is None else f"[{estimate.low:.3f}, {estimate.high:.3f}]"


def _notes(entry: SuiteEntry, published: Sequence[Published]) -> Iterator[str]:
    for name, estimate in entry.columns.items():
        yield f"{name} {_number(estimate.value)} {interval(estimate)}"
    for name, value in entry.facts.items():
        if name.startswith(OFFICIAL):
            yield f"{name.removeprefix(OFFICIAL)} {value:.3f}"
    parts = {name.removeprefix("part/"): value for name, value in entry.facts.items() if name.startswith(LEVELS)}
    if parts:
        yield ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in parts.items())
    for name, values in (("pass@", entry.pass_at), ("cons@", entry.consensus)):
        if len(values) > 1 or (values and name == "cons@"):
            yield ", ".join(f"{name}{k} {value:.3f}" for k, value in values.items())
    if entry.unstable is not None:
        yield f"samples disagree on {entry.unstable:.1%} of the problems"
    cut = entry.facts.get("truncated", 0.0)
    if cut > TOO_MANY_CUT and "score_of_finished" in entry.facts:
        yield f"{cut:.1%} of the answers were cut at the token limit; the score of the others is " + _number(
            entry.facts["score_of_finished"]
        )
    rates = {flag: entry.facts[flag] for flag in FLAGS if entry.facts.get(flag)}
    if rates:
        yield "answers " + ", ".join(f"{flag.replace('_', ' ')} {share:.1%}" for flag, share in rates.items())
    thinking = {
        "all": entry.facts.get("thinking_tokens"),
        "right": entry.facts.get("thinking_tokens_right"),
        "wrong": entry.facts.get("thinking_tokens_wrong"),
    }
    if thinking["all"]:
        known = ", ".join(f"{name} {value:.0f}" for name, value in thinking.items() if value is not None)
        yield f"thinking tokens: {known}"
    for row in published:
        yield f"published {row.model} {row.score:.3f} ({row.column}; {row.settings}; {row.source}; {row.evidence})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
