"""Terms of the plan that are bytes or flops: the code runs at two small sizes and is held to its formula."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, Qwen2Config

from openqwq.training.algorithms.head import fused_head_loss
from openqwq.training.backends import costs as training
from openqwq.training.backends.scored_policy import ScoredPolicy
from openqwq.training.backends.sequence_parallel import make_sequence_group
from openqwq.training.batches import costs as batches
from openqwq.training.batches.collate import Batch, Sample, collate
from openqwq.training.batches.packing import MicroBatch, lay_out, plan_micro_batches
from openqwq.training.models import load_tokenizer
from openqwq.training.planning.hardware import Constants
from openqwq.training.planning.memory import Training, trainer_memory
from openqwq.training.planning.shapes import ModelShape
from openqwq.training.rollout import costs as sampling
from openqwq.training.rollout.decoding_batch import DecodingBatch
from openqwq.training.rollout.drawing import Drawing
from openqwq.training.rollout.engine import GenerationRequest
from openqwq.verifiers.scoring import costs as scoring
from openqwq.verifiers.scoring.item import Item
from openqwq.verifiers.scoring.local_model import ModelScorer
from tests.training.backends.threaded_ranks import on_ranks
from tests.training.live_bytes import LiveBytes
from tests.training.small_records import make_rollout
from tests.training.small_updates import trainer_of

SMALL = ModelShape(layers=3, hidden=64, heads=4, kv_heads=2, intermediate=192, vocabulary=640, is_tied=True)
LARGER = ModelShape(layers=6, hidden=128, heads=8, kv_heads=2, intermediate=320, vocabulary=640, is_tied=True)
TOKENS = {SMALL: 192, LARGER: 320}
TOLERANCE = 0.15
BASE = "data/tiny/base"
Found = dict[str, tuple[float, float]]
"""Term -> (measured, by the formula)."""


def model_of(shape: ModelShape, dtype: str = "float32", kind: Any = AutoModelForCausalLM, **more: Any) -> Any:
    torch.manual_seed(0)
    config = Qwen2Config(**shape.config(), max_position_embeddings=512, pad_token_id=631, eos_token_id=633, **more)
    return kind.from_config(config, dtype=getattr(torch, dtype))


def saved(shape: ModelShape, folder: Path, **how: Any) -> str:
    model_of(shape, **how).save_pretrained(folder)
    load_tokenizer(BASE).save_pretrained(folder)
    return str(folder)


def batch_of(tokens: int, groups: int = 3) -> Batch:
    """Groups of two answers, with as many tokens in all as are wanted."""
    prompt, answer = tokens // (4 * groups), tokens // (4 * groups)
    rollouts = []
    for g in range(groups):
        for i in range(2):
            tokens = [400 + g, *[401 + i] * (answer - 1)]
            prompt_tokens, logprobs = [300 + g] * prompt, [-1.5] * answer
            rollouts.append(make_rollout(g, i, prompt_tokens=prompt_tokens, tokens=tokens, logprobs=logprobs))
    return collate([Sample(rollout, rollout.group, 1.0, 1.0) for rollout in rollouts], groups)


def one_row(tokens: int, counted: int = 8) -> MicroBatch:
    """One sequence, of which the last tokens count."""
    rollout = make_rollout(prompt_tokens=[5] * (tokens - counted), tokens=[7] * counted)
    batch = collate([Sample(rollout, 0, 1.0, 1.0)], 1)
    return lay_out(batch, plan_micro_batches(batch, tokens)[0][0])


def states(shape: ModelShape, folder: Path) -> Found:
    """What stays between two updates, and what a checkpoint takes on the disk."""
    found: Found = {}
    place = saved(shape, folder / "model")
    for dtype, weight_bytes, gradient_bytes in (("float32", 4, 4), ("bfloat16", 2, 4)):
        trainer = trainer_of(place, dtype=dtype)
        trainer.update(batch_of(96))
        parts = trainer_memory(shape, Training(1, 0, 1, weight_bytes=weight_bytes, gradient_bytes=gradient_bytes),
                               Constants())  # fmt: skip
        optimizer: Any = trainer.optimizer
        masters = optimizer.masters.parameters
        weights = list(trainer.model.parameters())
        copies = [p for p in masters if dtype == "bfloat16"]
        moments = [x for state in optimizer.optimizer.state.values() for x in state.values()]
        found |= {
            f"weights, {dtype}": (num_bytes(weights), parts["weights"]),
            f"gradients, {dtype}": (num_bytes([p.grad for p in masters]), parts["gradients"]),
            f"optimizer, {dtype}": (num_bytes([*copies, *moments]), parts["optimizer"]),
            f"weight sync, {dtype}": (
                sum(array.nbytes for array in trainer.weights().values()), weight_bytes * shape.num_parameters,
            ),
        }  # fmt: skip
        trainer.save(folder)
        files = [
            path for path in folder.rglob("*") if path.suffix in (".safetensors", ".pt") and folder / "model" != path
        ]
        size = sum(path.stat().st_size for path in files)
        found[f"checkpoint, {dtype}"] = (size, training.checkpoint_bytes(shape.num_parameters, None, weight_bytes))
    return found


def num_bytes(tensors: list[Any]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def passes(shape: ModelShape, folder: Path) -> Found:
    """Activations of a forward and backward pass, in both precisions, recomputed and not."""
    found, tokens = Found(), TOKENS[shape]
    for dtype, item_bytes in (("bfloat16", 2), ("float32", 4)):
        for is_recomputed in (True, False):
            model = model_of(shape, dtype, use_cache=False)
            if is_recomputed:
                model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
                model.enable_input_require_grads()
            policy = ScoredPolicy(model, 1.0).train()
            _ = policy.transform
            for parameter in model.parameters():
                parameter.grad = torch.zeros_like(parameter)
            micro = one_row(tokens)
            with LiveBytes() as live:
                loss = policy(micro, lambda logprobs, _: -logprobs)[0]
                kept, live.peak = live.now, live.now
                loss.backward()
            weight = training.head_weight_bytes(shape, item_bytes)  # a gradient, counted among them
            kept, peak = kept - weight, live.peak - weight
            if is_recomputed:
                found[f"kept of a pass, {dtype}"] = (kept, training.kept_bytes(shape, tokens, item_bytes))
                found[f"a layer at work, {dtype}"] = (peak - kept, training.layer_bytes(shape, tokens, item_bytes))
            found[f"activations, {dtype}, {'recomputed' if is_recomputed else 'kept'}"] = (
                peak, training.activation_bytes(shape, tokens, is_recomputed, item_bytes),
            )  # fmt: skip
    return found


def head(shape: ModelShape, folder: Path) -> Found:
    found, hidden_size, counted, vocabulary = Found(), shape.hidden // 4, 4 * TOKENS[shape], 9000
    for dtype, item_bytes in ((torch.bfloat16, 2), (torch.float32, 4)):
        hidden = torch.randn(counted, hidden_size, dtype=dtype, requires_grad=True)
        weight = torch.randn(vocabulary, hidden_size, dtype=dtype, requires_grad=True)
        with LiveBytes() as live:
            fused_head_loss(hidden, weight, torch.arange(counted), lambda logprobs, _: -logprobs)
        planned = training.head_bytes(
            replace(shape, hidden=hidden_size, vocabulary=vocabulary), counted, item_bytes, "cpu"
        )
        found[f"head, {dtype}"] = (live.peak - weight.nbytes, planned)
    return found


def ranks(shape: ModelShape, folder: Path) -> Found:
    """What two ranks that share a row send each other for attention."""
    sent = [0, 0]
    original = torch.distributed.all_to_all_single

    def counted(out: torch.Tensor, parts: torch.Tensor, group: Any = None) -> Any:
        sent[torch.distributed.get_rank()] += parts.nbytes
        return original(out, parts, group=group)

    models = [model_of(shape, use_cache=False) for _ in sent]
    for model in models:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()

    def run(rank: int) -> None:
        policy = ScoredPolicy(models[rank], 1.0, make_sequence_group(rank, 2, 2)).train()
        policy(one_row(TOKENS[shape]).columns(rank, 2), lambda logprobs, _: -logprobs)[0].backward()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.distributed, "all_to_all_single", counted)
        on_ranks(2, run)
    planned = training.exchange_bytes(shape, TOKENS[shape] / 2, 2, recompute=True, item_bytes=4)
    return {"exchange for attention": (sent[0] / 2, planned)}


def rows(shape: ModelShape, folder: Path) -> Found:
    batch = batch_of(8 * TOKENS[shape])
    tokens, counted = len(batch.tokens_S), batch.num_loss_tokens
    micros = [lay_out(batch, rows) for rows in plan_micro_batches(batch, 512)[0]]
    computed = sum(micro.num_computed for micro in micros)
    layouts = [micro.layout(1, torch.device("cpu")) for micro in micros]
    seen = sum(segment.length for micro in micros for segment in micro.segments)
    laid = [
        x for m in micros for x in (m.tokens_RW, m.positions_RW, m.source_K, m.targets_K, m.indices_K, m.sequence_K)
    ]
    indices = [x for layout in layouts for x in (layout.places_T, *layout.sequences)]
    return {
        "batch": (
            num_bytes([batch.tokens_S, batch.loss_mask_S, batch.sampled_logprobs_K]),
            batches.batch_bytes(tokens, counted),
        ),
        "rows of micro-batches": (num_bytes(laid), batches.micro_batch_bytes(computed, counted)),
        "places of segments": (num_bytes(indices), batches.index_bytes(computed, seen)),
    }


def rollouts(shape: ModelShape, folder: Path) -> Found:
    tokens, count = 20 * TOKENS[shape], 3
    ids, logprobs = torch.randint(1000, 9000, (count, tokens)), torch.randn(count, tokens, dtype=torch.float64)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [
        make_rollout(0, n, tokens=ids[n].tolist(), mask=[1] * tokens, logprobs=logprobs[n].tolist())
        for n in range(count)
    ]
    measured = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(kept) == count
    return {"rollouts in memory": (measured, sampling.rollout_bytes(count * tokens))}


@torch.inference_mode()
def decoding(shape: ModelShape, folder: Path) -> Found:
    model, count = model_of(shape).eval(), 12
    requests = [
        GenerationRequest(n, tuple(range(5, 35 + 2 * (n // 4))), seed=n, max_new_tokens=40, temperature=0.9)
        for n in range(count)
    ]
    batch = DecodingBatch(model, torch.tensor([633]), requests, None)
    batch.prefill()
    decoder: Any = batch.decoder
    tokens = sampling.closed_cache_tokens(count, 34, 40)
    each = sampling.cache_bytes_per_token(shape.layers, shape.kv_heads, shape.head_width, 4)
    words = 5000 + 40 * TOKENS[shape]
    logits, uniforms, places = torch.randn(count, words), torch.rand(count).double(), torch.arange(count)
    drawing = Drawing(requests, torch.device("cpu"))
    with LiveBytes() as live:
        drawing.draw(logits, uniforms, places)
    cut = Drawing([replace(request, top_p=0.9, top_k=20) for request in requests], torch.device("cpu"))
    with LiveBytes() as live_cut:
        cut.draw(logits, uniforms, places)
    return {
        "KV cache": (num_bytes([*decoder.keys, *decoder.values]), each * tokens),
        "draw": (live.peak, sampling.draw_bytes(count, words, is_scaled=True)),
        "draw, top-p and top-k": (live_cut.peak, sampling.draw_bytes(count, words, is_scaled=True, cut_rows=count)),
    }


@torch.no_grad()
def flops(shape: ModelShape, folder: Path) -> Found:
    model, tokens = model_of(shape), TOKENS[shape]
    with FlopCounterMode(display=False) as counter:
        model(input_ids=torch.zeros(1, tokens, dtype=torch.long), use_cache=False)
    counts = {str(op): n for op, n in counter.get_flop_counts()["Global"].items()}
    measured = sum(n for op, n in counts.items() if "scaled_dot_product" not in op)
    return {"flops of a token's matrices": (measured, shape.forward_flops(tokens, 0))}


def judging(shape: ModelShape, folder: Path) -> Found:
    found: Found = {}
    for dtype, item_bytes in (("bfloat16", 2), ("float32", 4)):
        kind = AutoModelForSequenceClassification
        place = saved(shape, folder / dtype, dtype=dtype, kind=kind, num_labels=1)
        scorer = ModelScorer(place, batch_size=8, max_tokens=TOKENS[shape], device="cpu")
        items = [Item([{"role": "user", "content": "1 + 1"}], "2 " * (400 - n), {}) for n in range(4)]
        items[0] = replace(items[0], response="2")  # the others are padded to the limit
        assert all(outcome.value is not None for outcome in scorer.outcomes_now(items))
        model: Any = scorer._loaded[0]  # type: ignore[index]
        with LiveBytes() as live:
            scorer.outcomes_now(items)
        planned = scoring.scoring_bytes(4, TOKENS[shape], shape.hidden, shape.intermediate, item_bytes)
        weights = shape.num_parameters + shape.hidden
        found[f"reward model's weights, {dtype}"] = (num_bytes(list(model.parameters())), item_bytes * weights)
        found[f"reward model's pass, {dtype}"] = (live.peak, planned)
    return found


CASES: list[Callable[[ModelShape, Path], Found]] = [
    states, passes, head, ranks, rows, rollouts, decoding, flops, judging,
]  # fmt: skip


@pytest.mark.parametrize("shape", [SMALL, LARGER], ids=["small", "larger"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_code_spends_what_its_formula_says(case: Any, shape: ModelShape, tmp_path: Path) -> None:
    off = {
        term: f"{measured:.0f} measured, {planned:.0f} by the formula: {measured / planned:.3f}"
        for term, (measured, planned) in case(shape, tmp_path).items()
        if abs(measured / planned - 1) > TOLERANCE
    }
    assert not off
