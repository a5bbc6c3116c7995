"""Builds a sampler on the engine that a recipe names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from openqwq.training.config import EnvironmentUse, RolloutRole
from openqwq.training.config.context_budget import smallest
from openqwq.training.models import held_context, load_generation_config, load_model, load_tokenizer, stop_tokens
from openqwq.training.rollout.engine import RolloutEngine
from openqwq.training.rollout.sampler import Sampler
from openqwq.training.templates.codec import ChatCodec
from openqwq.training.templates.source import OWN_TEMPLATE, ChatSettings


@dataclass(frozen=True)
class EngineSettings:
    """The settings of a rollout worker. Example: `EngineSettings("data/tiny/base", "float32", {}, 256)`"""

    model: str
    dtype: str
    environments: Mapping[str, EnvironmentUse]
    """Task -> its environment."""
    max_batch: int
    """Largest number of samples that the `hf` engine decodes together."""
    role: RolloutRole = field(default_factory=RolloutRole)
    chat: ChatSettings = OWN_TEMPLATE
    """The recipe's chat template and end of a turn."""
    max_context: int | None = None
    """Largest context budget of the recipe, for which a vLLM engine makes room; None is what the model holds."""
    sandbox_urls: tuple[str, ...] = ()
    """Addresses of the run's sandbox, for environments that ask for it."""


def make_sampler(settings: EngineSettings) -> Sampler:
    """A sampler on the engine that `settings.role` names."""
    codec = ChatCodec(load_tokenizer(settings.model, settings.chat), settings.chat.end_of_turn)
    make_engine = _vllm_engine if settings.role.engine == "vllm" else _hf_engine
    return Sampler(make_engine(settings, codec), codec, settings.environments, settings.sandbox_urls)


def _hf_engine(settings: EngineSettings, codec: ChatCodec) -> RolloutEngine:
    import torch

    torch.set_num_threads(settings.role.cpus)
    model = load_model(settings.model, settings.dtype)
    device: Any = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device)
    from openqwq.training.rollout.hf_engine import HFEngine

    ends = stop_tokens(model.generation_config, codec.tokenizer, codec.turns.end_token)
    return HFEngine(model, ends, settings.max_batch)


def _vllm_engine(settings: EngineSettings, codec: ChatCodec) -> RolloutEngine:
    from openqwq.training.rollout.vllm_engine import VLLMEngine

    ends = stop_tokens(load_generation_config(settings.model), codec.tokenizer, codec.turns.end_token)
    max_context = smallest(settings.max_context, held_context(settings.model))
    return VLLMEngine(settings.model, settings.dtype, ends, settings.role, max_context)
