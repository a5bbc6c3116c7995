"""Master weights: float32 copies of the trained parameters of a half-precision model, on which the optimizer works.

A bfloat16 weight of 1 cannot change by less than 0.004; updates of RL are a thousand times smaller.
"""

from collections.abc import Iterable, Mapping

import torch


class MasterWeights:
    """Call `collect()` after every backward pass and `apply()` after every optimizer step. A float32 parameter is its
    own master weight; both calls skip it."""

    def __init__(self, parameters: Iterable[tuple[str, torch.nn.Parameter]]) -> None:
        trained = [(name, parameter) for name, parameter in parameters if parameter.requires_grad]
        self._pairs = [(name, p, p if p.dtype.itemsize >= 4 else _copy_of(p)) for name, p in trained]

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """The master weights, for the optimizer."""
        return [master for _, _, master in self._pairs]

    @property
    def are_copies(self) -> bool:
        """Whether some master weights are more precise copies of the model's parameters."""
        return any(master is not parameter for _, parameter, master in self._pairs)

    @torch.no_grad()
    def collect(self) -> None:
        """Add the model's gradients to those of the master weights in float32, so that the sum over micro-batches is
        not rounded to half precision."""
        for _, parameter, master in self._pairs:
            if master is not parameter and parameter.grad is not None:
                gradient = parameter.grad.float()
                master.grad = gradient if master.grad is None else master.grad.add_(gradient)
                parameter.grad = None

    @torch.no_grad()
    def apply(self) -> None:
        """Copy the master weights into the model, rounded to its precision."""
        for _, parameter, master in self._pairs:
            if master is not parameter:
                parameter.copy_(master)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The master weights by the names of their parameters."""
        return {name: master.detach() for name, _, master in self._pairs}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state_dict`; also updates the model.

        Raises:
            KeyError: a parameter is missing.
        """
        for name, _, master in self._pairs:
            master.copy_(state[name])
        self.apply()


def _copy_of(parameter: torch.nn.Parameter) -> torch.nn.Parameter:
    return torch.nn.Parameter(parameter.detach().float().clone())
