"""The process that runs sympy: is an answer equal to a gold? It speaks as `child_process/server.py` does."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from openqwq.verifiers.child_process.server import Answer, serve


def main(memory_bytes: int) -> None:
    serve(_algebra, memory_bytes)


def _algebra() -> Answer:
    import math_verify  # noqa: F401
    from latex2sympy2_extended import latex2sympy

    latex2sympy(r"\frac{1}{2}+\sqrt{x}")  # builds the parser's tables once
    return _verdict


def _verdict(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"equal": are_equal(request["gold"], request["answer"])}


def are_equal(gold: str, answer: str) -> bool:
    """Symbolic or high-precision equality of two LaTeX expressions; complex numbers only when one of them
    needs them."""
    from math_verify import verify
    from sympy import Expr, Symbol, simplify

    is_real = not any(_is_complex(text) for text in (gold, answer))
    left, right = _parse(gold, is_real), _parse(answer, is_real)
    if all(isinstance(side, Expr) for side in (left, right)) and any(
        isinstance(side, Symbol) for side in (left, right)
    ):
        return bool(simplify(left - right) == 0)  # the library compares single symbols by their names alone
    return bool(verify(left, right, float_rounding=30, numeric_precision=40, timeout_seconds=None))


def _is_complex(text: str) -> bool:
    import re

    return re.search(r"(?<![A-Za-z\\])i(?![A-Za-z])", text) is not None


@lru_cache(maxsize=512)
def _parse(text: str, is_real: bool) -> Any:  # sympy carries no types
    from latex2sympy2_extended import NormalizationConfig, latex2sympy
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig

    return latex2sympy(
        text,
        is_real=is_real,
        normalization_config=NormalizationConfig(malformed_operators=True, nits=True, boxed="none"),
        conversion_config=ConversionConfig(lowercase_symbols=False),  # A is not a
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
