"""What a model does to its logits outside its head, measured: the configurations name it in too many ways."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from openqwq.training.errors import RecipeError

NUM_TOKENS = 12
SPREAD = 16.0
OUTPUTS = ("state", "into_head", "raw")


@dataclass(frozen=True)
class LogitTransform:
    """logits = cap tanh(scale x / cap), or scale x without a cap, where x is the product of the head's weight with the
    last hidden state, and its bias. Example: `LogitTransform(scale=0.125)`"""

    scale: float = 1.0
    cap: float | None = None

    def of(self, x: torch.Tensor) -> torch.Tensor:
        """The logits of what leaves the head, of the same shape."""
        scaled = self.scale * x
        return scaled if self.cap is None else self.cap * torch.tanh(scaled / self.cap)


@torch.no_grad()
def measure(model: Any) -> LogitTransform:
    """By one forward pass of a causal language model. With sharded weights a collective.

    Raises:
        RecipeError: it is neither a factor nor a cap that the configuration names.
    """
    config = model.config.get_text_config()
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, config.vocab_size, (1, NUM_TOKENS), generator=generator).to(model.device)
    with _outputs(model) as seen:
        logits = model(input_ids=ids).logits
    found = _explanation(seen, logits, _numbers(config.to_dict())) if len(seen) == len(OUTPUTS) else None
    if found is not None:
        return found
    raise RecipeError(
        f"{type(model).__name__} changes its logits in a way that is neither a factor nor a cap of its configuration; "
        "its log-probabilities in training would be wrong; choose another model"
    )


def _explanation(
    seen: dict[str, torch.Tensor], logits: torch.Tensor, numbers: dict[str, float]
) -> LogitTransform | None:
    tolerance = 1e-4 if logits.dtype == seen["raw"].dtype == torch.float32 else 2e-2
    state, into_head, raw = (seen[name].double() for name in OUTPUTS)
    before = _factor(state, into_head, tolerance)
    for cap in (None, *(value for name, value in numbers.items() if "cap" in name and value > 0)):
        scale = _scale_under(raw, logits.double(), cap, tolerance)
        if before is None or scale is None:
            continue
        if (named := _named(before * scale, numbers, tolerance)) is not None:
            return LogitTransform(named, cap)
    return None


@contextmanager
def _outputs(model: Any) -> Iterator[dict[str, torch.Tensor]]:
    """Fills in the last hidden state, what enters the head, and what is said to leave it: numbers of every size, so
    that a cap shows whatever the weights are."""
    seen: dict[str, torch.Tensor] = {}
    head = model.get_output_embeddings()

    def keep_state(_: Any, __: Any, output: Any) -> None:
        seen["state"] = output[0]

    def replace_logits(_: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        seen["into_head"] = inputs[0]
        seen["raw"] = (SPREAD * torch.randn(output.shape, generator=generator)).to(output)
        return seen["raw"].clone()

    hooks = [model.base_model.register_forward_hook(keep_state), head.register_forward_hook(replace_logits)]
    was_training = model.training
    model.eval()
    try:
        yield seen
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()


def _factor(x: torch.Tensor, y: torch.Tensor, tolerance: float) -> float | None:
    """f if y = f x."""
    if x.shape != y.shape or not float(x.square().sum()):
        return None
    factor = float((x * y).sum() / x.square().sum())
    return factor if float((y - factor * x).norm()) <= tolerance * float(y.norm()) else None


def _scale_under(raw: torch.Tensor, logits: torch.Tensor, cap: float | None, tolerance: float) -> float | None:
    """s if logits = cap tanh(s raw / cap), or s raw without a cap."""
    if cap is None:
        return _factor(raw, logits, tolerance)
    is_clear = logits.abs() < 0.9 * cap  # beyond, too few digits are left
    if float(logits.abs().max()) > cap * (1 + tolerance) or not bool(is_clear.any()):
        return None
    scale = float(torch.atanh(logits[is_clear] / cap).mul(cap / raw[is_clear]).nanmedian())
    return scale if _factor(LogitTransform(scale, cap).of(raw), logits, tolerance) is not None else None


def _named(factor: float, numbers: dict[str, float], tolerance: float) -> float | None:
    """1, a number of the configuration or its inverse, where the factor is one of them; else the factor itself, or None
    where it is not known well enough."""
    known = [1.0, *numbers.values(), *(1 / value for value in numbers.values() if value)]
    nearest = min(known, key=lambda value: abs(value - factor))
    if abs(nearest - factor) <= max(tolerance / 10, 1e-5) * abs(factor):
        return nearest
    return factor if tolerance <= 1e-4 else None


def _numbers(config: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in config.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
