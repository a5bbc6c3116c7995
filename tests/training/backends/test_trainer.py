"""The trainer around its updates: what it hands out, what it computes and what not, checkpoints, helpers elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from openqwq.training.algorithms.catalogue import AlgorithmSpec, resolve
from openqwq.training.backends.accelerate_trainer import AccelerateTrainer
from openqwq.training.backends.settings import HelperOutputs, TrainerSettings
from openqwq.training.backends.trainer import make_trainer
from openqwq.training.config import Algorithm, Critic, Kl, Lora, Optimizer
from openqwq.training.errors import CheckpointError
from openqwq.training.models import load_model
from openqwq.training.weight_sync.broadcast import Rendezvous, broadcast, join, views
from openqwq.training.weight_sync.buckets import plan_buckets
from tests.training.small_updates import GRPO, free_port, grouped_batch, mixed_batch, trainer_of

CRITIC = Critic(warmup_updates=0, gamma=0.9, policy_lambda=0.5, value_lambda=0.8)


def with_kl(place: Any, name: str = "grpo", coefficient: float = 0.1) -> AlgorithmSpec:
    return resolve(Algorithm(name=name, kl=Kl(coefficient=coefficient, place=place), critic=CRITIC))


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_settings_that_are_left_out_train_whole_weights_alone_without_recomputation() -> None:
    given = dict(model="m", dtype="bfloat16", algorithm=GRPO, optimizer=Optimizer(), temperature=0.7, max_new_tokens=9)
    settings = TrainerSettings(**given, micro_batch_tokens=99, minibatches=2, seed=5, threads=1)  # type: ignore[arg-type]
    assert settings.lora is None and settings.rank is None and settings.elsewhere == frozenset()
    assert not settings.gradient_checkpointing and not settings.reference_offload


def test_log_probabilities_for_the_check_of_a_sync_are_those_at_temperature_one(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder, temperature=0.7)
    tokens = [10, 200, 31, 4]
    with torch.no_grad():
        log_softmax = torch.log_softmax(load_model(tiny_folder)(torch.tensor([tokens])).logits[0], -1)
    expected = [float(log_softmax[t, token]) for t, token in enumerate(tokens[1:])]
    for is_training in (True, False):
        trainer.model.train(is_training)
        assert trainer.logprobs(tokens) == pytest.approx(expected, abs=1e-5)
        assert trainer.model.training is is_training


def test_the_check_of_a_sync_is_without_dropout(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder)
    expected = trainer.logprobs((10, 11, 12, 13))
    for layer in trainer.model.model.layers:
        layer.self_attn.attention_dropout = 0.9
    trainer.model.train()
    assert trainer.logprobs((10, 11, 12, 13)) == expected


def test_without_warm_up_the_rate_is_the_configured_one(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder, optimizer=Optimizer(learning_rate=0.004))
    assert [trainer.update(mixed_batch()).metrics["learning_rate"] for _ in range(2)] == [0.004, 0.004]


def test_only_the_first_rank_writes_the_model(tiny_folder: str, tmp_path: Path) -> None:
    trainer = trainer_of(tiny_folder)
    trainer.ranks.index = 1
    trainer.save(make(tmp_path / "saved"))
    assert [path.name for path in (tmp_path / "saved").iterdir()] == ["optimizer.pt"]


def test_weights_are_handed_out_as_their_specs_say(tiny_folder: str) -> None:
    for dtype, kind in (("float32", "float32"), ("bfloat16", "uint16")):
        trainer = trainer_of(tiny_folder, dtype=dtype)
        weights, specs = trainer.weights(), trainer.specs()
        assert [spec.name for spec in specs] == list(weights) == [n for n, _ in trainer.model.named_parameters()]
        assert {spec.dtype for spec in specs} == {dtype} and {str(w.dtype) for w in weights.values()} == {kind}
        assert [spec.shape for spec in specs] == [w.shape for w in weights.values()]
    exact = dict(load_model(tiny_folder).named_parameters())
    found = trainer_of(tiny_folder).weights()
    assert all(np.array_equal(found[name], exact[name].detach().numpy()) for name in exact)
    assert trainer.vocabulary == load_model(tiny_folder).get_input_embeddings().weight.shape[0]


def test_weights_are_broadcast_to_those_who_joined(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder, dtype="bfloat16")
    trainer.update(mixed_batch())
    rendezvous = Rendezvous("127.0.0.1", free_port(), world_size=2, seconds=60)
    received: dict[str, torch.Tensor] = {}

    def engine() -> None:
        group = join(rendezvous, 1, torch.device("cpu"))
        for bucket in plan_buckets(trainer.specs()):
            memory = torch.empty(bucket.size, dtype=torch.uint8)
            broadcast(group, memory)
            received.update(views(bucket, memory))

    thread = threading.Thread(target=engine)
    thread.start()
    trainer.join_broadcast(rendezvous)
    trainer.broadcast()
    thread.join(60)
    parameters = dict(trainer.model.named_parameters())
    assert received.keys() == parameters.keys()
    assert all(torch.equal(received[name], p) for name, p in parameters.items())


def test_threads_and_seed_are_those_of_the_settings(tiny_folder: str) -> None:
    lora = Lora(rank=4, alpha=8)
    factors = [
        torch.cat([p.flatten() for n, p in trainer_of(tiny_folder, lora=lora, seed=s).model.named_parameters()
                   if "lora_A" in n])
        for s in (1, 1, 2)
    ]  # fmt: skip
    assert torch.equal(factors[0], factors[1]) and not torch.equal(factors[0], factors[2])
    try:
        trainer_of(tiny_folder, threads=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def forward_passes(trainer: AccelerateTrainer, updates: int = 1) -> int:
    calls: list[None] = []
    handle = trainer.policy.register_forward_hook(lambda *_: calls.append(None))
    for seed in range(updates):
        trainer.update(grouped_batch(seed))
    handle.remove()
    return len(calls)


@pytest.mark.parametrize(
    ("algorithm", "minibatches", "expected"),
    [
        (GRPO, 1, 1),
        (GRPO, 2, 3),  # once before the first step, then one a minibatch
        (with_kl("loss"), 1, 1),
        (with_kl("reward"), 1, 2),
        (with_kl("reward"), 2, 3),
        (with_kl("reward", coefficient=0.0), 1, 1),
        (with_kl("loss", "ppo"), 1, 1),
    ],
)
def test_the_policy_scores_a_batch_before_its_first_step_only_where_that_is_needed(
    tiny_folder: str, algorithm: AlgorithmSpec, minibatches: int, expected: int
) -> None:
    assert forward_passes(trainer_of(tiny_folder, algorithm, minibatches=minibatches)) == expected


def test_models_that_the_algorithm_does_not_need_are_not_loaded(tiny_folder: str) -> None:
    kept = {
        name: (trainer.reference is not None, trainer.critic is not None)
        for name, trainer in {
            "grpo": trainer_of(tiny_folder),
            "grpo with KL": trainer_of(tiny_folder, with_kl("loss")),
            "ppo": trainer_of(tiny_folder, with_kl("loss", "ppo", 0.0)),
            "ppo with KL": trainer_of(tiny_folder, with_kl("reward", "ppo")),
            "critic elsewhere": trainer_of(tiny_folder, with_kl("loss", "ppo"), elsewhere=frozenset({"critic"})),
            "reference elsewhere": trainer_of(tiny_folder, with_kl("loss", "ppo"), elsewhere=frozenset({"reference"})),
            "lora": trainer_of(tiny_folder, with_kl("loss"), lora=Lora(rank=2)),
        }.items()
    }
    assert kept == {
        "grpo": (False, False), "grpo with KL": (True, False), "ppo": (False, True), "ppo with KL": (True, True),
        "critic elsewhere": (True, False), "reference elsewhere": (False, True), "lora": (False, False),
    }  # fmt: skip


@pytest.mark.parametrize(("name", "place"), [("ppo", "reward"), ("ppo", "loss"), ("grpo", "reward"), ("grpo", "loss")])
def test_outputs_of_helpers_elsewhere_do_what_own_helpers_do(tiny_folder: str, name: str, place: Any) -> None:
    algorithm = with_kl(place, name)
    own = trainer_of(tiny_folder, algorithm, minibatches=2, temperature=0.7)
    beside = trainer_of(tiny_folder, algorithm, minibatches=2, temperature=0.7,
                        elsewhere=frozenset({"reference", "critic"}))  # fmt: skip
    for seed in range(2):
        batch = grouped_batch(seed)
        assert own.reference is not None and beside.reference is None and beside.critic is None
        values = own.critic.values(batch) if own.critic is not None else None
        report = beside.update(batch, HelperOutputs(own.reference.logprobs(batch), values))
        expected = own.update(batch)
        of_policy = {key: value for key, value in expected.metrics.items() if not key.startswith("critic/")}
        assert dict(report.metrics) == pytest.approx(of_policy, rel=1e-6)
        assert (report.returns_K is None) == (expected.returns_K is None) == (name == "grpo")
        if report.returns_K is not None and expected.returns_K is not None:
            assert report.returns_K.tolist() == expected.returns_K.tolist()


def test_an_update_reports_its_own_seconds(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder)
    start = time.perf_counter()
    seconds = trainer.update(grouped_batch()).seconds
    assert 0.0 < seconds <= time.perf_counter() - start


def test_computed_tokens_are_those_of_all_rows(tiny_folder: str) -> None:
    trainer, batch = trainer_of(tiny_folder, micro_batch_tokens=45), grouped_batch()
    rows = trainer.ranks.own_shard(batch, 45)
    expected = sum(micro.tokens_RW.shape[0] * micro.tokens_RW.shape[1] for micro in rows)
    metrics = trainer.update(batch).metrics
    assert metrics["tokens_computed"] == expected
    assert "non_finite_steps" not in metrics and not any(name.startswith("critic/") for name in metrics)


def test_a_minibatch_that_is_not_finite_is_counted_and_the_others_train(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder, minibatches=2, optimizer=Optimizer(learning_rate=1e-3))
    batch = grouped_batch()
    (first, _), (second, _) = batch.minibatches(2)
    is_second = torch.isin(batch.groups_N, second.groups_N)
    broken = replace(batch, advantages_N=torch.where(is_second, torch.nan, batch.advantages_N))
    alone = trainer_of(tiny_folder, optimizer=Optimizer(learning_rate=1e-3))
    expected = alone.update(first).metrics
    metrics = trainer.update(broken).metrics
    assert metrics["non_finite_steps"] == 1
    assert metrics["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    assert metrics["grad_norm"] == pytest.approx(expected["grad_norm"] / 2, rel=1e-4)  # of two steps
    pairs = zip(trainer.model.parameters(), alone.model.parameters(), strict=True)
    assert all(torch.allclose(p, q, atol=1e-5) for p, q in pairs)
    assert trainer.update(replace(batch, advantages_N=batch.advantages_N * torch.nan)).metrics["non_finite_steps"] == 2


def test_a_trainer_trains_in_train_mode_and_checkpoints_activations_where_asked(tiny_folder: str) -> None:
    for is_asked in (True, False):
        trainer = trainer_of(tiny_folder, gradient_checkpointing=is_asked)
        assert trainer.model.is_gradient_checkpointing is is_asked
        trainer.update(mixed_batch())
        assert trainer.model.training


def resumed(folder: Path, tiny_folder: str, *arguments: Any, **changes: Any) -> AccelerateTrainer:
    made = make_trainer(trainer_of(tiny_folder, *arguments, **changes).settings, folder)
    assert isinstance(made, AccelerateTrainer)
    return made


def test_a_checkpoint_restores_counter_and_random_state(tiny_folder: str, tmp_path: Path) -> None:
    trainer = trainer_of(tiny_folder)
    for seed in range(3):
        trainer.update(grouped_batch(seed))
    trainer.save(make(tmp_path / "saved"))
    expected = torch.rand(3)
    again = resumed(tmp_path / "saved", tiny_folder)
    assert torch.equal(torch.rand(3), expected) and again.num_updates == 3
    assert make_trainer(trainer.settings).num_updates == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_saved_model_is_whole_and_in_the_precision_of_the_run(tiny_folder: str, tmp_path: Path, dtype: str) -> None:
    trainer = trainer_of(tiny_folder, dtype=dtype)
    trainer.update(mixed_batch())
    trainer.save(make(tmp_path / "saved"))
    saved = load_model(str(tmp_path / "saved" / "model"))
    assert saved.config.vocab_size == trainer.vocabulary
    for name, parameter in saved.named_parameters():
        assert torch.equal(parameter, dict(trainer.model.named_parameters())[name].float())
    assert f'"dtype": "{dtype}"' in (tmp_path / "saved" / "model" / "config.json").read_text()
    assert (tmp_path / "saved" / "model" / "tokenizer.json").exists()


@pytest.mark.parametrize(("before", "after"), [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_a_run_goes_on_in_another_precision_from_the_trained_weights(
    tiny_folder: str, tmp_path: Path, before: str, after: str
) -> None:
    optimizer = Optimizer(learning_rate=1e-2)
    trainer = trainer_of(tiny_folder, dtype=before, optimizer=optimizer)
    trainer.update(mixed_batch())
    trainer.save(make(tmp_path / "saved"))
    other = resumed(tmp_path / "saved", tiny_folder, dtype=after, optimizer=optimizer)
    trained, masters = trainer.optimizer.masters.parameters, other.optimizer.masters.parameters  # type: ignore[attr-defined]
    assert all(torch.equal(a, b) for a, b in zip(trained, masters, strict=True))
    other.update(mixed_batch(1))
    trainer.update(mixed_batch(1))
    assert other.logprobs((10, 11, 12)) == pytest.approx(trainer.logprobs((10, 11, 12)), abs=0.2)


def missing(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def other_model(folder: Path) -> None:
    state = torch.load(folder / "optimizer.pt")
    torch.save({**state, "trained": {"model.model.norm.weight": torch.ones(3)}}, folder / "optimizer.pt")


def other_shape(folder: Path) -> None:
    state = torch.load(folder / "optimizer.pt")
    trained = {name: p[:1] if p.ndim == 2 else p for name, p in state["trained"].items()}
    torch.save({**state, "trained": {**trained, "model.model.norm.weight": torch.ones(3)}}, folder / "optimizer.pt")


def no_counter(folder: Path) -> None:
    torch.save({"rng": torch.get_rng_state()}, folder / "trainer.pt")


def no_mapping(folder: Path) -> None:
    torch.save(["neither counter nor state"], folder / "trainer.pt")


def objects(folder: Path) -> None:
    torch.save({"num_updates": Path("anything that unpickling would call")}, folder / "trainer.pt")


def objects_in_the_optimizer(folder: Path) -> None:
    torch.save({"optimizer": Path("anything that unpickling would call")}, folder / "optimizer.pt")


@pytest.mark.parametrize(
    "damage",
    [missing("trainer.pt"), missing("optimizer.pt"), missing("critic/optimizer.pt"), missing("model/config.json"),
     other_model, other_shape, no_counter, no_mapping, objects, objects_in_the_optimizer],
)  # fmt: skip
def test_a_checkpoint_that_does_not_fit_is_named(
    tiny_folder: str, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    is_of_weights = damage in (other_model, other_shape)
    algorithm, dtype = with_kl("loss", "ppo", 0.0), "bfloat16" if is_of_weights else "float32"
    trainer_of(tiny_folder, algorithm, dtype=dtype).save(make(tmp_path / "saved"))
    damage(tmp_path / "saved")
    with pytest.raises(CheckpointError, match=r"checkpoint .*saved does not fit this stage: ."):
        resumed(tmp_path / "saved", tiny_folder, algorithm, dtype=dtype)
