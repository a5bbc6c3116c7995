"""Reward functions of other trainers run unchanged: TRL's own six with the numbers that its trainer gets, verl's
`compute_score`, and what people write for them."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import trl.rewards

from openqwq.training.config import Rewards, VerifierUse
from openqwq.training.errors import RecipeError
from openqwq.training.rewards.router import RewardRouter
from openqwq.training.rewards.routing import build_verifier
from openqwq.verifiers import VerifierError
from openqwq.verifiers.function_verifiers import VerlFunctionVerifier
from openqwq.verifiers.user_functions import function_verifier
from tests.training.small_records import make_rollout

THOUGHT = "<think>\nhm\n</think>\n"
TEXTS = (f"{THOUGHT}$\\boxed{{4}}$", f"{THOUGHT}$\\boxed{{5}}$", "The answer is $4$.", "", "a a a a a a")
SOFT = "trl.rewards:get_soft_overlong_punishment"
IDS = ([7] * 4, [7, 8, 9, 7, 8, 9], [1] * 11, [2] * 9 + [3], [3])
PROMPT = [{"role": "user", "content": "2+2?"}]
OF_TRL: dict[str, tuple[dict[str, Any], tuple[float, float]]] = {
    "accuracy_reward": ({}, (0, 1)),
    "reasoning_accuracy_reward": ({}, (0, 1)),
    "get_cosine_scaled_reward": ({"max_len": 10}, (-1, 1)),
    "think_format_reward": ({}, (0, 1)),
    "get_repetition_penalty_reward": ({"ngram_size": 2}, (-1, 0)),
    "get_soft_overlong_punishment": ({"max_completion_len": 10, "soft_punish_cache": 6}, (-1, 0)),
}


def use(name: str, arguments: dict[str, Any], score_range: tuple[float, float] | None) -> VerifierUse:
    return VerifierUse.model_validate({"name": name, "arguments": arguments, "range": score_range})


def test_all_reward_functions_of_trl_are_tried() -> None:
    assert set(OF_TRL) == {name for names in trl.rewards._import_structure.values() for name in names}


@pytest.mark.parametrize("name", OF_TRL)
def test_a_reward_function_of_trl_gives_the_numbers_that_its_trainer_gets(name: str) -> None:
    arguments, bounds = OF_TRL[name]
    function = getattr(trl.rewards, name)
    function = function(**arguments) if name.startswith("get_") else function
    completions = [[{"role": "assistant", "content": text}] for text in TEXTS]
    expected = function(
        prompts=[PROMPT] * len(TEXTS),
        completions=completions,
        completion_ids=list(IDS),
        solution=["$4$"] * len(TEXTS),
        trainer_state=None,
        log_extra=lambda *_: None,
        log_metric=lambda *_: None,
    )
    assert len(set(expected)) > 1
    rows = [{"prompt": PROMPT, "reference": {"solution": "$4$"}, "completion_ids": tuple(ids)} for ids in IDS]
    verifier = pickle.loads(pickle.dumps(build_verifier(use(f"trl.rewards:{name}", arguments, bounds))))
    verdicts = verifier.verify_many(list(TEXTS), rows)
    assert [verdict.parts["raw"] for verdict in verdicts] == expected
    low, high = bounds
    assert [verdict.score for verdict in verdicts] == pytest.approx(
        [(score - low) / (high - low) for score in expected]
    )


def test_tokens_and_updates_of_a_rollout_reach_the_function_through_the_router() -> None:
    tasks = {"math": {"verifiers": [{"name": f"{__name__}:lengths_and_updates"}]}}
    router = RewardRouter(Rewards.model_validate({"tasks": tasks}))
    rollouts = [make_rollout(tokens=range(count)) for count in (1, 3)]
    judged = router.judge(rollouts, [{"id": "a", "prompt": PROMPT, "reference": "4"}] * 2)
    assert [judgement.reward for judgement in judged] == [0.1, 0.3]


def lengths_and_updates(completion_ids: Any, trainer_state: Any) -> list[float]:
    assert all(type(ids) is list for ids in completion_ids)
    return [len(ids) / 10 + trainer_state.global_step for ids in completion_ids]


def test_a_text_prompt_gives_texts_unless_the_function_asks_for_chats() -> None:
    seen: list[Any] = []

    def as_it_is(prompts: Any, completions: Any) -> list[float]:
        seen.append((prompts[0], completions[0]))
        return [1.0]

    def texts(prompts: Any, completions: list[str]) -> list[float]:
        return as_it_is(prompts, completions)

    def chats(prompts: Any, completions: list[list[dict[str, str]]]) -> list[float]:
        return as_it_is(prompts, completions)

    said = [{"role": "assistant", "content": "r"}]
    trained = {"prompt": PROMPT, "prompt_text": "2+2?", "turns": said}
    for function, row, expected in (
        (as_it_is, trained, ("2+2?", "r")),
        (as_it_is, {"prompt": PROMPT}, (PROMPT, said)),
        (as_it_is, {"prompt": PROMPT, "prompt_text": "a column of the data"}, (PROMPT, said)),
        (texts, {"prompt": PROMPT}, (PROMPT, "r")),
        (chats, trained, ("2+2?", said)),
    ):
        assert function_verifier("f", function, {}).verify("r", row).score == 1.0
        assert seen.pop() == expected


def test_what_a_function_logs_stands_in_its_verdicts() -> None:
    def logs(completions: Any, log_metric: Any, log_extra: Any) -> list[float]:
        log_metric("mean_length", 3)
        log_extra("column", list(completions))
        return [0.5] * len(completions)

    verdicts = function_verifier("f", logs, {}).verify_many(["a", "b"], [{}, {}])
    assert [(verdict.score, verdict.parts) for verdict in verdicts] == [(0.5, {"mean_length": 3.0})] * 2


def compute_score(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> Any:
    if data_source == "dict":
        return {"score": float(solution_str == ground_truth), "acc": True, "pred": solution_str}
    if data_source == "tuple":
        return (0.25, "more")
    assert (data_source, extra_info) == ("openai/gsm8k", {"index": 7})
    return -1 if solution_str != ground_truth else 1.0


ROW = {"data_source": "openai/gsm8k", "extra_info": {"index": 7}, "prompt": "q"}


@pytest.mark.parametrize("reference", ["72", {"answer": "72"}, {"ground_truth": "72", "style": "rule"}])
def test_compute_score_of_verl_gets_its_columns_and_the_truth(reference: Any) -> None:
    verifier = build_verifier(use(f"{__name__}:compute_score", {}, (-1, 1)))
    assert isinstance(verifier, VerlFunctionVerifier)
    row = {**ROW, "reference": reference}
    assert [verifier.verify(text, row).parts["raw"] for text in ("72", "71")] == [1.0, -1.0]
    assert [verifier.verify(text, row).score for text in ("72", "71")] == [1.0, 0.0]


def test_compute_score_may_return_a_mapping_or_a_tuple_and_be_async() -> None:
    verifier = function_verifier("f", compute_score, {})
    row = {"data_source": "dict", "reference": "72"}
    assert verifier.verify("72", row).parts == {"acc": 1.0} and verifier.verify("72", row).score == 1.0
    assert verifier.verify("x", {"data_source": "tuple", "reference": "72"}).score == 0.25

    async def later(solution_str: str, ground_truth: Any, **more: Any) -> float:
        return float(solution_str == ground_truth and more["data_source"] == "dict" and more["scale"] == 2)

    assert function_verifier("f", later, {"scale": 2}).verify("72", row).score == 1.0


def test_a_plain_function_may_be_async() -> None:
    async def politely(response: str, row: Any) -> bool:
        return response == "yes"

    assert function_verifier("f", politely, {}).verify("yes", {}).score == 1.0


def test_a_score_outside_the_unit_interval_is_answered_with_the_range() -> None:
    verifier = build_verifier(use(SOFT, {"max_completion_len": 10, "soft_punish_cache": 5}, None))
    verdict = verifier.verify("a", {"completion_ids": [1] * 9, "prompt": "q"})
    assert verdict.is_error and "a score must be in [0, 1], got -0.8" in verdict.reason
    assert "`range: [low, high]`" in verdict.reason


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("math", {}, "verifier 'math' scores in [0, 1]; `range` is for functions of your own"),
        (SOFT, {"max_len": 3}, "does not take the argument 'max_len'"),
        (SOFT, {"max_completion_len": 3}, "cannot be called with"),
        (
            "trl.rewards:get_repetition_penalty_reward",
            {"max_penalty": 1},
            "cannot be called: ValueError: max_penalty 1",
        ),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(name: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(VerifierError) as raised:
        build_verifier(use(name, arguments, (-1, 0)))
    assert words in str(raised.value) and "\n" not in str(raised.value)
    with pytest.raises(RecipeError):
        RewardRouter(Rewards()).verifier(use(name, arguments, (-1, 0)))


@pytest.mark.parametrize("bounds", [[0, 0], [1, -1], [0, "inf"], [0], ["nan", 1]])
def test_a_range_rises_and_is_finite(bounds: Any) -> None:
    with pytest.raises(ValueError, match=r"range|Input should|Field required"):
        use("f", {}, bounds)
