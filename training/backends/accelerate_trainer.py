"""The default trainer: policy, reference and critic under Accelerate, on packed micro-batches of a token budget."""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from openqwq.training.algorithms.kl import kl_estimate
from openqwq.training.algorithms.losses import token_weights
from openqwq.training.algorithms.objective import TokenInputs, token_losses, token_sums
from openqwq.training.backends.accelerators import make_accelerator, make_optimizer
from openqwq.training.backends.critic import make_critic
from openqwq.training.backends.gathering import WeightGatherer
from openqwq.training.backends.load_check import check_policy
from openqwq.training.backends.ranks import Ranks, pair_work
from openqwq.training.backends.reference import make_reference, score
from openqwq.training.backends.save_files import SaveFiles, room_for_save
from openqwq.training.backends.scored_policy import ScoredPolicy, specs_of_parameters, with_lora
from openqwq.training.backends.settings import NO_HELPER_OUTPUTS, HelperOutputs, HelperRole, TrainerSettings
from openqwq.training.backends.token_credit import assign_credit
from openqwq.training.backends.weight_files import write_weights
from openqwq.training.batches.collate import Batch
from openqwq.training.errors import CheckpointError, RecipeError
from openqwq.training.models import load_config, load_for_training, load_tokenizer, save_without_weights
from openqwq.training.records import UpdateReport
from openqwq.training.templates.codec import ChatCodec
from openqwq.training.weight_sync.arrays import view_of
from openqwq.training.weight_sync.broadcast import Rendezvous, join
from openqwq.training.weight_sync.buckets import ArraySpec, Bucket, plan_buckets
from openqwq.training.weight_sync.sending import send

STATE_FILE = "trainer.pt"
CRITIC_FOLDER = "critic"


