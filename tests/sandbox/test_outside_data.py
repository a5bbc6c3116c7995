"""What comes from outside is text that every log and encoder takes, and values that every jail takes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.sandbox.jobs import InvalidJob, Job, Outcome, TestCase, TestResult, validate_job
from openqwq.sandbox.outside_data import MAX_TEXT_CHARACTERS, MAX_VALUE_DEPTH, safe_text, shown, value_fault
from openqwq.sandbox.wire import job_to_text


class Rude:
    def __repr__(self) -> str:
        raise SystemError("no")


def nested(depth: int, base: object = 1) -> Any:
    value = base
    for _ in range(depth):
        value = [value]
    return value


@given(st.text(st.characters(categories=None), max_size=50))
def test_a_safe_text_can_be_encoded_printed_and_made_safe_again(text: str) -> None:
    safe = safe_text(text)
    safe.encode()
    assert safe_text(safe) == safe and "\0" not in safe and "\x1b" not in safe


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain, ünd 漢字\tand\nlines", "plain, ünd 漢字\tand\nlines"),
        ("\ud800|\udfff", "\\ud800|\\udfff"),
        ("a\0b", "a\\x00b"),
        ("\x1b[2J\r\x9b", "\\x1b[2J\\x0d\\x9b"),
        ("x\u202etxt.exe", "x\\u202etxt.exe"),
    ],
)
def test_only_characters_that_harm_are_escaped(text: str, safe: str) -> None:
    assert safe_text(text) == safe


def test_a_long_text_keeps_its_start_and_its_end() -> None:
    safe = safe_text("start" + "x" * 100_000 + "end")
    assert len(safe) <= MAX_TEXT_CHARACTERS
    assert safe.startswith("start") and safe.endswith("end") and " [...] " in safe


def test_words_of_a_program_are_safe_in_every_outcome() -> None:
    for outcome in (Outcome("fail", (TestResult("runtime_error", "\ud800\0"),), reason="\udfff"), Outcome("error")):
        json.dumps([outcome.reason, *(test.detail for test in outcome.tests)], ensure_ascii=False).encode()


LARGE = [nested(100_000), Rude(), [Rude()], 10**10_000, "x" * 10**6, [7] * 10**6, {1: Rude()}]


@pytest.mark.parametrize("value", LARGE, ids=range(len(LARGE)))
def test_any_value_can_be_shown_in_a_short_message(value: object) -> None:
    assert 0 < len(shown(value)) <= 120
    assert str(InvalidJob("field", value, "less"))


def test_plain_values_have_no_fault_and_others_are_told_by_type_or_depth() -> None:
    same: list[Any] = []
    same += [same, same]
    assert value_fault([1, 2.5, None, True, "x", b"y", (1, {2}), {"a": {3: [frozenset({4})]}}]) is None
    assert value_fault(nested(MAX_VALUE_DEPTH)) is None
    assert value_fault(nested(MAX_VALUE_DEPTH + 1)) == value_fault(same) == f"nested deeper than {MAX_VALUE_DEPTH}"
    assert value_fault([1, {"a": Decimal(1)}]) == "Decimal is not plain data"
    assert value_fault({Rude(): 1}) == "Rude is not plain data"


ODD = [Decimal(1), Rude(), nested(600), nested(100_000), [{1: nested(400)}], object]


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("place", ["input", "output"])
def test_a_value_that_no_jail_takes_is_refused_by_its_place(value: object, place: str) -> None:
    test = TestCase([value], 1) if place == "input" else TestCase([1], value)
    with pytest.raises(InvalidJob, match=rf"tests\[0\]\.{place} is .*plain data"):
        validate_job(Job("x", mode="call", entry_point="f", tests=(test,)))


@pytest.mark.parametrize("value", [(1,), b"x", {1: 2}, {3}, {"a": (4,)}, 1j, [{"b": {None: 1}}]], ids=range(7))
def test_a_value_that_json_would_change_is_refused_as_an_argument(value: object) -> None:
    with pytest.raises(InvalidJob, match=r"tests\[0\]\.input is .*what JSON can carry"):
        job_to_text(Job("x", mode="call", entry_point="f", tests=(TestCase([value], 1),)))


def test_a_wanted_value_of_the_greatest_depth_goes_over_the_wire() -> None:
    value = nested(MAX_VALUE_DEPTH)
    text = job_to_text(Job("x", mode="call", entry_point="f", tests=(TestCase([1], value), TestCase([1], (1, [2])))))
    assert json.loads(text)["tests"][0]["output"] == value
