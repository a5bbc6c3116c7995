"""Parameters, memory and time by formula, against published numbers and hand-computed ones."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.errors import RecipeError
from openqwq.training.planning.hardware import Constants, gpu_named
from openqwq.training.planning.lengths import Lengths, lognormal, spread
from openqwq.training.planning.memory import Training, cache_tokens, lora_parameters, trainer_memory
from openqwq.training.planning.shapes import KNOWN, shape_from_config, shape_of
from openqwq.training.planning.step import Layout, Workload, data_imbalance
from openqwq.training.planning.timing import Engine
from tests.training.planning.closed_form import seconds_of_equal_responses

QWEN = KNOWN["Qwen/Qwen2.5-32B"]
H100 = gpu_named("H100")


@pytest.mark.parametrize(
    ("model", "parameters", "kv_bytes"),
    [
        ("Qwen/Qwen2.5-32B", 32_763_876_352, 256 * 1024),
        ("Qwen/Qwen2.5-7B-Instruct", 7_615_616_512, 56 * 1024),
        ("Qwen/Qwen2.5-1.5B", 1_543_714_304, 28 * 1024),
        ("Qwen/Qwen2.5-0.5B", 494_032_768, 12 * 1024),
        ("meta-llama/Llama-3.1-8B", 8_030_261_248, 128 * 1024),
    ],
)
def test_published_models_have_their_published_sizes(model: str, parameters: int, kv_bytes: int) -> None:
    assert shape_of(model).num_parameters == parameters
    assert shape_of(model).kv_bytes == kv_bytes


def test_the_embedded_model_is_counted_as_transformers_counts_it() -> None:
    from openqwq.training.models import load_model

    model = load_model("data/tiny/base")
    assert shape_of("data/tiny/base").num_parameters == sum(p.numel() for p in model.parameters())


def test_models_that_the_planner_does_not_support_are_refused_with_what_to_do() -> None:
    with pytest.raises(RecipeError, match="download its config"):
        shape_of("nobody/nothing")
    with pytest.raises(RecipeError, match="mixture of experts"):
        shape_from_config({"num_experts": 128}, "x")
    with pytest.raises(RecipeError, match="has no 'num_hidden_layers'"):
        shape_from_config({}, "x")
    with pytest.raises(RecipeError, match="no GPU 'h1000'; the planner knows h100"):
        gpu_named("h1000")


@pytest.mark.parametrize(
    ("ranks", "stage", "offload", "gigabytes"),
    [(8, 1, "none", 201), (8, 3, "none", 91), (8, 3, "optimizer", 42), (16, 2, "none", 115), (32, 3, "none", 42)],
)
def test_training_32b_takes_the_gigabytes_computed_by_hand(
    ranks: int, stage: int, offload: str, gigabytes: int
) -> None:
    parts = trainer_memory(QWEN, Training(ranks, stage, 16384, offload), Constants())
    assert round(sum(parts.values()) / 1e9) == gigabytes


def test_an_engine_keeps_the_tokens_that_weights_leave_room_for() -> None:
    # 4 x 80 GB x 0.85 - 65.5 GB - 4 x 4 GB = 190 GB = 727 k tokens of 256 KiB
    assert cache_tokens(QWEN, H100, 4, 0.85, Constants()) == pytest.approx(727_000, rel=0.01)
    assert cache_tokens(QWEN, H100, 1, 0.85, Constants()) < 0


def test_lora_trains_two_factors_beside_every_linear_layer() -> None:
    shape = KNOWN["Qwen/Qwen2.5-0.5B"]
    by_hand = 24 * 8 * (2 * (896 + 896) + 2 * (896 + 128) + 3 * (896 + 4864))
    assert lora_parameters(shape, 8) == by_hand


def test_decoding_32b_on_four_gpus_takes_the_seconds_of_the_roofline() -> None:
    engine = Engine(QWEN, H100, 4, 256)
    assert engine.iteration(1, 8192) == pytest.approx(0.0126, rel=0.02)  # weights alone, and the constants
    assert engine.iteration(64, 8192) == pytest.approx(0.0262, rel=0.02)  # the cache of 64 outweighs them


@given(st.integers(1, 300), st.integers(1, 64), st.integers(1, 2000), st.integers(1, 500))
def test_equal_responses_take_the_closed_form(count: int, slots: int, length: int, prompt: int) -> None:
    engine = Engine(QWEN, H100, 4, slots)
    seconds = engine.seconds_to_sample([float(length)] * count, prompt)
    assert seconds == pytest.approx(seconds_of_equal_responses(engine, count, length, prompt), rel=1e-9)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), st.integers(1, 8))
def test_a_step_never_ends_before_its_longest_response_alone(lengths: list[int], slots: int) -> None:
    engine = Engine(QWEN, H100, 4, slots)
    alone = engine.seconds_to_sample([float(max(lengths))], 100)
    assert engine.seconds_to_sample([float(n) for n in lengths], 100) >= alone * (1 - 1e-9)


@given(st.floats(50, 5000), st.floats(0.05, 1.2))
def test_lengths_have_the_mean_that_was_asked_for_and_stay_under_the_limit(mean: float, sigma: float) -> None:
    lengths = lognormal(mean, sigma, 4 * mean, 256)
    assert lengths.mean == pytest.approx(mean, rel=1e-3)
    assert max(lengths.values) <= 4 * mean
    assert sorted(spread(lengths)) == sorted(lengths.values)


def test_a_mean_above_the_limit_is_refused() -> None:
    with pytest.raises(RecipeError, match="does not fit under the limit"):
        lognormal(5000, 0.8, 4096, 16)


def test_the_longest_sequence_bounds_the_balance_over_ranks() -> None:
    shape = replace(KNOWN["Qwen/Qwen2.5-0.5B"], layers=0)  # no attention: work is tokens
    layout = Layout(shape, gpu_named("h100"), engines=1, tensor_parallel=1, slots=1, trainer_gpus=4)
    assert data_imbalance(Workload(8, Lengths((1.0,) * 8), 0), layout) == 1.0
    assert data_imbalance(Workload(5, Lengths((1.0, 1.0, 1.0, 1.0, 4.0)), 0), layout) == pytest.approx(2.0)
    assert math.isclose(Lengths((1.0, 3.0)).mean_square_over_mean(0), 2.5)
