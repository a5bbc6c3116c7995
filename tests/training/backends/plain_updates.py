"""The same updates without the trainer: each sequence alone through the whole model, formulas and AdamW by hand.

It shares no code with what it checks but the records, and takes no notice of micro-batches, rows or ranks.
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch

from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import Batch
from openqwq.training.models import load_model

Rows = list[torch.Tensor]
"""A tensor of the counted tokens of each sequence."""


def token_ids(batch: Batch, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of sequence n, and whether each of them but the first counts."""
    start = sum(batch.lengths_N.tolist()[:n])
    stop = start + int(batch.lengths_N[n])
    return batch.tokens_S[start:stop][None], batch.loss_mask_S[start + 1 : stop]


def plain_scores(
    model: Any, batch: Batch, temperature: float, chosen: Sequence[int] | None = None
) -> tuple[Rows, Rows]:
    """Log-probabilities and entropies of the counted tokens, by sequence; of all sequences or those chosen."""
    logprobs, entropies = [], []
    for n in range(len(batch)) if chosen is None else chosen:
        ids, counts = token_ids(batch, n)
        log_softmax = torch.log_softmax(model(input_ids=ids).logits[0, :-1].float() / temperature, -1)
        logprobs.append(log_softmax.gather(-1, ids[0, 1:, None])[:, 0][counts])
        entropies.append(-(log_softmax.exp() * log_softmax).sum(-1)[counts])
    return logprobs, entropies


def frozen_scores(model: Any, batch: Batch, temperature: float) -> list[list[float]]:
    with torch.no_grad():
        return [row.tolist() for row in plain_scores(model, batch, temperature)[0]]


class PlainAdamW:
    """AdamW (arXiv 1711.05101, algorithm 2) after clipping the gradient's norm."""

    def __init__(self, parameters: Sequence[torch.nn.Parameter], betas: tuple[float, float], decay: float,
                 max_norm: float) -> None:  # fmt: skip
        self.parameters, self.betas, self.decay, self.max_norm = list(parameters), betas, decay, max_norm
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self, loss: torch.Tensor, rate: float) -> float:
        gradients = torch.autograd.grad(loss, self.parameters, materialize_grads=True)
        norm = math.sqrt(sum(float(g.double().square().sum()) for g in gradients))
        scale, (b1, b2) = min(1.0, self.max_norm / norm), self.betas
        self.steps += 1
        for p, g, m, v in zip(self.parameters, gradients, self.first, self.second, strict=True):
            g = g * scale
            m.mul_(b1).add_(g, alpha=1 - b1)
            v.mul_(b2).add_(g.square(), alpha=1 - b2)
            p.mul_(1 - rate * self.decay)
            p.sub_(rate * (m / (1 - b1**self.steps)) / ((v / (1 - b2**self.steps)).sqrt() + 1e-8))
        return norm


