"""Who takes the assistant's turns: a person who types lines, or a model."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TextIO

from openqwq.training.errors import EngineError
from openqwq.training.records import Message
from openqwq.training.trying.screen import Screen
from openqwq.training.trying.typed_calls import UnreadableCall, turn_of
from openqwq.verifiers.tool_calls import DEFAULT_FORMAT, tool_functions


class Player(Protocol):
    """Takes turns."""

    call_format: str
    """How calls are written in its turns."""

    def begin(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> None:
        """The conversation so far, and the offered tools."""

    def turn(self) -> str | None:
        """The next turn; None where there is none."""

    def hear(self, messages: Sequence[Message], most: int | None) -> None:
        """The answers to the turn; `most` characters of each are shown to a model."""


class Hand:
    """A person, or a file of lines."""

    call_format = DEFAULT_FORMAT

    def __init__(self, lines: TextIO, screen: Screen) -> None:
        self._lines, self._screen = lines, screen
        self._names: Mapping[str, Sequence[str]] = {}

    def begin(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> None:
        self._names = {
            name: list((function.get("parameters") or {}).get("properties") or ())
            for name, function in tool_functions(list(tools)).items()
        }

    def turn(self) -> str | None:
        while (line := self._read()) is not None:
            try:
                if line.strip():
                    return turn_of(line, self._names)
            except UnreadableCall as problem:
                self._screen.labelled("problem", str(problem))
        return None

    def _read(self) -> str | None:
        if self._lines.isatty():
            try:
                return input("> ")
            except EOFError:
                self._screen.line()
                return None
        line = self._lines.readline()
        if line.strip():
            self._screen.line(f"> {line.strip()}")
        return line or None

    def hear(self, messages: Sequence[Message], most: int | None) -> None:
        """The screen shows them."""


class Model:
    """The policy of a model folder, as a run's engine samples it: its tokens and those of the tools in one buffer."""

    def __init__(self, model: str, seed: int, max_new_tokens: int, screen: Screen) -> None:
        import torch

        from openqwq.training.rollout.build import EngineSettings, make_codec, make_engine

        settings = EngineSettings(model, "bfloat16" if torch.cuda.is_available() else "float32", {}, 1)
        self._codec = make_codec(settings)
        self._engine = make_engine(settings, self._codec)
        self.call_format: str = self._codec.call_format
        self._seed, self._max_new_tokens, self._screen = seed, max_new_tokens, screen
        self._context: list[int] = []

    def begin(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> None:
        if not messages:
            raise EngineError("the row has no prompt, and a model needs one to begin; give --row FILE")
        self._context = list(self._codec.prompt(tuple(messages), tuple(tools))[0])

    def turn(self) -> str | None:
        from openqwq.training.rollout.engine import GenerationRequest
        from openqwq.training.templates.turns import opened_thinking

        opened = opened_thinking(self._codec.text(self._context[-16:]))
        request = GenerationRequest(0, tuple(self._context), self._seed, self._max_new_tokens)
        (generated,) = self._engine.generate([request])
        self._context += generated.tokens
        is_whole = generated.finish_reason == "stop"
        text = opened + self._codec.text(generated.tokens[:-1] if is_whole else generated.tokens)
        self._screen.labelled("assistant", text)
        if not is_whole:
            self._screen.labelled("problem", f"the turn has no end after {len(generated.tokens)} tokens")
        return text if is_whole else None

    def hear(self, messages: Sequence[Message], most: int | None) -> None:
        self._context += self._codec.tool_answer(messages, most)
