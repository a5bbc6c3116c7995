"""The catalogue against the papers: every published constant stands here a second time, beside its source."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from openqwq.training.algorithms.advantages import GroupRewards
from openqwq.training.algorithms.catalogue import CATALOGUE, AlgorithmSpec, resolve
from openqwq.training.config import Algorithm, Critic, Kl, MaskedImportance
from openqwq.training.errors import RecipeError

PUBLISHED: dict[str, list[tuple[str, Any, str]]] = {
    "grpo": [  # DeepSeekMath's advantage with what DAPO changed in the loss
        ("clip_low", 0.2, "DAPO, arXiv 2503.14476, section 4.1, epsilon_low"),
        ("clip_high", 0.28, "DAPO, arXiv 2503.14476, section 4.1, epsilon_high"),
        ("average", "token", "DAPO, arXiv 2503.14476, eq. 12, 1 / sum |o_i|"),
        ("kl.coefficient", 0.0, "DAPO, arXiv 2503.14476, section 2.3, no KL"),
    ],
    "dr_grpo": [
        ("clip_low", 0.2, "PPO, arXiv 1707.06347, table 1, epsilon"),
        ("clip_high", 0.2, "PPO, arXiv 1707.06347, table 1, epsilon"),
        ("average", "constant", "Dr. GRPO, arXiv 2503.20783, section 3.2, no 1 / |o_i|"),
        ("kl.coefficient", 0.0, "Dr. GRPO, arXiv 2503.20783, section 3, beta"),
    ],
    "dapo": [
        ("clip_low", 0.2, "DAPO, arXiv 2503.14476, section 4.1, epsilon_low"),
        ("clip_high", 0.28, "DAPO, arXiv 2503.14476, section 4.1, epsilon_high"),
        ("average", "token", "DAPO, arXiv 2503.14476, eq. 12, 1 / sum |o_i|"),
        ("kl.coefficient", 0.0, "DAPO, arXiv 2503.14476, section 2.3, no KL"),
        ("dynamic_sampling", True, "DAPO, arXiv 2503.14476, eq. 11"),
        ("overlong_fraction", 0.2, "DAPO, arXiv 2503.14476, section 4.1, L_cache / L_max = 4096 / 20480"),
    ],
    "gspo": [
        ("surrogate", "sequence_clip", "GSPO, arXiv 2507.18071, eq. 5"),
        ("clip_low", 0.0003, "GSPO, arXiv 2507.18071, section 5.1, left range"),
        ("clip_high", 0.0004, "GSPO, arXiv 2507.18071, section 5.1, right range"),
        ("average", "sequence", "GSPO, arXiv 2507.18071, eq. 5, 1 / G"),
    ],
    "cispo": [
        ("surrogate", "cispo", "MiniMax-M1, arXiv 2506.13585, eq. 4"),
        ("clip_high", 4.0, "ScaleRL, arXiv 2510.13786, epsilon_max = 5 = 1 + epsilon_high"),
        ("average", "token", "MiniMax-M1, arXiv 2506.13585, eq. 4, 1 / sum |o_i|"),
        ("kl.coefficient", 0.0, "MiniMax-M1, arXiv 2506.13585, eq. 4 has no KL"),
    ],
    "rloo": [
        ("average", "constant", "RLOO, arXiv 2402.14740: a sequence is one action, so its log p is a sum"),
        ("clip_low", 0.2, "PPO, arXiv 1707.06347, table 1, epsilon"),
        ("clip_high", 0.2, "PPO, arXiv 1707.06347, table 1, epsilon"),
    ],
    "reinforce_pp": [
        ("kl.coefficient", 0.001, "REINFORCE++, arXiv 2501.03262, beta of the reasoning experiments"),
        ("kl.estimator", "k1", "REINFORCE++, arXiv 2501.03262, KL(t) = log pi_old / pi_ref"),
        ("kl.place", "reward", "REINFORCE++, arXiv 2501.03262, A_t = r - beta sum KL(i)"),
        ("clip_low", 0.2, "REINFORCE++, arXiv 2501.03262, epsilon"),
        ("clip_high", 0.2, "REINFORCE++, arXiv 2501.03262, epsilon"),
        ("compares_within_group", False, "REINFORCE++, arXiv 2501.03262, baseline of the batch"),
    ],
    "reinforce_pp_baseline": [
        ("kl.coefficient", 0.001, "REINFORCE++, arXiv 2501.03262, beta of the reasoning experiments"),
        ("kl.estimator", "k2", "REINFORCE++, arXiv 2501.03262, k2 in the loss of the variant with a baseline"),
        ("kl.place", "loss", "REINFORCE++, arXiv 2501.03262, k2 in the loss of the variant with a baseline"),
        ("clip_low", 0.2, "REINFORCE++, arXiv 2501.03262, epsilon"),
        ("clip_high", 0.2, "REINFORCE++, arXiv 2501.03262, epsilon"),
    ],
    "gdpo": [
        ("clip_low", 0.2, "DAPO, arXiv 2503.14476, section 4.1, epsilon_low"),
        ("clip_high", 0.28, "DAPO, arXiv 2503.14476, section 4.1, epsilon_high"),
        ("average", "token", "DAPO, arXiv 2503.14476, eq. 12, 1 / sum |o_i|"),
    ],
    "ppo": [
        ("clip_low", 0.2, "PPO, arXiv 1707.06347, table 1, epsilon"),
        ("clip_high", 0.2, "PPO, arXiv 1707.06347, table 1, epsilon"),
        ("critic.clip_value", 0.2, "PPO's reference implementation: the value's range is the policy's epsilon"),
        ("critic.gamma", 1.0, "VC-PPO, arXiv 2503.01491, section 2, gamma"),
        ("critic.policy_lambda", 0.95, "VC-PPO, arXiv 2503.01491, lambda_actor"),
        ("critic.value_lambda", 1.0, "VC-PPO, arXiv 2503.01491, lambda_critic"),
        ("compares_within_group", False, "PPO, arXiv 1707.06347: the baseline is the critic"),
    ],
}  # fmt: skip
"""Algorithm -> (constant, published value, source)."""

COMMON: dict[str, Any] = {  # neutral: what an algorithm has unless its paper says otherwise
    "surrogate": "clip",
    "average": "token",
    "entropy_coefficient": 0.0,
    "masked_importance": None,
    "truncated_importance": 2.0,  # Yao et al. 2025, "Your efficient RL framework secretly brings you off-policy", C = 2
    "dynamic_sampling": False,
    "max_generation_rounds": 4,
    "overlong_fraction": 0.0,
    "compares_within_group": True,
    "kl.coefficient": 0.0,
    "kl.estimator": "k3",  # DeepSeekMath, arXiv 2402.03300, eq. 4
    "kl.place": "loss",
}
"""What an algorithm has that its paper does not change."""


def constant(spec: AlgorithmSpec, name: str) -> Any:
    value: Any = spec
    for part in name.split("."):
        value = getattr(value, part)
    return value


def test_every_algorithm_has_its_published_constants_written_down() -> None:
    assert list(PUBLISHED) == list(CATALOGUE)


@pytest.mark.parametrize(
    ("name", "key", "value", "source"),
    [(name, *row) for name, rows in PUBLISHED.items() for row in rows],
    ids=[f"{name}-{row[0]}" for name, rows in PUBLISHED.items() for row in rows],
)
def test_a_constant_is_the_published_one(name: str, key: str, value: Any, source: str) -> None:
    assert constant(CATALOGUE[name], key) == value, source


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_what_a_paper_does_not_change_is_common_to_all(name: str) -> None:
    changed = {key for key, _, _ in PUBLISHED[name]}
    common = {key: value for key, value in COMMON.items() if key not in changed}
    assert {key: constant(CATALOGUE[name], key) for key in common} == common
    assert (CATALOGUE[name].critic is None) == (name != "ppo")


GROUPS = [GroupRewards([1.0, 0.5, 0.0, 0.5], {"a": (0.25, [1.0, 0.0, 0.0, 1.0]), "b": (0.75, [1.0, 1.0, 0.0, 0.0])}),
          GroupRewards([0.0, 0.3])]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("grpo", [1.414214, 0.0, -1.414214, 0.0], [-1.0, 1.0]),
        ("dr_grpo", [0.5, 0.0, -0.5, 0.0], [-0.15, 0.15]),
        ("dapo", [1.414214, 0.0, -1.414214, 0.0], [-1.0, 1.0]),
        ("gspo", [1.414214, 0.0, -1.414214, 0.0], [-1.0, 1.0]),
        ("cispo", [1.414214, 0.0, -1.414214, 0.0], [-1.0, 1.0]),
        ("rloo", [0.666667, 0.0, -0.666667, 0.0], [-0.3, 0.3]),
        ("reinforce_pp", [1.794764, 0.339550, -1.115664, 0.339550], [-1.115664, -0.242536]),
        ("reinforce_pp_baseline", [1.659004, 0.0, -1.659004, 0.0], [-0.497701, 0.497701]),
        # components: 0.25 * (1, -1, -1, 1) + 0.75 * (1, 1, -1, -1); without components (-1, 1); spread sqrt(4.5 / 6)
        ("gdpo", [1.154701, 0.577350, -1.154701, -0.577350], [-1.154701, 1.154701]),
        ("ppo", [1.0, 0.5, 0.0, 0.5], [0.0, 0.3]),
    ],
)
def test_an_algorithm_compares_rewards_as_its_paper_does(name: str, first: list[float], second: list[float]) -> None:
    found = CATALOGUE[name].advantage(GROUPS)
    assert found[0] == pytest.approx(first, abs=1e-5)
    assert found[1] == pytest.approx(second, abs=1e-5)


def test_what_an_algorithm_needs_follows_from_its_kl_and_its_critic() -> None:
    needs = {name: (spec.needs_reference, spec.has_token_advantages) for name, spec in CATALOGUE.items()}
    of_its_own = {"reinforce_pp": (True, True), "reinforce_pp_baseline": (True, False), "ppo": (False, True)}
    assert needs == {name: of_its_own.get(name, (False, False)) for name in CATALOGUE}
    unused = resolve(Algorithm(name="grpo", kl=Kl(coefficient=0.0, place="reward")))
    assert not unused.needs_reference and not unused.has_token_advantages
    tiny = resolve(Algorithm(name="grpo", kl=Kl(coefficient=1e-9)))
    assert tiny.needs_reference and not tiny.has_token_advantages


CHANGES: dict[str, Any] = {
    "clip_low": 0.11,
    "clip_high": 0.37,
    "kl": Kl(coefficient=0.02, estimator="k1", place="reward"),
    "entropy_coefficient": 0.03,
    "truncated_importance": None,
    "dynamic_sampling": True,
    "max_generation_rounds": 7,
    "overlong_fraction": 0.4,
}


@pytest.mark.parametrize("key", list(CHANGES))
def test_a_recipe_changes_the_constant_that_it_names_and_no_other(key: str) -> None:
    found = resolve(Algorithm(name="grpo", **{key: CHANGES[key]}))
    for field in fields(AlgorithmSpec):
        expected = CHANGES[key] if field.name == key else getattr(CATALOGUE["grpo"], field.name)
        assert getattr(found, field.name) == expected, field.name


def test_a_mask_takes_the_place_of_truncation() -> None:
    icepop = Algorithm.model_validate({"masked_importance": {}})  # Ring-1T, arXiv 2510.18855: alpha 0.5, beta 5
    assert icepop.masked_importance == MaskedImportance(low=0.5, high=5.0, level="token")
    spec = resolve(icepop)
    assert spec.truncated_importance is None and spec.masked_importance == icepop.masked_importance
    again = Algorithm.model_validate(icepop.model_dump())  # as a run folder keeps it
    assert resolve(again) == spec
    assert Algorithm.model_validate({"masked_importance": None}).truncated_importance == 2.0


def test_two_corrections_of_one_ratio_are_refused() -> None:
    with pytest.raises(ValueError, match="truncated_importance=3 and masked_importance are two corrections"):
        Algorithm.model_validate({"truncated_importance": 3.0, "masked_importance": {"low": 0.0, "high": 2.0}})
    with pytest.raises(ValueError, match="low must be less than high, got low=2, high=2"):
        MaskedImportance(low=2.0, high=2.0)


def test_a_recipe_can_switch_off_what_an_algorithm_has() -> None:
    off = resolve(  # neutral: to switch off is what is tested
        Algorithm(name="dapo", dynamic_sampling=False, overlong_fraction=0.0, entropy_coefficient=0.0)
    )
    assert (off.dynamic_sampling, off.overlong_fraction, off.entropy_coefficient) == (False, 0.0, 0.0)


def test_only_an_algorithm_with_a_critic_takes_the_recipes_critic() -> None:
    critic = Critic(gamma=0.9, policy_lambda=0.5)
    assert resolve(Algorithm(name="ppo", critic=critic)).critic == critic
    assert resolve(Algorithm(name="grpo", critic=critic)).critic is None


def test_every_algorithm_resolves_to_its_entry() -> None:
    for name, spec in CATALOGUE.items():
        assert resolve(Algorithm(name=name)) == spec


def test_an_unknown_algorithm_is_refused_with_those_that_exist() -> None:
    with pytest.raises(RecipeError, match=r"no algorithm 'grop'; known are grpo, dr_grpo, dapo"):
        resolve(Algorithm(name="grop"))
