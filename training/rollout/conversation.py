"""One sample as an append-only token buffer: sampled tokens have mask 1, tokens of the environment mask 0.

The buffer is never rendered again from text, because a turn that is parsed and rendered may get other tokens than those
that were sampled.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from openqwq.training.environments.contract import Environment, most_characters
from openqwq.training.environments.turns import step_of
from openqwq.training.records import FinishReason, Message, PartialRollout, Rollout, SampleRequest
from openqwq.training.rollout.engine import Generated
from openqwq.training.templates.codec import ChatCodec as ChatCodec
from openqwq.training.templates.codec import harmless as harmless
from openqwq.training.templates.turns import opened_thinking
from openqwq.verifiers.answers import THINK_CLOSE, THINK_OPEN
from openqwq.verifiers.chat_rendering import TemplateRefusal
from openqwq.verifiers.json_safe import json_safe
from openqwq.verifiers.tool_calls import DEFAULT_FORMAT

THINK_TOKENS = 16
"""More tokens than `<think>` and the blanks behind it have in any tokenizer."""


class Conversation:
    """The token buffer of one sample, to which turns are added. A sample without an environment has one turn.

    It never holds more than `max_context` tokens, prompt and tool answers included; at that number it ends as `length`.
    An environment is code of the user's. When it raises, its own sample ends as `error`, which is masked; the others
    go on.
    """

    def __init__(
        self,
        request: SampleRequest,
        codec: ChatCodec,
        environment: Environment | None,
        max_turns: int,
        max_context: int | None = None,
    ) -> None:
        self.request = request
        self.codec = codec
        self.environment = environment
        self.max_turns = max_turns
        self.max_context = max_context
        self.call_format: str = getattr(codec, "call_format", DEFAULT_FORMAT)  # other codecs may not say
        self.failure: str | None = None
        """Why the environment could not begin the sample or restore its state."""
        self.prompt_tokens = self._prompt(())
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.mask: list[int] = []
        self.turns: list[Message] = []
        self.num_turns = 0
        self.num_turn_tokens = 0
        """Number of sampled tokens of the turn in progress."""
        self.oldest_version: int | None = None
        self.num_thinking_tokens = 0
        if request.partial is not None:
            self._go_on_from(request.partial)
        if environment is not None and self.failure is None:
            try:
                self._begin(environment)
            except Exception as error:
                self.failure = _named(error)

    def _prompt(self, opening: Sequence[Message]) -> tuple[int, ...]:
        """The prompt's tokens. A row that its template does not render fails alone; a token stands for its prompt."""
        try:
            return self.codec.prompt((*self.request.prompt.messages, *opening), self.request.prompt.tools)[0]
        except TemplateRefusal as error:
            self.failure = _named(error)
            return (self.codec.turns.end_token,)

    @property
    def context(self) -> tuple[int, ...]:
        """All tokens so far, which the next turn is conditioned on."""
        return (*self.prompt_tokens, *self.tokens)

    def _has_room(self, num_tokens: int = 1) -> bool:
        """Whether so many tokens may follow."""
        held = len(self.prompt_tokens) + len(self.tokens) + num_tokens
        return self.max_context is None or held <= self.max_context

    def turn_limit(self, max_new_tokens: int) -> int:
        """Token limit of the turn in progress, including its tokens that were sampled before."""
        if self.max_context is None:
            return max_new_tokens
        before_turn = len(self.prompt_tokens) + len(self.tokens) - self.num_turn_tokens
        return min(max_new_tokens, self.max_context - before_turn)

    def ended_at_the_start(self, weights_version: int) -> Rollout | None:
        """The rollout of a sample of which nothing can be sampled: its environment failed, or its context, to which an
        environment may have added, leaves no room. None for others."""
        if self.failure is not None:
            return self.fail(self.failure, weights_version)
        if self._has_room():
            return None
        if self.num_turn_tokens:  # of a partial rollout whose engine held more
            return self.add(Generated(0, (), (), "length"), weights_version)
        said = [str(turn["content"]) for turn in self.turns if turn["role"] == "assistant"]
        return self._finish("length", said[-1] if said else "", weights_version)

    def _go_on_from(self, partial: PartialRollout) -> None:
        self.tokens, self.logprobs = list(partial.tokens), list(partial.logprobs)
        self.mask, self.turns = list(partial.loss_mask), list(partial.turns)
        self.num_turn_tokens, self.oldest_version = partial.num_turn_tokens, partial.oldest_version
        self.num_turns = sum(turn["role"] == "assistant" for turn in partial.turns)
        self.num_thinking_tokens = partial.num_thinking_tokens

    def _begin(self, environment: Environment) -> None:
        """Reset the environment, whose messages follow the row's own in the prompt. It answers the turns of a partial
        rollout once more, which restores its state."""
        opening = asyncio.run(environment.reset(self.request.prompt.row, self.request.seed))
        if opening:
            self.prompt_tokens = self._prompt(opening)
        for turn in self.turns:
            if turn["role"] == "assistant":
                self._ask_environment(str(turn["content"]))

    def add(self, generated: Generated, weights_version: int) -> Rollout | None:
        """Append sampled tokens and, at the end of a turn, the environment's answer. Returns the rollout when it is
        finished, None when the conversation goes on or was aborted."""
        self._append(generated.tokens, generated.logprobs, 1)
        self.num_turn_tokens += len(generated.tokens)
        if self.oldest_version is None and generated.tokens:
            self.oldest_version = weights_version
        if generated.finish_reason == "abort":
            return None
        turn = self.tokens[len(self.tokens) - self.num_turn_tokens :]
        if generated.finish_reason == "stop":
            turn = turn[:-1]  # without its end
        text = self._opened() + self.codec.text(turn)
        self.turns.append({"role": "assistant", "content": text})
        self.num_thinking_tokens += num_thinking_tokens(self.codec, turn, text)
        self.num_turns += 1
        self.num_turn_tokens = 0
        if generated.finish_reason == "length":
            return self._finish("length", text, weights_version)
        try:
            answers = self._ask_environment(text)
            observed = self.codec.tool_answer(answers, most_characters(self.environment)) if answers else ()
        except Exception as error:
            return self.fail(_named(error), weights_version)
        if not answers:
            return self._finish("stop", text, weights_version)
        if self.num_turns == self.max_turns:
            return self._finish("turns", text, weights_version)
        if not self._has_room(len(observed) + 1):
            return self._finish("length", text, weights_version)
        self._append(observed, [0.0] * len(observed), 0)
        self.turns.extend(answers)
        return None

    def _opened(self) -> str:
        """The `<think>` that the template opened before the turn in progress. After the answer of a tool it may be
        otherwise than in the prompt."""
        before = self.context[: len(self.prompt_tokens) + len(self.tokens) - self.num_turn_tokens]
        return opened_thinking(self.codec.text(before[-THINK_TOKENS:]))

    def _append(self, tokens: Sequence[int], logprobs: Sequence[float], mask: int) -> None:
        self.tokens.extend(tokens)
        self.logprobs.extend(logprobs)
        self.mask.extend([mask] * len(tokens))

    def _ask_environment(self, text: str) -> Sequence[Message]:
        if self.environment is None:
            return ()
        result = asyncio.run(step_of(self.environment, text, self.request.prompt.tools, self.call_format))
        return () if result.done else [json_safe(message, "message") for message in result.messages]

    def abort(self, weights_version: int) -> SampleRequest | Rollout:
        """End the conversation before its time. Returns the request, with everything sampled so far as its partial
        rollout; if the environment cannot be closed, the rollout of a failed sample."""
        failure = self._close()
        return self.unfinished if failure is None else self._rollout("error", failure, weights_version)

    def fail(self, reason: str, weights_version: int) -> Rollout:
        """The rollout of a sample whose environment failed. It is masked, because the model is not at fault."""
        return self._finish("error", reason, weights_version)

    @property
    def unfinished(self) -> SampleRequest:
        """The request, with everything sampled so far as its partial rollout."""
        if not self.tokens:
            return self.request
        assert self.oldest_version is not None
        partial = PartialRollout(
            tuple(self.tokens),
            tuple(self.logprobs),
            tuple(self.mask),
            tuple(self.turns),
            self.num_turn_tokens,
            self.oldest_version,
            self.num_thinking_tokens,
        )
        return replace(self.request, partial=partial)

    def _finish(self, reason: FinishReason, text: str, weights_version: int) -> Rollout:
        failure = self._close()
        if failure is not None and reason != "error":  # the first error is the one to report
            reason, text = "error", failure
        return self._rollout(reason, text, weights_version)

    def _close(self) -> str | None:
        """Close the environment. Returns the reason if that failed."""
        try:
            if self.environment is not None:
                asyncio.run(self.environment.close())
        except Exception as error:
            return _named(error)
        return None

    def _rollout(self, reason: FinishReason, text: str, weights_version: int) -> Rollout:
        return Rollout(
            group=self.request.group,
            index=self.request.index,
            prompt_id=self.request.prompt.id,
            task=self.request.prompt.task,
            prompt_tokens=self.prompt_tokens,
            tokens=tuple(self.tokens),
            logprobs=tuple(self.logprobs),
            loss_mask=tuple(self.mask),
            turns=tuple(self.turns),
            response=text,
            finish_reason=reason,
            weights_version=weights_version,
            seed=self.request.seed,
            oldest_version=weights_version if self.oldest_version is None else self.oldest_version,
            num_thinking_tokens=self.num_thinking_tokens,
            call_format=self.call_format,
        )


def num_thinking_tokens(codec: ChatCodec, turn: Sequence[int], text: str) -> int:
    """How many tokens of a turn stand before the end of its thinking: all of them where the thinking never closes, none
    where there is none. To within a token, where the tag's tokens are not its own."""
    if THINK_CLOSE not in text:
        return len(turn) if text.startswith(THINK_OPEN) else 0
    missing = len(text.rpartition(THINK_CLOSE)[2])  # characters behind the thinking

    def lies_behind(count: int) -> bool:
        return count <= len(turn) and len(codec.text(turn[len(turn) - count :])) <= missing

    low, high = 0, len(turn)  # the longest end of the turn that lies behind it
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if lies_behind(middle) else (low, middle - 1)
    # an end that begins within a character has up to three signs in its place
    return len(turn) - max(low + more for more in range(4) if more == 0 or lies_behind(low + more))


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
