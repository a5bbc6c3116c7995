"""The interval of a share of independent things, and the linear correlation of two columns."""

import math
from collections.abc import Sequence

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


def wilson(num_right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); (0, 1) of nothing. Example: wilson(9, 10) == (0.596, 0.982) about."""
    if n == 0:
        return 0.0, 1.0
    share, square = num_right / n, Z * Z
    middle = share + square / (2 * n)
    reach = Z * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    low, high = (middle - reach) / (1 + square / n), (middle + reach) / (1 + square / n)
    return max(0.0, min(low, share)), min(1.0, max(high, share))  # of all or none, rounding may pass the share


def correlation(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Pearson's; 0 where one of the columns does not vary, NaN where a value is none."""
    n = len(xs)
    if not all(map(math.isfinite, (*xs, *ys))):
        return math.nan
    if n < 2:
        return 0.0
    mean_x, mean_y = math.fsum(xs) / n, math.fsum(ys) / n
    products = math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    spread = math.sqrt(math.fsum((x - mean_x) ** 2 for x in xs)) * math.sqrt(math.fsum((y - mean_y) ** 2 for y in ys))
    return products / spread if spread > 0 else 0.0
