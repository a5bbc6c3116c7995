"""An honest program's verdict depends on the program alone: not on the company it runs in."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.sandbox import Job, Limits, LocalSandbox, TestCase
from tests.sandbox.corpus import ESCAPES, EXHAUSTION, HACKS

BATCH = 40
HONEST_LIMITS = Limits(time_seconds=5.0)
HOSTILE = tuple(program.job for program in HACKS + ESCAPES + EXHAUSTION if program.job.limits.time_seconds <= 2)


class Honest(NamedTuple):
    job: Job
    verdict: str


class Task(NamedTuple):
    """One argument `a`; the right answer as Python, and wrong ones, which are wrong for every argument."""

    right: str
    wrong: tuple[str, ...]
    arguments: st.SearchStrategy[Any]


NUMBERS = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=6)
WORDS = st.text("abcčdž ", min_size=1, max_size=9).filter(lambda word: word == word.strip())
TASKS = (
    Task("a * a + 1", ("a * a", "a * a - 1", "abs(a)", "None"), st.integers(-(10**9), 10**9)),
    Task("a // 7 + a % 7", ("a // 7 + a % 7 + 1", "-1 - abs(a)", "-a - 1"), st.integers(-(10**30), 10**30)),
    Task("sum(a)", ("max(a) - 10 ** 7", "len(a) * 10 ** 8", "a"), NUMBERS),
    Task("sorted(a)", ("sorted(a) + [0]", "[]", "sorted(a)[1:]"), NUMBERS),
    Task("a[::-1] + a.upper()", ("a", "a + '!'", "''", "[*a]"), WORDS),
    Task("len(set(a))", ("len(a) + 1", "0", "str(len(set(a)))"), WORDS),
    Task("{c: a.count(c) for c in a}", ("{}", "{c: 0 for c in a}", "sorted(a)"), WORDS),
)


@st.composite
def honest_programs(draw: st.DrawFn) -> Honest:
    task = draw(st.sampled_from(TASKS))
    is_right = draw(st.booleans())
    answer = task.right if is_right else draw(st.sampled_from(task.wrong))
    inputs = draw(st.lists(task.arguments, min_size=1, max_size=3))
    wanted = [eval(task.right, {"a": value}) for value in inputs]
    function = f"def solve(a):\n    return {answer}\n"
    verdict = "pass" if is_right else "fail"
    mode = draw(st.sampled_from(("stdin", "call", "asserts")))
    if mode == "call":
        tests = tuple(TestCase([value], want) for value, want in zip(inputs, wanted, strict=True))
        return Honest(Job(function, mode="call", entry_point="solve", tests=tests, limits=HONEST_LIMITS), verdict)
    if mode == "asserts":
        texts = tuple(f"assert solve({value!r}) == {want!r}" for value, want in zip(inputs, wanted, strict=True))
        return Honest(Job(function, mode="asserts", entry_point="solve", asserts=texts, limits=HONEST_LIMITS), verdict)
    code = f"{function}\nprint(repr(solve(eval(input()))))\n"
    tests = tuple(TestCase(f"{value!r}\n", f"{want!r}\n") for value, want in zip(inputs, wanted, strict=True))
    return Honest(Job(code, tests=tests, limits=HONEST_LIMITS), verdict)


@settings(max_examples=5, deadline=None, derandomize=True, database=None)
@given(programs=st.lists(honest_programs(), min_size=12, max_size=12), seed=st.integers(0, 10**6))
def test_honest_programs_get_the_same_verdict_among_hostile_ones(
    sandbox: LocalSandbox, programs: list[Honest], seed: int
) -> None:
    alone = [sandbox.run(program.job).verdict for program in programs]
    assert alone == [program.verdict for program in programs]
    chance = random.Random(seed)
    batch = [Honest(job, "") for job in chance.sample(HOSTILE, BATCH - len(programs))] + programs
    chance.shuffle(batch)
    outcomes = sandbox.run_many([member.job for member in batch])
    for outcome, member in zip(outcomes, batch, strict=True):
        assert not member.verdict or outcome.verdict == member.verdict, (member.job, outcome)
