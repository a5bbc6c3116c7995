"""The calculator: it computes what Python computes for a safe expression and refuses everything else, at once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.environments.calculator import CalculatorEnvironment, calculate
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.verifiers.tool_calls import ParsedCall

NUMBERS = st.integers(0, 999).map(str)
SAFE = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", "-", "*", "//", "%"]), inner).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-({text})"),
    ),
    max_leaves=12,
).filter(lambda text: len(text) <= 100)

SIGNS = "0123456789+-*/%()., eE<>=~^&|'\"[]{}:_abfx\n"


def step(*calls: ParsedCall, errors: tuple[str, ...] = ()) -> StepResult:
    return asyncio.run(CalculatorEnvironment().step(AssistantTurn("", calls, errors)))


@given(expression=SAFE)
def test_the_calculator_computes_what_python_computes(expression: str) -> None:
    try:
        expected = eval(expression)  # the strategy writes digits, brackets and five operators, nothing else
    except ZeroDivisionError:
        with pytest.raises(ZeroDivisionError):
            calculate(expression)
        return
    assert calculate(expression) == expected


@settings(max_examples=150)
@given(text=st.one_of(st.text(max_size=20), st.text(alphabet=SIGNS, max_size=40)))
def test_any_text_is_a_number_or_a_refusal(text: str) -> None:
    answer = step(ParsedCall("calculator", {"expression": text})).messages[0]["content"]
    if answer.lstrip("-").replace(".", "").isdigit():
        # only digits, points and operators get this far; divisions are exact here, and rounded to six decimals
        assert float(answer) == pytest.approx(eval(text.strip()), rel=1e-9, abs=1e-6)
    else:
        assert list(json.loads(answer)) == ["error"]


@pytest.mark.parametrize(
    "expression",
    ["2**9", "9**9**9**9", "1<<4", "1e999", "True", "abs(1)", "__import__('os')", "(1).real", "1 if 1 else 2",
     "x", "'a'*9", "[1][0]", "~1", "lambda: 1", "1 == 1", "", "   ", "1;2", "(" * 60, "+".join(["1"] * 60), "1j"],
)  # fmt: skip
def test_everything_but_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        calculate(expression)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [("3 / 2", "1.5"), ("36 / 12", "3"), ("2.5 * 4", "10"), ("0.1 + 0.2", "0.3"), ("1 / 3", "0.333333"),
     ("-1 / 8", "-0.125"), ("7.5 // 2", "3"), ("1 / 3 * 3", "1"), ("1 / 10000000", "0"), ("5 - 1 / 1e9", "5")],
)  # fmt: skip
def test_decimals_are_exact_and_written_as_people_do(expression: str, answer: str) -> None:
    assert [message["content"] for message in step(ParsedCall("calculator", {"expression": expression})).messages] == [
        answer
    ]


def test_an_expression_may_have_a_hundred_characters() -> None:
    longest = "+".join(["1"] * 49) + "+11"
    assert (len(longest), calculate(longest)) == (100, 60)
    with pytest.raises(ValueError, match="longer than 100 characters"):
        calculate(longest + "1")
    assert (calculate(" -7 // 2 "), calculate("7 % -4"), calculate("--3")) == (-4, -1, 3)


def test_the_costliest_expressions_end_at_once() -> None:
    program = (
        "from openqwq.training.rollout.environments import calculate\n"
        "for text in ('9' * 100, '*'.join(['9' * 19] * 5), '-' * 99 + '1', '(' * 49 + '1' + ')' * 49, '9' * 100000):\n"
        "    try: calculate(text)\n"
        "    except (ValueError, SyntaxError, RecursionError, MemoryError): pass\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_errors_are_fed_back_to_the_model_in_the_order_of_its_calls() -> None:
    calls = [ParsedCall("calculator", {"expression": "1//0"}), ParsedCall("calculator", {"expression": "6*7"})]
    calls += [ParsedCall("calculator", {"expression": 7}), ParsedCall("browser", {"expression": "1"})]
    result = step(*calls, errors=("not a tool call: no JSON",))
    texts = [message["content"] for message in result.messages]
    assert texts[1] == "42"
    assert "zero" in json.loads(texts[0])["error"]
    assert all("expression" in json.loads(texts[i])["error"] for i in (2, 3))
    assert json.loads(texts[4])["error"] == "not a tool call: no JSON"
    assert len(texts) == 5
    assert not result.done and {message["role"] for message in result.messages} == {"tool"}


def test_a_long_error_is_cut() -> None:
    [message] = step(ParsedCall("calculator", {"expression": "007"})).messages
    error = json.loads(message["content"])["error"]
    assert error.startswith("leading zeros in decimal integer literals are not permitted") and len(error) == 80


def test_a_turn_without_calls_ends_the_conversation() -> None:
    assert step() == StepResult(messages=[], done=True)
