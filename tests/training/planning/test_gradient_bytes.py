"""Bytes of gradients in a plan, by how they are divided and in which type they are summed."""

from __future__ import annotations

import pytest

from openqwq.training.config import TrainerRole
from openqwq.training.planning.needs import gradient_bytes


@pytest.mark.parametrize(
    ("dtype", "zero_stage", "sums", "expected"),
    [
        ("bfloat16", 3, "float32", 4), ("bfloat16", 2, "float32", 4), ("bfloat16", 3, "bfloat16", 2),
        ("bfloat16", 1, "float32", 6), ("bfloat16", 1, "bfloat16", 2),  # undivided: those of the backward pass as well
        ("bfloat16", 0, "float32", 6), ("bfloat16", 0, "bfloat16", 6),  # one process always sums in float32
        ("float32", 3, "bfloat16", 4), ("float32", 0, "float32", 4),
    ],
)  # fmt: skip
def test_a_gradient_takes_the_bytes_of_its_sum(dtype: str, zero_stage: int, sums: str, expected: int) -> None:
    role = TrainerRole.model_validate({"workers": 2 if zero_stage else 1, "zero_stage": zero_stage,
                                       "gradient_dtype": sums})  # fmt: skip
    assert gradient_bytes(dtype, role) == expected
