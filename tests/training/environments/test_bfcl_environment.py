"""The environment `bfcl`: the user's turns one after another, calls that are run, and the end of a conversation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.environments.bfcl import MAX_STEPS, BfclEnvironment
from openqwq.training.environments.catalogue import environment_factory
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.records import Prompt, SampleRequest
from openqwq.training.rollout.engine import Generated
from openqwq.verifiers import get_verifier
from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.bfcl.rows import bfcl_rows
from openqwq.verifiers.bfcl.worker_process import close_workers
from tests.training.rollout.small_talks import PatientConversation
from tests.verifiers.bfcl_package import write_package


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield str(write_package(tmp_path_factory.mktemp("package")))
    close_workers()


def call(name: str, /, **arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def begun(package: str, category: str = "multi_turn_base", style: Any = "hermes") -> BfclEnvironment:
    environment = BfclEnvironment()
    environment.package, environment.timeout_seconds = package, 0.5
    [row] = bfcl_rows([category], package, style)
    assert asyncio.run(environment.reset(row, 0)) == []
    return environment


def step(environment: BfclEnvironment, text: str) -> StepResult:
    return asyncio.run(environment.step(AssistantTurn(text, (), ())))


def contents(result: StepResult) -> list[str]:
    return [str(message["content"]) for message in result.messages]


def test_calls_are_answered_from_one_state_and_a_step_without_calls_brings_the_next_turn(package: str) -> None:
    environment = begun(package)
    sold = step(environment, f"<think>hm</think>{call('sell', name='fig')}{call('count', name='abc')}")
    assert sold.messages == [
        {"role": "tool", "content": '{"sold": "fig", "left": 2}'},
        {"role": "tool", "content": "3"},
    ]
    assert contents(step(environment, call("sell", name="fig", number=2))) == ['{"sold": "fig", "left": 0}']
    assert step(environment, "Sold.") == StepResult([{"role": "user", "content": "And a pear?"}], done=False)
    assert contents(step(environment, call("sell", name="fig"))) == ['{"error": "not enough fig"}']
    assert step(environment, "No.") == StepResult((), done=True)
    assert environment.tools() == []
    asyncio.run(environment.close())


def test_a_function_that_was_held_back_is_offered_in_its_turn(package: str) -> None:
    environment = begun(package, "multi_turn_miss_func")
    assert contents(step(environment, "Three.")) == ["Sell a pear."]
    [offer] = contents(step(environment, "I have no function for that."))
    assert "'name': 'sell'" in offer and offer.endswith("And now?")


def test_calls_in_python_are_read_where_the_row_asks_for_them(package: str) -> None:
    environment = begun(package, style="python")
    assert contents(step(environment, "[sell(name='fig'), count(name='ab')]")) == ['{"sold": "fig", "left": 2}', "2"]
    assert contents(step(environment, call("sell", name="fig"))) == ["And a pear?"]


@pytest.mark.parametrize("text", ["<tool_call>oops</tool_call>", f"<think>{call('sell', name='fig')}", ""])
def test_what_is_no_readable_call_ends_the_turn(package: str, text: str) -> None:
    assert contents(step(begun(package), text)) == ["And a pear?"]


def test_a_turn_has_so_many_steps_and_the_next_one_as_many_again(package: str) -> None:
    environment = begun(package)
    for _ in range(2):
        for _ in range(MAX_STEPS):
            assert not step(environment, call("names")).done
        last = environment
        if environment._later:
            step(environment, "Done.")
    assert step(last, call("names")) == StepResult((), done=True)


def test_calls_that_never_end_end_the_sample(package: str) -> None:
    ended = step(begun(package), call("sleep", seconds=30))
    assert ended.done and "took longer than 0.5 s" in ended.info["limit"]


def test_another_row_or_a_missing_package_is_told_in_one_line(package: str, tmp_path: Path) -> None:
    other = BfclEnvironment()
    for reference in (None, [], {"category": "simple_python"}):
        with pytest.raises(VerifierError, match="row 'r1' is no multi-turn row of BFCL"):
            asyncio.run(other.reset({"id": "r1", "reference": reference}, 0))
    [row] = bfcl_rows(["multi_turn_base"], package)
    other.package = str(tmp_path)
    with pytest.raises(VerifierError, match="pip install --no-deps"):
        asyncio.run(other.reset(row, 0))


def test_a_recipe_names_it_and_a_class_of_the_users_may_name_the_folder(package: str, tmp_path: Path) -> None:
    assert environment_factory("bfcl") is BfclEnvironment
    path = tmp_path / "mine.py"
    path.write_text(
        "from openqwq.training.environments.bfcl import BfclEnvironment\n\n\n"
        f"class Mine(BfclEnvironment):\n    package = {package!r}\n"
    )
    assert environment_factory(f"{path}:Mine")().package == package  # type: ignore[attr-defined]  # ours


class ScriptCodec:
    """Token n is the n-th text of a script; messages of the environment are one token."""

    def __init__(self, script: Sequence[str]) -> None:
        self.script = script

    def prompt(self, messages: object, tools: object) -> tuple[tuple[int, ...], bool]:
        return (0,), False

    def tool_answer(self, messages: object, most: int | None) -> tuple[int, ...]:
        assert most is None  # as officially: nothing is cut
        return (0,)

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(self.script[token] for token in tokens)


def test_a_conversation_that_was_interrupted_goes_on_from_the_same_state_and_is_judged(package: str) -> None:
    script = ["", "!", call("sell", name="fig"), "Sold.", call("sell", name="pear") + call("count", name="ab")]
    [row] = bfcl_rows(["multi_turn_base"], package)
    prompt = Prompt(row["id"], "tools", tuple(row["prompt"]), {**row, "task": "tools"}, tools=tuple(row["tools"]))
    request, rollout = SampleRequest(prompt, 0, 0, 7), None
    for token in (2, 3, 4, 3):
        environment = BfclEnvironment()
        environment.package = package
        conversation = PatientConversation(request, ScriptCodec(script), environment, 9)  # type: ignore[arg-type]  # of one token a text
        rollout = conversation.add(Generated(0, (token, 1), (-0.5, -0.5), "stop"), 0)
        if rollout is None:
            request = conversation.abort(0)  # type: ignore[assignment]  # its environment closes
    assert rollout is not None and rollout.finish_reason == "stop"
    assert [turn["role"] for turn in rollout.turns] == [
        "assistant",
        "tool",
        "assistant",
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
    ]
    verifier = get_verifier("bfcl", package=package)
    assert verifier.verify(rollout.response, {**row, "turns": list(rollout.turns)}).score == 1.0
    without = [turn for turn in rollout.turns if turn["content"] != script[2]]
    assert verifier.verify(rollout.response, {**row, "turns": without}).reason == "turn 1: no call"
