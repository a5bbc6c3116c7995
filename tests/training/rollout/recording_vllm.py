"""A stand-in for the vllm package, for machines without it: it samples from a random model of a dozen tokens as vLLM's
own documentation defines its parameters, refuses parameters that vLLM does not have, and notes every call."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

import openqwq.training.rollout
from tests.training.rollout.small_decoders import chosen_from, logits_after, make_model, softmax


@dataclass
class SamplingParams:
    """The parameters that openqwq may set, with vLLM's defaults."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop_token_ids: list[int] | None = None
    ignore_eos: bool = False
    max_tokens: int | None = 16
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    flat_logprobs: bool = False
    detokenize: bool = True
    output_kind: Any = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    min_p: float = 0.0


class RequestOutputKind(Enum):
    CUMULATIVE = 0
    DELTA = 1
    FINAL_ONLY = 2


def TokensPrompt(*, prompt_token_ids: list[int]) -> dict[str, list[int]]:
    return {"prompt_token_ids": prompt_token_ids}


class VLLMValidationError(ValueError):
    """What vLLM raises for a request that it cannot serve."""


@dataclass
class AsyncEngineArgs:
    """The arguments of an engine that openqwq may set."""

    model: str
    dtype: str = "auto"
    max_model_len: int | None = None
    tensor_parallel_size: int = 1
    gpu_memory_utilization: float = 0.92
    max_num_batched_tokens: int | None = None
    max_num_seqs: int | None = None
    generation_config: str = "auto"
    logprobs_mode: str = "raw_logprobs"
    enforce_eager: bool = False
    enable_prefix_caching: bool | None = None
    enable_sleep_mode: bool = False
    skip_tokenizer_init: bool = False
    disable_log_stats: bool = False
    worker_extension_cls: str = ""
    weight_transfer_config: Any = None


@dataclass
class WeightTransferConfig:
    backend: str = "nccl"


