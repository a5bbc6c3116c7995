"""Machines and roles: what runs where, how large, and what the planner assumes."""

from typing import Literal

from pydantic import Field, model_validator

from openqwq.training.config.section import Section


class Role(Section):
    """Processes of one kind."""

    workers: int = Field(default=1, gt=0)
    """Processes (Ray actors)."""
    cpus: int = Field(default=1, gt=0)
    """CPUs reserved for, and threads used by, each."""
    gpus: int = Field(default=0, ge=0)
    """GPUs of each."""


class RolloutRole(Role):
    """The rollout engines."""

    engine: Literal["hf", "vllm"] = "hf"
    """`hf`: transformers' model in the worker itself, anywhere. `vllm`: for GPUs, and for engines over several."""
    weight_sync: Literal["store", "broadcast"] = "store"
    """The way of a weight sync: `store`, through Ray's object store and shared memory; `broadcast`, from the first
    trainer rank to all engines at once (NCCL, gloo on CPUs), for large models on GPUs not shared with the trainer."""
    workers: int = Field(default=2, gt=0)
    gpus: int = Field(default=0, ge=0)
    """GPUs of each engine: its tensor-parallel size."""
    gpu_memory_utilization: float = Field(default=0.85, gt=0, le=1)
    """Fraction of a GPU's memory that an engine may fill with weights and KV cache."""
    max_sequences: int = Field(default=256, gt=0)
    """Most samples that a GPU engine decodes at once; the KV cache may allow fewer."""


class TrainerRole(Role):
    """The processes over which the policy's training is spread."""

    cpus: int = Field(default=2, gt=0)
    zero_stage: Literal[0, 1, 2, 3] = 0
    """ZeRO: what is divided over the ranks: 1 optimizer, 2 also gradients, 3 also weights."""
    offload: Literal["none", "optimizer"] = "none"
    """`optimizer`: its states stay in host memory."""
    reference_offload: bool = False
    """A reference kept with the trainer stays in host memory while it computes nothing."""
    sequence_parallel: int = Field(default=1, gt=0)
    """Ranks that share one sequence (Ulysses), for contexts whose activations do not fit one GPU. With ZeRO-3."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> "TrainerRole":
        if self.workers > 1 and self.zero_stage == 0:
            raise ValueError(f"workers={self.workers} ranks need zero_stage 1, 2 or 3, got 0")
        if self.workers % self.sequence_parallel:
            raise ValueError(
                f"workers must be a multiple of sequence_parallel, got {self.workers} and {self.sequence_parallel}"
            )
        if self.sequence_parallel > 1 and self.zero_stage != 3:
            raise ValueError(f"sequence_parallel={self.sequence_parallel} needs zero_stage=3, got {self.zero_stage}")
        return self


class Cluster(Section):
    """Where the processes run. Without an address, Ray starts on this machine."""

    address: str | None = None
    """Ray address (`auto`, `HOST:PORT`, `ray://...`); null starts a Ray of its own, which ends with the run."""
    nodes: int = Field(default=1, gt=0)
    """Machines; read by `openqwq plan` and compared with the cluster before a start."""
    gpus_per_node: int = Field(default=0, ge=0)
    """0: CPUs only."""
    gpu: str = "h100"
    """Kind of GPU that the planner assumes (training/planning/hardware.py)."""
    rollout: RolloutRole = RolloutRole()
    trainer: TrainerRole = TrainerRole()
    critic: Role | None = None
    """PPO's value model in a group of its own; null keeps it with the trainer."""
    reference: Role | None = None
    """The frozen reference in a group of its own; null keeps it with the trainer."""
    reward_model: Role | None = None
    """Processes that judge samples; null is one. Without GPUs they run beside the driver and its sandbox, and reserve
    no CPUs; with GPUs they run anywhere, and need the sandbox's addresses (`sandbox.url`)."""
    colocate: bool = True
    """Trainer and rollout engines share CPUs and GPUs: in a synchronous loop they never work at the same moment."""
    object_store_mb: int | None = Field(default=None, gt=0)
    """Shared memory of a Ray of its own, in MB of 2**20 bytes; null follows the model: room for the weight versions
    that exist at once, as far as the machine has it (training/cluster/object_store.py)."""
    step_deadline_seconds: float = Field(default=1800.0, gt=0)
    """A remote call that takes longer ends the run with a message that names it."""

    def scaled(self, nodes: int, gpus_per_node: int) -> "Cluster":
        """The same roles on another number of GPUs: engines and ranks grow in proportion."""
        factor = nodes * gpus_per_node / max(self.nodes * self.gpus_per_node, 1)
        rollout = self.rollout.model_copy(update={"workers": max(1, int(self.rollout.workers * factor))})
        ranks = max(self.trainer.sequence_parallel, int(self.trainer.workers * factor))
        trainer = self.trainer.model_copy(update={"workers": ranks - ranks % self.trainer.sequence_parallel})
        sizes = {"nodes": nodes, "gpus_per_node": gpus_per_node, "rollout": rollout, "trainer": trainer}
        return self.model_copy(update=sizes)


class Assumptions(Section):
    """What `openqwq plan` cannot measure and assumes. Nothing else reads it."""

    prompt_tokens: int = Field(default=150, gt=0)
    """Mean length of a prompt."""
    mean_tokens: dict[str, float] = {}
    """RL stage -> mean length of a response; default is 0.4 of the limit."""
    length_sigma: float = Field(default=0.8, ge=0)
    """Standard deviation of the logarithm of the response length; 0 makes all equal."""
    signal_fraction: float = Field(default=0.7, gt=0, le=1)
    """Groups whose rewards differ; under dynamic sampling the others are sampled and replaced."""
    exposed_verifier_seconds: float = Field(default=5.0, ge=0)
    """Judging of a step that sampling does not hide."""
    price_per_gpu_hour: float | None = Field(default=None, ge=0)
    """Dollars; null is the list price assumed for the GPU."""
