"""Conversations over a dozen tokens: a codec, an environment that keeps a diary, an engine that notes its requests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from openqwq.training.config import EnvironmentLimits, Sampling
from openqwq.training.environments.contract import Environment
from openqwq.training.environments.episode import Episode
from openqwq.training.records import Rollout, SampleRequest
from openqwq.training.rollout.conversation import ChatCodec, Conversation, Item
from openqwq.training.rollout.engine import Arrivals, Generated, GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.rollout.sampler import Sampler

CONTEXT = (3, 7, 1, 4)
ANSWER = (9, 2)
"""The tokens of the environment's answer."""


class TokenCodec:
    """Text is the tokens' numbers. A prompt is CONTEXT, a token for each digit of its last message, and an 8 for each
    message beyond the first; an answer is ANSWER."""

    def prompt(self, messages: Sequence[Any], tools: object) -> tuple[tuple[int, ...], bool]:
        digits = [int(c) for c in messages[-1]["content"] if c.isdigit()]
        return (*CONTEXT, *digits, *[8] * (len(messages) - 1)), False

    def tool_answer(self, messages: object, most: int | None) -> tuple[int, ...]:
        return ANSWER

    def text(self, tokens: Sequence[int]) -> str:
        return " ".join(map(str, tokens))


DIARY = '''
from pathlib import Path
from openqwq.training.environments.contract import StepResult


class Diary:
    """Notes what it is asked. It answers as often as it is asked, and can be saved."""

    def note(self, text):
        with Path(FILE).open("a") as file:
            file.write(f"{self.name} {text}\\n")

    async def reset(self, task, seed):
        self.name, self.asked = f"{task['id']}/{seed}", 0
        self.note("reset")
        return OPENING

    async def step(self, turn):
        self.asked += 1
        self.note(f"step {self.asked}: {turn.text}")
        return StepResult([{"role": "tool", "content": f"answer {self.asked}"}], done=self.asked == LAST)

    async def save(self):
        return {"asked": self.asked}

    async def restore(self, task, seed, state):
        self.name, self.asked = f"{task['id']}/{seed}", state["asked"]
        self.note("reset")

    async def close(self):
        self.note("close")
'''


class PatientConversation(Conversation):
    """A conversation with this environment, which waits for it after everything that is done."""

    def __init__(
        self,
        request: SampleRequest,
        codec: ChatCodec,
        environment: Environment | None,
        max_turns: int,
        max_context: int | None = None,
        limits: EnvironmentLimits | None = None,
    ) -> None:
        episode = None
        if environment is not None:
            call_format = getattr(codec, "call_format", "hermes")
            episode = Episode("talk", lambda: environment, limits, request.prompt.tools, call_format)
        super().__init__(request, codec, episode, max_turns, max_context)
        self._waited(None)

    def add(self, generated: Generated, weights_version: int) -> Any:
        return self._waited(super().add(generated, weights_version))

    def abort(self, weights_version: int) -> Any:
        return self._waited(super().abort(weights_version))

    def _waited(self, item: Item | None) -> Item | None:
        while item is None and self.is_waiting:
            item = self.observed()
        return item


def write_diary(folder: Path, opening: str = "[]", last: int = 0) -> tuple[str, Path]:
    """The environment's name in a recipe, and the file of its notes. `last`: it is done with this turn."""
    notes = folder / "notes.txt"
    notes.write_text("")
    source = DIARY.replace("FILE", repr(str(notes))).replace("OPENING", opening).replace("LAST", str(last))
    (folder / "diary.py").write_text(source)
    return f"{folder / 'diary.py'}:Diary", notes


class NotingEngine(HFEngine):
    """The hf engine; it notes its requests and the keys that each abort keeps."""

    def __init__(self, model: Any, stop_tokens: Sequence[int], max_batch: int = 256) -> None:
        super().__init__(model, stop_tokens, max_batch)
        self.asked: list[list[GenerationRequest]] = []
        self.kept: list[set[int]] = []

    def generate(self, requests: Sequence[GenerationRequest], arrivals: Arrivals | None = None) -> Iterator[Generated]:
        self.asked.append(list(requests))
        yield from super().generate(requests, arrivals)

    def abort(self, keep: Collection[int] = ()) -> None:
        self.kept.append(set(keep))
        super().abort(keep)


def make_sampler(engine: HFEngine, environment: str | None = None) -> Sampler:
    """A sampler whose tasks `talk` have the environment."""
    codec: ChatCodec = TokenCodec()  # type: ignore[assignment]
    return Sampler(engine, codec, {} if environment is None else {"talk": environment})


def sampled(
    sampler: Sampler, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
) -> tuple[dict[tuple[int, int], Rollout], list[SampleRequest]]:
    """Finished samples by group and index, and the requests that came back unfinished."""
    items = list(sampler.sample(requests, sampling, enough_groups))
    finished = {(r.group, r.index): r for r in items if isinstance(r, Rollout)}
    unfinished = [r for r in items if isinstance(r, SampleRequest)]
    assert len(finished) + len(unfinished) == len(items)
    return finished, unfinished
