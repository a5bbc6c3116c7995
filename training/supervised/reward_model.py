"""A Bradley-Terry reward model through TRL's RewardTrainer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.training.backends.zero_optimizer import join_configured
from openqwq.training.models import load_tokenizer, locate, switch_dropout_off
from openqwq.training.supervised.encoding import encode_pair
from openqwq.training.supervised.jobs import RewardModelJob
from openqwq.training.supervised.load_check import check_at_load, score_gap
from openqwq.training.supervised.trl_trainer import TRAINED_IN, common_arguments, progress_callback, run, save


def train_reward_model(job: RewardModelJob) -> dict[str, float]:
    """Train a Bradley-Terry model on pairs; returns held-out pair accuracy by class and over all pairs (`all`)."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification
    from trl import RewardConfig, RewardTrainer

    torch.set_num_threads(job.threads)
    join_configured(job.rank)
    torch.manual_seed(job.seed)
    tokenizer = load_tokenizer(job.model, job.chat)
    pairs = [encode_pair(tokenizer, row) for row in job.rows]
    config = RewardConfig(**common_arguments(job), save_strategy="no", center_rewards_coefficient=0.01)
    # loaded after the config is made, because under ZeRO-3 the config makes the model shard as it loads
    model = AutoModelForSequenceClassification.from_pretrained(
        locate(job.model), num_labels=1, dtype=getattr(torch, TRAINED_IN)
    )
    switch_dropout_off(model)
    model.config.pad_token_id = tokenizer.pad_token_id
    trainer = RewardTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(pairs),
        processing_class=tokenizer,
        callbacks=[progress_callback(job)],
    )
    check_at_load(trainer, score_gap)
    run(trainer, job)
    save(trainer, tokenizer, job)
    return _pair_accuracy(trainer.model_wrapped, tokenizer, job.held_out)


def _pair_accuracy(model: Any, tokenizer: Any, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Fraction of pairs whose chosen side scores higher, by `class` and over `all`."""
    import torch

    model.eval()
    hits: defaultdict[str, list[bool]] = defaultdict(list)
    for start in range(0, len(rows), 64):
        chunk = rows[start : start + 64]
        encoded = [encode_pair(tokenizer, row) for row in chunk]
        with torch.no_grad():
            chosen, rejected = (
                model(**tokenizer.pad({"input_ids": [e[key] for e in encoded]}, return_tensors="pt").to(model.device))
                .logits[:, 0]
                .float()
                for key in ("chosen_ids", "rejected_ids")
            )
        for row, is_right in zip(chunk, (chosen > rejected).tolist(), strict=True):
            hits["all"].append(is_right)
            hits[str(row.get("class", "unlabelled"))].append(is_right)
    return {name: sum(values) / len(values) for name, values in sorted(hits.items())}
