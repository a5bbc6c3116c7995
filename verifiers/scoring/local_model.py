"""A reward model in this process: on the GPUs that it is given, and never silently on a CPU that is too slow for it."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.scoring.costs import CPU_PARAMETERS
from openqwq.verifiers.scoring.item import Item, Outcome, Scorer, outcome_of
from openqwq.verifiers.scoring.model_text import cut_tokens, reward_model_text


class NoDevice(VerifierError):
    """The model has no device that it may run on."""


def num_parameters(folder: str) -> int:
    """Numbers in a model's weight files, by the headers of its safetensors; of other files, as if of two bytes each."""
    count = sum(file.stat().st_size // 2 for file in Path(folder).glob("*.bin"))
    for file in Path(folder).glob("*.safetensors"):
        with file.open("rb") as weights:
            header = json.loads(weights.read(int.from_bytes(weights.read(8), "little")))
        count += sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    return count


def device_for(asked: str, parameters: int, num_gpus: int) -> str:
    """The device of a model of so many parameters, in a process that sees so many GPUs.

    Raises:
        NoDevice: a GPU is asked for and there is none, or the model is too large for a CPU that nobody asked for.
    """
    if asked == "auto":
        if num_gpus:
            return "cuda"
        if parameters > CPU_PARAMETERS:
            raise NoDevice(
                f"a reward model of {parameters / 1e9:.1f}B parameters and no GPU in this process: give "
                "cluster.reward_model gpus, serve the model and name its url, or set the verifier's device: cpu"
            )
        return "cpu"
    if asked.startswith("cuda") and not num_gpus:
        raise NoDevice(f"device {asked}: this process sees no GPU; give cluster.reward_model gpus, or set device: cpu")
    return asked


class ModelScorer(Scorer):
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

    async def outcomes(self, items: Sequence[Item]) -> list[Outcome]:
        return await asyncio.to_thread(self.outcomes_now, items)

    def outcomes_now(self, items: Sequence[Item]) -> list[Outcome]:
        with self._lock:
            try:
                model, tokenizer = self._loaded = self._loaded or self._load()
            except Exception as problem:  # whatever a foreign folder makes transformers raise
                return [Outcome(None, _words(problem))] * len(items)
            return self._scored(model, tokenizer, items)

    def _scored(self, model: Any, tokenizer: Any, items: Sequence[Item]) -> list[Outcome]:
        outcomes: list[Outcome] = [Outcome(None, "not scored")] * len(items)
        ids = dict[int, list[int]]()
        for place, item in enumerate(items):
            try:
                text = reward_model_text(tokenizer, item.prompt, item.response)
                ids[place] = cut_tokens(tokenizer, text, self.max_tokens)
            except Exception as problem:  # a template is a program, and a prompt may hold anything
                outcomes[place] = Outcome(None, f"cannot be rendered: {_words(problem)}")
        order = sorted(ids, key=lambda place: len(ids[place]))  # similar lengths together: less padding
        for start in range(0, len(order), self.batch_size):
            self._score_batch(model, tokenizer, order[start : start + self.batch_size], ids, outcomes)
        return outcomes

    def _score_batch(
        self, model: Any, tokenizer: Any, places: Sequence[int], ids: dict[int, list[int]], outcomes: list[Outcome]
    ) -> None:
        """Score a batch; one on which the model fails, by halves."""
        import torch

        try:
            batch = tokenizer.pad({"input_ids": [ids[place] for place in places]}, padding_side="right")
            with torch.inference_mode():
                tensors = {name: torch.tensor(values, device=model.device) for name, values in batch.items()}
                values = model(**tensors).logits[:, 0].float().tolist()
        except RuntimeError as problem:  # out of memory is one
            if len(places) == 1:
                outcomes[places[0]] = Outcome(None, _words(problem))
                return
            middle = len(places) // 2
            for part in (places[:middle], places[middle:]):
                self._score_batch(model, tokenizer, part, ids, outcomes)
            return
        for place, value in zip(places, values, strict=True):
            outcomes[place] = outcome_of(value, "the reward model")

    def _load(self) -> tuple[Any, Any]:
        if not Path(self.folder).is_dir():  # a name is never looked up on a hub
            raise FileNotFoundError(f"no reward model directory {self.folder}")
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        num_gpus = torch.cuda.device_count()
        device = device_for(self.device, num_parameters(self.folder), num_gpus)
        is_spread = self.device == "auto" and num_gpus > 1  # its layers over all GPUs that the process was given
        tokenizer = AutoTokenizer.from_pretrained(self.folder)
        model = AutoModelForSequenceClassification.from_pretrained(
            self.folder, device_map="balanced" if is_spread else None
        )
        if model.config.num_labels != 1:
            raise ValueError(f"a reward model has one output, {self.folder} has num_labels={model.config.num_labels}")
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        model.config.pad_token_id = tokenizer.pad_token_id
        return (model if is_spread else model.to(device)).eval(), tokenizer

    def close(self) -> None:
        with self._lock:
            self._loaded = None


def _words(problem: Exception) -> str:
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:300]}"
