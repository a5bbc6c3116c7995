"""Classes and functions written for TRL play unchanged: its rules for tools, errors, rows and rewards."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from transformers.utils import get_json_schema

from openqwq.training.config import EnvironmentUse
from openqwq.training.environments.adapters.trl_classes import TrlEnvironment
from openqwq.training.environments.catalogue import environment_factory
from openqwq.training.environments.episode import Episode
from openqwq.training.environments.turns import step_of
from openqwq.training.errors import RecipeError
from tests.training.environments.adapters.scripted import call, play

CODE = '''
import asyncio
import sqlite3


class Till:
    """A till whose drawer is kept by sqlite, which refuses other threads."""

    def __init__(self):
        self.closed = False

    def reset(self, start: int, **kwargs) -> str | None:
        self.rows = sqlite3.connect(":memory:")
        self.rows.execute("create table coins (value)")
        self.pay(start)
        return f"There are {start} coins for {kwargs['customer']}."

    def pay(self, coins: int) -> int:
        """Put coins in.

        Args:
            coins: How many.
        """
        self.rows.execute("insert into coins values (?)", (coins,))
        return self._sum()

    async def count(self, note: str | None = None) -> dict:
        """Count the coins.

        Args:
            note: What to write beside it.
        """
        await asyncio.sleep(0)
        return {"coins": self._sum(), "note": note}

    def look(self) -> list:
        """Look at the drawer."""
        return [{"type": "text", "text": "coins"}, {"type": "image", "image": b"..."}]

    def drop(self) -> str:
        """Drop it."""
        raise ValueError("it is too heavy")

    def _sum(self):
        return self.rows.execute("select sum(value) from coins").fetchone()[0]

    def get_reward(self) -> float:
        return self._sum() / 10


class Quiet:
    def reset(self, **kwargs):
        return None

    def wait(self) -> str:
        """Wait."""
        return "waited"


class Untyped:
    def reset(self, **kwargs):
        pass

    def pay(self, coins):
        """Put coins in."""


def double(number: int) -> int:
    """Double a number.

    Args:
        number: Any.
    """
    return 2 * number


def stuck(seconds: float) -> str:
    """Do nothing.

    Args:
        seconds: For how long.
    """
    import time

    time.sleep(seconds)
    return "done"


TOOLS = [double, stuck]
'''


@pytest.fixture
def code(tmp_path: Path) -> str:
    path = tmp_path / "till.py"
    path.write_text(CODE)
    return str(path)


def row(**columns: Any) -> dict[str, Any]:
    return {"id": "r1", "task": "till", "prompt": [{"role": "user", "content": "?"}], "reference": "", "extra": columns}


def test_a_class_for_trl_plays_an_episode_unchanged(code: str) -> None:
    episode = play(
        TrlEnvironment(f"{code}:Till", reward_range=[0, 2]),
        [call("pay", coins=4) + call("count") + call("drop"), "<think>so</think>Nine."],
        row(start=5, customer="Ann"),
    )
    assert [message["content"] for message in episode.opening] == ["There are 5 coins for Ann."]
    assert episode.answers(0) == ["9", "{'coins': 9, 'note': None}", '{"error": "it is too heavy"}']
    assert [step.done for step in episode.steps] == [False, True]
    assert episode.reward == pytest.approx(0.45)


def test_the_tools_are_those_of_trl_with_its_schemas(code: str) -> None:
    environment = TrlEnvironment(f"{code}:Till", tools=f"{code}:double")
    offered = {tool["function"]["name"]: tool for tool in environment.tools()}
    assert sorted(offered) == ["count", "double", "drop", "look", "pay"]
    kind = environment._factories[None]
    assert offered["pay"] == get_json_schema(kind.pay)  # type: ignore[attr-defined]


def test_an_optional_argument_may_be_null_and_a_wrong_one_is_refused(code: str) -> None:
    episode = play(
        TrlEnvironment(f"{code}:Till"), [call("count", note=None) + call("count", note=3)], row(start=1, customer="Bo")
    )
    assert episode.answers(0)[0] == "{'coins': 1, 'note': None}"
    assert "3 is not of type" in json.loads(episode.answers(0)[1])["error"]


def test_what_is_no_text_is_named(code: str) -> None:
    episode = play(TrlEnvironment(f"{code}:Till"), [call("look")], row(start=1, customer="Bo"))
    assert episode.answers(0) == ["coins\n[image]"]


def test_a_row_chooses_among_several_classes_and_one_without_a_reward_has_none(code: str) -> None:
    factories = {"till": f"{code}:Till", "quiet": f"{code}:Quiet"}
    episode = play(TrlEnvironment(factories), [call("wait")], row(environment="quiet"))
    assert (episode.answers(0), episode.reward, episode.opening) == (["waited"], None, [])
    with pytest.raises(ValueError, match=r"`environment` is 'shop'; the recipe's factories are \['till', 'quiet'\]"):
        play(TrlEnvironment(factories), [], row(environment="shop"))


def test_an_episode_offers_its_tools_and_notes_its_reward(code: str) -> None:
    use = EnvironmentUse(name="trl", arguments={"factory": f"{code}:Till", "reward_range": [0, 2]})
    episode = Episode("trl", environment_factory(use), use.limits)
    opening = episode.begin(row(start=5, customer="Ann"), 2**63 - 1).result().opening
    assert [message["content"] for message in opening] == ["There are 5 coins for Ann."]
    assert len(episode.tools) == 4
    assert [message["content"] for message in episode.step(call("pay", coins=5)).result().messages] == ["10"]
    assert episode.step("Ten.").result().done
    episode.end(is_judged=True).result()
    assert (episode.notes.reward, episode.is_closed) == (0.5, True)


def test_functions_alone_are_tools(code: str) -> None:
    episode = play(TrlEnvironment(tools=[f"{code}:TOOLS"]), [call("double", number=21), "42"])
    assert episode.answers(0) == ["42"]
    assert episode.reward is None


def test_what_reset_raises_is_raised(code: str) -> None:
    with pytest.raises(KeyError, match="customer"):
        play(TrlEnvironment(f"{code}:Till"), [], row(start=1))


def test_a_tool_that_hangs_holds_neither_the_loop_nor_the_end(code: str) -> None:
    async def episode() -> str:
        environment = TrlEnvironment(tools=f"{code}:stuck")
        await environment.reset({}, 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(step_of(environment, call("stuck", seconds=3600.0), []), 0.2)
        other = TrlEnvironment(tools=f"{code}:double")
        await other.reset({}, 1)
        said = (await step_of(other, call("double", number=4), [])).messages[0]["content"]
        await environment.close()
        await other.close()
        return str(said)

    assert asyncio.run(episode()) == "8"


def test_a_closed_environment_leaves_no_thread(code: str) -> None:
    before = set(threading.enumerate())
    play(TrlEnvironment(f"{code}:Quiet"), [call("wait")])
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "neither `factory` nor `tools`"),
        ({"factory": "nowhere.py:Till"}, "no such file"),
        ({"factory": "json:Till"}, "json:Till cannot be imported: AttributeError"),
        ({"factory": "Till"}, "write path.py:Attribute or package.module:Attribute"),
        ({"factory": "json:__doc__"}, "a class or a function that makes one is needed"),
        ({"tools": "json:__doc__"}, "which is no function"),
        ({"tools": "json:loads", "reward_range": [1, 0]}, "reward_range is [1, 0]"),
        ({"factry": "json:Till"}, "did you mean 'factory'"),
    ],
)
def test_a_mistake_is_said_before_the_run(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as error:
        environment_factory(EnvironmentUse(name="trl", arguments=arguments))
    assert words in str(error.value)


def test_a_tool_without_types_is_said_before_the_run(code: str) -> None:
    with pytest.raises(RecipeError, match="pay is no tool for TRL"):
        environment_factory(EnvironmentUse(name="trl", arguments={"factory": f"{code}:Untyped"}))


def test_the_catalogue_makes_one_for_each_sample(code: str) -> None:
    make = environment_factory(EnvironmentUse(name="trl", arguments={"factory": f"{code}:Quiet"}))
    assert make() is not make()
