"""One sample against a chat server, turn by turn with its environment; `rollout/conversation.py` is the same with an
engine. The server holds the tokens, so the rollout has texts and counts only."""

import asyncio
from collections.abc import Sequence

from openqwq.training.config import Sampling
from openqwq.training.endpoint.answers import Answer
from openqwq.training.endpoint.client import ChatClient, SampleRefused
from openqwq.training.endpoint.tool_messages import next_messages, openai_messages, openai_tools
from openqwq.training.environments.episode import Episode, EpisodeFailure
from openqwq.training.errors import OpenqwqError
from openqwq.training.records import FinishReason, Message, Rollout, SampleRequest
from openqwq.training.seeds import derive_seed

CHARACTERS_OF_A_TOKEN = 4
"""Of a server's tokens nothing is known; a limit of tokens is taken for one of characters."""


class Dialogue:
    """A sample in progress. An environment or a row that fails, and a request that is refused, end this sample as
    `error`; the others go on."""

    def __init__(self, request: SampleRequest, client: ChatClient, episode: Episode | None, sampling: Sampling) -> None:
        self._request, self._client, self._episode, self._sampling = request, client, episode, sampling
        self._turns: list[Message] = []
        self._tokens: list[int | None] = []
        self._context = 0

    async def run(self) -> Rollout:
        """Every turn until the sample ends.

        Raises:
            EndpointError: the server has no answer for anybody.
        """
        try:
            reason, text = await self._converse()
        except (SampleRefused, EpisodeFailure) as refusal:
            reason, text = "error", str(refusal)
        except (OpenqwqError, asyncio.CancelledError):
            await self._end(is_judged=False)
            raise
        except Exception as error:  # of a row
            reason, text = "error", _named(error)
        failure = await self._end(is_judged=reason != "error")
        if failure is not None and reason != "error":  # the first error is the one to report
            reason, text = "error", failure
        return self._rollout(reason, text)

    async def _converse(self) -> tuple[FinishReason, str]:
        prompt, sampling = self._request.prompt, self._sampling
        opening: Sequence[Message] = ()
        if self._episode is not None:
            begun = self._episode.begin(prompt.row, self._request.seed)
            opening = (await asyncio.to_thread(begun.result)).opening
        tools = openai_tools(prompt.tools if self._episode is None else self._episode.tools)
        messages = openai_messages([*prompt.messages, *opening])
        text = ""
        for number in range(sampling.max_turns):
            limit = self._limit()
            if limit < 1:
                return "length", text
            answer = await self._ask(messages, tools, number, limit)
            text = answer.text
            if self._is_over(answer):
                return "length", text
            answers = await self._answers(text)
            if self._episode is not None and self._episode.is_over_budget:
                return "turns", text
            if not answers:
                return "stop", text
            if number + 1 < sampling.max_turns:
                self._turns.extend(answers)
                messages += next_messages(answer.message, text, answers, self._max_characters)
        return "turns", text

    def _limit(self) -> int:
        """Tokens that the next turn may have. Those of the prompt are known after the first turn."""
        most, held = self._sampling.max_new_tokens, self._sampling.max_context
        return most if held is None else min(most, held - self._context)

    async def _ask(self, messages: Sequence[Message], tools: Sequence[Message], number: int, limit: int) -> Answer:
        request = self._request
        awaited = (
            f"answer to sample {request.index} of prompt {request.prompt.id!r} (turn {number + 1}, {limit} tokens)"
        )
        seed = derive_seed(request.seed, "turn", number)
        answer = await self._client.ask(messages, tools, self._sampling, seed, limit, awaited)
        self._turns.append({"role": "assistant", "content": answer.text})
        self._tokens.append(answer.num_tokens)
        self._context = answer.num_context or self._context
        return answer

    def _is_over(self, answer: Answer) -> bool:
        """Whether the turn reached a limit; one beyond `max_context` would have been cut there."""
        held = self._sampling.max_context
        return answer.is_cut or (held is not None and self._context > held)

    async def _answers(self, text: str) -> Sequence[Message]:
        if self._episode is None:
            return ()
        result = await asyncio.to_thread(self._episode.step(text).result)
        return () if result.done else result.messages

    @property
    def _max_characters(self) -> int | None:
        """What of a tool's answer is sent."""
        if self._episode is None:
            return None
        most = self._episode.limits.max_tool_tokens
        return self._episode.max_answer_characters if most is None else most * CHARACTERS_OF_A_TOKEN

    async def _end(self, is_judged: bool) -> str | None:
        """Ask for the reward and close the environment. Returns the reason if that failed."""
        failure: str | None = None
        while self._episode is not None and not self._episode.is_closed:
            try:
                await asyncio.to_thread(self._episode.end(is_judged and failure is None).result)
            except EpisodeFailure as error:
                failure = failure or str(error)
        return failure

    def _rollout(self, reason: FinishReason, text: str) -> Rollout:
        request = self._request
        counted = [count for count in self._tokens if count is not None]
        return Rollout(
            group=request.group,
            index=request.index,
            prompt_id=request.prompt.id,
            task=request.prompt.task,
            prompt_tokens=(),
            tokens=(),
            logprobs=(),
            loss_mask=(),
            turns=tuple(self._turns),
            response=text,
            finish_reason=reason,
            weights_version=0,
            seed=request.seed,
            num_tokens=sum(counted) if len(counted) == len(self._tokens) else None,
            episode=None if self._episode is None else self._episode.notes,
        )


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
