"""Servers of OpenEnv, each in a process of its own, play unchanged: typed actions, tools, text, capacity, errors."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from openqwq.training.config import EnvironmentUse
from openqwq.training.environments.catalogue import environment_factory
from openqwq.training.errors import RecipeError
from tests.training.environments.adapters.scripted import call, play

pytest.importorskip("websockets", reason="the extra openenv is not installed")
pytest.importorskip("openenv", reason="openenv-core, which runs the servers, is not installed")

from openqwq.training.environments.adapters.openenv_client import ServerError
from openqwq.training.environments.adapters.openenv_servers import OpenEnvEnvironment


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def served(kind: str) -> Iterator[str]:
    port = free_port()
    server = subprocess.Popen([sys.executable, str(Path(__file__).with_name("openenv_server.py")), str(port), kind])
    try:
        deadline = time.monotonic() + 300
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def guessing() -> Iterator[str]:
    yield from served("guess")


@pytest.fixture(scope="module")
def sums() -> Iterator[str]:
    yield from served("tools")


def test_a_typed_action_is_a_tool_until_the_episode_is_over(guessing: str) -> None:
    turns = [call("act", number=3) + call("act", number="x"), call("act", number=7) + call("act", number=7)]
    episode = play(OpenEnvEnvironment(guessing, reward_range=[0, 2]), turns, {"extra": {"secret": 7}})
    assert [message["content"] for message in episode.opening] == ['{"hint": "guess"}']
    assert episode.answers(0)[0] == '{"hint": "higher"}'
    assert "'x' is not of type 'integer'" in episode.answers(0)[1]
    assert episode.answers(1) == ['{"hint": "right"}', '{"error": "the episode is over"}']
    assert [step.done for step in episode.steps] == [False, True]
    assert episode.reward == 0.5
    assert list(episode.tools[0]["function"]["parameters"]["properties"]) == ["number"]


def test_the_answer_itself_may_be_the_action(guessing: str) -> None:
    environment = OpenEnvEnvironment(guessing, text_field="number", observation_field="hint", reward="sum")
    episode = play(environment, ["<think>3 or 4</think>\n\n3", "four", "5"])
    assert [message["content"] for message in episode.opening] == ["guess"]
    assert episode.answers(0) == ["higher"]
    assert "should be a valid integer" in episode.answers(1)[0]
    assert (episode.steps[2].done, episode.reward, episode.tools) == (True, 1.25, [])


def test_a_server_of_tools_offers_them_and_their_errors_are_answers(sums: str) -> None:
    episode = play(OpenEnvEnvironment(sums, reward_range=[0, 10]), [call("add", a=3, b=4) + call("tear"), "Seven."])
    assert [tool["function"]["name"] for tool in episode.tools] == ["add", "tear"]
    assert episode.tools[0]["function"]["parameters"]["required"] == ["a", "b"]
    assert episode.answers(0)[0] == "7"
    assert "no way" in episode.answers(0)[1]
    assert (episode.opening, episode.steps[1].done, episode.reward) == ([], True, 0.7)


def test_an_environment_that_raises_ends_its_sample(guessing: str) -> None:
    with pytest.raises(ServerError, match="below the ground"):
        play(OpenEnvEnvironment(guessing), [call("act", number=-1)])
    assert play(OpenEnvEnvironment(guessing), [call("act", number=5)]).reward == 1.0


def test_a_server_without_room_says_so_and_has_room_again_after_a_close(guessing: str) -> None:
    async def three() -> list[object]:
        environments = [OpenEnvEnvironment(guessing) for _ in range(3)]
        found = await asyncio.gather(*(one.reset({}, 1) for one in environments), return_exceptions=True)
        for one in environments:
            await one.close()
        return list(found)

    for _ in range(2):
        refused = [one for one in asyncio.run(three()) if isinstance(one, Exception)]
        assert len(refused) == 1 and isinstance(refused[0], ServerError)


def test_a_server_that_is_not_there_is_a_failure() -> None:
    with pytest.raises(ServerError, match=r"no OpenEnv server answers at http://127.0.0.1:"):
        play(OpenEnvEnvironment(f"http://127.0.0.1:{free_port()}"), [])


def test_a_field_that_is_not_there_is_said_with_those_that_are(guessing: str) -> None:
    with pytest.raises(ServerError, match=r"has no field 'text'; it has \['number'\]"):
        play(OpenEnvEnvironment(guessing, text_field="text"), [])
    with pytest.raises(ValueError, match=r"has no 'words'; it has \['hint'\]"):
        play(OpenEnvEnvironment(guessing, observation_field="words"), [])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"url": "127.0.0.1:8000"}, "give one such as http://127.0.0.1:8000"),
        ({"url": "http://x", "reward": "best"}, "it is last or sum"),
        ({"ulr": "http://x"}, "did you mean 'url'"),
    ],
)
def test_a_mistake_is_said_before_the_run(arguments: dict[str, str], words: str) -> None:
    with pytest.raises(RecipeError) as error:
        environment_factory(EnvironmentUse(name="openenv", arguments=arguments))
    assert words in str(error.value)
