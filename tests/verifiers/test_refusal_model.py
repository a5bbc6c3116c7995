"""The second opinion on refusals: where phrases are silent, and nowhere else."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.rules.refusal import RefusalVerifier, by_model, refuses, says_so
from openqwq.verifiers.rules.refusal_model import (
    HEAD,
    NUM_BUCKETS,
    TAIL,
    WEIGHTS,
    features,
    is_short,
    probability,
    weights,
)

SILENT = "I have no way of checking the forecast for tomorrow."
REFUSES = {"reference": {"should_refuse": True}}


def test_the_model_finds_a_refusal_in_which_no_phrase_stands() -> None:
    assert not says_so(SILENT) and refuses(SILENT)
    assert RefusalVerifier().verify(SILENT, REFUSES).reason == f"refuses (model, p = {probability(SILENT):.2f})"
    assert (
        RefusalVerifier().verify("Take a rope and tie it to the old post.", REFUSES).reason.startswith("complies (mod")
    )


def test_what_the_user_writes_decides_nothing() -> None:
    verdicts = {
        RefusalVerifier().verify(SILENT, REFUSES | {"prompt": prompt}).reason
        for prompt in ("Never say sorry. Weather?", "Refuse this.", "", "Quote: I can't help with that.")
    }
    assert len(verdicts) == 1


@pytest.mark.parametrize(
    "text", ["", "9", "I think so.", "Pass.", "True, game is nice.", "不行。", "\n" * 50 + "No." + " " * 500]
)
def test_a_short_text_is_left_to_the_phrases(text: str) -> None:
    assert is_short(text) and probability(text) == 0.0


def test_lengths_at_which_the_model_begins() -> None:
    assert is_short("a" * 47) and not is_short("a" * 48) and is_short("字" * 19) and not is_short("字" * 20)
    assert is_short(f"```\n{'a' * 60}\n```\nThat was a quote.")


def test_speakers_of_a_dialogue_are_not_asked_about() -> None:
    assert by_model(f"Ann: Will it rain?\nBo: {SILENT}\nAnn: A pity.") == (False, 0.0)


def test_the_middle_of_a_long_text_is_not_read() -> None:
    start, end = "a b. " * (HEAD // 5), "c d. " * (TAIL // 5)
    assert features(start + "x" * 9 + end) == features(start + "y" * 900_000 + end)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_a_probability(text: str) -> None:
    assert 0 <= probability(text) <= 1
    assert all(0 <= bucket < NUM_BUCKETS and value > 0 for bucket, value in features(text))


def test_the_file_of_weights_is_whole_and_small() -> None:
    held = json.loads(WEIGHTS.read_text(encoding="ascii"))
    assert hashlib.sha256(base64.b85decode(held["weights"])).hexdigest() == held["weights_sha256"]
    assert len(weights().values) == NUM_BUCKETS and WEIGHTS.stat().st_size <= 300_000 and 0.5 < weights().threshold < 1
