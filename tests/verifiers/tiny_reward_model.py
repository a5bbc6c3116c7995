"""A reward model of a few thousand weights with a tokenizer of letters, saved as transformers saves models."""

from pathlib import Path
from typing import Any

import pytest

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
ROW: dict[str, Any] = {"prompt": [{"role": "user", "content": "hi"}]}


def save_tiny_reward_model(path: Path) -> str:
    """Write it to a folder, whose name is returned."""
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForSequenceClassification

    letters = sorted(set(TEMPLATE + "abcdefghijklmnopqrstuvwxyz <>|_/\n"))
    vocabulary = {"<|pad|>": 0, "<|im_end|>": 1, "<|unk|>": 2} | {c: i + 3 for i, c in enumerate(letters)}
    raw = Tokenizer(WordLevel(vocabulary, unk_token="<|unk|>"))
    raw.pre_tokenizer = Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<|pad|>", eos_token="<|im_end|>", unk_token="<|unk|>", chat_template=TEMPLATE
    )
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, num_labels=1, pad_token_id=0,
    )  # fmt: skip
    Qwen2ForSequenceClassification(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return str(path)
