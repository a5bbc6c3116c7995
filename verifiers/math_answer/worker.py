"""The process that runs sympy: reads one JSON pair a line from stdin, writes one verdict a line to its real
stdout.

It may be killed at any moment. The kernel ends it when a check passes its time (also inside C code), when it
takes too much memory, and it exits when its parent closes the pipe.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from functools import lru_cache
from typing import Any, TextIO

GRACE_SECONDS = 1.0


def main(memory_bytes: int) -> None:
    answers = _private_stdout()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _import_algebra()
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    _send(answers, {"ready": os.getpid()})
    for line in sys.stdin:
        request = json.loads(line)
        # without a Python handler SIGALRM ends the process even inside a long C call, when no parent is left to kill it
        signal.setitimer(signal.ITIMER_REAL, request["seconds"] + GRACE_SECONDS)
        try:
            reply: dict[str, Any] = {"equal": are_equal(request["gold"], request["answer"])}
        except MemoryError:
            reply = {"problem": "memory"}
        except Exception as error:  # an expression the library cannot read is not equal to anything
            reply = {"problem": f"{type(error).__name__}: {error}"[:200]}
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(answers, reply | {"id": request["id"]})


def _private_stdout() -> TextIO:
    """The pipe carries replies only; what libraries print goes to /dev/null."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    return answers


def _send(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _import_algebra() -> None:
    import math_verify  # noqa: F401
    from latex2sympy2_extended import latex2sympy

    latex2sympy(r"\frac{1}{2}+\sqrt{x}")  # builds the parser's tables once


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
