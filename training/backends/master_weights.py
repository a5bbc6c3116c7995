"""float32 copies of the trained parameters of a half-precision model: what the optimizer sees and changes.

A bfloat16 weight of 1 cannot take a step smaller than 0.004; updates of RL are a thousand times smaller.
"""

from collections.abc import Iterable, Mapping

import torch


class MasterWeights:
    """`collect()` after every backward pass, `apply()` after every optimizer step. A float32 parameter is its own
    master, and both cost it nothing."""

    def __init__(self, parameters: Iterable[tuple[str, torch.nn.Parameter]]) -> None:
        trained = [(name, parameter) for name, parameter in parameters if parameter.requires_grad]
        self._pairs = [(name, p, p if p.dtype.itemsize >= 4 else _copy_of(p)) for name, p in trained]

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """For the optimizer."""
        return [master for _, _, master in self._pairs]

    @property
    def are_copies(self) -> bool:
        """Whether they say more than the model does."""
        return any(master is not parameter for _, parameter, master in self._pairs)

    @torch.no_grad()
    def collect(self) -> None:
        """Add the model's gradients to the masters', in float32, so that micro-batches add up in it."""
        for _, parameter, master in self._pairs:
            if master is not parameter and parameter.grad is not None:
                gradient = parameter.grad.float()
                master.grad = gradient if master.grad is None else master.grad.add_(gradient)
                parameter.grad = None

    @torch.no_grad()
    def apply(self) -> None:
        """Round the masters into the model."""
        for _, parameter, master in self._pairs:
            if master is not parameter:
                parameter.copy_(master)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """By the parameters' names."""
        return {name: master.detach() for name, _, master in self._pairs}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state_dict`; the model follows.

        Raises:
            KeyError: a parameter is missing.
        """
        for name, _, master in self._pairs:
            master.copy_(state[name])
        self.apply()


def _copy_of(parameter: torch.nn.Parameter) -> torch.nn.Parameter:
    return torch.nn.Parameter(parameter.detach().float().clone())
