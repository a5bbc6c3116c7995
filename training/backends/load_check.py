"""The check at load that what is trained is the model: the trainer's log-probabilities of some tokens against those of
the model's own forward, sequence by sequence, with transformers' own attention."""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoModelForCausalLM

from openqwq.training.backends.attention import ATTENTION, use_segments, watched
from openqwq.training.backends.ranks import Ranks
from openqwq.training.backends.reference import score
from openqwq.training.backends.scored_policy import ScoredPolicy
from openqwq.training.batches.collate import Batch
from openqwq.training.errors import RecipeError

TOLERANCE = {"float64": 1e-4, "float32": 1e-4, "bfloat16": 0.2}
"""What rounding makes of a log-probability at temperature 1, by the precision of the weights: at most, and in bfloat16
on average. There a single token of a trained model can be far off: two of transformers' own attentions differ by up to
0.7 and on average by 0.09 on SmolLM2-135M, this one by 0.14 and 0.03."""
PROBE = ((6, (9, 21, 4)), (3, (17,)), (11, (2, 13)))
"""Length of a prompt and of its answers, whose 66 tokens are compared: 86 tokens where prompts are shared, 109 where
each sequence stands alone."""
MAX_TOKENS = 64
FAKE_TENSORS = "torch._subclasses.fake_tensor"
"""The logger of torch's tensors without values, which prints what it cannot do."""
TRAINED_LAYERS = frozenset({"full_attention", "sliding_attention"})
MOVING_FREQUENCIES = ("dynamic", "longrope")


def check_policy(policy: Any, scored: ScoredPolicy, dtype: str, ranks: Ranks) -> float:
    """The gap between both ways, in nats: the largest, in bfloat16 the mean. A collective of all ranks.

    `policy`: what is called in training, `scored` itself or what shards it.

    Raises:
        RecipeError: the gap is more than rounding, or a layer does not attend as training does.
    """
    model = scored.plain_model
    name, config = type(model).__name__, model.config.get_text_config()
    _refuse_by_configuration(name, config)
    batch = probe_batch(config.vocab_size)
    try:
        found, windows = _trained_logprobs(policy, scored, batch, ranks)
        own = _own_logprobs(model, batch, scored.temperature)
    except RecipeError:
        raise
    except Exception as error:  # whatever an architecture raises that is not made for this
        raise RecipeError(f"{name} does not run as training runs it: {type(error).__name__}: {error}") from error
    _refuse_other_attention(name, config, windows, len(ranks.own_shard(batch, MAX_TOKENS)))
    gaps = (found - own).abs()
    gap, size = (float(gaps.mean()), "on average") if dtype == "bfloat16" else (float(gaps.max()), "up to")
    allowed = TOLERANCE[dtype] / min(1.0, scored.temperature)
    if not gap <= allowed:  # NaN is no gap that rounding makes
        raise RecipeError(
            f"{name}: training computes log-probabilities {size} {gap:.2g} away from the model's own forward, and "
            f"rounding makes {size} {allowed:.2g}; choose another model"
        )
    return gap


def check_architecture(config: Any) -> None:
    """What can be said of an architecture before its weights are loaded: by one pass of tensors without values.

    Raises:
        RecipeError: a layer does not attend as training does.
    """
    text = config.get_text_config()
    try:
        with FakeTensorMode(), _silent(FAKE_TENSORS), torch.no_grad(), watched() as windows:
            # in bfloat16, because torch knows its grouped products without values in no other precision
            model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
            name = type(model).__name__
            _refuse_by_configuration(name, text)
            use_segments(model)
            model(input_ids=torch.zeros(1, 2, dtype=torch.long), use_cache=False)
    except RecipeError:
        raise
    except Exception:  # some need numbers, such as those that deal tokens to experts: the check at load sees them
        return
    _refuse_other_attention(name, text, windows, passes=1)


