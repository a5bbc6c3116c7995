"""What is settled before a sample is judged: arguments filled in, verifiers that build, usable references, names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import Rewards, TaskReward, VerifierUse
from openqwq.training.errors import RecipeError
from openqwq.training.rewards.router import RewardRouter, fill_in
from openqwq.training.rewards.routing import distinct_uses, gates_of
from tests.training.small_records import make_prompt, make_rollout, write_verifier

SANDBOX = ["http://here", "http://there"]


def code(**arguments: Any) -> VerifierUse:
    return VerifierUse(name="code", arguments=arguments)


def model(text: str, **arguments: Any) -> VerifierUse:
    return VerifierUse(name="reward_model", weight=2.5, label="rm", arguments={"model": text, **arguments})


def test_the_models_of_earlier_stages_are_filled_in_wherever_they_stand() -> None:
    use = model("{stage:rm}/x-{stage:base}", other="{stage:rm}", k=1, unknown="{stage:no}")
    task = TaskReward(verifiers=(use,), gates=(use,))
    rewards = Rewards(gates=(use,), for_rows=(use,), tasks={"chat": task}, max_error_fraction=0.25)
    filled = fill_in(rewards, {"rm": "folder", "base": "tiny"}, [])
    wanted = {"model": "folder/x-tiny", "other": "folder", "k": 1, "unknown": "{stage:no}"}
    assert filled.tasks["chat"].gates is not None
    for found in (
        filled.gates[0],
        filled.for_rows[0],
        filled.tasks["chat"].verifiers[0],
        filled.tasks["chat"].gates[0],
    ):
        assert found == use.model_copy(update={"arguments": wanted})
    assert filled.max_error_fraction == 0.25
    assert use.arguments["model"] == "{stage:rm}/x-{stage:base}"  # the given rewards are unchanged


def test_code_is_judged_in_the_runs_sandbox_unless_the_recipe_names_another() -> None:
    task = TaskReward(verifiers=(code(), code(url="mine", memory_mb=9), VerifierUse(name="math")))
    filled = fill_in(Rewards(gates=(code(),), tasks={"code": task}), {}, SANDBOX)
    assert [use.arguments for use in filled.tasks["code"].verifiers] == [
        {"url": SANDBOX},
        {"url": "mine", "memory_mb": 9},
        {},
    ]
    assert filled.gates[0].arguments == {"url": SANDBOX}
    assert filled.tasks["code"].gates is None  # which keeps the gates of the recipe
    assert gates_of(filled, "code") == gates_of(filled, "unknown") == filled.gates
    assert fill_in(Rewards(tasks={"code": task}), {}, []).tasks["code"].verifiers[0].arguments == {}


def test_rows_may_ask_for_code_once_whether_it_is_listed_or_not() -> None:
    assert fill_in(Rewards(for_rows=(VerifierUse(name="math"),)), {}, SANDBOX).for_rows == (
        VerifierUse(name="math"),
        code(url=SANDBOX),
    )
    listed = Rewards(for_rows=(code(memory_mb=9), VerifierUse(name="math")))
    assert fill_in(listed, {}, SANDBOX).for_rows == (code(memory_mb=9, url=SANDBOX), VerifierUse(name="math"))


def test_gates_of_a_task_stand_beside_the_general_ones_unless_it_overrules_them() -> None:
    one, two = VerifierUse(name="think_format"), VerifierUse(name="length")  # neutral: a gate has no weight
    use = [{"name": "math"}]
    trees: dict[str, tuple[dict[str, Any], tuple[VerifierUse, ...]]] = {
        "own": ({"verifiers": use, "gates": [{"name": "length"}]}, (one, two)),
        "again": (
            {"verifiers": use, "gates": [{"name": "length"}, {"name": "think_format"}]},  # neutral: they have no weight
            (two, one),
        ),
        "alone": ({"verifiers": use, "gates": [{"name": "length"}], "general_gates": False}, (two,)),
        "parts": ({"reward": {"main": {"verifiers": use}, "gates": [{"name": "length"}]}}, (one, two)),
        "none": ({"verifiers": use, "general_gates": False}, ()),
        "older": ({"verifiers": use, "gates": []}, ()),  # the spelling of earlier versions
        "kept": ({"verifiers": use, "gates": [], "general_gates": True}, (one,)),
        "same": ({"verifiers": use}, (one,)),
    }
    tree = {"gates": [{"name": "think_format"}], "tasks": {name: task for name, (task, _) in trees.items()}}
    rewards = Rewards.model_validate(tree)
    again = Rewards.model_validate(rewards.model_dump(mode="json"))
    for name, (_, gates) in trees.items():
        assert gates_of(rewards, name) == gates_of(again, name) == gates, name
    assert gates_of(rewards, "new") == (one,)


def test_every_verifier_of_the_rows_is_found_once_with_the_first_row_that_has_it() -> None:
    gate = VerifierUse(name="think_format")
    task_use = VerifierUse(name="length", arguments={"max_words": 3})
    rewards = Rewards(gates=(gate,), tasks={"math": TaskReward(verifiers=(task_use,))})
    named = {"name": "length", "arguments": {"max_words": 3}}
    prompts = [make_prompt(1, verifier="math"), make_prompt(2), make_prompt(3, verifier=[named, "math", "refusal"])]
    found = [(use.name, prompt.id) for use, prompt in distinct_uses(rewards, prompts)]
    assert found == [("think_format", "p1"), ("math", "p1"), ("length", "p2"), ("refusal", "p3")]


def test_a_verifier_that_cannot_be_built_is_reported_with_the_row_that_asked_for_it() -> None:
    router = RewardRouter(Rewards(tasks={"math": TaskReward(verifiers=(VerifierUse(name="mth"),))}))
    with pytest.raises(RecipeError, match=r"^rewards: no verifier is named 'mth'"):
        router.check_verifiers([make_prompt(1)])
    with pytest.raises(RecipeError, match=r"^row 'p2', column 'verifier': rewards: no verifier is named 'nothing'"):
        router.check_verifiers([make_prompt(2, verifier="nothing")])


def test_a_row_that_nothing_judges_is_refused_before_the_run() -> None:
    router = RewardRouter(Rewards(tasks={"math": TaskReward(verifiers=())}))
    with pytest.raises(RecipeError, match="row 'p1' has no verifier"):
        router.check_verifiers([make_prompt(1)])
    router.check_verifiers([make_prompt(1, verifier="length")])


def test_a_verifier_that_waits_for_a_stage_is_neither_built_nor_asked_about_references() -> None:
    waiting = VerifierUse(name="nothing", arguments={"model": "{stage:rm}/model"})  # it cannot be built
    router = RewardRouter(Rewards(tasks={"math": TaskReward(verifiers=(waiting, VerifierUse(name="math")))}))
    prompts = [make_prompt(1, reference={"answer": "7"}), make_prompt(2, reference={"answer": ""})]
    router.check_verifiers(prompts)
    assert router.unusable_references(prompts).keys() == {1}
    router.close()
    with pytest.raises(RecipeError):
        RewardRouter(fill_in(router.rewards, {"rm": "folder"}, [])).check_verifiers(prompts)


PICKY = """
from openqwq.verifiers.base import VerifierBase, VerifierError


