"""Placement: what is asked, what there is, what is missing, before anything starts."""

import pytest

from openqwq.training.cluster.roles import Bundle, Node, check_fits, gpus_of_ranks, wanted
from openqwq.training.cluster.supported import not_yet_possible
from openqwq.training.config import Cluster, Role, RolloutRole, TrainerRole
from openqwq.training.config.files import load_recipe
from openqwq.training.errors import ClusterError

TWO = ["cluster.trainer.workers=2", "cluster.trainer.zero_stage=2"]
SHARED_ROWS = ["cluster.trainer.workers=2", "cluster.trainer.zero_stage=3", "cluster.trainer.sequence_parallel=2"]


def test_the_trainer_asks_for_cpus_of_its_own_only_when_it_does_not_share() -> None:
    shared = Cluster(rollout=RolloutRole(workers=2, cpus=3), trainer=TrainerRole(cpus=4))
    assert wanted(shared) == [Bundle("rollout", 3), Bundle("rollout", 3)]
    apart = shared.model_copy(update={"colocate": False})
    assert wanted(apart)[2:] == [Bundle("trainer", 4)]
    check_fits(apart, [Node("a", 10)], "here")
    with pytest.raises(ClusterError, match=r"trainer 1 x \(4 CPUs\).*in all 10 CPUs.*here has 1 x \(9 CPUs\)"):
        check_fits(apart, [Node("a", 9)], "here")


def test_every_role_is_placed_by_its_own_size() -> None:
    cluster = Cluster(
        rollout=RolloutRole(workers=1, gpus=4),
        trainer=TrainerRole(workers=2, gpus=1, zero_stage=3),
        critic=Role(workers=2, gpus=1),
        reference=Role(gpus=1),
        reward_model=Role(cpus=2, gpus=1),
        colocate=False,
    )
    by_role = [(b.role, b.cpus, b.gpus) for b in wanted(cluster)]
    assert by_role == [
        ("rollout", 1, 4), ("trainer", 2, 1), ("trainer", 2, 1), ("critic", 1, 1), ("critic", 1, 1),
        ("reference", 1, 1), ("reward_model", 2, 1),
    ]  # fmt: skip


def test_an_engine_needs_all_its_gpus_on_one_node_and_the_message_says_which_process_has_no_place() -> None:
    cluster = Cluster(rollout=RolloutRole(workers=2, gpus=4))
    check_fits(cluster, [Node("a", 8, 4), Node("b", 8, 4)], "the cluster")
    with pytest.raises(ClusterError) as caught:
        check_fits(cluster, [Node("a", 8, 4), Node("b", 8, 2), Node("c", 8, 2)], "the cluster")
    message = str(caught.value)
    assert "\n" not in message
    assert "Asked: rollout 2 x (1 CPU, 4 GPUs); in all 2 CPUs, 8 GPUs." in message
    assert "the cluster has 1 x (8 CPUs, 4 GPUs), 2 x (8 CPUs, 2 GPUs)." in message
    assert "Without a place: 1 rollout (1 CPU, 4 GPUs)." in message


def test_more_trainer_ranks_than_gpus_to_share_are_refused() -> None:
    cluster = Cluster(rollout=RolloutRole(workers=1, gpus=1), trainer=TrainerRole(workers=2, gpus=1, zero_stage=2))
    with pytest.raises(ClusterError, match="2 ranks x 1 GPUs are more than 1 engines x 1"):
        wanted(cluster)


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ({"workers": 2}, "ranks need zero_stage"),
        ({"workers": 3, "zero_stage": 3, "sequence_parallel": 2}, "multiple of sequence_parallel"),
        ({"workers": 2, "zero_stage": 2, "sequence_parallel": 2}, "needs zero_stage=3"),
    ],
)
def test_sizes_of_a_trainer_that_do_not_go_together_are_refused(role: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TrainerRole(**role)  # type: ignore[arg-type]


def test_colocated_ranks_fill_one_engines_gpus_then_the_next_ones() -> None:
    cluster = Cluster(rollout=RolloutRole(workers=2, gpus=2), trainer=TrainerRole(workers=3, gpus=1, zero_stage=3))
    assert gpus_of_ranks(cluster, [["4", "6"], ["1", "2"]]) == [(0, ["4"]), (0, ["6"]), (1, ["1"])]
    uneven = Cluster(rollout=RolloutRole(workers=2, gpus=3), trainer=TrainerRole(gpus=2))
    with pytest.raises(ClusterError, match=r"must be a multiple of cluster\.trainer\.gpus"):
        gpus_of_ranks(uneven, [["0", "1", "2"], ["3", "4", "5"]])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([*SHARED_ROWS, "stages.stage1.algorithm.name=gspo"], "weighs whole sequences"),
        ([*SHARED_ROWS, "stages.stage1.algorithm.masked_importance={level: sequence}"], "weighs whole sequences"),
        (["cluster.rollout.gpus=2"], "needs cluster.rollout.engine=vllm"),
        (["cluster.rollout.gpus=1", "stages.stage1.schedule.kind=async"], "GPUs of their own"),
        (["cluster.rollout.gpus=1", "cluster.rollout.weight_sync=broadcast"], "one process a GPU"),
        (["cluster.rollout.weight_sync=broadcast", "stages.stage1.schedule.kind=async"], "take no broadcast"),
        (["cluster.trainer.zero_stage=2"], "workers of 2 or more"),
        ([*TWO, "stages.cold_start.micro_batch_rows=3"], "must divide a rank's 16 rows"),
        ([*TWO, "stages.stage1.algorithm.name=ppo"], "a critic"),
    ],
)
def test_what_this_version_cannot_run_is_named_before_anything_starts(changes: list[str], words: str) -> None:
    (sentence,) = not_yet_possible(load_recipe("smoke", changes))
    assert words in sentence
    assert not not_yet_possible(load_recipe("smoke"))
