"""A program with several tests is parsed by the first of them; the others get the code object."""

from __future__ import annotations

import os
import types
from collections.abc import Iterator

import pytest

from openqwq.sandbox import Job, LocalSandbox, TestCase
from openqwq.sandbox.inside.compiled import program_code
from openqwq.sandbox.jobs import Limits
from openqwq.sandbox.protocol import Order, Payload, end_of_payload, read_order

PADDING = "# " + "a comment that makes the text worth keeping " * 20 + "\n"
SQUARES = tuple(TestCase(f"{number}\n", f"{number * number}\n") for number in range(6))
SOURCE = (PADDING + "print(int(input()) ** 2)").encode()


@pytest.fixture
def payload() -> Iterator[int]:
    descriptor = Payload("stdin", SOURCE, [b"1", b"2"], Limits()).write()
    yield descriptor
    os.close(descriptor)


def names(code: types.CodeType | bytes) -> tuple[str, ...]:
    assert isinstance(code, types.CodeType)
    return code.co_names


def test_the_second_test_gets_what_the_first_has_compiled(payload: int) -> None:
    order = read_order(payload)
    first = program_code(payload, order, SOURCE)
    assert names(program_code(payload, order, SOURCE + b"\nother()")) == names(first)
    assert names(first)[0] == "print"


def test_what_a_test_has_left_in_part_is_not_used(payload: int) -> None:
    order = read_order(payload)
    os.pwrite(payload, b"half a code object", end_of_payload(payload) + 8)
    assert "print" in names(program_code(payload, order, SOURCE))


def test_what_is_no_code_object_leaves_the_text(payload: int) -> None:
    order = read_order(payload)
    os.pwrite(payload, (5).to_bytes(8, "little") + b"wrong", end_of_payload(payload))
    assert program_code(payload, order, SOURCE) == SOURCE


def test_nothing_is_written_behind_a_payload_that_is_as_large_as_a_file_may_be() -> None:
    descriptor = Payload("stdin", SOURCE, [bytes(40 << 20), b"2"], Limits()).write()
    try:
        size = os.fstat(descriptor).st_size
        assert "print" in names(program_code(descriptor, read_order(descriptor), SOURCE))
        assert os.fstat(descriptor).st_size == size
    finally:
        os.close(descriptor)


def test_a_program_whose_inputs_are_larger_together_than_a_file_may_be_is_judged(sandbox: LocalSandbox) -> None:
    tests = tuple(TestCase("1" * (40 << 20), str(40 << 20)) for _ in range(2))
    outcome = sandbox.run(Job(PADDING + "print(len(input()))", tests=tests, limits=Limits(10.0, 1024)))
    assert outcome.verdict == "pass", outcome.reason


def test_a_text_that_does_not_compile_stays_a_text(payload: int) -> None:
    broken = SOURCE + b"\n)"
    assert program_code(payload, read_order(payload), broken) == broken


@pytest.mark.parametrize("change", [{"inputs": ((0, 1),)}, {"role": "solution"}, {"prompt_bytes": 3}])
def test_a_program_that_no_other_test_shares_is_left_to_its_process(payload: int, change: dict[str, object]) -> None:
    order: Order = read_order(payload)._replace(**change)
    assert program_code(payload, order, SOURCE) == SOURCE


def test_every_test_of_a_long_program_is_judged_by_itself(sandbox: LocalSandbox) -> None:
    state = "import os, sys\nassert not hasattr(sys, 'mark')\nsys.mark = 1\n"
    assert sandbox.run(Job(PADDING + state + "print(int(input()) ** 2)", tests=SQUARES)).verdict == "pass"
    one_wrong = Job(PADDING + "n = int(input())\nprint(n * n if n != 4 else 0)", tests=SQUARES)
    assert [test.status for test in sandbox.run(one_wrong).tests][4] == "wrong_output"


def test_constants_keep_their_identity(sandbox: LocalSandbox) -> None:
    code = "a, b = 'not interned!', 1234.5\ndef f(): return 'not interned!', 1234.5\nc, d = f()\n"
    code += "assert a is c and b is d and (1, 2) is (1, 2)\nprint(int(input()) ** 2)"
    assert sandbox.run(Job(PADDING + code, tests=SQUARES)).verdict == "pass"


def test_a_warning_of_the_parser_goes_to_the_program(sandbox: LocalSandbox) -> None:
    code = "x = 5\nif x is 5: pass\nraise SystemExit(3)"
    outcome = sandbox.run(Job(PADDING + code, tests=SQUARES))
    assert outcome.tests[0].status == "runtime_error" and "SyntaxWarning" in outcome.tests[0].detail


def test_functions_are_called_from_what_was_compiled_once(sandbox: LocalSandbox) -> None:
    code = PADDING + "import inspect\ndef square(n):\n    assert inspect.getsource(square)[:10] == 'def square'\n"
    code += "    return n * n\n"
    tests = tuple(TestCase([number], number * number) for number in range(6))
    outcome = sandbox.run(Job(code, mode="call", entry_point="square", tests=tests))
    assert outcome.verdict == "pass", outcome.reason
