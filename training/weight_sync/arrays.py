"""Weights as numpy arrays: from a trainer's tensors, and into an engine's model."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from openqwq.training.errors import EngineError
from openqwq.training.weight_sync.buckets import ArraySpec, specs_of


def to_arrays(parameters: Mapping[str, torch.Tensor], dtype: str) -> dict[str, np.ndarray]:
    """Parameters by name (tied ones once) as numpy views in `dtype`; bfloat16 as its bits, in uint16.

    They are numpy arrays because Ray's object store passes these on without a copy.
    """
    return {name: view_of(p.detach().to("cpu", getattr(torch, dtype))) for name, p in parameters.items()}


def view_of(tensor: torch.Tensor) -> np.ndarray:
    """A tensor on the CPU as a numpy array without a copy; bfloat16 as its bits, in uint16."""
    if tensor.dtype == torch.bfloat16:
        return tensor.contiguous().view(torch.uint16).numpy()
    return tensor.contiguous().numpy()


def check_fit(parameters: Mapping[str, torch.Tensor], specs: Sequence[ArraySpec]) -> None:
    """Are these the arrays of an engine's model?

    Raises:
        EngineError: a parameter is missing, unknown or of another shape.
    """
    shapes = {spec.name: spec.whole_shape for spec in specs}
    if parameters.keys() != shapes.keys():
        different = sorted(parameters.keys() ^ shapes.keys())
        raise EngineError(f"synced weights do not fit the engine's model: {different[:3]} are on one side only")
    for name, parameter in parameters.items():
        if tuple(parameter.shape) != shapes[name]:
            raise EngineError(f"{name}: sent {shapes[name]}, engine has {tuple(parameter.shape)}")


@torch.inference_mode()  # an engine may have made its parameters there, and rows of such cannot be changed outside
def copy_rows(parameter: torch.Tensor, spec: ArraySpec, values: torch.Tensor) -> None:
    """Copy an array, or the rows of a part of one, into a parameter in place."""
    (parameter if spec.num_rows is None else parameter[spec.rows]).copy_(values)


def copy_arrays(
    parameters: Mapping[str, torch.Tensor], specs: Sequence[ArraySpec], arrays: Sequence[np.ndarray]
) -> None:
    """Copy the arrays of a bucket into parameters that fit its specs.

    Raises:
        EngineError: an array is not of its spec's shape.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")  # the object store's arrays; they are only read
        for spec, array in zip(specs, arrays, strict=True):
            if array.shape != spec.shape:  # torch would repeat a single row
                raise EngineError(f"{spec.name}: sent {array.shape}, the bucket has {spec.shape} of it")
            tensor = torch.from_numpy(array)
            if tensor.dtype == torch.uint16:
                tensor = tensor.view(torch.bfloat16)
            copy_rows(parameters[spec.name], spec, tensor)


def copy_into(model: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Copy `arrays` into the parameters of `model` in place.

    Raises:
        EngineError: a parameter is missing, unknown or of another shape.
    """
    parameters, specs = dict(model.named_parameters()), specs_of(arrays)
    check_fit(parameters, specs)
    copy_arrays(parameters, specs, list(arrays.values()))