class AsyncLLM:
    """Samples with numpy from exact probabilities; `calls` are its control calls in their order."""

    last: ClassVar[AsyncLLM]
    EOS = 11
    """The end token of the checkpoint's own configuration, which ends a request unless it ignores it."""
    CONTEXT = 48
    model: ClassVar[PreTrainedModel] = make_model("qwen3")
    _known: ClassVar[dict[tuple[int, ...], np.ndarray]] = {}

    def __init__(self, arguments: AsyncEngineArgs) -> None:
        if arguments.model == "broken":
            raise RuntimeError("no such checkpoint")
        self.arguments = arguments
        self.model_config = SimpleNamespace(max_model_len=arguments.max_model_len or self.CONTEXT)
        self.calls: list[tuple[Any, ...]] = []
        self.requests: dict[str, tuple[list[int], SamplingParams]] = {}
        self.stays_at: int | None = None
        """Number of tokens after which every unfinished request waits until it is aborted."""
        self.change: Callable[[str, SimpleNamespace], Any] = lambda request_id, output: output
        """Changes the outputs before they are given out."""
        self.transfer: Any = None
        self._aborted: set[str] = set()
        AsyncLLM.last = self

    @classmethod
    def from_engine_args(cls, arguments: AsyncEngineArgs) -> AsyncLLM:
        return cls(arguments)

    def _logits(self, tokens: tuple[int, ...]) -> np.ndarray:
        if tokens not in self._known:
            self._known[tokens] = logits_after(self.model, tokens)[-1]
        return self._known[tokens]

    async def generate(self, prompt: Mapping[str, Any], p: SamplingParams, request_id: str) -> AsyncIterator[Any]:
        context = tuple(prompt["prompt_token_ids"])
        self.requests[request_id] = (list(context), p)
        longest = self.model_config.max_model_len
        if len(context) >= longest:
            raise VLLMValidationError(f"the prompt has {len(context)} tokens")
        generator, tokens, logprobs, reason = np.random.default_rng(p.seed), [], [], ""
        ends = {*(p.stop_token_ids or ()), *(() if p.ignore_eos else (self.EOS,))}
        while not reason:
            while self.stays_at is not None and len(tokens) >= self.stays_at and request_id not in self._aborted:
                await asyncio.sleep(0.001)
            if request_id in self._aborted:
                reason = "abort"
                break
            logits = self._logits((*context, *tokens))
            whole = softmax(logits / (p.temperature or 1.0))
            chosen = chosen_from(logits, p.temperature or 1.0, p.top_k, p.top_p)
            token = int(logits.argmax() if p.temperature == 0 else generator.choice(len(chosen), p=chosen))
            tokens.append(token)
            processed = self.arguments.logprobs_mode == "processed_logprobs"
            logprobs.append(float(np.log(chosen[token] if processed and p.temperature else whole[token])))
            reason = "stop" if token in ends else "length" if self._is_full(context, tokens, p) else ""
            if p.output_kind is not RequestOutputKind.FINAL_ONLY:
                yield self._output(request_id, p, tokens, logprobs, None, context)
            await asyncio.sleep(0)
        yield self._output(request_id, p, tokens, logprobs, reason, context)

    def _is_full(self, context: tuple[int, ...], tokens: list[int], p: SamplingParams) -> bool:
        return len(tokens) == p.max_tokens or len(context) + len(tokens) >= self.model_config.max_model_len

    def _output(
        self, request_id: str, p: SamplingParams, tokens: list[int], logprobs: list[float], reason: str | None,
        context: tuple[int, ...],
    ) -> Any:  # fmt: skip
        assert p.flat_logprobs or p.logprobs is None, "openqwq reads flat log-probabilities"
        flat = None if p.logprobs is None else SimpleNamespace(logprobs=logprobs)
        output = SimpleNamespace(token_ids=tokens, logprobs=flat, finish_reason=reason)
        scored = None if p.prompt_logprobs is None else self._scored(context)
        return self.change(request_id, SimpleNamespace(outputs=[output], prompt_logprobs=scored))

    def _scored(self, context: tuple[int, ...]) -> list[dict[int, Any] | None]:
        rows = np.log(softmax(logits_after(self.model, context)))
        pairs = zip(rows[:-1], context[1:], strict=True)
        return [None, *({t: SimpleNamespace(logprob=np.float64(row[t])), t + 100: None} for row, t in pairs)]

    async def abort(self, request_ids: list[str]) -> None:
        self.calls.append(("abort", sorted(request_ids)))
        self._aborted |= set(request_ids)

    async def sleep(self, level: int = 1) -> None:
        self.calls.append(("sleep", level))

    async def wake_up(self, tags: list[str] | None = None) -> None:
        self.calls.append(("wake_up", tags))

    async def pause_generation(self, *, mode: str = "abort", clear_cache: bool = True) -> None:
        self.calls.append(("pause", mode, clear_cache))

    async def resume_generation(self) -> None:
        self.calls.append(("resume",))

    async def init_weight_transfer_engine(self, request: WeightTransferInitRequest) -> None:
        self.calls.append(("init", request.init_info))
        if self.transfer is not None:
            self.transfer.init_transfer_engine(self.transfer.parse_init_info(request.init_info))

    async def start_weight_update(self) -> None:
        self.calls.append(("start",))
        if self.transfer is not None:
            self.transfer.start_weight_update()

    async def update_weights(self, request: WeightTransferUpdateRequest) -> None:
        self.calls.append(("update", request.update_info))
        if self.transfer is not None:
            self.transfer.update_weights(request.update_info)

    async def finish_weight_update(self, weight_version: str | None = None) -> None:
        self.calls.append(("finish", weight_version))
        if self.transfer is not None:
            self.transfer.finish_weight_update()

    def shutdown(self) -> None:
        self.calls.append(("shutdown",))


@dataclass
class WeightTransferInitInfo:
    pass


@dataclass
class WeightTransferUpdateInfo:
    pass


