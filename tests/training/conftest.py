"""The small real things of these tests: a random Qwen2 of two layers, the shipped base model, and a tiny recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from openqwq.training.models import load_tokenizer, save_model
from openqwq.training.rollout.conversation import ChatCodec

BASE = Path(__file__).resolve().parents[2] / "data" / "tiny" / "base"


@pytest.fixture(scope="session")
def base() -> str:
    """Folder of the shipped base model."""
    return str(BASE)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """The shipped tokenizer."""
    return load_tokenizer(str(BASE))


@pytest.fixture(scope="session")
def codec(tokenizer: Any) -> ChatCodec:
    return ChatCodec(tokenizer)


@pytest.fixture
def tiny_model(tokenizer: Any) -> PreTrainedModel:
    """A random Qwen2 with two layers over the shipped vocabulary; a large spread makes its choices differ."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.3,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    return Qwen2ForCausalLM(config).eval()


@pytest.fixture
def tiny_folder(tiny_model: PreTrainedModel, tokenizer: Any, tmp_path: Path) -> str:
    """The same model as a folder."""
    save_model(tiny_model, tokenizer, tmp_path / "tiny_model")
    return str(tmp_path / "tiny_model")
