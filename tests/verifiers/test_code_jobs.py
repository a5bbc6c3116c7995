"""What the code verifier asks a sandbox, and what it makes of the answer: a server that answers as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from openqwq.sandbox.jobs import JobVerdict, Outcome, TestResult, error_outcome
from openqwq.verifiers.base import Verdict, VerifierError
from openqwq.verifiers.code_answer import verifier as verifier_module
from openqwq.verifiers.code_answer.outcomes import verdict_of
from openqwq.verifiers.code_answer.verifier import CodeVerifier
from tests.verifiers.told_sandbox import Told

CALL = {"entry_point": "f", "tests": [{"input": [2], "output": 4}]}
STDIN = {"tests": [{"input": "2\n", "output": "4\n"}]}


@pytest.fixture(scope="module")
def served() -> Iterator[Told]:
    told = Told()
    with told.remote:
        yield told


@pytest.fixture
def told(served: Told) -> Told:
    served.outcomes.clear()
    served.remote.requests.clear()
    return served


@pytest.fixture
def verifier(told: Told) -> Iterator[CodeVerifier]:
    built = CodeVerifier(url=told.remote.url)
    yield built
    built.close()


def asked(verifier: CodeVerifier, told: Told, reference: object, response: str = "x = 1") -> dict[str, Any]:
    """The one job for this answer."""
    verdict = verifier.verify(response, {"reference": reference})
    assert verdict.is_scored, verdict
    (job,) = told.jobs()
    return job


def test_a_row_without_limits_has_those_of_the_verifier(verifier: CodeVerifier, told: Told) -> None:
    limits = asked(verifier, told, CALL)["limits"]
    assert (limits["time_s"], limits["memory_mb"]) == (4.0, 512)
    own = CodeVerifier(told.remote.url, time_seconds=1.5, memory_mb=96)
    limits = asked(own, told, CALL)["limits"]
    assert (limits["time_s"], limits["memory_mb"]) == (1.5, 96)
    own.close()


@pytest.mark.parametrize(
    ("limits", "time_s", "memory_mb"),
    [
        ({"time_s": 9.0}, 9.0, 512),
        ({"memory_mb": 64}, 4.0, 64),
        ({"time_s": 0.5, "memory_mb": 2048}, 0.5, 2048),
        ({"time_s": 9}, 9, 512),
        ({}, 4.0, 512),
        (None, 4.0, 512),
    ],
)
def test_the_limits_of_a_row_reach_the_job_each_on_its_own(
    verifier: CodeVerifier, told: Told, limits: Any, time_s: float, memory_mb: int
) -> None:
    sent = asked(verifier, told, {**STDIN, "limits": limits})["limits"]
    assert (sent["time_s"], sent["memory_mb"]) == (time_s, memory_mb)
    assert verifier.limits == {"time_s": 4.0, "memory_mb": 512}


@pytest.mark.parametrize(
    ("compare", "sent"),
    [
        ({"float_tol": 0.25}, {"float_tol": 0.25, "rel": False}),
        ({"float_tol": 1e-6, "rel": True}, {"float_tol": 1e-6, "rel": True}),
        ({}, {"float_tol": None, "rel": False}),
        (None, {"float_tol": None, "rel": False}),
    ],
)
def test_the_comparison_of_a_row_reaches_the_job(
    verifier: CodeVerifier, told: Told, compare: Any, sent: dict[str, Any]
) -> None:
    assert asked(verifier, told, {**CALL, "compare": compare})["compare"] == sent


@pytest.mark.parametrize(
    ("reference", "mode", "entry_point", "tests", "asserts"),
    [
        (STDIN, "stdin", None, [{"input": "2\n", "output": "4\n"}], []),
        (CALL, "call", "f", [{"input": [2], "output": 4}], []),
        ({"tests": {"inputs": ["a", "b"], "outputs": ["c", "d"]}}, "stdin", None,
         [{"input": "a", "output": "c"}, {"input": "b", "output": "d"}], []),
        ({"tests": ({"input": "a", "output": "b"},)}, "stdin", None, [{"input": "a", "output": "b"}], []),
        ({"asserts": ["assert a", "assert b"]}, "asserts", None, [], ["assert a", "assert b"]),
        ({"asserts": ("assert a",)}, "asserts", None, [], ["assert a"]),
        ({"asserts": "assert f()"}, "asserts", None, [], ["assert f()"]),
        ({"test_list": ["t()"]}, "asserts", None, [], ["t()"]),
        ({"test": "def check(c): assert c()", "entry_point": "f"}, "asserts", "f", [], ["def check(c): assert c()"]),
        ({"asserts": ["assert a"], "test_list": ["t"], "test": "c"}, "asserts", None, [], ["assert a"]),
        ({"asserts": [], "test_list": ["t()"], "test": "c"}, "asserts", None, [], ["t()"]),
        ({**STDIN, "entry_point": "f", "mode": "stdin"}, "stdin", None, STDIN["tests"], []),
        ("assert f()", "asserts", None, [], ["assert f()"]),
    ],
)  # fmt: skip
def test_each_form_of_a_reference_is_a_job_of_its_mode(
    verifier: CodeVerifier, told: Told, reference: Any, mode: str, entry_point: str | None, tests: Any, asserts: Any
) -> None:
    job = asked(verifier, told, reference)
    assert (job["mode"], job["entry_point"], job["tests"], job["asserts"]) == (mode, entry_point, tests, asserts)
    assert (job["code"], job["language"]) == ("x = 1\n", "python")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (None, "a code reference is a mapping with tests, got NoneType"),
        ("f(2) is 4", "reference is 'f(2) is 4', which is neither JSON nor a text of tests"),
        ({}, "needs tests, asserts or test"),
        ({"tests": [], "asserts": []}, "needs tests, asserts or test"),
        ({"tests": "1"}, "tests must be a list of {input, output}, got int"),
        ({"tests": 5}, "tests must be a list of {input, output}, got int"),
        ({"tests": {"inputs": ["a"], "outputs": []}}, "of the same length"),
        ({"tests": {"inputs": "a", "outputs": ["a"]}}, "lists inputs and outputs"),
        ({"tests": {"inputs": ["a"], "outputs": "a"}}, "lists inputs and outputs"),
        ({"tests": {"inputs": ["a"]}}, "lists inputs and outputs"),
        ({"tests": [1]}, r"tests[0] is 1"),
        ({**CALL, "entry_point": "f()"}, "entry_point is 'f()'"),
        ({**STDIN, "limits": {"time_s": 0}}, "limits.time_s is 0"),
        ({**STDIN, "limits": 5}, "limits must be a mapping, got int"),
        ({**STDIN, "limits": [1]}, "limits must be a mapping, got list"),
        ({**STDIN, "compare": {"float_tol": 2}}, "compare.float_tol is 2"),
        ({**STDIN, "compare": 5}, "compare is 5"),
        ({"asserts": 5}, "asserts must be a text or a list of texts, got int"),
        ({"asserts": {"a": 1}}, "asserts must be a text or a list of texts, got dict"),
        ({"test_list": [5]}, "test_list[0] must be a text or a list of texts, got int"),
        ({"test": ""}, "test is empty, so nothing is asked of a program"),
        ({**CALL, "prompt": ["a"]}, "prompt of a code reference must be a text, got list"),
    ],
)
def test_a_reference_that_is_no_job_is_an_error_of_its_row_and_asks_nobody(
    verifier: CodeVerifier, told: Told, reference: Any, words: str
) -> None:
    verdict = verifier.verify("x = 1", {"reference": reference})
    assert verdict.status == "verifier_error"
    assert verdict.reason.startswith("unusable code reference: ") and words in verdict.reason
    assert words in str(verifier.check_reference({"reference": reference}))
    assert told.jobs() == []


def test_a_solution_that_is_no_text_is_not_tried(verifier: CodeVerifier, told: Told) -> None:
    assert verifier.check_reference({"reference": {**CALL, "solution": ["x"]}}) is None
    assert verifier.check_reference({"reference": CALL}) is None
    assert told.jobs() == []


def test_a_solution_is_run_as_it_stands_and_must_pass(verifier: CodeVerifier, told: Told) -> None:
    row = {"id": "7", "reference": {**CALL, "solution": "def f(x): return 4"}}
    assert verifier.check_reference(row) is None
    assert [job["code"] for job in told.jobs()] == ["def f(x): return 4"]
    told.outcomes["def f(x): return 4"] = Outcome("fail", reason="test 0: wrong_output")
    assert verifier.check_reference(row) == "the reference solution does not pass its tests: test 0: wrong_output"
    told.outcomes["def f(x): return 4"] = Outcome("error", reason="not Python")
    assert verifier.check_reference(row) == "not Python"  # no sandbox can judge this row
    told.outcomes["def f(x): return 4"] = error_outcome("the host is full")
    with pytest.raises(VerifierError, match="cannot check the solution of row '7': the host is full"):
        verifier.check_reference(row)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome("error", reason="it broke", seconds=0.5), "verifier_error"),
        (error_outcome("it broke"), "sandbox_error"),
    ],
)
def test_an_error_that_may_pass_and_one_that_cannot_are_no_reward(
    verifier: CodeVerifier, told: Told, outcome: Outcome, status: str
) -> None:
    told.outcomes["x = 1"] = outcome
    verdicts = verifier.verify_many(["x = 1", "x = 2"], [{"reference": CALL}] * 2)
    assert [(one.status, one.score) for one in verdicts] == [(status, None), ("scored", 1.0)]
    assert verdicts[0].reason == "it broke"


def test_an_error_keeps_its_time_and_has_words_in_any_case() -> None:
    assert verdict_of(Outcome("error", seconds=0.5)) == Verdict("verifier_error", reason="sandbox error", seconds=0.5)
    assert verdict_of(Outcome("error", (TestResult("pass"),), reason="lost")).score is None


@pytest.mark.parametrize(
    ("verdict", "statuses", "reason", "score", "said", "passed"),
    [
        ("pass", ["pass", "pass", "pass"], "", 1.0, "pass", 3.0),
        ("pass", ["pass"], "well", 1.0, "well", 1.0),
        ("fail", ["pass", "pass", "wrong_output"], "test 2: x", 0.0, "test 2: x", 2.0),
        ("fail", ["pass", "time_limit", "not_run"], "", 0.0, "time_limit: detail 1", 1.0),
        ("fail", ["not_run", "wrong_output"], "", 0.0, "wrong_output: detail 1", 0.0),
        ("fail", [], "", 0.0, "fail", 0.0),
        ("fail", ["pass", "not_run"], "", 0.0, "fail", 1.0),
    ],
)
def test_a_program_is_paid_for_all_its_tests_and_its_parts_count_those_that_passed(
    verdict: JobVerdict, statuses: list[Any], reason: str, score: float, said: str, passed: float
) -> None:
    tests = tuple(TestResult(status, f"detail {index}") for index, status in enumerate(statuses))
    judged = verdict_of(Outcome(verdict, tests, reason=reason, seconds=0.25))
    assert judged == Verdict("scored", score, {"tests_passed": passed, "tests": float(len(statuses))}, said, 0.25)


def test_a_long_detail_is_cut_in_the_reason() -> None:
    judged = verdict_of(Outcome("fail", (TestResult("time_limit", "x" * 300),)))
    assert judged.reason == "time_limit: " + "x" * 188


def test_the_same_program_of_one_row_runs_once_in_a_batch_and_is_paid_each_time(
    verifier: CodeVerifier, told: Told
) -> None:
    told.outcomes["a"] = Outcome("fail", seconds=0.5)
    told.outcomes["c"] = Outcome("pass", seconds=0.25)
    other = {**CALL, "compare": {"float_tol": 0.5}}
    rows = [{"reference": reference} for reference in (CALL, CALL, {}, CALL, other, CALL)]
    verdicts = verifier.verify_many(["a", "b", "a", "a", "b", "c"], rows)
    assert [verdict.score for verdict in verdicts] == [0.0, 1.0, None, 0.0, 1.0, 1.0]
    assert [job["code"] for job in told.jobs()] == ["a\n", "b\n", "b\n", "c\n"]
    assert [verdict.seconds for verdict in verdicts if verdict.seconds >= 0.25][:3] == [0.5, 0.5, 0.25]
    assert all(0 < verdicts[place].seconds < 20 for place in (1, 2, 4))


def test_each_answer_has_its_row(verifier: CodeVerifier) -> None:
    with pytest.raises(ValueError, match="zip"):
        verifier.verify_many(["x = 1"], [{"reference": CALL}] * 2)


def test_arguments_in_another_order_are_another_job(verifier: CodeVerifier, told: Told) -> None:
    orders = ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    rows = [{"reference": {**CALL, "tests": [{"input": [order], "output": 1}]}} for order in orders]
    verifier.verify_many(["x = 1"] * 2, rows)
    assert [list(job["tests"][0]["input"][0]) for job in told.jobs()] == [["a", "b"], ["b", "a"]]


@pytest.mark.parametrize("count", [1, 3])
def test_programs_without_a_time_of_their_own_share_that_of_the_batch(
    monkeypatch: pytest.MonkeyPatch, verifier: CodeVerifier, told: Told, count: int
) -> None:
    ticks = iter([10.0, 16.0])
    monkeypatch.setattr(verifier_module, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    verdicts = verifier.verify_many(["x = 1"] * count, [{"reference": CALL}] * count)
    assert [verdict.seconds for verdict in verdicts] == [6.0 / count] * count


def test_an_answer_without_code_to_grade_scores_zero_and_asks_nobody(verifier: CodeVerifier, told: Told) -> None:
    rows = [{"reference": CALL}, {"reference": CALL}, {"reference": CALL, "prompt": "do it <think>\n"}]
    verdicts = verifier.verify_many(["<think>def f(x): ...", " \n", "x = 1"], rows)
    assert [verdict.score for verdict in verdicts] == [0.0] * 3
    assert [verdict.reason for verdict in verdicts] == ["unclosed thinking", "empty answer", "unclosed thinking"]
    assert told.jobs() == []
    assert verifier.verify_many([], []) == []


def test_a_program_that_is_too_long_scores_zero_and_is_no_fault_of_its_row(verifier: CodeVerifier, told: Told) -> None:
    verdict = verifier.verify("x" * (1 << 20), {"reference": CALL})
    assert (verdict.status, verdict.score) == ("scored", 0.0)
    assert "1048577 characters" in verdict.reason
    assert told.jobs() == []


def test_a_failure_on_the_way_to_the_sandbox_is_an_error_for_every_program(
    monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    monkeypatch.delenv("OPENQWQ_SANDBOX_URL", raising=False)
    verdicts = CodeVerifier().verify_many(["a", "b"], [{"reference": CALL}] * 2)
    assert [verdict.status for verdict in verdicts] == ["sandbox_error"] * 2
    assert verdicts[0].reason == "the code verifier needs a sandbox: give url or set OPENQWQ_SANDBOX_URL"
    closed = CodeVerifier(told.remote.url)
    client = closed._connected()
    client.close()
    verdicts = closed.verify_many(["a", "b"], [{"reference": CALL}] * 2)
    assert [verdict.status for verdict in verdicts] == ["sandbox_error"] * 2
    assert verdicts[1].reason == "sandbox: SandboxClosed: SandboxClient is closed"


PROMPT = "import math\n\ndef f(x):\n    '''Square.'''\n"


def test_a_prompt_in_the_reference_goes_beside_the_completion_and_is_joined_in_the_jail(
    verifier: CodeVerifier, told: Told
) -> None:
    job = asked(verifier, told, {**CALL, "prompt": PROMPT}, "<think>x</think>\n    return x * x")
    assert (job["code"], job["harness"]["prompt"]) == ("    return x * x\n", PROMPT)
