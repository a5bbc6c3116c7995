"""Asks a chat server for one assistant turn: parameters, what becomes of those that it refuses, its list of models."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from openqwq.training.config import Sampling
from openqwq.training.endpoint.answers import NO_ROOM, Answer, read_answer
from openqwq.training.endpoint.refusals import Refused, is_too_long, refused_names, room_left
from openqwq.training.endpoint.settings import ROUTE, EndpointSettings
from openqwq.training.endpoint.transport import GaveUp, Transport
from openqwq.training.errors import EndpointError, RecipeError

NEUTRAL: Mapping[str, float] = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
"""Sent so that a server does not use defaults of its own or of the model's generation_config.json; a server that
refuses one of these values has no such default."""
DROPPED = ("top_k", "min_p", "repetition_penalty", "seed")
"""What may be left out for a server that refuses it. Temperature, top_p and limits never are."""
GIVE_UP_AFTER = 8
"""So many samples that failed, and none answered, end the evaluation."""
FEW_RETRIES, LIST_SECONDS, ANYTHING_SECONDS = 2, 30.0, 600.0
SEEDS = 1 << 31
"""More than 31 bits of a seed are too many for some servers."""
_OF_KEY, _OF_CONTENT = (401, 402, 403), (400, 422)


class SampleRefused(Exception):
    """The server refuses this sample, or fails on it and not on others."""


class ChatClient:
    """One model of one server. Belongs to one event loop."""

    def __init__(self, settings: EndpointSettings, model: str, warn: Callable[[str], None]) -> None:
        self.settings, self.model, self._warn = settings, model, warn
        self._transport = Transport(settings)
        self._warned: set[str] = set()
        self._dropped: set[str] = set()
        self._limit_name = "max_tokens"
        self._listed: tuple[str, ...] = ()
        self._num_answers = self._num_failed = 0

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def check(self) -> None:
        """Find out whether the server answers and has the model.

        Raises:
            RecipeError: it lists other models, or refuses the key.
            EndpointError: it does not answer, or not as a chat server does.
        """
        unlisted: GaveUp | None = None
        try:
            self._listed = await self._transport.request(
                "GET", "/models", None, _ids, "list of models", FEW_RETRIES, LIST_SECONDS
            )
        except Refused as refusal:  # not every server has a list
            if refusal.status in _OF_KEY:
                raise RecipeError(self._of_key(refusal)) from None
        except GaveUp as problem:
            unlisted = problem
        if not self._listed:
            try:
                await self._ask_anything()
            except GaveUp as problem:
                words = f"{unlisted or problem}; is this the address of a server with OpenAI's interface?"
                raise EndpointError(words) from None
        elif not {self.model, f"{self.model}:latest", f"models/{self.model}"} & set(self._listed):
            raise RecipeError(f"{self._transport.url} has no model {self.model!r}; {self._lists()}")

    async def _ask_anything(self) -> None:
        """Whether the server answers chats at all. What it refuses here, such as so low a limit, is no sample's."""
        asked, seconds = [{"role": "user", "content": "Say yes."}], min(ANYTHING_SECONDS, self.settings.request_seconds)
        try:
            await self._answer(
                asked, (), Sampling(temperature=0.6), 0, 16, "answer to 'Say yes.'", FEW_RETRIES, seconds
            )
        except Refused as refusal:
            if refusal.status not in _OF_CONTENT:
                raise self._refused(refusal) from None

    async def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        sampling: Sampling,
        seed: int,
        limit: int,
        awaited: str,
    ) -> Answer:
        """The next turn of a conversation in OpenAI's form, of at most `limit` tokens. One that does not fit into what
        the model holds gets the tokens that are left; none left is an empty turn that was cut. `awaited` names it.

        Raises:
            SampleRefused: this conversation has no answer, others may have.
            EndpointError: the server has none for anybody.
        """
        try:
            answer = await self._answer(
                messages, tools, sampling, seed, limit, awaited, self.settings.retries, self.settings.request_seconds
            )
        except Refused as refusal:
            raise self._refused(refusal) from None
        except GaveUp as problem:
            try:
                await self._ask_anything()
            except GaveUp:
                raise EndpointError(f"{problem}; run the same command again when it answers") from None
            raise self._failed(str(problem)) from None
        self._note(answer)
        return answer

    async def _answer(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        sampling: Sampling,
        seed: int,
        limit: int,
        awaited: str,
        retries: int,
        seconds: float,
    ) -> Answer:
        """Ask until the server takes the request: without what it refuses, with a limit for which it has room."""
        body = self._body(messages, tools, sampling, seed, limit)
        limits, unnamed = [limit], set[str]()
        while True:
            without = self._dropped | unnamed | {"max_tokens"}
            sent = {name: value for name, value in body.items() if name not in without}
            if limits[-1]:
                sent[self._limit_name] = limits[-1]
            try:
                answer = await self._transport.request(
                    "POST", ROUTE, sent, self._read, awaited, retries, seconds, limit
                )
            except Refused as refusal:
                if is_too_long(refusal):
                    if (less := self._less(refusal, limits)) is None:
                        return NO_ROOM
                    limits.append(less)
                elif not self._mended(refusal, sent):
                    if self._num_answers or unnamed or refusal.status not in _OF_CONTENT:
                        raise
                    unnamed = {
                        name for name in NEUTRAL if body[name] == NEUTRAL[name]
                    }  # it may not name what it refuses
            else:
                self._dropped |= unnamed
                return answer

    def _body(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any], sampling: Sampling, seed: int, limit: int
    ) -> dict[str, Any]:
        chosen = {name: getattr(sampling, name, 0) for name in ("top_k", "min_p", "presence_penalty")}
        return {
            "model": self.model,
            "messages": list(messages),
            "max_tokens": limit,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            **NEUTRAL,
            **{name: value for name, value in chosen.items() if value},
            "seed": seed % SEEDS,
            **({"tools": list(tools)} if tools else {}),
        }

    def _read(self, tree: Any) -> Answer:
        return read_answer(tree, self.settings.opens_thinking)

    def _note(self, answer: Answer) -> None:
        self._num_answers += 1
        if answer.is_opened_unseen and not self.settings.opens_thinking:
            self._warn_once(
                f"{self._transport.url} gives thinking without its `<think>`, which the chat template opens; say so "
                "(opens_thinking), or an answer that never closes its thinking counts as one without thinking"
            )
        if answer.num_tokens is None:
            self._warn_once(
                f"{self._transport.url} does not count tokens (`usage`); lengths are unknown and shown as 0"
            )

    def _less(self, refusal: Refused, limits: Sequence[int]) -> int | None:
        """The limit to ask for instead: what is left, then none at all (0), which servers take for what is left. None:
        the prompt alone is too long."""
        room = room_left(refusal.said)
        self._warn_once(
            f"{self._transport.url} holds fewer tokens than prompt and max_new_tokens={limits[0]} together; answers "
            f"get what is left, and without room they end as `length` and count as wrong. It says: {refusal}",
            "room",
        )
        if (room is not None and room < 1) or limits[-1] == 0:
            return None
        return room if room is not None and len(limits) == 1 and room < limits[0] else 0

    def _mended(self, refusal: Refused, sent: Mapping[str, Any]) -> bool:
        """Whether the request can be sent without what the server refuses."""
        if refusal.status not in _OF_CONTENT:
            return False
        if "max_completion_tokens" in refusal.said and "max_tokens" in sent:
            self._limit_name = "max_completion_tokens"
            return True
        names = refused_names(refusal, [name for name in DROPPED if name in sent])
        for name in names:
            if name == "seed" or sent[name] != NEUTRAL[name]:
                self._warn_once(
                    f"{self._transport.url} refuses {name}={sent[name]}, so it is left out: {refusal}", name
                )
        self._dropped.update(names)
        return bool(names)

    def _refused(self, refusal: Refused) -> Exception:
        url = self._transport.url
        if refusal.status in (*_OF_KEY, 429):  # 429: a quota is used up
            return EndpointError(self._of_key(refusal))
        if refusal.status in (404, 405) or 300 <= refusal.status < 400:
            return EndpointError(f"{url} has no model {self.model!r}, or no {ROUTE} ({refusal}); {self._lists()}")
        return self._failed(f"{url} refuses the request: {refusal}")

    def _failed(self, words: str) -> Exception:
        """The end of one sample, or of the evaluation when the first ones all end so."""
        self._num_failed += 1
        if not self._num_answers and self._num_failed >= GIVE_UP_AFTER:
            return EndpointError(f"none of the first {self._num_failed} samples was answered: {words}")
        return SampleRefused(words)

    def _of_key(self, refusal: Refused) -> str:
        variable = self.settings.key_variable
        remedy = f"check the key in ${variable}" if self._transport.has_key else f"put the key into ${variable}"
        return f"{self._transport.url} refuses access ({refusal}); {remedy}"

    def _lists(self) -> str:
        if not self._listed:
            return "it lists no models"
        near = get_close_matches(self.model, self._listed, 3, 0.4)
        names = [*near, *(name for name in self._listed if name not in near)]
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        return f"it has {', '.join(names[:10])}{more}"

    def _warn_once(self, words: str, about: str | None = None) -> None:
        if (about or words) not in self._warned:
            self._warned.add(about or words)
            self._warn(words)


def _ids(tree: Any) -> tuple[str, ...]:
    """Names of the models that a server lists."""
    listed = tree.get("data") if isinstance(tree, dict) else tree
    if not isinstance(tree, dict | list):
        raise ValueError(f"no list of models: {str(tree)[:80]!r}")
    found = [entry.get("id") for entry in listed or () if isinstance(entry, dict)] if isinstance(listed, list) else []
    return tuple(name for name in found if isinstance(name, str))
