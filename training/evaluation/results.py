"""What the answers of a suite say: scores by problem, and the numbers that are made of them. Pure."""

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from openqwq.training.answers.flags import FLAGS
from openqwq.training.answers.record import Answer
from openqwq.training.errors import VerifierFailures
from openqwq.training.estimation.estimates import consensus_at_k, pass_at_k, unstable_fraction
from openqwq.training.estimation.intervals import Interval, on_problems_like_these, on_this_benchmark
from openqwq.training.estimation.paired import Difference, paired_difference
from openqwq.training.estimation.samples import ProblemScores, name_of_mean
from openqwq.training.evaluation.examination import STRICT
from openqwq.training.records import EvalReport, SuiteResult
from openqwq.training.run_folder.entry import Estimate, SuiteEntry
from openqwq.verifiers.answers import graded_text, last_boxed

_BLANKS = re.compile(r"\s+|\\[,;:! ]")


def answered(answer: Answer) -> str | None:
    """What an answer says, alike where two say the same: every right answer is alike, wrong ones by the text of their
    box; None where there is none. Two wrong answers that are equal in other words count as two, which can only raise
    the share of the right ones."""
    if answer.reward == 1.0:
        return "right"
    box = last_boxed(graded_text(answer.response, list(answer.messages)).text)
    return None if not box else "wrong: " + _BLANKS.sub("", box)


def summarise(
    suite: str,
    answers: Iterable[Answer],
    samples: int,
    max_error_fraction: float,
    columns: Mapping[str, str],
) -> SuiteResult:
    """The result of a suite's answers. An item counts if all of its samples could be judged.

    Raises:
        VerifierFailures: too many items could not be judged.
    """
    by_item: dict[str, list[Answer]] = {}
    answers = sorted(answers, key=lambda a: (a.group, a.sample))
    for answer in answers:
        by_item.setdefault(answer.id, []).append(answer)
    scores = _complete(by_item, None, samples)
    if (errors := len(by_item) - len(scores)) > max_error_fraction * len(by_item):
        failed = (a for item in by_item.values() for a in item if a.reward is None)
        reason = next((a.reason for a in failed), "samples are missing")
        raise VerifierFailures(f"evaluation of {suite}: {errors} of {len(by_item)} items could not be judged: {reason}")
    said = {item: [answered(answer) for answer in by_item[item]] for item in scores}
    return SuiteResult(
        scores={item: math.fsum(values) / samples for item, values in scores.items()},
        kinds={item: known[0].kind for item, known in by_item.items()},
        errors=errors,
        mean_tokens=statistics.fmean(answer.num_tokens for answer in answers) if answers else math.nan,
        samples=scores,
        answers=said if any(a and a != "right" for row in said.values() for a in row) else {},
        columns={name: _complete(by_item, label, samples) for name, label in columns.items() if name != STRICT},
        clusters={item: c for item in scores if (c := by_item[item][0].cluster) is not None},
        facts=_facts(answers) | _parts(answers, columns.get(STRICT)),
    )


def _complete(by_item: Mapping[str, Sequence[Answer]], verifier: str | None, samples: int) -> dict[str, list[float]]:
    """Item -> the score of each sample, for items all of whose samples have one."""
    scores = {
        item: [score for a in answers if (score := a.score_by(verifier)) is not None]
        for item, answers in by_item.items()
    }
    return {item: known for item, known in scores.items() if len(known) == samples}


def _facts(answers: Sequence[Answer]) -> dict[str, float]:
    """Shares of flagged answers; where thinking is counted, its mean length over all, right and wrong answers."""
    if not answers:
        return {}
    facts = {flag: statistics.fmean(flag in answer.flags for answer in answers) for flag in FLAGS}
    whole = [answer.reward for answer in answers if "truncated" not in answer.flags and answer.reward is not None]
    if facts["truncated"] and whole:
        facts["score_of_finished"] = statistics.fmean(whole)
    thought = [(a.num_thinking_tokens, a.reward) for a in answers if a.num_thinking_tokens is not None]
    for name, lengths in (
        ("thinking_tokens", [tokens for tokens, _ in thought]),
        ("thinking_tokens_right", [tokens for tokens, reward in thought if reward == 1.0]),
        ("thinking_tokens_wrong", [tokens for tokens, reward in thought if reward is not None and reward < 1.0]),
    ):
        if lengths:
            facts[name] = statistics.fmean(lengths)
    return facts


