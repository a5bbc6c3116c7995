"""The names of the adapters, what is said where a package is missing, and what they share."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.environments.adapters.foreign import (
    checked_range,
    found_at,
    row_fields,
    scaled,
    text_of_blocks,
)
from openqwq.training.environments.adapters.names import ADAPTERS
from openqwq.training.environments.adapters.own_loop import OwnLoop, shared_loop
from openqwq.training.environments.catalogue import available_environments
from openqwq.training.errors import RecipeError

WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("mcp", "websockets", "verifiers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from openqwq.training.environments.catalogue import environment_factory
from openqwq.training.config import EnvironmentUse
from openqwq.training.errors import RecipeError
for name in ("mcp", "openenv", "verifiers"):
    try:
        environment_factory(EnvironmentUse(name=name, arguments={"url": "http://127.0.0.1:1"}))
    except RecipeError as error:
        print(error)
print(sorted(name for name in sys.modules if name in ("torch", "transformers")))
"""


def test_the_adapters_are_offered_and_nothing_of_theirs_is_imported_before_they_are_named() -> None:
    assert {"trl", "openenv", "verifiers", "mcp"} <= set(available_environments())
    program = "import sys, openqwq.training.environments.catalogue; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {name.rpartition(".")[2] for name in out if "environments.adapters" in name} <= {"adapters", "names"}


def test_a_missing_package_is_one_line_that_names_the_extra() -> None:
    out = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True).stdout.split("\n")
    for line, name in zip(out, ("mcp", "openenv", "verifiers"), strict=False):
        assert line.startswith(f"environment {name!r} needs a package that is not installed (No module named ")
        assert line.endswith(f"pip install 'openqwq[{ADAPTERS[name].extra}]'")
    assert out[3] == "[]"


@given(low=st.floats(-100, 99), width=st.floats(1, 100), share=st.floats(-1, 2))
def test_rewards_are_scaled_and_what_lies_beyond_stays_beyond(low: float, width: float, share: float) -> None:
    bounds = checked_range([low, low + width])
    found = scaled(low + share * width, bounds)
    assert found == pytest.approx(share, abs=1e-6)
    assert scaled(None, bounds) is None


@pytest.mark.parametrize("wrong", [[1, 0], [0], "01", [0, True], [None, 1], 3])
def test_a_range_that_is_none_is_refused(wrong: object) -> None:
    with pytest.raises(RecipeError, match="reward_range is"):
        checked_range(wrong)  # type: ignore[arg-type]


def test_columns_of_extra_stand_beside_those_of_the_row_and_before_them() -> None:
    row = {"id": "1", "task": "agent", "extra": {"task": "chess", "board": 3}}
    assert row_fields(row) == {"id": "1", "task": "chess", "board": 3}
    assert row_fields({"id": "1", "extra": None}) == {"id": "1", "extra": None}


def test_content_is_text_where_it_is_and_named_where_it_is_not() -> None:
    blocks = [
        {"type": "text", "text": "a"},
        {"type": "image", "mimeType": "image/png", "data": "..."},
        {"type": "resource", "resource": {"uri": "file:///b", "text": "b"}},
        {"type": "resource_link", "uri": "file:///c"},
    ]
    assert text_of_blocks(blocks) == "a\n[image: image/png]\nb\n[resource_link: file:///c]"


def test_a_place_is_a_file_or_a_module() -> None:
    assert found_at("collections.abc:Mapping.get") is found_at("collections.abc:Mapping").get
    with pytest.raises(RecipeError, match="no_such_module:x cannot be imported: ModuleNotFoundError"):
        found_at("no_such_module:x")


def test_work_runs_in_the_thread_of_its_loop_and_fails_there_as_here() -> None:
    loop = OwnLoop("of-a-test")

    async def where() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise KeyError("x")

    assert asyncio.run(loop.run(where())) == asyncio.run(loop.run(where())) == "of-a-test"
    with pytest.raises(KeyError):
        asyncio.run(loop.run(fail()))
    assert shared_loop("of-tests") is shared_loop("of-tests")


def test_a_stopped_loop_cancels_what_runs_in_it_and_takes_no_more() -> None:
    loop = OwnLoop("of-a-test")
    ended = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def begin() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(loop.run(forever()))), 0.05)
        loop.stop()
        loop.join()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_both(begin()))
    assert ended.is_set()
    with pytest.raises(RuntimeError, match="the environment is closed"):
        asyncio.run(loop.run(asyncio.sleep(0)))


async def _both(work: object) -> None:
    await work  # type: ignore[misc]
    raise asyncio.CancelledError
