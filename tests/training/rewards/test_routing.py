"""Rows that name their verifiers: which verifiers and arguments a row may set, and which only the recipe."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import Rewards, TaskReward, VerifierUse
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.records import Judgement
from openqwq.training.rewards.router import RewardRouter
from openqwq.training.rewards.routing import MAX_FROM_ROWS, RECIPE_ONLY, verifiers_of
from openqwq.verifiers import available_verifiers, get_verifier
from tests.training.small_records import make_prompt, make_rollout, write_verifier

LENGTH = VerifierUse(name="length", weight=3.0, arguments={"max_words": 2})


def chosen(named: Any, rewards: Rewards, task: str = "math") -> tuple[VerifierUse, ...]:
    return verifiers_of(rewards, task, {"id": "a", "verifier": named})


def judge(rewards: Rewards, response: str, **row: Any) -> Judgement:
    router = RewardRouter(rewards)
    try:
        return router.judge([make_rollout(response=response)], [make_prompt(**row).row])[0]
    finally:
        router.close()


def test_a_row_is_judged_by_what_it_names_behind_the_gates_of_its_task() -> None:
    task = TaskReward(verifiers=(VerifierUse(name="math"),), gates=(VerifierUse(name="think_format"),))
    rewards = Rewards(tasks={"math": task})
    asked = {"name": "length", "arguments": {"max_words": 2}}
    judgement = judge(rewards, "<think>\nhm\n</think>\none two", verifier=asked)
    assert (judgement.reward, judgement.parts) == (1.0, {"think_format": 1.0, "length": 1.0})
    assert judge(rewards, "one two", verifier=asked).statuses == {"think_format": "scored"}


def test_several_verifiers_of_a_row_are_weighted() -> None:
    named = [{"name": "length", "weight": 3.0}, {"name": "math", "weight": 1.0}]
    judgement = judge(Rewards(), "\\boxed{8}", verifier=named, reference={"answer": "7"})
    assert judgement.reward == 0.75


@pytest.mark.parametrize("named", [None, "", []])
def test_a_row_that_names_no_verifier_is_judged_by_its_task(named: Any) -> None:
    assert chosen(named, Rewards(tasks={"math": TaskReward(verifiers=(LENGTH,))})) == (LENGTH,)


def test_a_row_that_names_a_verifier_needs_no_entry_of_its_task() -> None:
    assert [use.name for use in chosen("math", Rewards(), task="new")] == ["math"]
    with pytest.raises(RecipeError, match=r"task 'new' has no entry in rewards.tasks"):
        chosen(None, Rewards(), task="new")


def test_a_listed_verifier_comes_with_the_recipes_arguments_and_the_rows_are_laid_over() -> None:
    for rewards in (Rewards(tasks={"math": TaskReward(verifiers=(LENGTH,))}), Rewards(for_rows=(LENGTH,))):
        assert chosen("length", rewards) == (LENGTH,)
        named = {"name": "length", "weight": None, "arguments": {"slack": 1}}  # parquet fills a struct with None
        [use] = chosen(named, rewards)
        assert (use.weight, use.arguments) == (3.0, {"max_words": 2, "slack": 1})
        [use] = chosen({"name": "length", "weight": 0.5, "arguments": {"max_words": 9}}, rewards)
        assert (use.name, use.weight, use.arguments) == ("length", 0.5, {"max_words": 9})
        [use] = chosen({"name": "length", "label": "mine"}, rewards)
        assert (use.label, use.weight, use.arguments) == ("mine", 3.0, {"max_words": 2})
    assert LENGTH.arguments == {"max_words": 2}


def test_the_task_of_a_row_comes_before_the_verifiers_for_all_rows() -> None:
    other = VerifierUse(name="length", weight=7.0, arguments={"max_words": 8})
    rewards = Rewards(tasks={"math": TaskReward(verifiers=(LENGTH,))}, for_rows=(other,))
    assert chosen("length", rewards) == (LENGTH,)
    assert chosen("length", rewards, task="new") == (other,)
    assert chosen("refusal", rewards) == (VerifierUse(name="refusal"),)  # not listed: as it is installed


def test_a_label_and_the_end_of_a_name_choose_a_listed_verifier() -> None:
    listed = (
        VerifierUse(name="a/b/grade.py:strict", weight=2.0),
        VerifierUse(name="length", label="short", weight=3.0),
        VerifierUse(name="length", weight=4.0),
    )
    rewards = Rewards(for_rows=listed)
    for name, weight in (
        ("a/b/grade.py:strict", 2.0), ("b/grade.py:strict", 2.0), ("grade.py:strict", 2.0), ("strict", 2.0),
        ("short", 3.0), ("length", 3.0),
    ):  # fmt: skip
        assert [use.weight for use in chosen(name, rewards)] == [weight]
    for name in ("ade.py:strict", "c/b/grade.py:strict"):
        with pytest.raises(DataError, match="only if the recipe lists it"):
            chosen(name, rewards)
    assert [use.weight for use in chosen(["short", "strict"], rewards)] == [3.0, 2.0]
    assert [use.weight for use in chosen(("strict", "short"), rewards)] == [2.0, 3.0]


@pytest.mark.parametrize("argument", sorted(RECIPE_ONLY))
def test_a_row_may_not_set_what_belongs_to_the_machine(argument: str) -> None:
    named = {"name": "length", "arguments": {"max_words": 1, argument: 1}}
    with pytest.raises(DataError, match=rf"row 'a', column 'verifier': length: only a recipe may set .*'{argument}'"):
        chosen(named, Rewards(for_rows=(LENGTH,)))


def test_the_arguments_that_only_a_recipe_sets_are_these() -> None:
    assert {
        "service", "tokenizer", "model_name", "key_variable", "extra_body", "votes", "parallel", "deadline_seconds",
        "chunk_items", "chunk_bytes", "max_characters", "squash", "temperature",
        "verifier", "url", "model", "device", "num_workers", "workers", "batch_size", "max_tokens", "memory_mb",
        "time_seconds", "timeout_seconds", "package",
    } == RECIPE_ONLY  # fmt: skip


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (7, "a name or a mapping of name, weight, arguments, got 7"),
        ([["math"]], "a name or a mapping"),
        ({"weight": 1.0}, "name: Field required"),
        ({"name": "math", "weight": 0.0}, "weight: Input should be greater than 0"),
        ({"name": "math", "wieght": 1.0}, "wieght"),
        ({"name": "math", "arguments": 3}, "arguments: "),
    ],
)
def test_a_malformed_verifier_of_a_row_is_refused_with_the_way_out(named: Any, words: str) -> None:
    with pytest.raises(DataError) as caught:
        chosen(named, Rewards())
    assert words in str(caught.value)
    assert "row 'a', column 'verifier': " in str(caught.value)
    assert "set rewards.tasks.math.overrule_rows: true" in str(caught.value)


def test_a_file_is_loaded_for_a_row_only_if_the_recipe_lists_it(tmp_path: Path) -> None:
    location = write_verifier(tmp_path, "return 1.0")
    with pytest.raises(DataError, match=r"row 'a'.*only if the recipe lists it"):
        chosen(location, Rewards(gates=(VerifierUse(name=location),)))
    listed = VerifierUse(name=location, label="mine")
    for name in (location, "verifier_grade.py:grade", "grade", "mine"):
        assert chosen(name, Rewards(for_rows=(listed,))) == (listed,)
    assert judge(Rewards(for_rows=(listed,)), "yes", verifier="mine").parts == {"mine": 1.0}


def test_a_module_is_imported_for_a_row_only_if_the_recipe_lists_it() -> None:
    with pytest.raises(DataError, match=r"row 'a'.*only if the recipe lists it"):
        chosen("os:system", Rewards())
    listed = VerifierUse(name="trl.rewards:think_format_reward")
    assert chosen("trl.rewards:think_format_reward", Rewards(for_rows=(listed,))) == (listed,)


def test_every_argument_of_a_built_in_is_either_harmless_or_the_recipes_alone() -> None:
    harmless = {
        "answer_format", "arguments", "compare", "dots_as_underscores", "expect", "form", "format", "language", "level",
        "max_tests", "max_words", "min_words", "offset", "p", "partial", "preamble",
        "prompt_opens_think", "reading", "require_answer", "scale", "scope", "score", "seed", "setup", "slack", "style",
        "target", "thinking", "rubric",
    }  # fmt: skip
    arguments = set()
    for name in available_verifiers():
        needed = {"reward_model": {"model": "m"}, "judge": {"model": "m", "url": "http://a"}}
        verifier = get_verifier(name, **needed.get(name, {}))
        arguments |= set(inspect.signature(type(verifier)).parameters)
    assert arguments - harmless <= RECIPE_ONLY
    assert not harmless & RECIPE_ONLY


def test_rows_may_not_name_a_different_verifier_each() -> None:
    prompts = [
        make_prompt(n, verifier={"name": "length", "arguments": {"max_words": n + 1}}) for n in range(MAX_FROM_ROWS + 1)
    ]
    router = RewardRouter(Rewards(tasks={"math": TaskReward(verifiers=(VerifierUse(name="think_format"),))}))
    again = make_prompt(99, verifier={"name": "length", "arguments": {"max_words": 1}})
    router.check_verifiers([*prompts[:-1], again, make_prompt(100)])  # the verifiers of tasks do not count
    assert MAX_FROM_ROWS == 64
    with pytest.raises(DataError, match="belongs in `reference`"):
        router.check_verifiers(prompts)


def test_a_control_overrules_what_rows_name() -> None:
    task = TaskReward(verifiers=(VerifierUse(name="placebo"),), overrule_rows=True)
    assert [use.name for use in chosen("math", Rewards(tasks={"math": task}))] == ["placebo"]
    assert [use.name for use in chosen("math", Rewards(tasks={"math": task}), task="new")] == ["math"]


def test_references_are_checked_by_the_verifiers_that_a_row_names() -> None:
    router = RewardRouter(Rewards())
    good, bad = (make_prompt(n, verifier="math", reference={"answer": a}) for n, a in ((1, "7"), (2, "")))
    assert router.unusable_references([good, bad]).keys() == {1}
    router.close()
