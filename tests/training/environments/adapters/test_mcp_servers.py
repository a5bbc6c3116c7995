"""A server of MCP over stdio, written with the package, plays unchanged: tools, errors, its end and its death."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from openqwq.training.config import EnvironmentUse
from openqwq.training.environments.catalogue import environment_factory
from openqwq.training.environments.turns import step_of
from openqwq.training.errors import RecipeError
from tests.training.environments.adapters.scripted import call, play

pytest.importorskip("mcp", reason="the extra mcp is not installed")

from openqwq.training.environments.adapters.mcp_process import ServerFailure
from openqwq.training.environments.adapters.mcp_servers import McpEnvironment

SERVER = '''
import os
import sys
import time

from mcp.server.mcpserver import Image, MCPServer

server = MCPServer("notebook")
notes = []


@server.tool()
def note(text: str) -> str:
    """Keep a note."""
    notes.append(text)
    return f"{len(notes)} kept by {os.environ.get('OWNER', 'nobody')}"


@server.tool()
def count() -> dict[str, int]:
    """Count the notes."""
    return {"notes": len(notes)}


@server.tool()
def tear() -> str:
    """Fail."""
    raise ValueError("no way")


@server.tool()
def sketch() -> Image:
    """Draw."""
    return Image(data=b"...", format="png")


@server.tool()
def who() -> str:
    """Name the process."""
    return str(os.getpid())


@server.tool()
def die() -> str:
    """Die."""
    print("the pages burn", file=sys.stderr, flush=True)
    os._exit(3)


@server.tool()
def sleep() -> str:
    """Hang, deaf for the end of input."""
    time.sleep(3600)
    return "awake"


server.run("stdio")
'''


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("mcp") / "notebook.py"
    path.write_text(SERVER)
    return [sys.executable, str(path)]


def is_alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    return True


def test_a_server_plays_an_episode_unchanged_and_is_gone_after_it(command: list[str]) -> None:
    calls = call("note", text="a") + call("note", text=1) + call("tear") + call("count") + call("sketch") + call("who")
    episode = play(McpEnvironment(command, env={"OWNER": "Ann"}), [calls, "Done."])
    kept, refused, failed, counted, drawn, process = episode.answers(0)
    assert kept == "1 kept by Ann"
    assert "1 is not of type 'string'" in refused
    assert '"error"' in failed and "tear" in failed
    assert '"notes": 1' in counted
    assert drawn == "[image: image/png]"
    assert [step.done for step in episode.steps] == [False, True]
    assert episode.tools[0]["function"]["parameters"]["required"] == ["text"]
    assert not is_alive(process)


def test_a_server_that_dies_ends_its_own_sample_with_its_last_words(command: list[str]) -> None:
    async def two() -> str:
        one, other = McpEnvironment(command), McpEnvironment(command)
        await asyncio.gather(one.reset({}, 1), other.reset({}, 1))
        with pytest.raises(ServerFailure, match=r"is gone: .*; it wrote: the pages burn"):
            await step_of(one, call("die"), [])
        with pytest.raises(ServerFailure, match="is gone"):
            await step_of(one, call("count"), [])
        said = (await step_of(other, call("note", text="b"), [])).messages[0]["content"]
        await one.close()
        await other.close()
        return str(said)

    assert asyncio.run(two()) == "1 kept by nobody"


def test_a_server_that_hangs_is_ended_by_close(command: list[str]) -> None:
    async def episode() -> str:
        environment = McpEnvironment(command)
        await environment.reset({}, 1)
        process = (await step_of(environment, call("who"), [])).messages[0]["content"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(step_of(environment, call("sleep"), []), 0.2)
        await environment.close()
        return str(process)

    assert not is_alive(asyncio.run(episode()))


def test_samples_may_share_a_server_which_close_leaves_alive(command: list[str]) -> None:
    shared = [McpEnvironment([*command], shared=True, tools=["who", "die"], stateless=True) for _ in range(3)]
    assert all(environment.is_stateless for environment in shared)
    first = play(shared[0], [call("who")])
    second = play(shared[1], [call("who")])
    assert [tool["function"]["name"] for tool in first.tools] == ["who", "die"]
    assert first.answers(0) == second.answers(0)
    assert is_alive(first.answers(0)[0])
    with pytest.raises(ServerFailure):
        play(shared[2], [call("die")])
    third = play(McpEnvironment(command, shared=True), [call("who")])
    assert third.answers(0) != first.answers(0)


def test_a_server_that_does_not_begin_is_a_failure_with_its_reason() -> None:
    with pytest.raises(ServerFailure, match=r"does not begin: .*it wrote: bad start"):
        play(McpEnvironment([sys.executable, "-c", "raise SystemExit('bad start')"]), [])
    with pytest.raises(ServerFailure, match=r"does not begin: .*no-such-program"):
        play(McpEnvironment("no-such-program --flag"), [])


def test_a_start_that_takes_too_long_leaves_no_process(tmp_path: Path) -> None:
    silent = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(3600)"

    async def begin() -> None:
        environment = McpEnvironment([sys.executable, "-c", silent])
        begun = asyncio.ensure_future(environment.reset({}, 1))
        while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.01)
        begun.cancel()
        with pytest.raises(asyncio.CancelledError):
            await begun
        await environment.close()
        while is_alive((tmp_path / "pid").read_text()):
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(begin(), 60))


def test_a_tool_that_the_recipe_names_must_be_there(command: list[str]) -> None:
    with pytest.raises(ValueError, match=r"has no tools \['fly'\]; it has note, count"):
        play(McpEnvironment(command, tools=["fly"]), [])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "missing a required argument: 'command'"),
        ({"command": []}, "empty `command`"),
        ({"command": ["no-such-program"]}, "there is no such program"),
        ({"command": ["python"], "folder": "no/such/folder"}, "there is no such folder"),
        ({"command": ["python"], "share": True}, "did you mean 'shared'"),
    ],
)
def test_a_mistake_is_said_before_the_run(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(RecipeError) as error:
        environment_factory(EnvironmentUse(name="mcp", arguments=arguments))
    assert words in str(error.value)
