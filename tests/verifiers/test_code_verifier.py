"""The code verifier against a real sandbox server."""

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from openqwq.sandbox import start_server
from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.code_answer.verifier import CodeVerifier

CALL = {"entry_point": "f", "tests": [{"input": [2], "output": 4}, {"input": [3], "output": 9}]}
STDIN = {"tests": [{"input": "2\n", "output": "4\n"}]}
CHECK = {
    "entry_point": "square",
    "prompt": 'from math import prod\n\ndef square(x):\n    """x times x"""\n',
    "test": "def check(candidate):\n    assert candidate(3) == 9\n",
}


@pytest.fixture(scope="module")
def verifier() -> Iterator[CodeVerifier]:
    with start_server(workers=2) as server:
        built = CodeVerifier(url=server.url)
        yield built
        built.close()


@pytest.mark.parametrize(
    ("response", "reference", "score"),
    [
        ("<think>x*x</think>\n```python\ndef f(x):\n    return x * x\n```", CALL, 1.0),
        ("def f(x):\n    return x * x", CALL, 1.0),
        ("```python\ndef f(x):\n    return 2 * x\n```", CALL, 0.0),
        ("```python\nimport sys; sys.exit(0)\n```", CALL, 0.0),
        ("<think>```python\ndef f(x): return x * x\n```", CALL, 0.0),
        ("I do not know.", CALL, 0.0),
        ("```python\nprint(int(input()) ** 2)\n```", STDIN, 1.0),
        ("```python\nprint(5)\n```", STDIN, 0.0),
        ("<think>hm</think>\n    return prod([x, x])", CHECK, 1.0),
        ("```python\ndef square(x):\n    return x * x\n```", CHECK, 1.0),
        ("    return x", CHECK, 0.0),
        ("```python\ndef f(x):\n    return x\n```", {"asserts": ["assert f(1) == 1"]}, 1.0),
        ("```python\nprint(input())\n```", {"tests": {"inputs": ["a"], "outputs": ["a"]}}, 1.0),
    ],
)
def test_programs_are_paid_for_passing_every_test(
    verifier: CodeVerifier, response: str, reference: dict[str, Any], score: float
) -> None:
    verdict = verifier.verify(response, {"reference": reference})
    assert (verdict.status, verdict.score) == ("scored", score), verdict.reason


def test_a_batch_keeps_its_order_and_bad_rows_are_errors(verifier: CodeVerifier) -> None:
    good, bad = "```python\ndef f(x):\n    return x * x\n```", "```python\ndef f(x):\n    return 0\n```"
    rows = [{"reference": CALL}, {"reference": {"tests": []}}, {"reference": CALL}]
    verdicts = verifier.verify_many([bad, good, good], rows)
    assert [(verdict.status, verdict.score) for verdict in verdicts] == [
        ("scored", 0.0),
        ("verifier_error", None),
        ("scored", 1.0),
    ]
    assert all(verdict.seconds > 0 for verdict in verdicts)


@pytest.mark.parametrize(
    ("reference", "is_usable"),
    [
        (CALL, True),
        ({**CALL, "solution": "def f(x): return x ** 2"}, True),
        ({**CALL, "solution": "def f(x): return x"}, False),
        ({"entry_point": "f", "tests": [{"input": 2, "output": 4}]}, False),
        ({"entry_point": "f"}, False),
        ("assert f(1)", True),
        ("f of 1", False),
        ({"tests": "1"}, False),
        ({"tests": [1]}, False),
    ],
)
def test_a_reference_must_be_well_formed_and_its_solution_must_pass(
    verifier: CodeVerifier, reference: object, is_usable: bool
) -> None:
    assert (verifier.check_reference({"reference": reference}) is None) == is_usable


def test_no_sandbox_is_a_sandbox_error_and_never_a_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENQWQ_SANDBOX_URL", raising=False)
    verdict = CodeVerifier().verify("x = 1", {"reference": CALL})
    assert (verdict.status, verdict.score) == ("sandbox_error", None)
    assert "OPENQWQ_SANDBOX_URL" in verdict.reason
    dead = CodeVerifier(url="http://127.0.0.1:9", timeout_seconds=1.0)
    assert dead.verify("x = 1", {"reference": CALL}).status == "sandbox_error"
    with pytest.raises(VerifierError, match="cannot check"):
        dead.check_reference({"id": "7", "reference": {**CALL, "solution": "def f(x): return x ** 2"}})


def test_a_verifier_travels_without_its_connection(verifier: CodeVerifier) -> None:
    copy = pickle.loads(pickle.dumps(verifier))
    assert copy.verify("def f(x):\n    return x * x", {"reference": CALL}).score == 1.0
    copy.close()
