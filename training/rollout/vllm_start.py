"""Starts an AsyncLLM for rollouts: its arguments and its environment variables."""

import os
from typing import Any

from openqwq.training.config import RolloutRole
from openqwq.training.weight_sync.buckets import BUCKET_BYTES
from openqwq.training.weight_sync.check import NUM_CHECK_TOKENS

BATCHED_TOKENS = 8192
"""Largest number of tokens in one forward pass; AsyncLLM's own default is 2048 on any GPU."""


async def start(model: str, dtype: str, role: RolloutRole, max_context: int | None = None) -> Any:
    """An AsyncLLM that holds `model`, with room for `max_context` tokens of a conversation; None leaves it to vLLM."""
    import torch
    from vllm import AsyncEngineArgs
    from vllm.config import WeightTransferConfig
    from vllm.v1.engine.async_llm import AsyncLLM

    from openqwq.training.rollout import vllm_worker

    arguments = AsyncEngineArgs(
        model=model,
        dtype=dtype,
        # a weight sync asks for the log-probabilities of its check tokens, and vLLM then samples one more
        max_model_len=None if max_context is None else max(max_context, NUM_CHECK_TOKENS + 1),
        tensor_parallel_size=role.gpus or 1,
        gpu_memory_utilization=role.gpu_memory_utilization,
        max_num_batched_tokens=BATCHED_TOKENS,
        max_num_seqs=role.max_sequences,
        generation_config="vllm",  # ignores the checkpoint's own penalties and top_p, which would change the samples
        logprobs_mode="processed_logprobs",  # at the sampling temperature
        enforce_eager=not torch.cuda.is_available(),
        enable_prefix_caching=True,
        enable_sleep_mode=can_sleep(role),
        skip_tokenizer_init=True,
        disable_log_stats=True,
        worker_extension_cls=f"{vllm_worker.__name__}.{vllm_worker.WorkerExtension.__name__}",
        weight_transfer_config=WeightTransferConfig(backend=vllm_worker.BACKEND),
    )
    return AsyncLLM.from_engine_args(arguments)


def can_sleep(role: RolloutRole) -> bool:
    """Whether the engine can free its GPU between steps."""
    import torch

    return role.gpus > 0 and torch.cuda.is_available()


def prepare_environment(role: RolloutRole) -> None:
    """Set the environment variables that vLLM and its child processes read; values that a user has set are kept."""
    import torch

    defaults = {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
    if not torch.cuda.is_available():
        defaults |= {
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else several engines would pin their threads to the same cores
            "OMP_NUM_THREADS": str(role.cpus),
        }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def shared_memory_folder() -> str | None:
    """/dev/shm if it has enough space (in containers it is often 64 MB), else None, the folder of temporary files."""
    folder = "/dev/shm"
    if os.path.isdir(folder):
        stat = os.statvfs(folder)
        if stat.f_bavail * stat.f_frsize > 8 * BUCKET_BYTES:
            return folder
    return None
