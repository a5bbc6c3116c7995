"""Verdicts beyond pass and fail: what cannot be judged is an error, and records say how each test ended."""

from __future__ import annotations

from openqwq.sandbox import Job, Limits, LocalSandbox, Outcome, TestCase

CONTEXT = """
class Box:
    def __enter__(self): return self
    def __exit__(self, kind, problem, trace): self.seen = kind and kind.__name__; return True
    def __eq__(self, other): return True
box = Box()
def square(n): return box
"""
EXCEPTIONS = """
class Low(Exception):
    def __init__(self, left): super().__init__(f'low {left}'); self.left = left
class Lower(Low): pass
def square(n):
    if n == 1: raise Lower(1)
    if n == 2: raise AssertionError
    raise Low(2)
"""
POINT = """
from collections import namedtuple
class Point(namedtuple('Point', 'x y count')): pass
def sum_of(point): return point.x + point.y + point.count
"""


def run_assert(sandbox: LocalSandbox, code: str, text: str) -> Outcome:
    return sandbox.run(Job(code, mode="asserts", asserts=(text,), limits=Limits(1.0)))


def ending(sandbox: LocalSandbox, code: str) -> str:
    """The detail of a program's end, empty when it ended well after printing 9."""
    return sandbox.run(Job(code, tests=(TestCase("", "9"),))).tests[0].detail


def test_a_test_text_that_is_not_python_is_an_error(sandbox: LocalSandbox) -> None:
    outcome = sandbox.run(Job("def f(): return 1", mode="asserts", entry_point="f", asserts=("assert f( == 1",)))
    assert outcome.verdict == "error"
    assert "asserts[0] is not valid Python" in outcome.reason


def test_handing_a_module_to_the_program_is_an_error_not_a_failure(sandbox: LocalSandbox) -> None:
    text = "import math\nassert f(math) == 1"
    outcome = sandbox.run(Job("def f(g): return g.floor(1)", mode="asserts", entry_point="f", asserts=(text,)))
    assert outcome.verdict == "error"
    assert "can be neither copied nor used" in outcome.reason


def test_tests_after_the_first_failure_are_not_run(sandbox: LocalSandbox) -> None:
    tests = (TestCase("1", "1"), TestCase("2", "0"), TestCase("3", "3"))
    outcome = sandbox.run(Job("print(input())", tests=tests))
    assert [test.status for test in outcome.tests] == ["pass", "wrong_output", "not_run"]


def test_all_tests_run_when_asked(sandbox: LocalSandbox) -> None:
    tests = (TestCase("1", "1"), TestCase("2", "0"), TestCase("3", "3"))
    outcome = sandbox.run(Job("print(input())", tests=tests, stop_on_first_failure=False))
    assert [test.status for test in outcome.tests] == ["pass", "wrong_output", "pass"]


def test_the_end_of_a_traceback_is_in_the_detail(sandbox: LocalSandbox) -> None:
    outcome = sandbox.run(Job("raise KeyError('lost')", tests=(TestCase("", ""),)))
    assert outcome.tests[0].status == "runtime_error"
    assert "KeyError: 'lost'" in outcome.tests[0].detail
    assert "openqwq" not in outcome.tests[0].detail


def test_limits_are_named_when_passed(sandbox: LocalSandbox) -> None:
    loop = Job("while True: pass", tests=(TestCase("", ""),), limits=Limits(0.2))
    memory = Job("x = [b'x' * (8 << 20) for _ in range(64)]", tests=(TestCase("", ""),), limits=Limits(2.0, 128))
    output = Job("print('x' * 10**6)", tests=(TestCase("", ""),), limits=Limits(2.0, 128, 1000))
    statuses = [outcome.tests[0].status for outcome in sandbox.run_many([loop, memory, output])]
    assert statuses == ["time_limit", "memory_limit", "output_limit"]


def test_asserts_of_one_job_share_the_programs_state(sandbox: LocalSandbox) -> None:
    job = Job(
        "seen = []\ndef f(n): seen.append(n); return len(seen)",
        mode="asserts",
        entry_point="f",
        asserts=("assert f(1) == 1", "assert f(1) == 2"),
    )
    assert sandbox.run(job).verdict == "pass"


def test_a_context_manager_of_the_program_learns_of_an_exception_but_swallows_none(sandbox: LocalSandbox) -> None:
    outcome = run_assert(sandbox, CONTEXT, "with square(3) as x:\n    assert x.value == 9")
    assert outcome.verdict == "fail"
    outcome = run_assert(sandbox, CONTEXT, "with square(3):\n    assert 1 == 2")
    assert outcome.tests[0].status == "wrong_output"
    text = "try:\n    with square(3): raise KeyError(1)\nexcept KeyError: pass\nassert box.seen == 'KeyError'"
    assert run_assert(sandbox, CONTEXT, text).verdict == "pass"


