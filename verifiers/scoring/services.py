"""Reward models behind HTTP: our own service, and vLLM's `/classify`, `/pooling` and `/score`. Each form says how items
are written and how the answer is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.prompts import asked_text
from openqwq.verifiers.scoring.delivery import ItemsFailed, Limits, deliver
from openqwq.verifiers.scoring.http_scorer import HttpScorer
from openqwq.verifiers.scoring.item import Item, Outcome, outcome_of, sendable
from openqwq.verifiers.scoring.model_text import cut_tokens, reward_model_text
from openqwq.verifiers.scoring.transport import JsonClient, checked_url, with_route

Service = Literal["own", "vllm_classify", "vllm_pooling", "vllm_score"]
Written = tuple[bytes, ...]
"""One item in a request, as JSON; two texts where a form has two lists."""
RAW = {"use_activation": False, "activation": False}
"""vLLM puts a sigmoid over a single output unless it is told not to; `activation` is the name before 0.11."""


class Form(Protocol):
    """How a service is spoken to."""

    def write(self, item: Item) -> Written: ...

    def body(self, written: Sequence[Written]) -> bytes: ...

    def read(self, answer: Any, count: int) -> list[Outcome]:
        """One outcome for each item. Raises ValueError where the answer is not of this form."""
        ...


class OwnForm:
    """POST {"items": [{"prompt", "response"}]} -> {"scores": [number or null]}."""

    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters

    def write(self, item: Item) -> Written:
        fields: dict[str, Any] = {
            "prompt": list(item.prompt),
            "response": sendable(item.response, self._max_characters),
        }
        if item.reference is not None:
            fields["reference"] = item.reference
        return (_json(fields),)

    def body(self, written: Sequence[Written]) -> bytes:
        return b'{"items":[' + b",".join(one for (one,) in written) + b"]}"

    def read(self, answer: Any, count: int) -> list[Outcome]:
        scores = answer.get("scores") if isinstance(answer, Mapping) else None
        if not isinstance(scores, list):
            raise ValueError(f"no list `scores`: {str(answer)[:80]}")
        if len(scores) != count:
            raise ValueError(f"{len(scores)} scores for {count} items")
        problems = answer.get("problems")
        known = problems if isinstance(problems, Mapping) else {}
        found = [outcome_of(score) for score in scores]
        return [
            Outcome(None, f"{outcome.problem}: {str(known[str(place)])[:200]}")
            if outcome.value is None and str(place) in known
            else outcome
            for place, outcome in enumerate(found)
        ]


class VllmTokens:
    """`/classify` and `/pooling`. Tokens are sent and not texts: those of the training, so no server adds a beginning
    of a text, cuts or renders, and no answer writes a control token."""

    def __init__(self, tokenizer: str, model_name: str, max_tokens: int, value: Literal["probs", "data"]) -> None:
        if not Path(tokenizer).is_dir():  # a name is never looked up on a hub
            raise VerifierError(f"no tokenizer directory {tokenizer}")
        self._folder, self._max_tokens, self._value = tokenizer, max_tokens, value
        self._model_name = model_name
        self._tokenizer: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tokenizer": None}

    def write(self, item: Item) -> Written:
        if self._tokenizer is None:
            from transformers import AutoTokenizer

            self._tokenizer = AutoTokenizer.from_pretrained(self._folder)
        text = reward_model_text(self._tokenizer, item.prompt, item.response)
        return (_json(cut_tokens(self._tokenizer, text, self._max_tokens)),)

    def body(self, written: Sequence[Written]) -> bytes:
        rest = {"model": self._model_name, **RAW, "encoding_format": "float"}
        if self._value == "data":
            rest["task"] = "classify"
        return _json(rest)[:-1] + b',"input":[' + b",".join(one for (one,) in written) + b"]}"

    def read(self, answer: Any, count: int) -> list[Outcome]:
        return [_single(entry.get(self._value)) for entry in _entries(answer, count)]


class VllmScore:
    """`/score` of a cross-encoder, which reads the prompt and the answer as two texts."""

    def __init__(self, model_name: str, max_characters: int) -> None:
        self._model_name, self._max_characters = model_name, max_characters

    def write(self, item: Item) -> Written:
        asked = sendable(asked_text(list(item.prompt)), self._max_characters)
        return _json(asked), _json(sendable(item.response, self._max_characters))

    def body(self, written: Sequence[Written]) -> bytes:
        first, second = (b",".join(one[side] for one in written) for side in (0, 1))
        head = _json({"model": self._model_name, **RAW})[:-1]
        return head + b',"text_1":[' + first + b'],"text_2":[' + second + b"]}"

    def read(self, answer: Any, count: int) -> list[Outcome]:
        return [outcome_of(entry.get("score")) for entry in _entries(answer, count)]


def _entries(answer: Any, count: int) -> list[Mapping[str, Any]]:
    """The entries of `data`, in the order that their `index` says."""
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(data, list) or not all(isinstance(entry, Mapping) for entry in data):
        raise ValueError(f"no list `data` of objects: {str(answer)[:80]}")
    if len(data) != count:
        raise ValueError(f"{len(data)} scores for {count} items")
    if any("index" in entry for entry in data):
        if [entry.get("index") for entry in sorted(data, key=lambda entry: str(entry.get("index")))] != sorted(
            range(count), key=str
        ):
            raise ValueError(f"the entries' `index` are not 0 to {count - 1}")
        data = sorted(data, key=lambda entry: int(entry["index"]))
    return data


def _single(values: Any) -> Outcome:
    """The one number of a sequence classifier; of a model with a value at each token, that of the last token."""
    while isinstance(values, list) and values:
        if len(values) > 1 and not isinstance(values[-1], list):
            return Outcome(None, f"a reward model has one output, this one gave {len(values)}")
        values = values[-1]
    return outcome_of(None if isinstance(values, list) else values)


class ServiceScorer(HttpScorer):
    """A reward model behind an address, in one of the forms above."""

    def __init__(self, url: str, form: Form, limits: Limits, key_variable: str | None = None) -> None:
        super().__init__(url, limits, key_variable)
        self.form = form

    async def _scored(self, client: JsonClient, items: Sequence[Item]) -> list[Outcome]:
        written, outcomes = await asyncio.to_thread(self._written, items)
        places = sorted(written)

        async def ask(indices: Sequence[int]) -> list[Outcome]:
            sent = [written[places[index]] for index in indices]
            answer = await client.post(self.form.body(sent))
            try:
                return self.form.read(answer, len(sent))
            except (ValueError, TypeError) as problem:
                raise ItemsFailed(f"{client.name}: {problem}", may_pass=False) from problem

        sizes = [sum(map(len, written[place])) + 1 for place in places]
        for place, outcome in zip(places, await deliver(sizes, ask, self.limits, client.room), strict=True):
            outcomes[place] = outcome
        return outcomes

    def _written(self, items: Sequence[Item]) -> tuple[dict[int, Written], list[Outcome]]:
        """Each item that can be written, by its place; an outcome for each that cannot."""
        written, outcomes = dict[int, Written](), [Outcome(None, "not asked")] * len(items)
        for place, item in enumerate(items):
            try:
                written[place] = self.form.write(item)
            except Exception as problem:  # a template is a program, and a prompt may hold anything
                outcomes[place] = Outcome(None, f"cannot be written for the service: {_words(problem)}")
        return written, outcomes


def service_scorer(
    service: Service,
    url: str,
    limits: Limits,
    key_variable: str | None,
    tokenizer: str | None,
    model_name: str | None,
    max_tokens: int,
    max_characters: int,
) -> ServiceScorer:
    """The scorer of a service by its name.

    Raises:
        VerifierError: an argument is missing, or not of this service.
    """
    form: Form
    if service == "own":
        return ServiceScorer(checked_url(url), OwnForm(max_characters), limits, key_variable)
    routes = {"vllm_classify": "/classify", "vllm_pooling": "/pooling", "vllm_score": "/score"}
    if service not in routes:
        raise VerifierError(f"service must be own, {', '.join(routes)}, got {service!r}")
    if model_name is None:
        raise VerifierError(f"service {service} needs model_name, the name under which vLLM serves the model")
    if service == "vllm_score":
        form = VllmScore(model_name, max_characters)
    elif tokenizer is None:
        raise VerifierError(f"service {service} needs tokenizer, the model's folder: its tokens are sent")
    else:
        form = VllmTokens(tokenizer, model_name, max_tokens, "probs" if service == "vllm_classify" else "data")
    return ServiceScorer(with_route(url, routes[service]), form, limits, key_variable)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _words(problem: Exception) -> str:
    return f"{type(problem).__name__}: {' '.join(str(problem).split())[:200]}"