class PlainTrainer:
    """Updates as the algorithm's paper writes them."""

    def __init__(self, settings: TrainerSettings) -> None:
        self.settings, self.spec, own = settings, settings.algorithm, settings.optimizer
        self.model = load_model(settings.model)
        self.reference = copy.deepcopy(self.model)
        self.adamw = PlainAdamW(list(self.model.parameters()), own.betas, own.weight_decay, own.max_grad_norm)
        self.num_updates = 0
        if self.spec.critic is not None:
            self.body = copy.deepcopy(self.model).base_model
            self.head = torch.nn.Linear(self.model.config.hidden_size, 1)
            torch.nn.init.zeros_(self.head.weight), torch.nn.init.zeros_(self.head.bias)
            trained = [*self.body.parameters(), *self.head.parameters()]
            self.critic_adamw = PlainAdamW(trained, (0.9, 0.95), 0.0, own.max_grad_norm)

    def update(self, batch: Batch) -> dict[str, float]:
        """The metrics of an update of the policy and, if there is one, of the critic."""
        temperature = self.settings.temperature
        metrics: dict[str, float] = {}
        sampled = _by_sequence(batch.sampled_logprobs_K.tolist(), batch)
        old = frozen_scores(self.model, batch, temperature)
        reference = frozen_scores(self.reference, batch, temperature) if self.spec.kl.coefficient else old
        penalties = [[0.0] * len(row) for row in old]
        if self.spec.kl.place == "reward" and self.spec.kl.coefficient:
            penalties = [
                [self.spec.kl.coefficient * _kl(p, q, self.spec.kl.estimator) for p, q in zip(a, b, strict=True)]
                for a, b in zip(old, reference, strict=True)
            ]
        advantages = self._advantages(batch, penalties, metrics)
        warm, critic = self.settings.optimizer.warmup_steps, self.spec.critic
        own = self.num_updates - (critic.warmup_updates if critic else 0)  # updates of the policy so far
        rate = (
            self.settings.optimizer.learning_rate * (min(1.0, (own + 1) / warm) if warm else 1.0) if own >= 0 else 0.0
        )
        if own >= 0:
            dealt = _minibatches(batch, self.settings.minibatches)
            for chosen in dealt:
                self._step(batch, chosen, (sampled, old, reference, advantages), rate, metrics)
            for name in metrics:
                if not name.startswith("critic/"):
                    metrics[name] /= {"loss": 1, "grad_norm": len(dealt)}.get(name, len(batch.sampled_logprobs_K))
        self.num_updates += 1
        return metrics | {"learning_rate": rate}

    def _step(self, batch: Batch, chosen: list[int], known: tuple[list[list[float]], ...], rate: float,
              metrics: dict[str, float]) -> None:  # fmt: skip
        spec, sums = self.spec, defaultdict(float, metrics)
        rows = plain_scores(self.model, batch, self.settings.temperature, chosen)
        logprobs, entropies = (dict(zip(chosen, each, strict=True)) for each in rows)
        num_tokens, loss = sum(len(row) for row in logprobs.values()), torch.zeros(())
        for n in chosen:
            weight = {"token": 1 / num_tokens, "sequence": 1 / (len(chosen) * len(logprobs[n])),
                      "constant": 1 / (len(chosen) * self.settings.max_new_tokens)}[spec.average]  # fmt: skip
            sampled, old, reference, advantages = (torch.tensor(rows[n]) for rows in known)
            ratio = torch.exp(logprobs[n] - old)
            if spec.surrogate == "sequence_clip":
                ratio = torch.exp((logprobs[n] - old).mean()).expand(len(old))
            low, high = 1 - spec.clip_low, 1 + spec.clip_high
            if spec.surrogate == "cispo":
                surrogate = torch.minimum(ratio.detach(), torch.tensor(high)) * advantages * logprobs[n]
                is_low, is_high = torch.zeros(len(old)), ratio > high
            else:
                clipped = torch.maximum(torch.minimum(ratio, torch.tensor(high)), torch.tensor(low))
                surrogate = torch.minimum(ratio * advantages, clipped * advantages)
                is_low, is_high = (ratio < low) & (advantages < 0), (ratio > high) & (advantages > 0)
            importance = torch.exp(old - sampled)
            cap, mask = spec.truncated_importance, spec.masked_importance
            if mask is not None and mask.level == "sequence":
                importance = importance.prod().expand(len(old))
            applied = torch.ones(()) if cap is None else torch.minimum(importance, torch.tensor(cap))
            if mask is not None:
                applied = importance * (importance >= mask.low) * (importance <= mask.high)
                sums["mismatch/masked_fraction"] += float((applied == 0).sum())
            own = -surrogate * applied
            if spec.kl.place == "loss":
                own = own + spec.kl.coefficient * _kl(logprobs[n], reference, spec.kl.estimator)
            loss = loss + weight * (own - spec.entropy_coefficient * entropies[n]).sum()
            sums["entropy"] += float(entropies[n].detach().sum())
            sums["ratio/mean"] += float(ratio.detach().sum())
            sums["clip_fraction_low"] += float(is_low.sum())
            sums["clip_fraction_high"] += float(is_high.sum())
            sums["mismatch/kl"] += float((sampled - old).sum())
            sums["mismatch/mean_abs_log_ratio"] += float((sampled - old).abs().sum())
            if cap is not None:
                sums["mismatch/truncated_fraction"] += float((importance > cap).sum())
            if spec.kl.coefficient:
                sums["kl"] += sum(
                    _kl(p, q, "k3") for p, q in zip(logprobs[n].tolist(), reference.tolist(), strict=True)
                )
        sums["loss"] += float(loss.detach())
        sums["grad_norm"] += self.adamw.step(loss, rate)
        metrics |= sums

    def _advantages(self, batch: Batch, penalties: list[list[float]], metrics: dict[str, float]) -> list[list[float]]:
        rewards = [
            [-p for p in row[:-1]] + [r - row[-1]] for row, r in zip(penalties, batch.rewards_N.tolist(), strict=True)
        ]
        if self.spec.critic is not None:
            return self._from_critic(batch, rewards, metrics)
        if not (self.spec.kl.place == "reward" and self.spec.kl.coefficient):
            return [[a] * len(row) for a, row in zip(batch.advantages_N.tolist(), rewards, strict=True)]
        if not self.spec.compares_within_group:
            return _whitened([[sum(row[t:]) for t in range(len(row))] for row in rewards])
        groups, paid = batch.groups_N.tolist(), [sum(row) for row in penalties]
        found = []
        for own, group, row, advantage in zip(paid, groups, rewards, batch.advantages_N.tolist(), strict=True):
            of_group = [p for p, g in zip(paid, groups, strict=True) if g == group]
            found.append([advantage - (own - sum(of_group) / len(of_group))] * len(row))
        return found

    def _from_critic(self, batch: Batch, rewards: list[list[float]], metrics: dict[str, float]) -> list[list[float]]:
        critic = self.spec.critic
        assert critic is not None
        with torch.no_grad():
            old = [row.tolist() for row in self._values(batch)]
        own = [_gae(r, v, critic.gamma, critic.policy_lambda) for r, v in zip(rewards, old, strict=True)]
        gae = [_gae(r, v, critic.gamma, critic.value_lambda) for r, v in zip(rewards, old, strict=True)]
        targets = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(old, gae, strict=True)]
        before, wanted = (torch.tensor([x for row in rows for x in row]) for rows in (old, targets))
        for _ in range(critic.epochs):
            values = torch.cat(self._values(batch))
            clipped = torch.minimum(torch.maximum(values, before - critic.clip_value), before + critic.clip_value)
            loss = torch.maximum((values - wanted) ** 2, (clipped - wanted) ** 2).mean() / 2
            metrics["critic/grad_norm"] = self.critic_adamw.step(loss, critic.learning_rate)
        metrics["critic/loss"] = float(loss.detach())
        metrics["critic/value_mean"] = float(before.mean())
        explained = 1 - _moments((wanted - before).tolist())[1] ** 2 / _moments(wanted.tolist())[1] ** 2
        metrics["critic/explained_variance"] = explained
        return _whitened(own)

    def _values(self, batch: Batch) -> Rows:
        found = []
        for n in range(len(batch)):
            ids, counts = token_ids(batch, n)
            found.append(self.head(self.body(input_ids=ids).last_hidden_state[0, :-1])[:, 0][counts])
        return found