def _parts(answers: Sequence[Answer], verifier: str | None) -> dict[str, float]:
    """Means of the parts of a verifier's scores. A part such as `instruction_strict` is weighted by `num_instructions`
    where that is a part as well: then it is the mean over all instructions."""
    found = [parts for answer in answers if (parts := answer.verdicts.get(verifier or "", {}).get("parts"))]
    names = set(found[0]).intersection(*found) if found else set()
    means = {}
    for name in sorted(names):
        weights = [parts.get(f"num_{name.partition('_')[0]}s", 1.0) for parts in found]
        if not name.startswith("num_") and sum(weights):
            total = math.fsum(weight * parts[name] for weight, parts in zip(weights, found, strict=True))
            means[f"part/{name}"] = total / sum(weights)
    return means


def problems_of(result: SuiteResult, column: str | None = None) -> list[ProblemScores]:
    """The scores of a result by problem; results of earlier versions have one mean score a problem."""
    scores = result.columns[column] if column else result.samples or {i: [s] for i, s in result.scores.items()}
    said = result.answers if column is None else {}
    return [ProblemScores(item, scores[item], result.clusters.get(item), said.get(item, ())) for item in sorted(scores)]


def paired_gain(before: SuiteResult, after: SuiteResult) -> Difference | None:
    """The difference after - before over the problems of both; None where there is none."""
    old, new = problems_of(before), problems_of(after)
    if not {p.problem for p in old} & {p.problem for p in new}:
        return None
    return paired_difference(old, new)


def paired_entries(before: Mapping[str, SuiteResult], after: Mapping[str, SuiteResult]) -> dict[str, Estimate]:
    """The paired gain of every suite that was measured both times."""
    gains = {suite: paired_gain(before[suite], after[suite]) for suite in after if suite in before}
    return {
        suite: Estimate(None) if gain is None else Estimate(gain.value, gain.low, gain.high, gain.num_problems)
        for suite, gain in gains.items()
    }


def powers_to(limit: int) -> list[int]:
    """1, 2, 4, ... and the limit itself."""
    return sorted({*(2**i for i in range(limit.bit_length())), limit})


def suite_entry(result: SuiteResult) -> SuiteEntry:
    """The result of a suite as a run records it."""
    problems = problems_of(result)
    if not problems:
        return SuiteEntry(Estimate(None, n=0), errors=result.errors)
    k = min(len(problem.scores) for problem in problems)
    kinds = sorted({result.kinds[item] for item in result.scores})
    by_kind = {
        kind: statistics.fmean(s for item, s in result.scores.items() if result.kinds[item] == kind) for kind in kinds
    }
    like_these, here = on_problems_like_these(problems), on_this_benchmark(problems)
    return SuiteEntry(
        _estimate(like_these, len(problems)),
        errors=result.errors,
        on_this_benchmark=_estimate(here, len(problems)),
        samples=k,
        name=name_of_mean(problems),
        pass_at={m: pass_at_k(problems, m) for m in powers_to(k)} if k > 1 else {},
        consensus={m: consensus_at_k(problems, m) for m in powers_to(k) if m > 1} if result.answers and k > 1 else {},
        unstable=unstable_fraction(problems),
        mean_tokens=round(result.mean_tokens, 2),
        kinds=by_kind if len(kinds) > 1 else {},
        columns={
            name: _estimate(on_problems_like_these(problems_of(result, name)), len(scores))
            for name, scores in result.columns.items()
            if scores
        },
        facts={name: round(value, 6) for name, value in result.facts.items()},
    )


def _estimate(interval: Interval, n: int) -> Estimate:
    return Estimate(interval.value, interval.low, interval.high, n)


def report_to_json(report: EvalReport) -> dict[str, Any]:
    """The report as `evals/<label>.json` holds it."""
    return asdict(report)


def report_from_json(tree: Mapping[str, Any]) -> EvalReport:
    """The inverse of `report_to_json`; what earlier versions wrote besides is left out."""
    names = {f.name for f in fields(SuiteResult)}
    suites = {
        suite: SuiteResult(**{name: value for name, value in result.items() if name in names})
        for suite, result in tree["suites"].items()
    }
    return EvalReport(label=tree["label"], suites=suites, seconds=tree["seconds"])
