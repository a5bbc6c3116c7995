"""The `judge` verifier: a language model behind any OpenAI-compatible address scores answers by a reference, by
criteria, or against another answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from openqwq.verifiers.base import Row, VerifierError
from openqwq.verifiers.prompts import content_text
from openqwq.verifiers.reward_model import DEADLINE_REQUESTS
from openqwq.verifiers.scoring.delivery import ItemsFailed, Limits, deliver
from openqwq.verifiers.scoring.http_scorer import HttpScorer
from openqwq.verifiers.scoring.item import Item, Outcome
from openqwq.verifiers.scoring.judge_forms import (
    INSTRUCTIONS,
    JudgeForm,
    combined,
    document,
    questions,
    read_verdict,
)
from openqwq.verifiers.scoring.transport import JsonClient, checked_url
from openqwq.verifiers.scoring.verdicts import ScoredVerifier

ROUTE = "/chat/completions"


class JudgeScorer(HttpScorer):
    """Asks for one verdict in each request."""

    def __init__(
        self,
        url: str,
        model: str,
        form: JudgeForm,
        votes: int,
        temperature: float,
        max_tokens: int,
        max_characters: int,
        limits: Limits,
        key_variable: str | None,
        extra_body: Mapping[str, Any],
    ) -> None:
        super().__init__(_chat_url(url), limits, key_variable)
        self.model, self.form, self.votes = model, form, votes
        self._temperature, self._max_tokens = temperature, max_tokens
        self._max_characters, self._extra_body = max_characters, dict(extra_body)

    async def _scored(self, client: JsonClient, items: Sequence[Item]) -> list[Outcome]:
        asked = questions(self.form, len(items), self.votes)

        async def ask(indices: Sequence[int]) -> list[Outcome]:
            [index] = indices
            item, is_swapped = items[asked[index].place], asked[index].is_swapped
            answer = await client.post(self._body(item, is_swapped, seed=index % self.votes))
            return [read_verdict(self.form, _reply(answer, client.name), item, is_swapped)]

        found = await deliver([1] * len(asked), ask, self.limits, client.room)
        by_place: list[list[int]] = [[] for _ in items]
        for index, question in enumerate(asked):
            by_place[question.place].append(index)
        return [
            combined(self.form, [found[i] for i in indices], [asked[i].is_swapped for i in indices])
            for indices in by_place
        ]

    def _body(self, item: Item, is_swapped: bool, seed: int) -> bytes:
        body = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": INSTRUCTIONS[self.form]},
                {"role": "user", "content": document(self.form, item, is_swapped, self._max_characters)},
            ],
            "temperature": self._temperature,
            "max_tokens": self._max_tokens,
            **({"seed": seed} if self._temperature else {}),
            **self._extra_body,
        }
        return json.dumps(body).encode()


def _reply(answer: Any, name: str) -> str:
    """The text of the first choice. Raises ItemsFailed where the answer is not of a chat server."""
    try:
        content = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError) as problem:
        raise ItemsFailed(f"{name}: not the answer of a chat server: {str(answer)[:80]}", may_pass=True) from problem
    return content if isinstance(content, str) else ""  # None: all its tokens were thinking


def _chat_url(url: str) -> str:
    base = checked_url(url).rstrip("/")
    if base.endswith(ROUTE):
        return base
    return base + ROUTE if base.endswith("/v1") else f"{base}/v1{ROUTE}"


class JudgeVerifier(ScoredVerifier):
    """score = the judge's points / 10, the mean over criteria, or the share of comparisons won (a tie is a half), over
    `votes` and, in pairs, both orders. A reply that is no verdict is a service_error.

    url, model: an OpenAI-compatible server (`http://host:port/v1`) and its name of the model.
    form: `reference` compares with the row's reference; `rubric` scores each criterion of the argument `rubric` or of
    the row's `rubric` (a text or a list); `pairwise` compares with the row's reference as another answer.
    extra_body: more fields of a request, such as {response_format: {type: json_object}}.
    """

    name = "judge"

    def __init__(
        self,
        url: str,
        model: str,
        form: JudgeForm = "rubric",
        rubric: str | Sequence[str] = (),
        votes: int = 1,
        temperature: float = 0.0,
        max_tokens: int = 1024,
        timeout_seconds: float = 120.0,
        deadline_seconds: float | None = None,
        parallel: int = 16,
        key_variable: str | None = None,
        max_characters: int = 100_000,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        if form not in get_args(JudgeForm):
            raise VerifierError(f"form must be one of {', '.join(get_args(JudgeForm))}, got {form!r}")
        for name, value in (("votes", votes), ("max_tokens", max_tokens), ("max_characters", max_characters)):
            if value < 1:
                raise VerifierError(f"{name} must be at least 1, got {value}")
        if votes > 1 and not temperature:
            raise VerifierError(f"votes={votes} at temperature 0 are one vote; set temperature=0.7")
        deadline = DEADLINE_REQUESTS * timeout_seconds if deadline_seconds is None else deadline_seconds
        limits = Limits(1, 1 << 20, parallel, timeout_seconds, deadline)
        self.form, self.rubric = form, _criteria(rubric)
        self.scorer = JudgeScorer(
            url, model, form, votes, temperature, max_tokens, max_characters, limits, key_variable, extra_body or {}
        )

    def item(self, row: Row, answer: str) -> Item:
        plain = super().item(row, answer)
        return Item(plain.prompt, answer, _reference(row), _criteria(_rubric(row)) or self.rubric)

    def check_reference(self, row: Row) -> str | None:
        if self.form == "rubric":
            has_criteria = _criteria(_rubric(row)) or self.rubric
            return None if has_criteria else "it has no `rubric`, and the verifier has none"
        return None if (_reference(row) or "").strip() else f"a {self.form} judge needs a text as `reference`"


def _criteria(rubric: object) -> tuple[str, ...]:
    listed = [rubric] if isinstance(rubric, str) else rubric
    if not isinstance(listed, list | tuple):
        return ()
    return tuple(one.strip() for one in listed if isinstance(one, str) and one.strip())


def _rubric(row: Row) -> object:
    extra, reference = row.get("extra"), row.get("reference")
    places = (row, extra, reference)
    return next((place["rubric"] for place in places if isinstance(place, Mapping) and place.get("rubric")), None)


def _reference(row: Row) -> str | None:
    reference = row.get("reference")
    if isinstance(reference, Mapping):
        reference = reference.get("answer", reference.get("content"))
    if isinstance(reference, list | tuple) and reference and isinstance(reference[-1], Mapping):
        reference = content_text(reference[-1])  # a chat's last message
    return reference if isinstance(reference, str) else None
