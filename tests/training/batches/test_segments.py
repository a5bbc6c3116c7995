"""Segments of packed rows as indices, against the mask that they stand for."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.batches import segments as segments_module
from openqwq.training.batches.segments import LEAST_TOKENS, Segment, SegmentLayout, in_buckets, whole_rows
from tests.training.small_updates import batch_of, micro_batches_of

CPU = torch.device("cpu")
SHAPES = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 30)), min_size=1, max_size=12)


def layout_of(shapes: list[tuple[int, int]], width: int) -> SegmentLayout:
    return micro_batches_of(batch_of([(p, a, 1.0) for p, a in shapes]), 10_000, width)[0][0].layout(1, CPU)


def seen_by(layout: SegmentLayout) -> dict[int, list[int]]:
    """Index of a token -> indices of what it sees, in order."""
    found = {}
    for row, start, stop, prompt_start, prompt_stop in layout.segments:
        for column in range(start, stop):
            columns = (*range(prompt_start, prompt_stop), *range(start, column + 1))
            found[row * layout.width + column] = [row * layout.width + c for c in columns]
    return found


@pytest.mark.parametrize("least", [LEAST_TOKENS, 1])
@given(shapes=SHAPES, width=st.sampled_from([0, 60, 200]))
def test_a_token_stands_in_its_sequence_behind_all_that_it_sees(
    least: int, shapes: list[tuple[int, int]], width: int
) -> None:
    with mock.patch.object(segments_module, "LEAST_TOKENS", least):  # few tokens are one bucket, or several
        layout = layout_of(shapes, width)
        assert layout.places_T is layout.places_T
    sequences = [row for bucket in layout.sequences for row in bucket.tolist()]
    begins = [sum(map(len, sequences[:i])) for i in range(len(sequences))]
    flat, places = [token for row in sequences for token in row], layout.places_T.tolist()
    assert len(places) == layout.num_rows * layout.width and len(sequences) == len(layout.segments)
    for token, seen in seen_by(layout).items():
        begin = places[token] - len(seen) + 1
        assert begin in begins and flat[begin : places[token] + 1] == seen


@given(shapes=SHAPES, width=st.sampled_from([0, 60, 200]))
def test_queries_and_keys_of_a_segment_end_together(shapes: list[tuple[int, int]], width: int) -> None:
    """A kernel whose causal mask is aligned at the end lets each query see what it should."""
    layout, seen = layout_of(shapes, width), {}
    queries, keys = layout.queries.tolist(), layout.keys.tolist()
    q, k = layout.query_bounds.tolist(), layout.key_bounds.tolist()
    assert layout.query_bounds.dtype == layout.key_bounds.dtype == torch.int32
    assert (q[-1], k[-1]) == (len(queries), len(keys))
    for m in range(len(layout.segments)):
        for i, token in enumerate(range(q[m], q[m + 1])):
            seen[queries[token]] = keys[k[m] : k[m + 1] - (q[m + 1] - q[m] - 1 - i)]
    assert seen == seen_by(layout)


def test_like_lengths_are_computed_together() -> None:
    lengths = [30, 400, 290, 310, 299, 200, 10]
    buckets = in_buckets([Segment(i, 0, n) for i, n in enumerate(lengths)])
    assert LEAST_TOKENS == 512  # 400 and 310 are enough; 299 is short of 3/4 of 400, 200 and 30 of 299
    assert [[s.length for s in bucket] for bucket in buckets] == [[400, 310], [299, 290], [200, 30, 10]]
    nearly = in_buckets([Segment(i, 0, n) for i, n in enumerate((440, 600, 451))])
    assert [[s.length for s in bucket] for bucket in nearly] == [[600, 451], [440]]  # 451 is not short of 3/4 of 600
    assert in_buckets([]) == []


def test_a_mask_holds_for_all_heads() -> None:
    mask = SegmentLayout([Segment(0, 0, 2), Segment(0, 2, 3, 0, 1)], 1, 4, CPU).mask()
    assert mask.dtype == torch.bool
    assert mask.int().tolist() == [[[[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]]]


def test_without_packing_every_row_is_one_segment() -> None:
    layout = whole_rows(2, 3, CPU)
    assert layout.sequences[0].tolist() == [[0, 1, 2], [3, 4, 5]] and layout.places_T.tolist() == list(range(6))
