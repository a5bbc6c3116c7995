"""Environments of the Environments Hub, of both kinds, play unchanged by the installed package."""

from __future__ import annotations

import importlib.util
import signal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import EnvironmentUse
from openqwq.training.environments.catalogue import environment_factory
from openqwq.training.errors import RecipeError
from tests.training.environments.adapters.scripted import call, play

try:
    version("verifiers")
except PackageNotFoundError:
    pytest.skip("the extra verifiers is not installed", allow_module_level=True)

from openqwq.training.environments.adapters.verifiers_hub import OPENING, VerifiersEnvironment
from openqwq.training.environments.adapters.verifiers_rows import rows_of

HUB = Path(__file__).with_name("hub")


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages are importable, here and in the tool servers that an environment starts."""
    monkeypatch.syspath_prepend(str(HUB))
    monkeypatch.setenv("PYTHONPATH", str(HUB))


classic = pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None or version("verifiers") >= "0.4",
    reason="verifiers of before 0.4, which has load_environment, is not installed",
)


def rows(name: str, **config: Any) -> list[dict[str, Any]]:
    return list(rows_of(name, config, "agent"))


def test_an_environment_that_speaks_first_and_plays_the_user() -> None:
    row = rows("guess-v1")[3]
    assert row["prompt"] == [{"role": "user", "content": OPENING}]
    episode = play(VerifiersEnvironment("guess-v1"), ["<think>hm</think>\n\n2", "<think>so</think>\n\n3"], row)
    assert list(episode.opening) == [{"role": "user", "content": "Guess my number."}]
    assert episode.answers(0) == ["No."]
    assert [step.done for step in episode.steps] == [False, True]
    assert episode.reward == 1.0


def test_after_the_last_turn_the_environment_judges_and_one_that_is_cut_is_not_judged() -> None:
    row = rows("guess-v1")[3]
    ended = play(VerifiersEnvironment("guess-v1", max_turns=2, reward_range=[-1, 1]), ["2", "2"], row)
    assert (ended.steps[1].done, ended.reward) == (True, 0.5)
    assert play(VerifiersEnvironment("guess-v1"), ["2"], row).reward is None


def test_an_environment_that_raises_ends_its_sample() -> None:
    with pytest.raises(RuntimeError, match="the board fell"):
        play(VerifiersEnvironment("guess-v1"), ["break"], rows("guess-v1")[1])


def test_a_taskset_with_a_tool_server() -> None:
    row = rows("sums-v1", taskset={"count": 6})[5]
    environment = VerifiersEnvironment("sums-v1", config={"taskset": {"count": 6}})
    episode = play(environment, ["<think>add</think>" + call("adder_add", a=5, b=2) + call("fly"), "7"], row)
    assert row["prompt"][0] == {"role": "system", "content": "Add."}
    assert list(episode.opening) == []
    assert [tool["function"]["name"] for tool in episode.tools] == ["adder_add"]
    assert episode.answers(0) == ["7", '{"error": "no tool is named \'fly\'"}']
    assert episode.reward == 1.0


def test_a_row_that_is_not_of_the_environment_is_refused() -> None:
    with pytest.raises(ValueError, match=r"extra.verifiers_index is None; make rows with verifiers_rows"):
        play(VerifiersEnvironment("guess-v1"), [], {"prompt": []})
    with pytest.raises(ValueError, match="prompt is not that of task 1"):
        wrong = {"prompt": [{"role": "user", "content": "?"}], "extra": {"verifiers_index": 1}}
        play(VerifiersEnvironment("guess-v1"), [], wrong)


def test_an_environment_that_is_not_installed_is_said_before_the_run() -> None:
    with pytest.raises(RecipeError, match="environment 'no-such-env' of verifiers cannot be loaded"):
        environment_factory(EnvironmentUse(name="verifiers", arguments={"id": "no-such-env"}))


@classic
def test_an_environment_of_before_with_tools_and_one_with_turns() -> None:
    before = signal.getsignal(signal.SIGTERM)
    tools = play(VerifiersEnvironment("old-tools"), [call("add", a=1, b=2), "3"], rows("old-tools")[1])
    assert (tools.answers(0), tools.reward) == (["3"], 1.0)
    game = play(VerifiersEnvironment("old-game"), ["2", "3"], rows("old-game")[3])
    assert (game.answers(0), game.reward) == (["No, try 2."], 1.0)
    lost = play(VerifiersEnvironment("old-game", max_turns=1), ["2"], rows("old-game")[3])
    assert (lost.steps[0].done, lost.reward) == (True, 0.0)
    with pytest.raises(RuntimeError, match="the board fell"):
        play(VerifiersEnvironment("old-game"), ["break"], rows("old-game")[3])
    assert signal.getsignal(signal.SIGTERM) is before
