"""Loops and lengths: both sides of each threshold, and measures against a count by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers import VerifierError
from openqwq.verifiers.rules.length import LengthVerifier, kimi_length, soft_overlong
from openqwq.verifiers.rules.repetition import (
    MIN_TOKENS,
    RepetitionVerifier,
    duplicate_share,
    longest_run,
    ngram_penalty,
    repetition_problem,
    tail_periods,
    tokens_of,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def fresh(count: int) -> list[str]:
    """So many different words without a digit."""
    return [f"{LETTERS[number // 26]}{LETTERS[number % 26]}x" for number in range(count)]


@pytest.mark.parametrize(
    ("text", "run"),
    [("", 0), ("a", 1), ("aab", 2), ("abb", 2), ("abab", 1), ("aabbb", 3), ("aaabb", 3), ("a\n\n\nb", 3), ("a  A", 2)],
)
def test_the_longest_run_of_one_character(text: str, run: int) -> None:
    assert longest_run(text) == run


def test_tokens_are_words_signs_and_single_characters_of_east_asia_and_numbers_are_alike() -> None:
    assert tokens_of("The 12th, x_3: 3.50 好的 あ가!") == [
        "the", "0th", ",", "x", "0", ":", "0", ".", "0", "好", "的", "あ", "가", "!",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tokens", "n", "share"),
    [
        ("aaaa", 1, 0.75),
        ("abcd", 1, 0.0),
        ("abab", 2, 1 / 3),
        ("abcab", 2, 0.25),
        ("abc", 3, 0.0),
        ("ab", 3, 0.0),
        ("", 1, 0.0),
        ("a" * 12, 8, 0.8),
        ("a" * 8, 8, 0.0),
    ],
)
def test_the_share_of_repeated_n_grams(tokens: str, n: int, share: float) -> None:
    assert duplicate_share(list(tokens), n) == pytest.approx(share)
    assert ngram_penalty(list(tokens), n, -2.0) == pytest.approx(-2.0 * share)


def test_eight_tokens_make_the_n_gram_that_is_counted() -> None:
    assert duplicate_share([*"abcdefgh" * 2]) == pytest.approx(1 / 9)


@pytest.mark.parametrize(
    ("tokens", "periods"),
    [
        ("", 1),
        ("a", 1),
        ("ab", 1),
        ("aa", 2),
        ("xyzabab", 2),
        ("xababab", 3),
        ("abcbc", 2),
        ("abx", 1),
        ("ababx", 1),
        ("aab", 1),
        ("abbbb", 4),
        ("xabcabca", 2),
    ],
)
def test_the_end_repeats_itself_so_often(tokens: str, periods: int) -> None:
    assert tail_periods(list(tokens)) == periods


def test_only_short_periods_and_the_last_tokens_are_looked_at() -> None:
    loop = fresh(5)
    assert (tail_periods(loop * 3, 4), tail_periods(loop * 3, 5)) == (1, 3)
    assert (tail_periods(fresh(200) * 2), tail_periods(fresh(201) * 2)) == (2, 1)
    assert tail_periods(["a"] * 5000) == 4000
    assert tail_periods([*"xy", *["a"] * 3998]) == 3998


def count_by_hand(tokens: list[str], longest: int) -> int:
    best = 1
    for period in range(1, min(len(tokens) - 1, longest) + 1):
        block, number = tokens[len(tokens) - period :], 1
        while tokens[len(tokens) - (number + 1) * period : len(tokens) - number * period] == block:
            number += 1
        best = max(best, number)
    return best


@settings(max_examples=60)
@given(st.text("ab", max_size=24), st.integers(1, 8))
def test_periods_of_the_end_agree_with_a_count_by_hand(text: str, longest: int) -> None:
    assert tail_periods(list(text), longest) == count_by_hand(list(text), longest)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a " + "b" * 99, ""),
        ("a " + "b" * 100, "a run of 100 equal characters"),
        (" " * 120 + "a", "a run of 120 equal characters"),
        ("a b c d " * 15, "the end repeats 15 times"),
        ("a b c d " * 15 + "e", "91% of the 8-grams are repeated"),
        ("a b c d " * 16, "93% of the 8-grams are repeated"),
        ("a b c d " * 7, ""),
        ("a b c d " * 8, "the end repeats 8 times"),
        ("a b c " * 10, ""),
        ("a b c " * 10 + "a b", "the end repeats 10 times"),
        ("x a b c " + "a b c " * 9, "the end repeats 10 times"),
        ("a b c d e " * 6 + "x", ""),
    ],
)
def test_a_loop_is_named_from_its_threshold_on(text: str, problem: str) -> None:
    assert repetition_problem(text) == problem


def test_repeated_n_grams_count_above_sixty_tokens_and_fifteen_percent() -> None:
    assert MIN_TOKENS == 60
    words = fresh(200)
    at = [*words[:60], *words[:17], *words[60:110]]  # 10 of 120 8-grams come twice
    assert repetition_problem(" ".join(at)) == ""
    assert repetition_problem(" ".join(at), 10 / 120 - 1e-9) == "8% of the 8-grams are repeated"
    assert repetition_problem(" ".join(at), 10 / 120 + 1e-9) == ""
    for repeated, problem in ((22, ""), (26, "16% of the 8-grams are repeated")):  # 15 and 19 of 120
        text = " ".join([*words[:60], *words[:repeated], *words[60 : 127 - repeated]])
        assert repetition_problem(text) == problem


def test_what_no_loop_is_may_be_long() -> None:
    assert repetition_problem(" ".join(fresh(400))) == ""


def test_the_verifier_reads_the_thinking_too_and_a_row_may_allow_repetition() -> None:
    loop = f"<think>{'a b c d ' * 16}</think>9"
    verifier = RepetitionVerifier()
    assert verifier.grade(loop, {}).score == 0.0
    assert verifier.grade(loop, {}).reason.endswith("of the 8-grams are repeated")
    assert verifier.grade(loop, {"reference": {"allow_repetition": True}}).status == "not_applicable"
    for reference in ({"allow_repetition": False}, {}, "allow_repetition", None):
        assert verifier.grade(loop, {"reference": reference}).score == 0.0
    assert (verifier.grade(" \n", {}).score, verifier.grade(" \n", {}).reason) == (0.0, "empty response")
    assert (verifier.grade("9", {}).score, verifier.grade("9", {}).reason) == (1.0, "")


def test_the_share_that_is_allowed_is_the_verifiers_argument() -> None:
    words = fresh(80)
    text = " ".join([*words[:40], *words[:20], *words[40:]])  # 13 of 93
    assert RepetitionVerifier(13 / 93 + 1e-9).grade(text, {}).score == 1.0
    assert RepetitionVerifier(13 / 93 - 1e-9).grade(text, {}).score == 0.0
    assert RepetitionVerifier().grade(text, {}).score == 1.0 and RepetitionVerifier().max_duplicate_share == 0.15


@settings(max_examples=20)
@given(st.integers(2, 9), st.integers(1, 12), st.sampled_from([str.upper, str.title, str]))
def test_case_numbers_and_spacing_hide_no_loop(size: int, start: int, cased: type[str]) -> None:
    block = " ".join(fresh(size))
    loop = " \n".join(f"{cased(block)} {number}" for number in range(start, start + 60))
    assert repetition_problem(f"Once upon a time. {loop}")
    assert repetition_problem(" ".join(fresh(60))) == ""


@pytest.mark.parametrize(
    ("length", "penalty"),
    [(0, 0.0), (160, 0.0), (161, -0.025), (170, -0.25), (199, -0.975), (200, -1.0), (201, -1.0), (999, -1.0)],
)
def test_the_overlong_penalty_falls_over_the_cache(length: int, penalty: float) -> None:
    assert soft_overlong(length, 200, 40) == pytest.approx(penalty)


def test_without_a_cache_the_penalty_is_a_step() -> None:
    assert (soft_overlong(200, 200, 0), soft_overlong(201, 200, 0)) == (0.0, -1.0)
    assert (soft_overlong(199, 200, 1), soft_overlong(200, 200, 1)) == (0.0, -1.0)
    assert soft_overlong(205, 200, -10) == 0.0


@pytest.mark.parametrize(
    ("lengths", "correct", "terms"),
    [
        ([10, 20, 50], [True, True, True], [0.5, 0.25, -0.5]),
        ([10, 20, 50], [False, False, False], [0.0, 0.0, -0.5]),
        ([50, 20, 10], [True, False, False], [-0.5, 0.0, 0.0]),
        ([40, 10, 50], [False, True, True], [-0.25, 0.5, -0.5]),
        ([7, 7], [True, False], [0.0, 0.0]),
        ([7], [True], [0.0]),
        ([], [], []),
    ],
)
def test_short_right_answers_earn_and_long_ones_pay(
    lengths: list[int], correct: list[bool], terms: list[float]
) -> None:
    assert kimi_length(lengths, correct) == pytest.approx(terms)


@pytest.mark.parametrize(
    ("count", "slack", "score"),
    [
        (0, 0, 0.0), (2, 0, 0.0), (3, 0, 1.0), (5, 0, 1.0), (6, 0, 0.0),
        (0, 3, 0.25), (1, 3, 0.5), (2, 3, 0.75), (3, 3, 1.0), (5, 3, 1.0), (6, 3, 0.75), (8, 3, 0.25), (9, 3, 0.0),
        (20, 3, 0.0),
    ],
)  # fmt: skip
def test_the_length_verifier_pays_less_beyond_its_bounds(count: int, slack: int, score: float) -> None:
    verdict = LengthVerifier(3, 5, slack).grade("- " + " ".join("w" * count), {})
    assert (verdict.score, verdict.reason, verdict.parts) == (score, f"{count} words", {"words": float(count)})


def test_the_length_verifier_counts_the_answer_or_all() -> None:
    response = "<think>one two three</think>four five"
    assert LengthVerifier(2, 2).grade(response, {}).score == 1.0
    assert LengthVerifier(4, 4, scope="all").grade(response, {}).score == 1.0
    for text in ("<think>one two", " "):
        assert LengthVerifier(0, 9).grade(text, {}).score == 0.0
    assert LengthVerifier(2, 2, scope="all").grade("<think>one two", {}).score == 1.0
    assert LengthVerifier(0, 9, scope="all").grade("<think>one two", {}).reason == "2 words"


def test_the_length_verifiers_defaults_and_refusals() -> None:
    for count, score in ((1, 1.0), (1000, 1.0), (1001, 0.0)):
        assert LengthVerifier().grade(" ".join("w" * count), {}).score == score
    assert LengthVerifier(0, 0).grade("...", {}).score == 1.0
    for bounds in ((-1, 5), (5, 4), (0, 5, -1)):
        with pytest.raises(VerifierError, match="need 0 <= min_words <= max_words"):
            LengthVerifier(*bounds)
    assert LengthVerifier(5, 5, 0).min_words == 5
    with pytest.raises(VerifierError, match="scope is 'all' or 'answer', got 'half'"):
        LengthVerifier(scope="half")