def test_exceptions_of_the_programs_own_classes_keep_their_bases_text_and_attributes(sandbox: LocalSandbox) -> None:
    text = (
        "for n, kind in ((1, Lower), (0, Low)):\n    try: square(n); assert False\n"
        "    except Low as problem:\n        assert type(problem) is kind and isinstance(problem, Low)\n"
        "        assert str(problem) == f'low {problem.left}' and problem.args == (str(problem),)\n"
    )
    assert run_assert(sandbox, EXCEPTIONS, text).verdict == "pass"
    assert run_assert(sandbox, EXCEPTIONS, "try: square(0)\nexcept Lower: pass").verdict == "fail"
    assert run_assert(sandbox, EXCEPTIONS, "square(2)").verdict == "fail"


def test_named_tuples_go_to_the_program_as_it_knows_them(sandbox: LocalSandbox) -> None:
    text = (
        "p = Point(1, 2, 3)\nassert (p.x, p.count) == (1, 3) and isinstance(p, Point) and sum_of(p) == 6\n"
        "from collections import namedtuple\nOwn = namedtuple('Own', 'x y count')\nassert sum_of(Own(1, 2, 4)) == 7\n"
    )
    assert run_assert(sandbox, POINT, text).verdict == "pass"


def test_well_known_values_cross_both_ways_and_change_in_place(sandbox: LocalSandbox) -> None:
    code = "def f(x): return x\ndef push(q): q.append(1)\ndef grow(b): b += b'x'\n"
    text = (
        "import datetime, decimal, fractions, collections\n"
        "utc = datetime.timezone.utc\n"
        "for x in (datetime.datetime(2024, 1, 2, tzinfo=utc), datetime.timedelta(-1, 2, 3),\n"
        "          datetime.time(1, fold=1), decimal.Decimal('-0.10'), fractions.Fraction(-3, 4), range(3, 0, -1),\n"
        "          {datetime.date(1, 1, 1): [1]}, collections.deque([1, [2]], maxlen=3), bytearray(b'x')):\n"
        "    assert f(x) == x and type(f(x)) is type(x) and str(f(x)) == str(x), x\n"
        "q, b = collections.deque(), bytearray()\npush(q), grow(b)\nassert q == collections.deque([1]) and b == b'x'\n"
    )
    outcome = run_assert(sandbox, code, text)
    assert outcome.verdict == "pass", outcome


def test_what_a_value_may_cost_its_test_is_bounded(sandbox: LocalSandbox) -> None:
    decimal = "from decimal import Decimal\ndef f(): return Decimal('1e999999999')\n"
    keys = "def f(): return {k * (2 ** 61 - 1): 0 for k in range(1000)}\n"
    for code in (decimal, keys):
        outcome = run_assert(sandbox, code, "assert int(f()) == 9")
        assert outcome.tests[0].status == "wrong_output"
        assert "not plain data" in outcome.tests[0].detail


def test_an_iterator_of_the_program_is_the_same_at_each_look(sandbox: LocalSandbox) -> None:
    code = "def count():\n    yield 1\n    yield 2\n"
    text = "x = count()\nassert iter(x) is x\nfor first in x: break\nassert first == 1 and list(x) == [2]"
    assert run_assert(sandbox, code, text).verdict == "pass"


def test_a_test_text_cannot_go_on_without_its_program(sandbox: LocalSandbox) -> None:
    text = "for n in range(9):\n    try: square(n)\n    except: pass\n"
    outcome = run_assert(sandbox, "import os\ndef square(n): os._exit(0)\n", text)
    assert outcome.tests[0].status == "no_result"


def test_a_program_ends_as_under_its_own_interpreter(sandbox: LocalSandbox) -> None:
    assert ending(sandbox, "import atexit, sys\natexit.register(sys.exit, 3)\nprint(9)") == ""
    assert ending(sandbox, "import sys\nprint(9)\nsys.exit(1 << 64)").startswith("exit status 255")
    assert ending(sandbox, "import os\nprint(9)\nos.close(1)\nraise SystemExit(3)").startswith("exit status 120")
    assert ending(sandbox, "import sys\nprint(9)\ndel sys.stdout, sys.stderr\nsys.exit('x')").startswith(
        "exit status 1 x"
    )
    loud = "class A:\n    def __del__(self): print(9); raise SystemExit(3)\na = A()\na.a = a\n"
    assert ending(sandbox, loud + "import sys\nsys.stdout = None\n") == ""
    old = "class A:\n    def __del__(self): print(9)\na = A()\na.a = a\nxs = [[n] for n in range(100000)]\n"
    assert ending(sandbox, old) == ""
