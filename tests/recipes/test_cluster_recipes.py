"""Recipes for GPUs: each fits the cluster it names, and gets as far as its first step."""

import importlib.util
from pathlib import Path

import pytest

from openqwq.training.config.files import load_recipe
from openqwq.training.errors import ClusterError, DataError, RecipeError
from openqwq.training.pipeline.dry_run import count_on_meta, dry_run
from openqwq.training.planning.plan import make_plan

ROOT = Path(__file__).parents[2] / "recipes"
RECIPES = sorted(str(p.relative_to(ROOT)) for name in ("qwq_32b", "one_node") for p in (ROOT / name).glob("*.yaml"))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_fits_the_cluster_it_names(name: str) -> None:
    plan = make_plan(load_recipe(name))
    assert not plan.is_imagined
    assert plan.fits, [(stage.name, stage.problems) for stage in plan.stages if not stage.fits]


def test_the_response_length_grows_over_stage_1_to_32k() -> None:
    recipe = load_recipe("qwq_32b/nodes_16")
    limits = [stage.sampling.max_new_tokens for stage in recipe.stages if stage.name.startswith("stage1")]  # type: ignore[union-attr]
    assert limits == [8192, 16384, 32768]


def test_qwen_32b_is_built_on_meta_with_all_its_parameters() -> None:
    assert count_on_meta("Qwen/Qwen2.5-32B") == 32_763_876_352


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.mark.usefixtures("offline")
def test_a_dry_run_of_the_32b_recipe_checks_model_placement_data_and_verifiers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    is_launchable = importlib.util.find_spec("vllm") is not None
    assert dry_run(load_recipe("qwq_32b/nodes_16")) == (0 if is_launchable else 1)
    output = capsys.readouterr()
    text = output.out + output.err
    for words in (
        "32,763,876,352 parameters",
        "32 processes find a place on the 16 node(s)",
        "Its sample data/tiny/math_train.jsonl is checked instead",
        "verifier math: scored 1",
        "verifier code: scored 0",
        "reward_model: made by an earlier stage",
        "dry run passed" if is_launchable else "dry run FAILED: the data and verifiers are as a launch needs them",
    ):
        assert words in text
    assert text.count("rows/math_train.jsonl") == 1  # printed once, however many stages read it


@pytest.mark.usefixtures("offline")
def test_what_would_stop_a_launch_stops_the_dry_run() -> None:
    small = "one_node/qwen2.5_0.5b_one_gpu"
    with pytest.raises(ClusterError, match=r"Asked: rollout 2 x \(4 CPUs, 1 GPU\)"):
        dry_run(load_recipe(small, ["cluster.rollout.workers=2"]))
    with pytest.raises(DataError, match="neither a local file"):
        dry_run(load_recipe(small, ["evaluation.suites.math.sources.0.sample=null"]))
    with pytest.raises(RecipeError, match=r"verifier code fails on row .*sandbox_error"):
        dry_run(load_recipe(small, ["sandbox.url=http://127.0.0.1:9"]))
