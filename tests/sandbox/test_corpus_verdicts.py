"""The corpus of hacks and correct programs against judgement, in seconds: what waits for a limit is elsewhere.

Printed texts and returned literals are compared in this process too, where no jail can be the reason of a verdict.
"""

from __future__ import annotations

import ast
from collections import Counter
from concurrent.futures import Future

import pytest

from openqwq.sandbox import Outcome
from openqwq.sandbox.codec import NotPlainData, encode
from openqwq.sandbox.compare import text_difference, value_difference
from tests.sandbox.corpus import JUDGED, Program
from tests.sandbox.corpus.program import assert_verdict


@pytest.mark.parametrize("program", JUDGED, ids=lambda program: program.name.replace(" ", "_"))
def test_program_gets_its_verdict(answers: dict[str, Future[Outcome]], program: Program) -> None:
    assert_verdict(program, answers[program.name].result())


def plain_answer(program: Program) -> bytes | None:
    """What a program of one `write` prints, or one of one `return` of a literal returns, encoded; None for others."""
    if len(program.job.tests) != 1:
        return None
    try:
        match ast.parse(program.job.code).body:
            case [ast.Import(), ast.Expr(ast.Call(args=[ast.Constant(bytes(data))]))] if program.job.mode == "stdin":
                return data
            case [ast.FunctionDef(body=[ast.Return(value=ast.expr() as value)])] if program.job.mode == "call":
                return encode(ast.literal_eval(value))
    except (SyntaxError, ValueError, NotPlainData):
        pass
    return None


def test_texts_and_literals_of_the_corpus_are_compared_as_their_programs_are() -> None:
    differences = {"stdin": text_difference, "call": value_difference}
    found = Counter[str]()
    for program in JUDGED:
        answer, job = plain_answer(program), program.job
        if answer is not None:
            found[job.mode] += 1
            difference = differences[job.mode](job.tests[0].output, answer, job.compare)
            assert (difference is None) is (program.verdict == "pass"), (program.name, difference)
    assert found["stdin"] > 50 and found["call"] > 30
