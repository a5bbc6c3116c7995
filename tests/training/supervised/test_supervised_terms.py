"""What a supervised stage spends, as TRL's trainers run it, at two small sizes and with and without recomputation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, Qwen2Config

from openqwq.training.models import load_tokenizer
from openqwq.training.planning.shapes import ModelShape
from openqwq.training.supervised import costs
from openqwq.training.supervised.cold_start import train_sft
from openqwq.training.supervised.encoding import encode_demonstration
from openqwq.training.templates.codec import ChatCodec
from tests.training.live_bytes import LiveBytes
from tests.training.supervised.small_jobs import sft_job

SMALL = ModelShape(layers=3, hidden=64, heads=4, kv_heads=2, intermediate=192, vocabulary=640, is_tied=True)
LARGER = ModelShape(layers=5, hidden=96, heads=4, kv_heads=2, intermediate=320, vocabulary=640, is_tied=True)
BASE, ROWS = "data/tiny/base", 4


def base_of(shape: ModelShape, folder: Path) -> str:
    config = Qwen2Config(**shape.config(), max_position_embeddings=512, pad_token_id=631, eos_token_id=633)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder / "base")
    load_tokenizer(BASE).save_pretrained(folder / "base")
    return str(folder / "base")


def peak_of(train: Any, job: Any) -> float:
    """Bytes at once beyond the weights, which are read from files."""
    with LiveBytes() as live:
        train(job)
    return live.peak


@pytest.mark.parametrize("shape", [SMALL, LARGER], ids=["small", "larger"])
@pytest.mark.parametrize("recomputes", [True, False])
def test_a_cold_start_spends_what_its_formula_says(shape: ModelShape, recomputes: bool, tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": "1 + 1"}, {"role": "assistant", "content": "2 " * n}]}
            for n in (150, 149, 148, 147)]  # fmt: skip
    job = sft_job(base_of(shape, tmp_path), tmp_path, rows=rows, batch_size=ROWS, steps=2,
                  gradient_checkpointing=recomputes, checkpoint_every=5)  # fmt: skip
    encoded = [encode_demonstration(ChatCodec(load_tokenizer(BASE), None), row) for row in rows]
    longest = max(len(tokens) for tokens, _ in encoded)
    loss = costs.cpu_loss_bytes(sum(label != -100 for _, labels in encoded for label in labels), shape.vocabulary)
    states = costs.state_bytes(shape.num_parameters) - 4 * shape.num_parameters
    planned = states + costs.pass_bytes(shape, ROWS, longest, recomputes, item_bytes=4, loss=loss)
    measured = peak_of(train_sft, job)
    assert measured == pytest.approx(planned, rel=0.15), measured / planned
