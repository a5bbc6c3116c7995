"""An episode: calls in a thread and a loop of its own, under limits; odd answers are one line and one failure."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.config import EnvironmentLimits
from openqwq.training.environments import door
from openqwq.training.environments.contract import StepResult
from openqwq.training.environments.episode import Episode, EpisodeFailure

TOOL = {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}
CALL = '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>'
QUICK = EnvironmentLimits(call_seconds=0.3)


class Scripted:
    """Does in each part what it was given for it; notes what was called."""

    def __init__(self, **parts: Callable[[], Any]) -> None:
        self.parts, self.called = parts, list[str]()
        if "reward" in parts:
            self.reward = lambda: self.do("reward", None)

    def do(self, part: str, default: Any) -> Any:
        self.called.append(part)
        return self.parts[part]() if part in self.parts else default

    def tools(self) -> list[dict[str, Any]]:
        return [TOOL]

    async def reset(self, task: Any, seed: int) -> Any:
        return self.do("reset", [])

    def step(self, turn: Any) -> Any:  # a plain method
        return self.do("step", StepResult([{"role": "tool", "content": "2"}] * len(turn.calls), done=False))

    async def close(self) -> None:
        self.do("close", None)


def begun(environment: Any, limits: EnvironmentLimits | None = None) -> Episode:
    episode = Episode("folder/envs.py:Scripted", lambda: environment, limits)
    episode.begin({}, 1).result()
    return episode


def stop(kind: type[BaseException]) -> Callable[[], Any]:
    def raising() -> Any:
        raise kind("down")

    return raising


@pytest.mark.parametrize(
    "kind", [ValueError, SystemExit, RecursionError, StopIteration, asyncio.CancelledError, MemoryError, TimeoutError]
)
def test_whatever_is_raised_is_a_failure_that_names_environment_and_call(kind: type[BaseException]) -> None:
    environment = Scripted(step=stop(kind))
    episode = begun(environment)
    with pytest.raises(EpisodeFailure, match=rf"^environment envs.py:Scripted, step: {kind.__name__}: down$"):
        episode.step(CALL).result()
    episode.end(is_judged=False).result()
    assert environment.called == ["reset", "step", "close"]


def test_an_interrupt_passes() -> None:
    episode = begun(Scripted(step=stop(KeyboardInterrupt)))
    with pytest.raises(KeyboardInterrupt):
        episode.step(CALL).result()
    episode.end(is_judged=False).result()


def test_what_hangs_is_abandoned_and_closed_in_another_thread() -> None:
    release = threading.Event()
    environment = Scripted(step=lambda: release.wait(60))
    episode = begun(environment, QUICK)
    pending = episode.step(CALL)
    assert not pending.is_done
    with pytest.raises(EpisodeFailure, match="step: hangs"):
        pending.result()
    episode.end(is_judged=False).result()
    release.set()
    assert environment.called == ["reset", "step", "close"] and episode.is_closed


def test_a_loop_and_a_thread_live_as_long_as_the_episode() -> None:
    class Bound:
        """Has a connection of its thread, a future of its loop, and a task that answers between calls."""

        def tools(self) -> list[dict[str, Any]]:
            return []

        async def reset(self, task: Any, seed: int) -> None:
            self.connection = sqlite3.connect(":memory:")
            self.lock, self.task = asyncio.Lock(), asyncio.current_task()
            self.beats = 0
            self.heart = asyncio.create_task(self.beat())
            await self.lock.acquire()

        async def beat(self) -> None:
            while True:
                self.beats += 1
                await asyncio.sleep(0.001)

        async def step(self, turn: Any) -> StepResult:
            assert asyncio.current_task() is self.task
            self.lock.release()
            await asyncio.to_thread(int)
            return StepResult(
                [{"role": "user", "content": str(self.connection.execute("select 7").fetchone()[0])}], False
            )

        def close(self) -> None:
            self.connection.close()
            asyncio.run(asyncio.sleep(0))  # a plain method may start a loop
            self.heart.cancel()

    environment = Bound()
    episode = begun(environment)
    before = environment.beats
    while environment.beats < before + 3:
        time.sleep(0.001)
    assert episode.step("x").result().messages == [{"role": "user", "content": "7"}]
    episode.end(is_judged=True).result()


def test_episodes_wait_beside_each_other() -> None:
    met = threading.Barrier(64, timeout=60)
    episodes = [Episode("met", lambda: Scripted(reset=lambda: met.wait() and None)) for _ in range(64)]
    begins = [episode.begin({}, 1) for episode in episodes]
    assert [begin.result().opening for begin in begins] == [()] * 64  # none could go on without the others
    for end in [episode.end(is_judged=False) for episode in episodes]:
        end.result()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "gave NoneType None in place of a StepResult"),
        ("text", "gave str 'text' in place of a StepResult"),
        (StepResult("text", False), "in place of a list of messages"),
        (StepResult([{"role": "tool"}], False), "message 1 has no content, a text is needed"),
        (StepResult([{"role": "tool", "content": None}], False), "the content NoneType None"),
        (StepResult([{"role": "tool", "content": b"x"}], False), "the content bytes"),
        (StepResult([{"role": "robot", "content": "x"}], False), "the role 'robot'"),
        (StepResult([{"role": "tool", "content": "x", "at": object()}], False), "has no JSON form"),
        (StepResult([{"role": "tool", "content": "x"}] * 2, False), "gave 2 tool messages for 1 calls"),
        (StepResult([], "yes"), "done is str 'yes'"),
        (StepResult([], True, reward=float("nan")), "the reward is float nan"),
        (StepResult([], True, reward=1.5), "the reward is float 1.5"),
        (StepResult([], True, reward="1"), "the reward is str '1'"),
        (StepResult([], True, info=[1]), "info is list"),
    ],
)  # fmt: skip
def test_an_odd_answer_is_told_in_one_line(given: Any, words: str) -> None:
    episode = begun(Scripted(step=lambda: given))
    with pytest.raises(EpisodeFailure) as failure:
        episode.step(CALL).result()
    episode.end(is_judged=False).result()
    assert (
        words in str(failure.value) and "\n" not in str(failure.value) and str(failure.value).startswith("environment")
    )


def test_what_a_tool_may_find_is_made_safe() -> None:
    said = StepResult(
        [{"role": "tool", "content": "a\ud800" + "x" * 1_000_000, "name": "f", 7: 8}], np.bool_(False), np.float32(0.5)
    )
    episode = begun(Scripted(step=lambda: said))
    [message] = episode.step(CALL).result().messages
    assert message["content"].startswith("a\ufffdx") and message["7"] == 8
    episode.end(is_judged=True).result()
    assert episode.notes.reward == 0.5


@settings(max_examples=60, deadline=None)
@given(
    given=st.recursive(
        st.none() | st.floats() | st.text() | st.binary(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_the_door_gives_messages_or_refuses(given: Any) -> None:
    for check in (door.opening, door.step_result, door.reward, door.info, door.tools):
        try:
            check(given)
        except door.OddAnswer as error:
            assert "\n" not in str(error)


def test_the_final_reward_is_asked_once_and_counts_before_that_of_a_step() -> None:
    rated = StepResult([{"role": "tool", "content": "2"}], False, 0.25, {"won": 1})
    for parts, expected in (({}, 0.25), ({"reward": lambda: 1}, 1.0), ({"reward": lambda: None}, 0.25)):
        environment = Scripted(step=lambda: rated, **parts)
        episode = begun(environment)
        episode.step(CALL).result()
        episode.end(is_judged=True).result()
        assert (episode.notes.reward, episode.notes.info) == (expected, {"won": 1})
        assert environment.called == ["reset", "step", *parts, "close"]


def test_calls_beyond_the_budget_are_answered_and_not_run() -> None:
    episode = begun(Scripted(), EnvironmentLimits(max_calls=2, max_invalid_calls=1))
    assert [m["content"] for m in episode.step(CALL).result().messages] == ["2"]
    said = [m["content"] for m in episode.step(CALL + CALL).result().messages]
    assert said[0] == "2" and "limit of tool calls" in said[1]
    assert (episode.notes.num_calls, episode.notes.num_invalid_calls, episode.is_over_budget) == (2, 0, False)
    episode.step("<tool_call>{bad}</tool_call>" * 2).result()
    assert episode.is_over_budget
    episode.end(is_judged=False).result()


def test_the_time_of_an_episode_is_bounded_too() -> None:
    episode = begun(Scripted(reset=lambda: time.sleep(0.05)), EnvironmentLimits(call_seconds=9, episode_seconds=0.01))
    with pytest.raises(EpisodeFailure, match=r"step: not asked: the calls of the episode took 0.01 s already"):
        episode.step(CALL).result()
    episode.end(is_judged=False).result()