@dataclass
class WeightTransferInitRequest:
    init_info: dict[str, Any] = field(default_factory=dict)


@dataclass
class WeightTransferUpdateRequest:
    update_info: dict[str, Any] = field(default_factory=dict)


class WeightTransferEngine:
    """The base of a transport, with the attributes that vLLM gives it."""

    init_info_cls: type[Any]
    update_info_cls: type[Any]

    def __init__(self, config: Any, vllm_config: Any, device: torch.device, model: Any) -> None:
        self.config, self.vllm_config, self.device, self.model = config, vllm_config, device, model
        self.parallel_config, self.model_config = vllm_config.parallel_config, vllm_config.model_config

    def parse_init_info(self, fields: dict[str, Any]) -> Any:
        return self.init_info_cls(**fields)

    def parse_update_info(self, fields: dict[str, Any]) -> Any:
        return self.update_info_cls(**fields)


class WeightTransferEngineFactory:
    engines: ClassVar[dict[str, type[Any]]] = {}

    @classmethod
    def register_engine(cls, name: str, engine: type[Any]) -> None:
        cls.engines[name] = engine


WORKER = "openqwq.training.rollout.vllm_worker"
reloads: list[tuple[Any, ...]] = []
"""What vLLM's reloading was asked for."""


def _modules() -> dict[str, ModuleType]:
    contents: dict[str, dict[str, Any]] = {
        "vllm": {"SamplingParams": SamplingParams, "TokensPrompt": TokensPrompt, "AsyncEngineArgs": AsyncEngineArgs},
        "vllm.sampling_params": {"RequestOutputKind": RequestOutputKind},
        "vllm.config": {"WeightTransferConfig": WeightTransferConfig},
        "vllm.v1.engine.async_llm": {"AsyncLLM": AsyncLLM},
        "vllm.distributed.weight_transfer.base": {
            c.__name__: c
            for c in (
                WeightTransferEngine, WeightTransferInitInfo, WeightTransferUpdateInfo, WeightTransferInitRequest,
                WeightTransferUpdateRequest,
            )
        },
        "vllm.distributed.weight_transfer.factory": {"WeightTransferEngineFactory": WeightTransferEngineFactory},
        "vllm.model_executor.model_loader.reload": {
            "initialize_layerwise_reload": lambda model: reloads.append(("begin", model)),
            "finalize_layerwise_reload": lambda model, config: reloads.append(("end", model, config)),
        },
        "vllm.model_executor.layers.utils": {
            "dispatch_cpu_unquantized_gemm": lambda layer, remove_weight: reloads.append(("pack", layer, remove_weight))
        },
    }  # fmt: skip
    modules: dict[str, ModuleType] = {}
    for name, inner in contents.items():
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            path = ".".join(parts[:end])
            if path not in modules:
                modules[path] = ModuleType(path)
                modules[path].__path__ = []
        vars(modules[name]).update(inner)
    return modules


def install(folder: Path, patch: pytest.MonkeyPatch, version: str = "0.30.1") -> Iterator[None]:
    """While the generator waits, `vllm` is this stand-in, installed in `version`."""
    metadata = folder / f"vllm-{version.replace('+', '_')}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
    patch.syspath_prepend(str(folder))
    for name in ("VLLM_NO_USAGE_STATS", "VLLM_LOGGING_LEVEL", "VLLM_CPU_KVCACHE_SPACE", "VLLM_CPU_OMP_THREADS_BIND"):
        patch.setenv(name, "as it was")  # the engine sets what is not set, and would leave it behind
    for name, module in _modules().items():
        patch.setitem(sys.modules, name, module)
    reloads.clear()
    forget_worker()
    try:
        yield
    finally:
        forget_worker()


def forget_worker() -> None:
    """The module of openqwq that imports vllm at its top is imported anew with the next stand-in."""
    sys.modules.pop(WORKER, None)
    vars(openqwq.training.rollout).pop("vllm_worker", None)
