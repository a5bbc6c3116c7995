"""The run's own sandbox: when it dies, nothing is rewarded meanwhile, it is started again, and the step is judged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from openqwq.training.config import Recipe, Rewards, Sandbox, TaskReward, VerifierUse
from openqwq.training.errors import VerifierFailures
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.pipeline.preflight import LoadedData
from openqwq.training.pipeline.sandbox_service import SandboxService, sandbox_of_run
from openqwq.training.records import Group, Prompt
from openqwq.training.rewards.judging import Judging
from openqwq.training.rewards.router import fill_in
from tests.training.small_records import make_prompt, make_rollout

TESTS = {"entry_point": "f", "tests": [{"input": [n], "output": n + 1} for n in range(3)]}
PROMPT = make_prompt(0, "code", reference=TESTS)
RIGHT, WRONG = (f"<think>\nx\n</think>\n```python\ndef f(x):\n    return {body}\n```" for body in ("x+1", "x-1"))


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def service(warnings: list[str]) -> Iterator[SandboxService]:
    with SandboxService(Sandbox(workers=1), warnings.append) as running:
        yield running


def servers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(
            psutil.NoSuchProcess, psutil.ZombieProcess
        ):  # of another test, ended and not waited for
            found += [child] * ("openqwq.sandbox.server" in child.cmdline())
    return found


def kill_server() -> None:
    for child in servers():
        child.kill()
        child.wait(10)


def judge(service: SandboxService, warnings: list[str], patience: float) -> list[Group]:
    task = TaskReward(verifiers=(VerifierUse(name="code", arguments={"timeout_seconds": 15.0}),))
    rewards = Rewards(tasks={"code": task}, error_patience_seconds=patience)
    rollouts = [make_rollout(0, i, response=text, task="code") for i, text in enumerate((RIGHT, WRONG))]
    workers = InlineWorkerGroup()
    try:
        judging = Judging(workers, warnings.append, service.repair)
        judged = judging.judged([PROMPT], [rollouts], fill_in(rewards, {}, service.urls))
        judged.sort(key=lambda entry: entry.rollout.index)
        return [Group(PROMPT, [e.rollout for e in judged], [e.judgement for e in judged])]
    finally:
        workers.close()


def test_a_sandbox_that_dies_is_started_again_on_its_port(service: SandboxService, warnings: list[str]) -> None:
    assert [group.rewards for group in judge(service, warnings, 0.0)] == [[1.0, 0.0]]
    assert warnings == []
    address = service.urls
    kill_server()
    assert [group.rewards for group in judge(service, warnings, 60.0)] == [[1.0, 0.0]]
    assert service.urls == address
    assert any("starting it again" in warning for warning in warnings)


def test_a_sandbox_that_hangs_is_started_again(service: SandboxService, warnings: list[str]) -> None:
    for process in servers():
        process.suspend()
    assert [group.rewards for group in judge(service, warnings, 60.0)] == [[1.0, 0.0]]
    assert "2 sandbox_error" in warnings[0] and "does not answer; starting it again" in warnings[1]


def test_a_sandbox_that_stays_away_ends_the_run_without_a_reward(warnings: list[str]) -> None:
    nobody = SandboxService(Sandbox(url="http://127.0.0.1:9"), warnings.append)  # the discard port
    with nobody, pytest.raises(VerifierFailures, match=r"2 sandbox_error.*No reward was given"):
        judge(nobody, warnings, 1.0)


def test_servers_of_the_user_are_used_and_left_alone() -> None:
    with SandboxService(Sandbox(url=("http://a:1", "http://b:2")), pytest.fail) as service:
        service.repair()
        assert service.urls == ["http://a:1", "http://b:2"]
    assert servers() == []


PLAIN = {"main": {"verifiers": [{"name": "math"}]}}
AS_PUBLISHED = {"name": "as_published", "arguments": {"verifier": "code", "form": "taco"}}


@pytest.mark.parametrize(
    ("math", "gates", "suite", "row", "is_started"),
    [
        ({"reward": PLAIN}, [], None, {}, False),
        ({"verifiers": [{"name": "code"}]}, [], None, {}, True),
        ({"verifiers": [AS_PUBLISHED]}, [], None, {}, True),
        ({"reward": PLAIN}, [{"name": "code"}], None, {}, True),
        ({"reward": {**PLAIN, "gates": [{"name": "code"}]}}, [], None, {}, True),
        ({"reward": PLAIN}, [], "code", {}, True),
        ({"reward": PLAIN}, [], None, {"verifier": ["code"]}, True),
        ({"reward": PLAIN, "environment": "python"}, [], None, {}, True),
        ({"reward": PLAIN, "environment": "calculator"}, [], None, {}, False),
    ],
)
def test_a_run_starts_a_sandbox_only_where_something_in_it_runs_programs(
    math: dict[str, Any], gates: list[Any], suite: str | None, row: dict[str, Any], is_started: bool
) -> None:
    stage = {"name": "stage1", "kind": "rl", "steps": 1, "prompts": [{"source": "x.jsonl"}]}
    of_suite = {"sources": [{"source": "x.jsonl"}], "rewards": {"math": {"verifiers": [{"name": suite or "choice"}]}}}
    tree = {"name": "r", "model": "m", "stages": [stage], "rewards": {"tasks": {"math": math}, "gates": gates},
            "sandbox": {"url": "http://needed:1"}, "evaluation": {"suites": {"watch": of_suite}}}  # fmt: skip
    prompts: list[Prompt] = [make_prompt(0, **row)]
    data = LoadedData({"stage1": [(prompts, 1.0)]}, {}, {"watch": [make_prompt(1)]})
    with sandbox_of_run(Recipe.model_validate(tree), data, pytest.fail) as service:
        assert service.urls == ["http://needed:1"] * is_started