def _by_sequence(values: list[float], batch: Batch) -> list[list[float]]:
    left = iter(values)
    return [[next(left) for _ in range(int(token_ids(batch, n)[1].sum()))] for n in range(len(batch))]


def _minibatches(batch: Batch, count: int) -> list[list[int]]:
    """Whole groups, dealt round robin in the order of their numbers."""
    groups = sorted(set(batch.groups_N.tolist()))
    owner = {group: i % min(count, len(groups)) for i, group in enumerate(groups)}
    return [[n for n, g in enumerate(batch.groups_N.tolist()) if owner[g] == k] for k in range(min(count, len(groups)))]


def _kl(policy: Any, reference: Any, estimator: str) -> Any:
    d = reference - policy
    if estimator == "k3":
        return (math.exp(d) if isinstance(d, float) else torch.exp(d)) - d - 1
    return -d if estimator == "k1" else d * d / 2


def _gae(rewards: list[float], values: list[float], gamma: float, lam: float) -> list[float]:
    after = [*values[1:], 0.0]
    delta = [r + gamma * w - v for r, v, w in zip(rewards, values, after, strict=True)]
    return [sum((gamma * lam) ** (u - t) * delta[u] for u in range(t, len(delta))) for t in range(len(delta))]


def _moments(values: list[float]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))


def _whitened(rows: list[list[float]]) -> list[list[float]]:
    mean, std = _moments([x for row in rows for x in row])
    return [[(x - mean) / std for x in row] for row in rows]
