"""Both ways of decoding give the logits of transformers' plain forward pass: for every family, with padding, after rows
left, after a weight sync; and each model gets the way that computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from openqwq.training.rollout import decoding_batch
from openqwq.training.rollout.decoder import TransformersDecoder, make_decoder
from openqwq.training.rollout.dense_decoder import DenseDecoder, fuse_projections
from openqwq.training.rollout.engine import GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.rollout.kv_cache import PreallocatedLayer
from openqwq.training.seeds import derive_seed
from openqwq.training.weight_sync.arrays import to_arrays
from tests.training.rollout.small_decoders import FAST, OTHERS, VOCABULARY, logits_after, make_model, softmax

CONTEXTS = [(3, 7, 1, 4), (5,), (2, 9, 11, 0, 6, 8, 1), (3, 7, 1, 4)]


def padded(contexts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, contexts))
    ids = [[0] * (width - len(c)) + list(c) for c in contexts]
    valid = [[False] * (width - len(c)) + [True] * len(c) for c in contexts]
    return torch.tensor(ids), torch.tensor(valid)


def check_decoding(model: PreTrainedModel, contexts: Sequence[tuple[int, ...]]) -> None:
    """Prefill, decode, reorder, drop and repeat rows; every row's logits are those of its own tokens."""
    rows = [list(context) for context in contexts]
    with torch.inference_mode():
        decoder = make_decoder(model, max(map(len, rows)) + 6)
        logits = decoder.prefill(*padded(rows))
        for step in range(6):
            assert logits.dtype == torch.float32
            for row, got in zip(rows, logits, strict=True):
                assert np.abs(logits_after(model, row)[-1] - got.double().numpy()).max() < 1e-4
            if step == 1:
                order = [*reversed(range(len(rows))), 0]
                decoder.keep_rows(torch.tensor(order))
                rows = [list(rows[i]) for i in order]
            if step == 3:
                decoder.keep_rows(torch.tensor([1, 0] if len(rows) > 2 else [1]))
                rows = [rows[1], rows[0]] if len(rows) > 2 else [rows[1]]
            new = [(3 * step + 5 * i + 1) % VOCABULARY for i in range(len(rows))]
            logits = decoder.forward_one(torch.tensor(new))
            rows = [[*row, token] for row, token in zip(rows, new, strict=True)]


@pytest.mark.parametrize("kind", [*FAST, *OTHERS])
def test_each_model_gets_its_decoder_and_the_logits_of_its_forward_pass(kind: str) -> None:
    model = make_model(kind)
    assert type(make_decoder(model, 8)) is (DenseDecoder if kind in FAST else TransformersDecoder)
    check_decoding(model, CONTEXTS)


@pytest.mark.parametrize("kind", ["qwen3", "gpt2"])
def test_contexts_without_padding_and_of_one_token_are_decoded_too(kind: str) -> None:
    check_decoding(make_model(kind), [CONTEXTS[2]])
    check_decoding(make_model(kind), [(5,), (6,)])


@pytest.mark.parametrize("name", ["hf_quantizer", "peft_config"])
def test_a_model_with_wrapped_projections_is_decoded_by_transformers(name: str) -> None:
    model = make_model("llama")
    setattr(model, name, None)
    assert fuse_projections(model) is None


def test_a_head_with_a_bias_is_decoded_by_transformers() -> None:
    model = make_model("qwen2")
    model.lm_head.bias = torch.nn.Parameter(torch.randn(VOCABULARY))
    check_decoding(model, CONTEXTS)
    assert fuse_projections(model) is None


def test_a_model_is_fused_once_and_its_parameters_are_views_of_the_fused_matrices() -> None:
    model = make_model("qwen2")
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    fused = fuse_projections(model)
    assert fused is not None and fuse_projections(model) is fused
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
    attention, mlp = model.model.layers[1].self_attn, model.model.layers[1].mlp
    with torch.no_grad():
        for linear in (attention.q_proj, attention.k_proj, attention.v_proj):
            linear.weight.add_(1.0)
            linear.bias.add_(2.0)
        mlp.gate_proj.weight.mul_(3.0)
        mlp.up_proj.weight.mul_(-3.0)
    layer = fused.layers[1]
    assert torch.equal(layer.qkv, torch.cat([x.weight for x in (attention.q_proj, attention.k_proj, attention.v_proj)]))
    assert layer.qkv_bias is not None
    assert torch.equal(
        layer.qkv_bias, torch.cat([x.bias for x in (attention.q_proj, attention.k_proj, attention.v_proj)])
    )
    assert torch.equal(layer.gate_up, torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]))


@pytest.mark.parametrize("kind", ["qwen2", "olmo2"])
def test_synced_weights_are_decoded_with(kind: str) -> None:
    engine = HFEngine(make_model(kind), [])
    request = GenerationRequest(4, CONTEXTS[0], derive_seed("sync"), 8, 0.9)
    [before] = engine.generate([request])
    new = make_model(kind, seed=5)
    engine.load_weights(2, to_arrays(dict(new.named_parameters()), "float32"))
    [after] = engine.generate([request])
    assert (engine.weights_version, after.tokens != before.tokens) == (2, True)
    logits = logits_after(new, (*CONTEXTS[0], *after.tokens))[3:-1]
    assert after.logprobs == pytest.approx(np.log(softmax(logits / 0.9))[range(8), list(after.tokens)], abs=1e-4)


