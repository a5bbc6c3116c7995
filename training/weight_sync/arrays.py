"""Weights as numpy arrays by name: from a trainer's parameters, and into an engine's model."""

import warnings
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from openqwq.training.errors import EngineError


def to_arrays(parameters: Mapping[str, torch.Tensor], dtype: str) -> dict[str, np.ndarray]:
    """Parameters by name (tied ones once) as numpy views in `dtype`; bfloat16 as its bits, in uint16.

    They are numpy arrays because Ray's object store passes these on without a copy.
    """
    return {name: _view(p.detach().to("cpu", getattr(torch, dtype))) for name, p in parameters.items()}


def _view(tensor: torch.Tensor) -> np.ndarray:
    if tensor.dtype == torch.bfloat16:
        return tensor.contiguous().view(torch.uint16).numpy()
    return tensor.contiguous().numpy()


def copy_into(model: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Copy `arrays` into the parameters of `model` in place.

    Raises:
        EngineError: a parameter is missing, unknown or of another shape.
    """
    parameters = dict(model.named_parameters())
    if parameters.keys() != arrays.keys():
        different = sorted(parameters.keys() ^ arrays.keys())
        raise EngineError(f"synced weights do not fit the engine's model: {different[:3]} are on one side only")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")  # the object store's arrays; they are only read
        for name, parameter in parameters.items():
            tensor = torch.from_numpy(arrays[name])
            if tensor.dtype == torch.uint16:
                tensor = tensor.view(torch.bfloat16)
            if tensor.shape != parameter.shape:
                raise EngineError(f"{name}: sent {tuple(tensor.shape)}, engine has {tuple(parameter.shape)}")
            parameter.copy_(tensor)
