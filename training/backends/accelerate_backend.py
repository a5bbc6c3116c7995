"""The default trainer: one model and AdamW under Accelerate, with micro-batches by token budget."""

import resource
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from transformers import PreTrainedModel

from openqwq.training.algorithms.catalogue import AlgorithmSpec
from openqwq.training.algorithms.losses import clipped_policy_loss, k3_penalty
from openqwq.training.collate import Batch
from openqwq.training.config import Optimizer
from openqwq.training.errors import BackendError, CheckpointError
from openqwq.training.models import load_model, load_tokenizer, save_model
from openqwq.training.records import UpdateReport
from openqwq.training.weights import to_arrays

STATE_FILE = "trainer.pt"


@dataclass(frozen=True)
class TrainerSettings:
    """What the trainer of one RL stage needs to know."""

    model: str
    """Folder or hub id the stage starts from."""
    dtype: str
    algorithm: AlgorithmSpec
    optimizer: Optimizer
    temperature: float
    """Sampling temperature: log-probabilities are taken at it, as the engine took them."""
    max_new_tokens: int
    micro_batch_tokens: int
    minibatches: int
    seed: int
    threads: int


class AccelerateTrainer:
    """Implements Backend. Keeps a frozen reference copy only when the KL coefficient is not 0."""

    def __init__(self, settings: TrainerSettings) -> None:
        self.settings = settings
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        # Accelerate keeps one precision a process: a trainer of TRL that ran before would leave its autocast to ours
        AcceleratorState._reset_state()
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="no")
        self.tokenizer = load_tokenizer(settings.model)
        model = load_model(settings.model, settings.dtype)
        model.config.use_cache = False
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=settings.optimizer.learning_rate,
            betas=settings.optimizer.betas,
            weight_decay=settings.optimizer.weight_decay,
        )
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.reference = self._reference() if settings.algorithm.kl_coefficient else None
        self.num_updates = 0

    def _reference(self) -> PreTrainedModel:
        reference = load_model(self.settings.model, self.settings.dtype)
        reference.to(self.accelerator.device)
        reference.eval().requires_grad_(False)
        return reference

    @property
    def _bare_model(self) -> PreTrainedModel:
        model: PreTrainedModel = self.accelerator.unwrap_model(self.model)
        return model

    @property
    def vocabulary(self) -> int:
        """Number of rows of the embedding."""
        return int(self._bare_model.config.vocab_size)

    def update(self, batch: Batch) -> UpdateReport:
        """`minibatches` optimizer steps over the batch, sequences dealt round robin.

        Raises:
            BackendError: the loss or the gradient is not finite; the weights are unchanged by that step.
        """
        start = time.perf_counter()
        sums: defaultdict[str, float] = defaultdict(float)
        count = min(self.settings.minibatches, len(batch))
        old = self._old_logprobs(batch) if count > 1 else None
        for k in range(count):
            index = torch.arange(k, len(batch), count)
            norm = self._step(batch.rows(index), None if old is None else old[index], sums)
            sums["grad_norm"] += norm / count
        tokens = max(batch.num_loss_tokens, 1)
        per_token = {"entropy", "clip_fraction", "mismatch/mean_abs_log_ratio", "ratio/mean", "kl"}
        metrics = {k: v / tokens if k in per_token else v for k, v in sums.items()}
        metrics["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        self.num_updates += 1
        return UpdateReport(metrics=metrics, seconds=time.perf_counter() - start)

    def _step(self, batch: Batch, old: torch.Tensor | None, sums: defaultdict[str, float]) -> float:
        self._set_learning_rate()
        self.model.train()
        self.optimizer.zero_grad()
        normaliser = float(batch.num_loss_tokens)
        if self.settings.algorithm.average == "constant":
            normaliser = float(len(batch) * self.settings.max_new_tokens)
        for micro, rows in batch.micro_batches(self.settings.micro_batch_tokens):
            micro_old = None if old is None else old[rows, : micro.tokens_NT.shape[1]]
            loss = self._loss(micro, micro_old, normaliser, sums)
            self.accelerator.backward(loss)
            sums["loss"] += float(loss.detach())
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.settings.optimizer.max_grad_norm)
        if norm is None or not torch.isfinite(norm):
            raise BackendError(
                f"update {self.num_updates}: gradient norm is {norm}; lower stages.*.optimizer.learning_rate "
                f"(now {self.settings.optimizer.learning_rate}) or go back to an earlier checkpoint"
            )
        self.optimizer.step()
        return float(norm)

    def _loss(
        self, micro: Batch, old: torch.Tensor | None, normaliser: float, sums: defaultdict[str, float]
    ) -> torch.Tensor:
        spec = self.settings.algorithm
        device = self.accelerator.device
        mask = micro.loss_mask_NT.to(device)
        logprobs, entropy = self._logprobs(self.model, micro, needs_entropy=True)
        output = clipped_policy_loss(
            logprobs,
            logprobs.detach() if old is None else old.to(device),
            micro.sampled_logprobs_NT.to(device),
            micro.advantages_N.to(device),
            mask,
            normaliser,
            spec.clip_low,
            spec.clip_high,
            spec.truncated_importance,
        )
        loss = output.loss
        for key, value in output.metrics.items():
            sums[key] += float(value)
        sums["entropy"] += float(entropy)
        if self.reference is not None:
            with torch.no_grad():
                reference, _ = self._logprobs(self.reference, micro)
            penalty = k3_penalty(logprobs, reference, mask)
            loss = loss + spec.kl_coefficient * penalty / normaliser
            sums["kl"] += float(penalty.detach())
        return loss

    def _old_logprobs(self, batch: Batch) -> torch.Tensor:
        """log pi_old of every token, [N, T], before the first step of this update."""
        old = torch.zeros_like(batch.sampled_logprobs_NT)
        with torch.no_grad():
            for micro, rows in batch.micro_batches(self.settings.micro_batch_tokens):
                logprobs, _ = self._logprobs(self.model, micro)
                old[rows, : logprobs.shape[1]] = logprobs.cpu()
        return old

    def _logprobs(self, model: Any, micro: Batch, needs_entropy: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """log p of the counted tokens at their place, [N, T] (0 elsewhere), and the sum of their entropies.

        Logits are computed at counted positions only: prompts and padding never reach the head.
        """
        device = self.accelerator.device
        tokens, mask = micro.tokens_NT.to(device), micro.loss_mask_NT.to(device)
        attention = torch.arange(tokens.shape[1], device=device) < micro.lengths_N.to(device)[:, None]
        bare = self.accelerator.unwrap_model(model)
        hidden = bare.base_model(input_ids=tokens, attention_mask=attention, use_cache=False).last_hidden_state
        predicts = mask[:, 1:]  # position t-1 predicts token t
        logits = bare.get_output_embeddings()(hidden[:, :-1][predicts]).float() / self.settings.temperature
        log_softmax = torch.log_softmax(logits, -1)
        picked = log_softmax.gather(-1, tokens[:, 1:][predicts][:, None])[:, 0]
        logprobs = torch.zeros(tokens.shape, device=device, dtype=picked.dtype)
        logprobs = logprobs.masked_scatter(mask & (torch.arange(tokens.shape[1], device=device) > 0), picked)
        if not needs_entropy:
            return logprobs, picked.new_zeros(())
        with torch.no_grad():
            entropy = -(log_softmax.exp() * log_softmax).sum()
        return logprobs, entropy

    def _set_learning_rate(self) -> None:
        optimizer = self.settings.optimizer
        warm = min(1.0, (self.num_updates + 1) / optimizer.warmup_steps) if optimizer.warmup_steps else 1.0
        for group in self.optimizer.param_groups:
            group["lr"] = optimizer.learning_rate * warm

    def weights(self) -> dict[str, np.ndarray]:
        """The current parameters by name."""
        return to_arrays(self._bare_model)

    def probe(self, tokens: Sequence[int]) -> list[float]:
        """log p of tokens[1:], temperature 1."""
        with torch.no_grad(), _evaluating(self._bare_model) as model:
            ids = torch.tensor([list(tokens)], device=self.accelerator.device)
            logits = model(input_ids=ids, use_cache=False).logits[0, :-1].float()
            return [float(x) for x in torch.log_softmax(logits, -1).gather(-1, ids[0, 1:, None])[:, 0]]

    def save(self, folder: Path) -> None:
        """`model/` and the trainer's state: optimizer, counters, random state."""
        save_model(self._bare_model, self.tokenizer, folder / "model")
        state = {
            "optimizer": self.optimizer.state_dict(),
            "num_updates": self.num_updates,
            "rng": torch.get_rng_state(),
        }
        torch.save(state, folder / STATE_FILE)

    def load(self, folder: Path) -> None:
        """Weights, optimizer, counters and random state of a checkpoint.

        Raises:
            CheckpointError: a file is missing or does not fit the model.
        """
        try:
            saved = load_model(str(folder / "model"), self.settings.dtype)
            self._bare_model.load_state_dict(saved.state_dict())
            state = torch.load(folder / STATE_FILE, weights_only=True)
            self.optimizer.load_state_dict(state["optimizer"])
        except (OSError, RuntimeError, KeyError) as error:
            raise CheckpointError(f"checkpoint {folder} does not fit this stage: {error}") from error
        self.num_updates = state["num_updates"]
        torch.set_rng_state(state["rng"])

    def memory(self) -> Mapping[str, float]:
        """Peak resident memory of this process, and of its GPU when there is one, in bytes."""
        peak = {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0}
        if torch.cuda.is_available():
            peak["gpu"] = float(torch.cuda.max_memory_allocated())
        return peak


@contextmanager
def _evaluating(model: PreTrainedModel) -> Iterator[PreTrainedModel]:
    was_training = model.training
    model.eval()
    yield model
    model.train(was_training)