@contextmanager
def _silent(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    was_disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = was_disabled


def probe_batch(vocabulary: int) -> Batch:
    """Prompts with several answers of random tokens, the same in every run."""
    chance = random.Random(0)
    tokens, asked, groups = [], [], []
    for group, (prompt_length, answers) in enumerate(PROBE):
        prompt = [chance.randrange(vocabulary) for _ in range(prompt_length)]
        for length in answers:
            tokens.append([*prompt, *(chance.randrange(vocabulary) for _ in range(length))])
            asked.append(prompt_length)
            groups.append(group)
    mask = [i >= start for sequence, start in zip(tokens, asked, strict=True) for i in range(len(sequence))]
    return Batch(
        tokens_S=torch.tensor([token for sequence in tokens for token in sequence]),
        lengths_N=torch.tensor([len(sequence) for sequence in tokens]),
        prompt_lengths_N=torch.tensor(asked),
        groups_N=torch.tensor(groups),
        loss_mask_S=torch.tensor(mask),
        sampled_logprobs_K=torch.zeros(sum(mask)),
        advantages_N=torch.zeros(len(tokens)),
        rewards_N=torch.zeros(len(tokens)),
        num_groups=len(PROBE),
    )


@torch.no_grad()
def _trained_logprobs(
    policy: Any, scored: ScoredPolicy, batch: Batch, ranks: Ranks
) -> tuple[torch.Tensor, list[int | None]]:
    """log p of the counted tokens, [K], on the CPU, and the window of every call of the attention."""
    _ = scored.transform  # measured before the calls are counted
    was_training = policy.training
    policy.train()  # dropout shows as a gap
    with watched() as windows:
        found = score(policy, batch, MAX_TOKENS, ranks)
    policy.train(was_training)
    return found, windows


@torch.no_grad()
def _own_logprobs(model: Any, batch: Batch, temperature: float) -> torch.Tensor:
    """log p of the counted tokens, [K], on the CPU."""
    found = []
    with _stock_attention(model):
        for n in range(len(batch)):
            mine = slice(int(batch.starts_N[n]), int(batch.starts_N[n] + batch.lengths_N[n]))
            ids = batch.tokens_S[mine][None].to(model.device)
            logits = model(input_ids=ids).logits[0, :-1].float() / temperature
            logprobs = logits.log_softmax(1).gather(1, ids[0, 1:, None])[:, 0].cpu()
            found.append(logprobs[batch.loss_mask_S[mine][1:]])
    return torch.cat(found)


@contextmanager
def _stock_attention(model: Any) -> Iterator[None]:
    was_training = model.training
    model.eval()
    model.set_attn_implementation("sdpa" if model._supports_sdpa else "eager")
    try:
        yield
    finally:
        model.set_attn_implementation(ATTENTION)
        model.train(was_training)


def _refuse_other_attention(name: str, config: Any, windows: list[int | None], passes: int) -> None:
    kinds = getattr(config, "layer_types", None) or ()
    num_windows = sum(window is not None for window in windows)
    is_bypassed = len(windows) != passes * config.num_hidden_layers
    is_lost = bool(kinds) and num_windows != passes * sum(kind == "sliding_attention" for kind in kinds)
    if is_bypassed or is_lost:
        raise RecipeError(
            f"{name}: in {passes} passes its {config.num_hidden_layers} layers called the attention of training "
            f"{len(windows)} times, {num_windows} of them with a window; it has layers that look at tokens in a "
            "way of their own, in which packed sequences would see each other; choose another model"
        )


def _refuse_by_configuration(name: str, config: Any) -> None:
    if others := sorted(set(getattr(config, "layer_types", None) or ()) - TRAINED_LAYERS):
        raise RecipeError(
            f"{name}: it has layers of the types {', '.join(others)}, in which packed sequences would see each other; "
            f"training knows {' and '.join(sorted(TRAINED_LAYERS))}; choose another model"
        )
    parameters = getattr(config, "rope_parameters", None) or {}
    nested = [value for value in parameters.values() if isinstance(value, dict)]
    for kind in {entry.get("rope_type") for entry in (parameters, *nested)} & set(MOVING_FREQUENCIES):
        raise RecipeError(
            f"{name}: its rotary frequencies are of type {kind!r} and depend on the longest sequence that is computed "
            "at once, so that a short one beside a long one would change; choose another model, or one whose "
            "configuration has them fixed ('yarn', 'linear', 'default')"
        )
