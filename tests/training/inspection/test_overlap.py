"""Overlap of texts: equal words, runs of thirteen, and near duplicates, against a plain comparison of all pairs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.inspection.overlap import MIN_WORDS, NEAR, RUN, Overlap, overlaps

texts = st.lists(st.lists(st.sampled_from("abc"), max_size=18).map(" ".join), max_size=5)


def words_in_a_row(text: str, count: int) -> set[str]:
    words = text.split()
    return {" ".join(words[i : i + count]) for i in range(len(words) - count + 1)}


def plainly(mine: str, theirs: str) -> str | None:
    if mine == theirs:
        return "equal"
    if words_in_a_row(mine, RUN) & words_in_a_row(theirs, RUN):
        return "run of 13 words"
    ours, others = words_in_a_row(mine, 3), words_in_a_row(theirs, 3)
    is_long = min(len(mine.split()), len(theirs.split())) >= MIN_WORDS
    return "near duplicate" if is_long and len(ours & others) >= NEAR * len(ours | others) else None


@given(texts, texts)
def test_every_pair_is_found_as_a_plain_comparison_finds_it(trained: list[str], held_out: list[str]) -> None:
    pairs = [(i, j, plainly(mine, theirs)) for j, theirs in enumerate(held_out) for i, mine in enumerate(trained)]
    assert overlaps(trained, held_out) == [Overlap(i, j, kind) for i, j, kind in pairs if kind is not None]


def test_case_and_punctuation_do_not_count_and_signs_of_arithmetic_do() -> None:
    assert [one.kind for one in overlaps(["What is 2 + 2?"], ["what is 2+2"])] == ["equal"]
    assert overlaps(["What is 2*2?"], ["What is 2+2?"]) == []