@pytest.mark.parametrize("kind", ["qwen3", "olmo2"])
def test_log_probabilities_of_a_bfloat16_model_are_computed_in_float32(kind: str) -> None:
    model = make_model(kind).to(torch.bfloat16)
    for rows in (CONTEXTS, CONTEXTS[:1]):
        decoder = make_decoder(model, 12)
        with torch.inference_mode():
            assert decoder.prefill(*padded(rows)).dtype == torch.float32
            assert decoder.forward_one(torch.tensor([1] * len(rows))).dtype == torch.float32
    [generated] = HFEngine(model, []).generate([GenerationRequest(0, CONTEXTS[2], 8, 12, 0.7)])
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*CONTEXTS[2], *generated.tokens]])).logits[0].double().numpy()
    expected = np.log(softmax(logits[6:-1] / 0.7))[range(12), list(generated.tokens)]
    assert generated.logprobs == pytest.approx(expected, abs=0.15)
    assert any(p != torch.tensor(p).bfloat16().item() for p in generated.logprobs)


def test_a_preallocated_layer_holds_what_was_written_and_repeats_rows() -> None:
    layer = PreallocatedLayer(capacity=6)
    states = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5)  # rows, heads, positions, size
    other = states[..., :2] * 10  # values may have another size than keys
    layer.update(states[:, :, :3], other[:, :, :3])
    assert (layer.get_seq_length(), layer.is_initialized) == (3, True)
    keys, values = layer.update(states[:, :, 3:], other[:, :, 3:])
    assert torch.equal(keys, states) and torch.equal(values, other)
    assert (layer.get_seq_length(), layer.keys.shape[2]) == (4, 6)
    layer.batch_select_indices(torch.tensor([1, 1, 0]))
    keys, values = layer.update(states[[0, 1, 0], :, :1], other[[0, 1, 0], :, :1])
    assert torch.equal(keys[:, :, :4], states[[1, 1, 0]]) and torch.equal(values[:, :, :4], other[[1, 1, 0]])
    assert torch.equal(keys[:, :, 4:], states[[0, 1, 0], :, :1])


@pytest.mark.parametrize("kind", ["qwen3", "olmo2"])
def test_every_tensor_of_a_batch_is_made_on_the_models_device(kind: str) -> None:
    """With another default device, a tensor that is made without a device cannot be used beside the model's."""
    settings = [(1.0, 1.0, 0), (0.0, 1.0, 0), (0.8, 0.7, 4)]
    requests = [GenerationRequest(i, CONTEXTS[i % 4], i, 3 + i, *settings[i % 3]) for i in range(9)]
    expected = {g.key: g.tokens for g in HFEngine(make_model(kind), [1, 6], max_batch=7).generate(requests)}
    model = make_model(kind)
    logprobs = HFEngine(model, []).logprobs((3, 7, 1))
    with torch.device("meta"):
        engine = HFEngine(model, [1, 6], max_batch=7)
        results = {g.key: g.tokens for g in engine.generate(requests)}
        assert engine.logprobs((3, 7, 1)) == logprobs
    assert results == expected


def test_transformers_computes_the_logits_of_the_last_position_only() -> None:
    model, shapes = make_model("olmo2"), []
    model.register_forward_hook(lambda module, given, out: shapes.append(tuple(out.logits.shape)))
    check_decoding(model, CONTEXTS[:2])
    assert {shape[1] for shape in shapes if shape[0] > 1} == {1}


class Watched:
    """A decoder that notes the size of its batch at each token, and how often its cache is copied."""

    sizes: list[int]
    copies: int
    widths: ClassVar[list[int]] = []

    def __init__(self, model: PreTrainedModel, capacity: int) -> None:
        self.inner, type(self).sizes, type(self).copies = make_decoder(model, capacity), [], 0
        type(self).capacity = capacity

    def prefill(self, ids: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        type(self).contexts = len(ids)
        self.widths.append(ids.shape[1])
        return self.inner.prefill(ids, valid)

    def forward_one(self, tokens: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(tokens))
        return self.inner.forward_one(tokens)

    def keep_rows(self, rows: torch.Tensor) -> None:
        type(self).copies += 1
        self.inner.keep_rows(rows)


def test_a_batch_computes_a_context_once_and_drops_its_ended_rows_by_the_eighth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoding_batch, "make_decoder", Watched)
    limits = [1, 2, 3, 4, 5, *[9] * 11]
    requests = [GenerationRequest(i, CONTEXTS[i % 2], i, limit) for i, limit in enumerate(limits)]
    results = list(HFEngine(make_model("llama"), []).generate(requests))
    assert {g.key: len(g.tokens) for g in results} == dict(enumerate(limits))
    # two of sixteen are an eighth, and so are two of fourteen, but one of sixteen is not
    assert Watched.sizes == [16, 14, 14, 12, 12, 12, 12, 12]
    assert (Watched.contexts, Watched.capacity) == (2, 4 + 9)
    assert Watched.copies == 3  # for the repeated contexts, and twice for ended rows


def test_batches_hold_contexts_of_similar_length_in_the_order_of_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding_batch, "make_decoder", Watched)
    Watched.widths.clear()
    contexts = [CONTEXTS[i] for i in (2, 1, 0, 1, 2)]
    requests = [GenerationRequest(9 - i, context, i, 1) for i, context in enumerate(contexts)]
    results = list(HFEngine(make_model("llama"), [], max_batch=2).generate(requests))
    assert Watched.widths == [1, 7, 7]
    assert [generated.key for generated in results] == [6, 8, 7, 5, 9]


def test_an_abort_copies_the_cache_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding_batch, "make_decoder", Watched)
    engine = HFEngine(make_model("llama"), [])
    requests = [GenerationRequest(i, CONTEXTS[0], i, 2 if i == 0 else 9) for i in range(16)]
    for generated in engine.generate(requests):
        if generated.key == 0:
            engine.abort(keep=[3, 8])
    assert Watched.sizes == [16, *[2] * 7]
    assert Watched.copies == 2
