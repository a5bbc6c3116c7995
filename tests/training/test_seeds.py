"""Seeds: the documented hash, all of its 63 bits, and a number of its own for each purpose."""

from __future__ import annotations

import hashlib
from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.seeds import derive_seed


@given(parts=st.lists(st.one_of(st.integers(), st.text(max_size=5)), max_size=5))
def test_a_seed_is_the_first_63_bits_of_the_hash_of_its_parts(parts: list[object]) -> None:
    digest = hashlib.sha256(b"\x1f".join(str(part).encode() for part in parts)).hexdigest()
    assert f"{derive_seed(*parts):063b}" == f"{int(digest, 16):0256b}"[:63]


def test_seeds_stay_what_they_were() -> None:
    """Another hash would change every sample of every recipe."""
    assert derive_seed(0, "stage1", 3, 5, "p7", 2) == 1920631699454059039
    assert derive_seed() == 8203414616412130826


def test_every_part_and_its_place_enter_a_seed() -> None:
    seeds = [derive_seed(*parts) for parts in product((0, 1, 10), (0, 1, 11), ("turn", "eval"), (0, 1, 2))]
    seeds += [derive_seed("a", "bc"), derive_seed("ab", "c"), derive_seed("abc"), derive_seed("c", "ab")]
    assert len(set(seeds)) == len(seeds)


def test_each_bit_of_many_seeds_is_set_in_half_of_them() -> None:
    bits = np.array([[seed >> bit & 1 for bit in range(64)] for seed in map(derive_seed, range(4000))])
    assert not bits[:, 63].any()
    assert np.abs(bits[:, :63].mean(0) - 0.5).max() < 4.5 * 0.5 / 4000**0.5
