"""Whether a printed or a returned answer is the wanted one, in one word."""

from __future__ import annotations

from typing import Any

from openqwq.sandbox.codec import encode
from openqwq.sandbox.compare import text_difference, value_difference
from openqwq.sandbox.jobs import Compare

EXACT, HALF, RELATIVE = Compare(), Compare(0.5), Compare(0.5, rel=True)
ANY_TOLERANCE = Compare(1.0, rel=True)


def prints(wanted: str, printed: str, compare: Compare = EXACT) -> bool:
    return text_difference(wanted, printed.encode("utf-8", "surrogatepass"), compare) is None


def returns(wanted: Any, got: Any, compare: Compare = EXACT) -> bool:
    return value_difference(wanted, encode(got), compare) is None
