"""A Bradley-Terry reward model through TRL's RewardTrainer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.training.backends.zero_optimizer import join_configured
from openqwq.training.models import load_tokenizer, locate, switch_dropout_off
from openqwq.training.records import PairQuality
from openqwq.training.supervised.encoding import encode_answer, encode_pair, pair_texts
from openqwq.training.supervised.jobs import RewardModelJob
from openqwq.training.supervised.load_check import check_at_load, score_gap
from openqwq.training.supervised.pair_quality import measure
from openqwq.training.supervised.trl_trainer import TRAINED_IN, common_arguments, progress_callback, run, save
from openqwq.verifiers.scoring.hack_probes import changed

SIDES = ("chosen", "rejected")
NUM_PROBED = 100
"""Good answers that are hacked in every way and scored."""
BATCH_ROWS = 64


def train_reward_model(job: RewardModelJob) -> PairQuality:
    """Train a Bradley-Terry model on pairs; returns what it is worth on held-out pairs."""
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
    return _quality(trainer.model_wrapped, tokenizer, job.held_out)


def _quality(model: Any, tokenizer: Any, rows: Sequence[Mapping[str, Any]]) -> PairQuality:
    """Score held-out pairs, and the hacks of the first good answers, spread over the classes as the rows are."""
    model.eval()
    pairs = [encode_pair(tokenizer, row) for row in rows]
    chosen, rejected = (_scores(model, tokenizer, [pair[f"{side}_ids"] for pair in pairs]) for side in SIDES)
    hacked: defaultdict[str, list[list[int]]] = defaultdict(list)
    for row in rows[:NUM_PROBED]:
        messages, answer, _ = pair_texts(row)
        for kind, text in changed(answer).items():
            hacked[kind].append(encode_answer(tokenizer, messages, text))
    return measure(
        [str(row.get("class", "unlabelled")) for row in rows],
        _differences(chosen, rejected),
        [len(pair["chosen_ids"]) - len(pair["rejected_ids"]) for pair in pairs],
        {kind: _differences(chosen, _scores(model, tokenizer, texts)) for kind, texts in hacked.items()},
    )


def _differences(scores: Sequence[float], others: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(scores, others, strict=False)]  # hacks are of the first answers only


def _scores(model: Any, tokenizer: Any, texts: Sequence[Sequence[int]]) -> list[float]:
    """The raw score of each text, in order."""
    import torch

    scores: list[float] = []
    for start in range(0, len(texts), BATCH_ROWS):
        chunk = {"input_ids": [list(ids) for ids in texts[start : start + BATCH_ROWS]]}
        with torch.no_grad():
            batch = tokenizer.pad(chunk, return_tensors="pt").to(model.device)
            scores += model(**batch).logits[:, 0].float().tolist()
    return scores
