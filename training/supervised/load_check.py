"""The check at load of the supervised stages: what is computed for a padded batch against the model's own forward, row
by row."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import torch

from openqwq.training.backends.load_check import TOLERANCE
from openqwq.training.errors import RecipeError

LENGTHS = (13, 5, 9, 21)
IGNORED = -100


def check_at_load(trainer: Any, gap: Callable[[Any], float]) -> None:
    """Have `gap` of the trainer looked at before its first step, when the weights lie as they are trained."""
    from transformers import TrainerCallback

    class CheckAtLoad(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            _refuse_beyond_rounding(trainer, gap)

    trainer.add_callback(CheckAtLoad())


@torch.no_grad()
def loss_gap(trainer: Any) -> float:
    """Of an SFTTrainer: its mean loss of four rows from that of the model's own log-probabilities, in nats. A
    collective of all ranks."""
    examples = [
        {"input_ids": ids, "labels": [IGNORED] * (len(ids) // 2) + ids[len(ids) // 2 :]} for ids in _probe(trainer)
    ]
    batch = _collated(trainer, examples)
    found = trainer.compute_loss(trainer.model_wrapped, batch)
    own = []
    for example in examples:
        ids, labels = (torch.tensor([example[key]], device=found.device) for key in ("input_ids", "labels"))
        logprobs = trainer.model_wrapped(input_ids=ids, use_cache=False).logits[0, :-1].float().log_softmax(1)
        own.append(logprobs.gather(1, ids[0, 1:, None])[labels[0, 1:] != IGNORED])
    return float((found + torch.cat(own).mean()).abs())


@torch.no_grad()
def score_gap(trainer: Any) -> float:
    """Of a RewardTrainer: the largest gap of the scores of two pairs from those of each text alone. A collective of all
    ranks."""
    texts = _probe(trainer)
    pairs = [{"chosen_ids": texts[n], "rejected_ids": texts[n + 1]} for n in (0, 2)]
    _, outputs = trainer.compute_loss(trainer.model_wrapped, _collated(trainer, pairs), return_outputs=True)
    alone = [
        trainer.model_wrapped(input_ids=torch.tensor([ids], device=outputs.logits.device), use_cache=False).logits[0]
        for ids in (*texts[::2], *texts[1::2])
    ]
    return float((outputs.logits - torch.stack(alone)).float().abs().max())


def _refuse_beyond_rounding(trainer: Any, gap: Callable[[Any], float]) -> None:
    trainer.model.eval()  # the trainer sets train mode at each step, and counts what is not evaluation
    with trainer.compute_loss_context_manager():
        found = gap(trainer)
    allowed = TOLERANCE["bfloat16" if trainer.args.bf16 else "float32"]
    if not found <= allowed:  # NaN is no gap that rounding makes
        name = type(trainer.accelerator.unwrap_model(trainer.model)).__name__
        raise RecipeError(
            f"{name}: training computes a padded batch {found:.2g} away from the model's own forward, and rounding "
            f"makes up to {allowed:.2g}; choose another model"
        )


def _probe(trainer: Any) -> Sequence[list[int]]:
    """Random tokens that are no padding, the same in every run."""
    chance = random.Random(0)
    padding = trainer.processing_class.pad_token_id
    vocabulary = trainer.model.config.get_text_config().vocab_size
    tokens = [token for token in range(vocabulary) if token != padding]
    return [chance.choices(tokens, k=length) for length in LENGTHS]


def _collated(trainer: Any, examples: list[dict[str, list[int]]]) -> Any:
    return trainer._prepare_inputs(trainer.data_collator(examples))