class Picky(VerifierBase):
    def __init__(self, refused):
        self.refused = refused

    def check_reference(self, row):
        if row["reference"].get("answer") == "broken":
            raise VerifierError("no sandbox")
        return f"{self.refused} is refused" if row["reference"].get("answer") == self.refused else None
"""


def test_the_reason_is_that_of_the_first_verifier_that_refuses_the_reference(tmp_path: Path) -> None:
    path = tmp_path / "picky.py"
    path.write_text(PICKY)
    uses = tuple(VerifierUse(name=f"{path}:Picky", arguments={"refused": answer}) for answer in ("a", "b", "b"))
    router = RewardRouter(Rewards(tasks={"math": TaskReward(verifiers=uses)}))
    prompts = [make_prompt(n, reference={"answer": answer}) for n, answer in enumerate("cab")]
    assert router.unusable_references(prompts) == {1: "a is refused", 2: "b is refused"}
    with pytest.raises(RecipeError, match="row 'p5': its reference cannot be checked: no sandbox"):
        router.unusable_references([prompts[0], make_prompt(5, reference={"answer": "broken"})])
    router.close()


def test_each_use_of_a_verifier_has_a_name_of_its_own_in_the_log(tmp_path: Path) -> None:
    location = write_verifier(tmp_path, "return 0.5")
    gates = (VerifierUse(name="length", arguments={"max_words": 1}),)
    uses = (
        VerifierUse(name="length", weight=1.0, arguments={"max_words": 2}),
        VerifierUse(name="length", weight=2.0, arguments={"min_words": 2}),
        VerifierUse(name="length", weight=3.0, arguments={"max_words": 3}),
        VerifierUse(name=location, weight=4.0),
        VerifierUse(name="length", label="short", weight=6.0, arguments={"max_words": 4}),
    )
    router = RewardRouter(Rewards(gates=gates, tasks={"math": TaskReward(verifiers=uses)}))
    [judgement] = router.judge([make_rollout(response="one")], [make_prompt().row])
    router.close()
    assert judgement.parts == {
        "length": 1.0, "length#2": 1.0, "length#3": 0.0, "length#4": 1.0, "grade": 0.5,
        "short": 1.0,
    }  # fmt: skip
    assert judgement.weights == pytest.approx(
        {"length#2": 1 / 16, "length#3": 2 / 16, "length#4": 3 / 16, "grade": 4 / 16, "short": 6 / 16}
    )


def test_a_row_that_a_gate_or_a_penalty_cannot_judge_is_found_before_the_run() -> None:
    parts = {"main": {"verifiers": [{"name": "length"}]}}
    for tree in (
        {"gates": [{"name": "language"}], "tasks": {"math": {"reward": parts}}},
        {"tasks": {"math": {"reward": parts | {"penalties": [{"name": "language", "weight": 0.1}]}}}},
        {"tasks": {"math": {"reward": parts | {"tie_break": {"verifier": {"name": "language"}}}}}},
    ):
        router = RewardRouter(Rewards.model_validate(tree))
        found = router.unusable_references([make_prompt(1, reference={"language": "en"}), make_prompt(2)])
        assert list(found) == [1] and "no known target language" in found[1]
        router.close()
