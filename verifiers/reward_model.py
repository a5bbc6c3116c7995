"""The `reward_model` verifier: asks a trained reward model, in this process or over HTTP, and maps its score
to [0, 1]."""

from __future__ import annotations

import json
import math
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError
from openqwq.verifiers.chat_rendering import TemplateRefusal, encode, end_of_turn, renderer_of
from openqwq.verifiers.prompts import asked_messages


def reward_model_text(tokenizer: Any, prompt_messages: Sequence[Mapping[str, Any]], answer: str) -> str:
    """The one text that a reward model reads, in training and in scoring: the chat template's own rendering of the
    prompt and the answer, up to the end of the turn. `chat_rendering.encode` makes its tokens, so that no answer writes
    control tokens.

    Where a template opens a `<think>` for the answer or changes it: the prompt with its generation prompt (an opened
    `<think>` removed, since thinking is not shown to the reward model), the answer, the end of the turn.
    """
    renderer = renderer_of(tokenizer)
    prompt = renderer.render(prompt_messages, add_generation_prompt=True)
    stripped = prompt.rstrip()
    if stripped.endswith("<think>"):
        prompt = stripped.removesuffix("<think>")
    shown = renderer.guarded(answer, is_markup_kept=True)
    try:
        end = end_of_turn(renderer) or str(tokenizer.eos_token)
        whole = renderer.render([*prompt_messages, {"role": "assistant", "content": answer}])
    except TemplateRefusal:  # it renders prompts only
        return prompt + shown + str(tokenizer.eos_token)
    before, found, _ = whole.rpartition(end)
    is_rendered = found and whole.startswith(prompt) and before.endswith(shown)
    return before + found if is_rendered else prompt + shown + end


Item = tuple[list[dict[str, Any]], str]
"""The messages of a prompt (any keys of a chat template) and the answer after the thinking."""


class Scorer(Protocol):
    """Gives raw scores, one for each item in order. It may raise; the verifier turns that into errors."""

    def scores(self, items: Sequence[Item]) -> list[float]: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class ServiceScorer:
    """A service that answers POST {"items": [{"prompt", "response"}]} with {"scores": [...]}."""

    url: str
    timeout_seconds: float

    def scores(self, items: Sequence[Item]) -> list[float]:
        body = {"items": [{"prompt": messages, "response": answer} for messages, answer in items]}
        request = urllib.request.Request(
            self.url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=self.timeout_seconds) as reply:
            scores = json.load(reply)["scores"]
        if len(scores) != len(items):
            raise ValueError(f"{len(scores)} scores for {len(items)} items")
        return [float(score) for score in scores]

    def close(self) -> None:
        return None


class ModelScorer:
    """A sequence-classification model of a local folder, loaded with the first items; one thread at a time uses it."""

    def __init__(self, folder: str, batch_size: int, max_tokens: int, device: str) -> None:
        self.folder = folder
        self.batch_size = batch_size
        self.max_tokens = max_tokens
        self.device = device
        self._loaded: tuple[Any, Any] | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:  # weights are not pickled: the other process loads them
        return {key: value for key, value in self.__dict__.items() if key not in ("_loaded", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _loaded=None, _lock=threading.Lock())

    def scores(self, items: Sequence[Item]) -> list[float]:
        import torch

        with self._lock:
            model, tokenizer = self._loaded = self._loaded or self._load()
            texts = [reward_model_text(tokenizer, messages, answer) for messages, answer in items]
            # similar lengths together: less padding; the order is restored below
            order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
            scores = [0.0] * len(texts)
            for start in range(0, len(order), self.batch_size):
                chunk = order[start : start + self.batch_size]
                ids = [self._tokens(tokenizer, texts[index]) for index in chunk]
                batch = tokenizer.pad({"input_ids": ids}, padding_side="right", return_tensors="pt").to(self.device)
                with torch.inference_mode():
                    logits = model(**batch).logits[:, 0].float()
                for index, value in zip(chunk, logits.tolist(), strict=True):
                    scores[index] = value
            return scores

    def _tokens(self, tokenizer: Any, text: str) -> list[int]:
        """Ids of the text; a longer one keeps its beginning and its end, where the eos token is."""
        ids = encode(tokenizer, text)
        if len(ids) <= self.max_tokens:
            return ids
        half = self.max_tokens // 2
        return ids[: self.max_tokens - half] + ids[-half:]

    def _load(self) -> tuple[Any, Any]:
        if not Path(self.folder).is_dir():  # a name is never looked up on a hub
            raise FileNotFoundError(f"no reward model directory {self.folder}")
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.folder)
        model = AutoModelForSequenceClassification.from_pretrained(self.folder)
        if model.config.num_labels != 1:
            raise ValueError(f"a reward model has one output, {self.folder} has num_labels={model.config.num_labels}")
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        model.config.pad_token_id = tokenizer.pad_token_id
        return model.to(self.device).eval(), tokenizer

    def close(self) -> None:
        with self._lock:
            self._loaded = None


class RewardModelVerifier(VerifierBase):
    """score = sigmoid(raw * scale + offset) of a sequence-classification reward model; failures are
    service_error.

    model: local directory. It must match its training in three things, or scores are noise: the text built by
    reward_model_text (template, thinking removed, the eos token which TRL's RewardTrainer appends as well),
    tokenised with add_special_tokens=False, and a single output (num_labels=1).
    url: instead of model, a service that answers POST {"items": [{"prompt", "response"}]} with {"scores":
    [...]}, raw scores in order. An answer that is empty or never ends its thinking scores 0 without asking.
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
        device: str = "cpu",
        timeout_seconds: float = 60.0,
    ) -> None:
        if (model is None) == (url is None):
            raise VerifierError("reward_model needs either model (a local directory) or url")
        if url is not None and not url.startswith(("http://", "https://")):
            raise VerifierError(f"url must start with http:// or https://, got {url!r}")
        self.scorer: Scorer
        if url is not None:
            self.scorer = ServiceScorer(url, timeout_seconds)
        else:
            self.scorer = ModelScorer(str(model), batch_size, max_tokens, device)
        self.scale = scale
        self.offset = offset

    def verify(self, response: str, row: Row) -> Verdict:
        return self.verify_many([response], [row])[0]

    def verify_many(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        start = time.perf_counter()
        graded = [graded_text(response, row.get("prompt")) for response, row in zip(responses, rows, strict=True)]
        asked = [index for index, item in enumerate(graded) if not item.problem]
        items = [(asked_messages(rows[index].get("prompt")), graded[index].text) for index in asked]
        verdicts = [Verdict.scored(0.0, item.problem) for item in graded]
        for index, verdict in zip(asked, self._judge(items), strict=True):
            verdicts[index] = verdict
        seconds = (time.perf_counter() - start) / max(1, len(verdicts))
        return [replace(verdict, seconds=seconds) for verdict in verdicts]

    def _judge(self, items: Sequence[Item]) -> list[Verdict]:
        if not items:
            return []
        try:
            raw = self.scorer.scores(items)
        except Exception as error:  # a failure holds no information about the answers
            return [Verdict.error(f"reward model: {type(error).__name__}: {error}", "service_error")] * len(items)
        return [self._verdict(value) for value in raw]

    def _verdict(self, raw: float) -> Verdict:
        if not math.isfinite(raw):
            return Verdict.error(f"the reward model's score is {raw}", "service_error")
        logit = max(-60.0, min(60.0, raw * self.scale + self.offset))
        return Verdict.scored(1.0 / (1.0 + math.exp(-logit)), "reward model", {"raw": raw})

    def close(self) -> None:
        self.scorer.close()
