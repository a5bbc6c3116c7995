"""The `reward_model` verifier: asks a trained reward model, in this process or behind an address, and maps its score to
[0, 1]."""

from __future__ import annotations

import math
from typing import Literal

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.scoring.delivery import Limits
from openqwq.verifiers.scoring.item import Scorer
from openqwq.verifiers.scoring.local_model import ModelScorer
from openqwq.verifiers.scoring.model_text import reward_model_text as reward_model_text
from openqwq.verifiers.scoring.services import Service, service_scorer
from openqwq.verifiers.scoring.verdicts import ScoredVerifier

DEADLINE_REQUESTS = 5
"""How many request time limits a chunk may take with all its retries, unless `deadline_seconds` says otherwise."""


class RewardModelVerifier(ScoredVerifier):
    """score = sigmoid(raw * scale + offset) of a sequence-classification reward model; failures are
    service_error.

    model: local directory. It must match its training in three things, or scores are noise: the text built by
    reward_model_text (template, thinking removed, the eos token which TRL's RewardTrainer appends as well),
    tokenised with add_special_tokens=False, and a single output (num_labels=1). device: `auto` is the GPU that the
    process has been given; without one, the CPU for small weights only, so that `device: cpu` has to be said.
    url: instead of model, a service: `own` answers POST {"items": [{"prompt", "response"}]} with {"scores": [...]},
    raw scores in order, null where there is none; `vllm_classify`, `vllm_pooling` and `vllm_score` are vLLM's.
    squash: `none` for a service whose scores lie in [0, 1] already; one outside is an error.
    """

    name = "reward_model"

    def __init__(
        self,
        model: str | None = None,
        url: str | None = None,
        scale: float = 1.0,
        offset: float = 0.0,
        batch_size: int = 16,
        max_tokens: int = 4096,
        device: str = "auto",
        timeout_seconds: float = 60.0,
        service: Service = "own",
        tokenizer: str | None = None,
        model_name: str | None = None,
        squash: Literal["sigmoid", "none"] = "sigmoid",
        chunk_items: int = 64,
        chunk_bytes: int = 1 << 20,
        parallel: int = 8,
        deadline_seconds: float | None = None,
        key_variable: str | None = None,
        max_characters: int = 200_000,
    ) -> None:
        if (model is None) == (url is None):
            raise VerifierError("reward_model needs either model (a local directory) or url")
        for name, value in (("batch_size", batch_size), ("max_tokens", max_tokens), ("max_characters", max_characters)):
            if value < 1:
                raise VerifierError(f"{name} must be at least 1, got {value}")
        if squash not in ("sigmoid", "none"):
            raise VerifierError(f"squash must be sigmoid or none, got {squash!r}")
        if not (math.isfinite(scale) and math.isfinite(offset)):
            raise VerifierError(f"scale and offset must be finite, got {scale} and {offset}")
        deadline = DEADLINE_REQUESTS * timeout_seconds if deadline_seconds is None else deadline_seconds
        limits = Limits(chunk_items, chunk_bytes, parallel, timeout_seconds, deadline)
        self.scorer: Scorer = (
            ModelScorer(str(model), batch_size, max_tokens, device)
            if url is None
            else service_scorer(service, url, limits, key_variable, tokenizer, model_name, max_tokens, max_characters)
        )
        self.scale, self.offset, self.squash = scale, offset, squash

    def bounded(self, value: float) -> float:
        if self.squash == "none":
            return super().bounded(value)
        logit = max(-60.0, min(60.0, value * self.scale + self.offset))
        return 1.0 / (1.0 + math.exp(-logit))
