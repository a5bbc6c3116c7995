"""One sample as an append-only token buffer: sampled tokens have mask 1, tokens of the environment mask 0.

The buffer is never rendered again from text, because a turn that is parsed and rendered may get other tokens than those
that were sampled.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from openqwq.training.environments.contract import StepResult
from openqwq.training.environments.episode import Begun, Episode, EpisodeFailure, Pending
from openqwq.training.records import EpisodeNotes, FinishReason, Message, PartialRollout, Rollout, SampleRequest
from openqwq.training.rollout.engine import Generated
from openqwq.training.templates.codec import ChatCodec as ChatCodec
from openqwq.training.templates.codec import harmless as harmless
from openqwq.training.templates.codec import shortened
from openqwq.training.templates.turns import opened_thinking
from openqwq.verifiers.answers import THINK_CLOSE, THINK_OPEN
from openqwq.verifiers.chat_rendering import TemplateRefusal
from openqwq.verifiers.tool_calls import DEFAULT_FORMAT

Item = Rollout | SampleRequest
"""What a conversation ends as."""
THINK_TOKENS = 16
"""More tokens than `<think>` and the blanks behind it have in any tokenizer."""


class Conversation:
    """The token buffer of one sample, to which turns are added. A sample without an environment has one turn.

    It never holds more than `max_context` tokens, prompt and tool answers included; at that number it ends as `length`.
    Its environment works while others are sampled: after each of `add`, `abort` and `ended_at_the_start`, and after the
    construction itself, the conversation may be waiting (`is_waiting`) for what `observed` takes in. When an
    environment fails, its own sample ends as `error`, which is masked; the others go on.
    """

    def __init__(
        self,
        request: SampleRequest,
        codec: ChatCodec,
        episode: Episode | None,
        max_turns: int,
        max_context: int | None = None,
        weights_version: int = 0,
    ) -> None:
        self.request = request
        self.codec = codec
        self.episode = episode
        self.max_turns = max_turns
        self.max_context = max_context
        self.call_format: str = getattr(codec, "call_format", DEFAULT_FORMAT)  # other codecs may not say
        self.failure: str | None = None
        """Why the prompt cannot be rendered."""
        self.is_over = False
        """Whether its rollout or its unfinished request was returned."""
        self.prompt_tokens: tuple[int, ...] = ()
        self.tokens: list[int] = []
        self.logprobs: list[float] = []
        self.mask: list[int] = []
        self.turns: list[Message] = []
        self.num_turns = 0
        self.num_turn_tokens = 0
        """Number of sampled tokens of the turn in progress."""
        self.oldest_version: int | None = None
        self.num_thinking_tokens = 0
        self._version = weights_version
        """Of the weights that sampled the newest token."""
        self._ending: tuple[FinishReason, str] | None = None
        self._awaited: tuple[Pending[Any], Callable[[Any], Item | None]] | None = None
        if request.partial is not None:
            self._go_on_from(request.partial)
        if episode is None:
            self.prompt_tokens = self._prompt()
        else:
            before = None  # of a checkpoint of an earlier version nothing is known but the turns
            if request.partial is not None:
                noted = EpisodeNotes(episode.notes.environment, num_steps=self.num_turns)
                before = request.partial.episode or noted
            self._wait(episode.begin(request.prompt.row, request.seed, before), self._has_begun)

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for its environment; `observed` has to be called next."""
        return self._awaited is not None

    @property
    def is_answered(self) -> bool:
        """Whether `observed` would not block."""
        return self._awaited is None or self._awaited[0].is_done

    def observed(self) -> Item | None:
        """Take in what the environment did, and wait for it as long as its limits allow. Returns the rollout, or after
        an abort the request, when there is nothing left to do; None when the conversation goes on, or waits again."""
        assert self._awaited is not None
        (pending, then), self._awaited = self._awaited, None
        try:
            value = pending.result()
        except EpisodeFailure as failure:
            return self.fail(str(failure))
        return then(value)

    def _wait(self, pending: Pending[Any], then: Callable[[Any], Item | None]) -> None:
        self._awaited = pending, then

    def _has_begun(self, begun: Begun) -> None:
        if not begun.goes_on:
            self._begin_anew()
        self.prompt_tokens = self._prompt(begun.opening)

    def _prompt(self, opening: Sequence[Message] = ()) -> tuple[int, ...]:
        """The prompt's tokens. A row that its template does not render fails alone; a token stands for its prompt."""
        prompt = self.request.prompt
        tools = prompt.tools if self.episode is None else self.episode.tools
        try:
            return self.codec.prompt((*prompt.messages, *opening), tools)[0]
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

    def ended_at_the_start(self, weights_version: int) -> Item | None:
        """The rollout of a sample of which nothing can be sampled: its prompt cannot be rendered, or its context, to
        which an environment may have added, leaves no room. None for others, and while it waits."""
        self._version = weights_version
        if self.failure is not None:
            return self.fail(self.failure)
        if self._has_room():
            return None
        if self.num_turn_tokens:  # of a partial rollout whose engine held more
            return self.add(Generated(0, (), (), "length"), weights_version)
        return self._finish("length", self._last_said())

    def _go_on_from(self, partial: PartialRollout) -> None:
        self.tokens, self.logprobs = list(partial.tokens), list(partial.logprobs)
        self.mask, self.turns = list(partial.loss_mask), list(partial.turns)
        self.num_turn_tokens, self.oldest_version = partial.num_turn_tokens, partial.oldest_version
        self.num_turns = sum(turn["role"] == "assistant" for turn in partial.turns)
        self.num_thinking_tokens = partial.num_thinking_tokens

    def _begin_anew(self) -> None:
        """Forget what was sampled before an abort: the environment does not have the state in which that was said."""
        self.tokens, self.logprobs, self.mask, self.turns = [], [], [], []
        self.num_turns = self.num_turn_tokens = self.num_thinking_tokens = 0
        self.oldest_version = None

    def add(self, generated: Generated, weights_version: int) -> Item | None:
        """Append sampled tokens. At the end of a turn the environment is asked. Returns the rollout when it is
        finished, None when the conversation goes on, waits, or was aborted."""
        self._version = weights_version
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
        if generated.finish_reason == "length" or self.episode is None:
            return self._finish("length" if generated.finish_reason == "length" else "stop", text)
        self._wait(self.episode.step(text), self._was_answered)
        return None

    def _was_answered(self, result: StepResult) -> Item | None:
        assert self.episode is not None
        most_tokens, text = self.episode.limits.max_tool_tokens, self._last_said()
        if self.episode.is_over_budget:
            return self._finish("turns", text)
        answers = () if result.done else result.messages
        if not answers:
            return self._finish("stop", text)
        if most_tokens is not None:
            answers = [shortened(self.codec.tokenizer, answer, most_tokens) for answer in answers]
        try:
            observed = self.codec.tool_answer(answers, self.episode.max_answer_characters)
        except Exception as error:  # a template may refuse what an environment says
            return self.fail(_named(error))
        if self.num_turns == self.max_turns:
            return self._finish("turns", text)
        if not self._has_room(len(observed) + 1):
            return self._finish("length", text)
        self._append(observed, [0.0] * len(observed), 0)
        self.turns.extend(answers)
        return None

    def _last_said(self) -> str:
        said = [str(turn["content"]) for turn in self.turns if turn["role"] == "assistant"]
        return said[-1] if said else ""

    def _opened(self) -> str:
        """The `<think>` that the template opened before the turn in progress. After the answer of a tool it may be
        otherwise than in the prompt."""
        before = self.context[: len(self.prompt_tokens) + len(self.tokens) - self.num_turn_tokens]
        return opened_thinking(self.codec.text(before[-THINK_TOKENS:]))

    def _append(self, tokens: Sequence[int], logprobs: Sequence[float], mask: int) -> None:
        self.tokens.extend(tokens)
        self.logprobs.extend(logprobs)
        self.mask.extend([mask] * len(tokens))

    def abort(self, weights_version: int) -> Item | None:
        """End the conversation before its time. Returns the request, with everything sampled so far as its partial
        rollout, or None while its environment saves its state and is closed; where that fails, `observed` returns the
        rollout of a failed sample."""
        self._version = weights_version
        if self.episode is None:
            return self._over(self._unfinished(None))
        if self.tokens:
            self._wait(self.episode.cut(), lambda notes: self._over(self._unfinished(notes)))
        else:
            self._wait(self.episode.end(is_judged=False), lambda _: self._over(self.request))
        return None

    def fail(self, reason: str) -> Item | None:
        """End a sample whose environment failed. It is masked, because the model is not at fault."""
        if self._ending is not None and self._ending[0] == "error":
            return self._over(self._rollout())  # the first error is the one to report
        if not self.prompt_tokens:
            self.prompt_tokens = self._prompt()
        return self._finish("error", reason)

    def give_up(self) -> None:
        """Close the environment of a sample that nobody waits for any more."""
        if self.episode is not None and not self.is_over:
            self.episode.give_up()

    def _unfinished(self, notes: EpisodeNotes | None) -> SampleRequest:
        """The request, with everything sampled so far as its partial rollout. `notes`: what the environment goes on
        with; without them its sample begins anew."""
        if not self.tokens:
            return self.request
        if self.episode is not None and notes is None:
            return replace(self.request, partial=None, num_restarts=self.request.num_restarts + 1)
        assert self.oldest_version is not None
        partial = PartialRollout(
            tuple(self.tokens),
            tuple(self.logprobs),
            tuple(self.mask),
            tuple(self.turns),
            self.num_turn_tokens,
            self.oldest_version,
            self.num_thinking_tokens,
            notes,
        )
        return replace(self.request, partial=partial)

    def _finish(self, reason: FinishReason, text: str) -> Item | None:
        """End the sample; with an environment, after it was asked for the reward and closed."""
        self._ending = reason, text
        if self.episode is None or (reason == "error" and self.episode.is_closed):
            return self._over(self._rollout())
        self._wait(self.episode.end(is_judged=reason != "error"), lambda _: self._over(self._rollout()))
        return None

    def _over(self, item: Item) -> Item:
        self.is_over = True
        return item

    def _rollout(self) -> Rollout:
        assert self._ending is not None
        reason, text = self._ending
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
            weights_version=self._version,
            seed=self.request.seed,
            oldest_version=self._version if self.oldest_version is None else self.oldest_version,
            num_thinking_tokens=self.num_thinking_tokens,
            call_format=self.call_format,
            episode=None if self.episode is None else self.episode.notes,
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
