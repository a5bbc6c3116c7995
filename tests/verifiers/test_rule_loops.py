"""Loops and lengths: what counts as the same again, both sides of the limits, and sound texts that resemble them."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.rules.length import LengthVerifier, kimi_length, soft_overlong
from openqwq.verifiers.rules.loop_runs import differences, fours_of, numbered, repeated_before, runs, tokens_of
from openqwq.verifiers.rules.repetition import (
    RepetitionVerifier,
    ends_in_loop,
    longest_run,
    ngram_penalty,
    repetition_problem,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def fresh(count: int, seed: int = 0) -> list[str]:
    """So many different words without a digit."""
    words = [first + second + third for first, second, third in product(LETTERS, repeat=3)]
    return Random(seed).sample(words, count)


def runs_of(text: str, least_times: float = 2.0) -> list[tuple[int, int, int]]:
    folded = numbered(tokens_of(text)).folded
    return [(run.start, run.end, run.period) for run in runs(folded, fours_of(folded), least_times)]


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("", 0),
        ("a", 0),
        ("aaa", 3),
        ("aabbb", 3),
        ("baaab", 3),
        ("ababab", 0),
        ("a\n\n\nb", 3),
        ("aaaa" * 9, 36),
        ("aabb" * 9, 0),
    ],
)
def test_the_longest_run_of_one_character_from_three_on(text: str, run: int) -> None:
    assert longest_run(text, 3) == run


@settings(max_examples=80)
@given(st.text("ab", max_size=40), st.integers(2, 9))
def test_the_longest_run_agrees_with_a_count_by_hand(text: str, least: int) -> None:
    longest = max((len(run) for run in text.replace("ab", "a b").replace("ba", "b a").split()), default=0)
    assert longest_run(text, least) == (longest if longest >= least else 0)


def test_tokens_are_words_numbers_signs_and_single_characters_of_scripts_without_spaces() -> None:
    assert tokens_of("The 12th, x_3: 3.50 好的 ที่ あ가! ==== = \u200bzero\u200b") == [
        "the", "12", "th", ",", "x", "_", "3", ":", "3.50", "好", "的", "ท", "ี", "่",
        "あ", "가", "!", "====", "=", "zero",
    ]  # fmt: skip
    assert tokens_of("ab" * 16) == ["a", "b"] * 16 and tokens_of("ab" * 15) == ["ab" * 15]


def test_numbers_are_alike_where_they_are_folded_and_differ_where_they_are_not() -> None:
    said = numbered(["n", "1", "n", "2"])
    assert said.exact == [0, 1, 0, 2] and said.folded == [1, 0, 1, 0]


def test_a_run_begins_with_the_first_time_and_ends_with_the_last_token_that_fits() -> None:
    words = fresh(40)
    text = " ".join([*words[:5], *words[5:15] * 3, *words[5:9], *words[15:20]])
    assert runs_of(text) == [(5, 39, 10)]
    assert runs_of(text, 3.5) == []
    assert runs_of(" ".join(words)) == []


def test_a_run_goes_on_over_a_token_that_differs_and_over_one_that_is_left_out() -> None:
    words = fresh(60)
    block = words[:30]
    changed = [*block[:12], words[40], *block[13:]]
    said = numbered([*block, *changed, *block])
    [run] = runs(said.folded, fours_of(said.folded), 2.5)
    assert (run.start, run.end, run.period, run.is_joined) == (0, 90, 30, False)
    assert differences(said.exact, run) == [42, 72]
    shorter = numbered([*block, *block[:20], *block[21:], *block[:20], *block[21:]])
    [run] = runs(shorter.folded, fours_of(shorter.folded), 2.5)
    assert run.is_joined and (run.start, run.end) == (0, 88)


def test_what_was_seen_before_is_counted_up_to_each_place() -> None:
    assert repeated_before([1, 2, 1, 1, 2], 1) == [0, 0, 0, 1, 2, 3]
    assert repeated_before([1, 2, 1, 1, 2], 2) == [0, 0, 0, 0, 1, 1]
    assert repeated_before([], 1) == [0]


@pytest.mark.parametrize(
    ("tokens", "n", "share"),
    [("aaaa", 1, 0.75), ("abcd", 1, 0.0), ("abab", 2, 1 / 3), ("abc", 3, 0.0), ("ab", 3, 0.0), ("", 1, 0.0)],
)
def test_the_share_of_repeated_n_grams(tokens: str, n: int, share: float) -> None:
    assert ngram_penalty(list(tokens), n, -2.0) == pytest.approx(-2.0 * share)


SENTENCE = "Wait, the sum of both sides is not what I had before. "
BEFORE = " ".join(fresh(400, 1)) + ". "


@pytest.mark.parametrize(
    "loop",
    [
        SENTENCE * 8,
        "the " * 110,
        "Try n = {n}. This fails. ",
        "Attempt {n} of the same thing, and attempt {n} fails too.\n",
        "第{n}次尝试还是没有成功。",
        "再检查一遍，答案是十二。" * 12,
        "ลองคิดใหม่อีกครั้ง" * 12,
        "फिर से जाँच करते हैं। " * 20,
        "دعني أتحقق مرة أخرى. " * 20,
        "x = 4 \\Rightarrow x = 4\n" * 30,
        '{"name": "lamp", "price": 3},\n' * 20,
        "    total += row.price\n" * 20,
        "x" * 250,
        "\n" * 250,
        " \n\t" * 90,
        "\u200b\u200d" * 120,
        "🔥🎉" * 250,
        "nowait" * 80,
        "= " * 400,
        "</p><p>" * 60,
        (SENTENCE + "No. ") * 7,
        " ".join(fresh(400, 2)) * 4,
        " ".join(fresh(60, 3)) + " ",
    ],
)
@pytest.mark.parametrize("place", ["alone", "end", "thinking", "middle"])
def test_a_loop_is_found_wherever_it_stands(loop: str, place: str) -> None:
    if "{n}" in loop:
        loop = "".join(loop.format(n=n) for n in range(7, 67))
    elif repetition_problem(loop) == "":  # a passage: each time with another word changed
        words = loop.split()
        loop = " ".join(" ".join([*words[:n], "well", *words[n + 1 :]]) for n in range(len(words) // 2))
    text = {
        "alone": loop,
        "end": BEFORE + loop,
        "thinking": f"<think>{BEFORE}{loop}</think>\nSo it is 4.",
        "middle": f"<think>{BEFORE}{loop}\n{' '.join(fresh(150, 5))}</think>\nSo it is 4.",
    }[place]
    assert repetition_problem(text)


SOUND = {
    "times table": "\n".join(f"{n} x 7 = {7 * n}" for n in range(1, 200)),
    "numbers": ", ".join(map(str, range(1000))),
    "savings in words": "\n".join(f"In {2000 + n} she has {100 * n + 7} dollars in the bank." for n in range(80)),
    "truth table": "\n".join("| " + " | ".join(row) + " |" for row in product("TF", repeat=5)),
    "cases": "\n".join(f"If n = {n}, then n^2 + 1 = {n * n + 1}, which is too small." for n in range(60)),
    "tests": "\n".join(f"assert add({n}, {3 * n}) == {4 * n}" for n in range(60)),
    "zeros": "\\begin{pmatrix}" + (" & ".join("0" * 8) + " \\\\\n") * 8 + "\\end{pmatrix}",
    "people": "\n".join(
        f"{a} has {n} pears and {b} has {n * n % 17}."
        for n, (a, b) in enumerate(zip(fresh(60), fresh(60, 4), strict=True))
    ),
    "refrain": "\n".join(f"{' '.join(fresh(24, n))}\n{SENTENCE}\n" for n in range(10)),
    "ruler": "\n".join(f"{'=' * 80}\n{word}\n{'-' * 80}" for word in fresh(12)),
    "thrice": SENTENCE * 3 + " ".join(fresh(50)),
    "zeros of a number": "A googol is 1" + "0" * 100 + ". " + BEFORE,
    "code": "\n".join(f"    elif kind == '{a}':\n        return {n * n}" for n, a in enumerate(fresh(40))),
    "short": "ha ha ha ha ha ha ha ha",
    "nothing": "",
}


@pytest.mark.parametrize("kind", SOUND)
def test_what_only_resembles_itself_is_no_loop(kind: str) -> None:
    assert repetition_problem(SOUND[kind]) == ""
    assert repetition_problem(BEFORE + SOUND[kind]) == ""


def test_a_sentence_is_a_loop_from_four_times_and_sixty_tokens_on() -> None:
    words = fresh(20)
    assert repetition_problem(" ".join(words * 3)) == ""
    assert repetition_problem(" ".join(words * 4)) == "20 tokens are said 4.0 times"
    assert repetition_problem(" ".join(words[:6] * 9)) == "" and repetition_problem(" ".join(words[:6] * 10))


def test_a_loop_in_the_middle_counts_from_a_seventh_of_the_text_or_100_tokens_on() -> None:
    loop, rest = fresh(10) * 7, fresh(2000, 6)
    assert repetition_problem(" ".join([*rest[:100], *loop, *rest[100:300]]))
    assert repetition_problem(" ".join([*rest[:1000], *loop, *rest[1000:]])) == ""
    assert repetition_problem(" ".join([*rest[:1000], *loop]))
    assert repetition_problem(" ".join([*rest[:1000], *fresh(10) * 10, *rest[1000:]]))


def test_two_things_that_change_are_a_table_and_one_is_a_counter() -> None:
    one = "\n".join(f"Item number {n} stays in the box." for n in range(30))
    two = "\n".join(f"Item number {n} costs {n * 7 % 31} in the box." for n in range(30))
    both = "\n".join(f"Item number {n} stays behind item {n + 1} in the box." for n in range(30))
    assert repetition_problem(one).endswith("in which one thing alone changes")
    assert repetition_problem(two) == "" and repetition_problem(both)
    assert repetition_problem("\n".join(one.splitlines()[:19])) == ""


@settings(max_examples=15)
@given(
    st.integers(3, 9),
    st.integers(1, 900),
    st.sampled_from([str.upper, str.title, str]),
    st.sampled_from("\u200b\u00ad "),
)
def test_case_numbers_and_invisible_signs_hide_no_loop(size: int, start: int, cased: type[str], sign: str) -> None:
    block = sign.join(" ".join(fresh(size)).partition(" "))
    loop = " \n".join(f"{cased(block)} {number}" for number in range(start, start + 40))
    assert repetition_problem(f"Once upon a time. {loop}")


@settings(max_examples=40)
@given(st.text(max_size=400))
def test_any_text_gets_an_answer(text: str) -> None:
    assert isinstance(repetition_problem(text), str) and isinstance(ends_in_loop(text), bool)


def test_the_verifier_reads_the_thinking_too_and_a_row_may_allow_repetition() -> None:
    loop = f"<think>{SENTENCE * 9}</think>9"
    verifier = RepetitionVerifier()
    assert verifier.grade(loop, {}).score == 0.0
    assert verifier.grade(loop, {}).reason == "14 tokens are said 9.0 times"
    assert verifier.grade(loop, {"reference": {"allow_repetition": True}}).status == "not_applicable"
    for reference in ({"allow_repetition": False}, {}, "allow_repetition", None):
        assert verifier.grade(loop, {"reference": reference}).score == 0.0
    assert (verifier.grade(" \n", {}).score, verifier.grade(" \n", {}).reason) == (0.0, "empty response")
    assert (verifier.grade("9", {}).score, verifier.grade("9", {}).reason) == (1.0, "")


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