class AccelerateTrainer:
    """Implements Trainer. Has a frozen reference and a critic only if the algorithm needs them."""

    def __init__(self, settings: TrainerSettings) -> None:
        self.settings = settings
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        self.accelerator = make_accelerator(settings.rank, settings.dtype, settings.optimizer.max_grad_norm)
        self.ranks = Ranks(settings.rank, self.accelerator.device, pair_work(load_config(settings.model)))
        self.tokenizer = load_tokenizer(settings.model, settings.chat)
        model: Any = load_for_training(settings.model, settings.dtype, settings.gradient_checkpointing)
        model.to(self.accelerator.device)
        if settings.lora is not None:
            model = with_lora(model, settings.lora)
        policy = ScoredPolicy(model, settings.temperature, self.ranks.sequence_group)
        is_lora = settings.lora is not None
        self.optimizer = make_optimizer(self.accelerator, policy, settings.optimizer, settings.rank, is_lora)
        self.policy = self.optimizer.policy
        check_policy(self.policy, self.optimizer.bare(), settings.dtype, self.ranks)
        device = self.accelerator.device
        has_reference = self._keeps("reference") and not is_lora  # under LoRA the frozen base weights are the reference
        self.reference = make_reference(settings, device, self.ranks) if has_reference else None
        self.critic = make_critic(settings, self.accelerator, self.ranks) if self._keeps("critic") else None
        self.num_updates = 0
        self._saving = SaveFiles()
        self._broadcast_group: Any = None

    def _keeps(self, role: HelperRole) -> bool:
        """Whether this trainer holds the model itself: the algorithm needs it, and no other worker has it."""
        spec = self.settings.algorithm
        is_needed = spec.needs_reference if role == "reference" else spec.critic is not None
        return is_needed and role not in self.settings.elsewhere

    @property
    def model(self) -> Any:
        """The policy's transformers model (peft's wrapper under LoRA)."""
        return self.optimizer.bare().model

    @property
    def vocabulary(self) -> int:
        """Number of rows of the embedding."""
        return int(self.model.config.vocab_size)

    def update(self, batch: Batch, helper_outputs: HelperOutputs = NO_HELPER_OUTPUTS) -> UpdateReport:
        """Run at most `minibatches` optimizer steps over the batch, each on whole groups. `helper_outputs`: the outputs
        of a reference and a critic that other workers hold.

        A step whose gradient is not finite is skipped and counted in `non_finite_steps`.
        """
        start = time.perf_counter()
        sums: defaultdict[str, float] = defaultdict(float)
        parts = batch.minibatches(self.settings.minibatches)
        inputs, returns, metrics = self._prepare(batch, helper_outputs, needs_old=len(parts) > 1)
        before: torch.Tensor | None = None
        for part, indices in parts if self._policy_updates >= 0 else ():
            before = self._step(part, inputs.at(indices), sums)
        # Losses and token sums of a rank cover its own micro-batches, so they are summed over the ranks. The gradient's
        # norm and the count of skipped steps are the same number on every rank: summed, they would be `size` times as
        # large, so they are taken out of `sums` first.
        norms = {name: sums.pop(name) for name in ("grad_norm", "non_finite_steps") if name in sums}
        counts = dict.fromkeys(("loss", "non_finite_steps", "tokens_computed", "bounded_tokens"), 1)
        divisors = counts | {"grad_norm": len(parts)}
        totals = self.ranks.total(sums) | norms
        metrics |= {name: value / divisors.get(name, batch.num_loss_tokens) for name, value in totals.items()}
        metrics["learning_rate"] = self._learning_rate()
        self.num_updates += 1
        targets = None if returns is None else returns.numpy()
        return UpdateReport(metrics, time.perf_counter() - start, targets, self._per_token(inputs, before))

    def _per_token(self, inputs: TokenInputs, before_K: torch.Tensor | None) -> dict[str, np.ndarray]:
        """What is kept of every token of the batch. `before_K`: this rank's log-probabilities of before the step, where
        there is one step and they were not computed ahead of it."""
        if not self.settings.keeps_tokens:
            return {}
        old = self.ranks.merged(before_K) if inputs.old_logprobs_K is None and before_K is not None else None
        old = inputs.old_logprobs_K if old is None else old
        kept = {} if old is None else {"gap": old.cpu() - inputs.sampled_logprobs_K}
        if self.settings.algorithm.has_token_advantages:
            kept["advantage"] = inputs.advantages_K
        return {name: values.float().numpy() for name, values in kept.items()}

    def _prepare(
        self, batch: Batch, helper_outputs: HelperOutputs, needs_old: bool
    ) -> tuple[TokenInputs, torch.Tensor | None, dict[str, float]]:
        """The inputs of every counted token's loss, the critic's targets, and the critic's metrics.

        All inputs come from the models as they are before the first optimizer step; the policy's own log-probabilities
        are computed only where they are needed (`needs_old`: several steps follow). Afterwards the critic is trained.
        """
        spec = self.settings.algorithm
        reference = self._reference_logprobs(batch) if self._keeps("reference") else helper_outputs.reference_logprobs_K
        old = self._logprobs(batch) if needs_old or spec.has_penalised_rewards else None
        kl = None
        if spec.has_penalised_rewards:
            assert old is not None and reference is not None
            kl = kl_estimate(old, reference, spec.kl.estimator)
        values = self.critic.values(batch) if self.critic is not None else helper_outputs.values_K
        credit = assign_credit(spec, batch, kl, values)
        metrics: dict[str, float] = {}
        if self.critic is not None:
            assert values is not None and credit.returns_K is not None
            metrics = self.critic.update(batch, values, credit.returns_K)
        inputs = TokenInputs(
            sampled_logprobs_K=batch.sampled_logprobs_K,
            advantages_K=credit.advantages_K,
            weights_K=torch.zeros(batch.num_loss_tokens),
            old_logprobs_K=old,
            reference_logprobs_K=reference,
        )
        return inputs, credit.returns_K, metrics

    def _step(self, batch: Batch, inputs: TokenInputs, sums: defaultdict[str, float]) -> torch.Tensor | None:
        """Run one optimizer step over the micro-batches of a batch; adds the logged numbers to `sums`. Returns the
        log-probabilities of before the step, zeros for other ranks' tokens, if they are kept."""
        spec, device = self.settings.algorithm, self.accelerator.device
        weights = token_weights(batch.num_loss_tokens_N, spec.average, self.settings.max_new_tokens)
        inputs = replace(inputs, weights_K=weights).to(device)
        self.policy.train()
        total, before = 0.0, torch.zeros(batch.num_loss_tokens) if self.settings.keeps_tokens else None
        micros = self.ranks.own_shard(batch, self.settings.micro_batch_tokens)
        for i, micro in enumerate(micros):
            tokens = inputs.at(micro.indices_K.to(device))
            sequence = micro.sequence_K.unique(return_inverse=True)[1].to(device)
            loss, logprobs, entropies = self.policy(micro, partial(token_losses, spec, tokens, sequence))
            self.optimizer.backward(loss, is_last=i == len(micros) - 1)
            total += float(loss.detach())
            if before is not None:
                before[micro.indices_K] = logprobs.detach().float().cpu()
            for name, value in token_sums(spec, tokens, sequence, logprobs, entropies).items():
                sums[name] += value
            sums["tokens_computed"] += micro.num_computed
        norm = self.optimizer.step(self._learning_rate())
        if norm is None:
            sums["non_finite_steps"] += 1
            return before
        sums["loss"] += total
        sums["grad_norm"] += norm
        return before

    def _reference_logprobs(self, batch: Batch) -> torch.Tensor:
        if self.reference is not None:
            return self.reference.logprobs(batch)
        with self.model.disable_adapter():  # under LoRA the frozen base weights are the reference
            return self._logprobs(batch)

    def _logprobs(self, batch: Batch) -> torch.Tensor:
        return score(self.policy, batch, self.settings.micro_batch_tokens, self.ranks)

    @property
    def _policy_updates(self) -> int:
        """Updates of the policy until now; negative while the critic still warms up alone."""
        critic = self.settings.algorithm.critic
        return self.num_updates - (critic.warmup_updates if critic is not None else 0)

    def _learning_rate(self) -> float:
        """The policy's, by its own updates: those in which only the critic is trained do not use up its warm-up."""
        return self.settings.optimizer.rate_at(self._policy_updates)

    def specs(self) -> list[ArraySpec]:
        """Names, precision and shapes of the weights."""
        return specs_of_parameters(self.model, self.settings.dtype)

    @cached_property
    def buckets(self) -> list[Bucket]:
        """What a push consists of."""
        return plan_buckets(self.specs(), self.settings.bucket_bytes)

    @cached_property
    def _gatherer(self) -> WeightGatherer:
        return WeightGatherer(self.model, self.ranks.index, self.optimizer.gathered)

    def bucket(self, index: int, collectors: Collection[int] = (0,)) -> list[np.ndarray]:
        """The current arrays of a bucket, in the run's precision, with LoRA's factors merged; nothing on the ranks that
        do not collect it. A collective. Valid until the next update."""
        arrays = self._gatherer.collected(self.buckets[index], collectors, self.accelerator.device)
        return [view_of(array.to("cpu", getattr(torch, self.settings.dtype))) for array in arrays]

    def weights(self) -> dict[str, np.ndarray]:
        """All parameters by name, whole, on every rank: for small models."""
        whole: dict[str, np.ndarray] = {}
        for index, bucket in enumerate(self.buckets):
            for spec, array in zip(bucket.arrays, self.bucket(index, range(self.ranks.size)), strict=True):
                if spec.num_rows is None:
                    whole[spec.name] = array
                    continue
                target = whole.setdefault(spec.name, np.empty(spec.whole_shape, array.dtype))
                target[spec.rows] = array
        return whole

    def join_broadcast(self, rendezvous: Rendezvous) -> None:
        """Join the group of the engines that receive broadcasts."""
        self._broadcast_group = join(rendezvous, 0, self.accelerator.device)

    def broadcast(self) -> None:
        """Send the current parameters to the engines that wait for them, bucket by bucket. A collective."""
        send(self.buckets, self._gatherer.gather_on_first, self._broadcast_group, self.accelerator.device)

    @torch.no_grad()
    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """log p of tokens[1:] at temperature 1."""
        with _evaluating(self.model) as model:
            ids = torch.tensor([list(tokens)], device=self.accelerator.device)
            logits = model(input_ids=ids).logits[0, :-1].float()
            return [float(x) for x in logits.log_softmax(1).gather(1, ids[0, 1:, None])[:, 0]]

    def save(self, folder: Path, is_behind: bool = False) -> int:
        """Write `model/` in the run's precision; master weights or LoRA's factors where they exist, the optimizer, the
        critic, counters and random state. Every rank writes its own files of the weights and its own shard of the
        optimizer. With `is_behind` it keeps their bytes in memory, as far as there is room, and writes them while it
        goes on; `saved` says when. Returns the bytes that were not kept."""
        self._saving.wait()
        self._saving = files = SaveFiles(room_for_save(self.ranks.size) if is_behind else 0)
        bare = self.model.get_base_model() if self.settings.lora is not None else self.model
        if self.ranks.index == 0:
            end = ChatCodec(self.tokenizer, self.settings.chat.end_of_turn).turns.end_token
            save_without_weights(bare, self.tokenizer, folder / "model", self.settings.dtype, end)
            state = {
                "num_updates": self.num_updates,
                "rng": torch.get_rng_state(),
            }
            torch.save(state, folder / STATE_FILE)
        ranks, limit = (self.ranks.index, self.ranks.size), self.settings.bucket_bytes
        write_weights(
            bare, self._gatherer, self.specs(), folder / "model", ranks, limit, self.accelerator.device, files
        )
        self.optimizer.save(folder, files)
        if self.critic is not None:
            self.critic.save(folder / CRITIC_FOLDER, files)
        files.start()
        return files.written_at_once

    def saved(self) -> tuple[bool, Exception | None]:
        """Whether the files of the last save are written, as far as that goes, and what failed."""
        return self._saving.state()

    def load(self, folder: Path) -> None:
        """Restore weights, optimizer, critic, counters and random state from a checkpoint.

        Raises:
            CheckpointError: a file is missing or does not fit the model.
        """
        try:
            state = torch.load(folder / STATE_FILE, weights_only=True)
            self.optimizer.load(folder)
            if self.critic is not None:
                self.critic.load(folder / CRITIC_FOLDER)
            self.num_updates = state["num_updates"]
            torch.set_rng_state(state["rng"])
        except (OSError, RuntimeError, KeyError, TypeError, UnpicklingError, RecipeError) as error:
            raise CheckpointError(f"checkpoint {folder} does not fit this stage: {error}") from error


@contextmanager
def _evaluating(model: Any) -> Iterator[Any]:
    was_training = model.training
    model.eval()
    yield model
    model.train(was_training)
