"""Machines and roles: what runs where, how large, and what the planner assumes."""

from typing import Literal

from pydantic import Field, model_validator

from openqwq.training.config.durations import Duration
from openqwq.training.config.section import Section


class Role(Section):
    """Processes of one kind."""

    workers: int = Field(default=1, gt=0)
    """Number of processes (Ray actors)."""
    cpus: int = Field(default=1, gt=0)
    """CPUs reserved for each process, and the number of its threads."""
    gpus: int = Field(default=0, ge=0)
    """GPUs of each process."""


class RolloutRole(Role):
    """The engines that sample responses."""

    engine: Literal["hf", "vllm"] = "hf"
    """`hf`: transformers' model in the worker itself, on CPUs or a GPU. `vllm`: for GPUs; an engine may span
    several."""
    weight_sync: Literal["store", "broadcast"] = "store"
    """How new weights reach the engines. `store`: through Ray's object store and shared memory. `broadcast`: from the
    first trainer rank to all engines at once (NCCL, gloo on CPUs), for large models on GPUs that are not shared with
    the trainer."""
    bucket_mb: int = Field(default=256, gt=0)
    """MB of 2**20 bytes that a weight sync and a save gather at a time. Beside its shard of the model, a trainer rank
    holds no more than one such bucket."""
    workers: int = Field(default=2, gt=0)
    """Number of engines, a process (Ray actor) each."""
    gpus: int = Field(default=0, ge=0)
    """GPUs of each engine: its tensor-parallel size."""
    gpu_memory_utilization: float = Field(default=0.85, gt=0, le=1)
    """Fraction of a GPU's memory that an engine may fill with weights and KV cache."""
    max_sequences: int = Field(default=256, gt=0)
    """Largest number of samples that a vLLM engine decodes at once; the KV cache may allow fewer."""


class TrainerRole(Role):
    """The processes over which the policy's training is spread."""

    cpus: int = Field(default=2, gt=0)
    """CPUs reserved for each rank, and the number of its threads."""
    zero_stage: Literal[0, 1, 2, 3] = 0
    """ZeRO: what is divided among the ranks instead of copied to each. 0: nothing. 1: optimizer states. 2: also
    gradients. 3: also weights."""
    offload: Literal["none", "optimizer"] = "none"
    """`optimizer`: the optimizer states are kept in host memory instead of GPU memory."""
    gradient_dtype: Literal["float32", "bfloat16"] = "float32"
    """Type in which several ranks sum gradients, over micro-batches and over ranks. `bfloat16` takes half the memory
    and traffic under `dtype: bfloat16`, and rounds every sum: 0.2 % off with two ranks, more with more micro-batches.
    One process always sums in float32."""
    reference_offload: bool = False
    """Keep the weights of a reference model that lives with the trainer in host memory between its forward passes."""
    sequence_parallel: int = Field(default=1, gt=0)
    """Ranks over which each sequence is divided (Ulysses), for contexts whose activations do not fit one GPU. More than
    1 needs `zero_stage: 3`."""

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
    """Ray address (`auto`, `ray://...`). null starts a Ray of the run's own, which ends with it."""
    nodes: int = Field(default=1, gt=0)
    """Number of machines. `openqwq plan` reads it, and a run compares it with the cluster before the start."""
    gpus_per_node: int = Field(default=0, ge=0)
    """GPUs of each machine; 0 means CPUs only."""
    gpu: str = "h100"
    """Kind of GPU for which `openqwq plan` computes memory and time (training/planning/hardware.py lists the kinds)."""
    rollout: RolloutRole = RolloutRole()
    """The engines that sample responses."""
    trainer: TrainerRole = TrainerRole()
    """The processes over which the policy's training is spread."""
    critic: Role | None = None
    """A separate group of processes for PPO's value model; null keeps the model with the trainer."""
    reference: Role | None = None
    """A separate group of processes for the frozen reference model; null keeps the model with the trainer."""
    reward_model: Role | None = None
    """Processes that judge samples; null means one. Without GPUs they run on the driver's machine, beside the sandbox,
    and reserve no CPUs. With GPUs they may run on any machine, so the sandbox needs addresses (`sandbox.url`)."""
    colocate: bool = True
    """Let trainer and rollout engines share CPUs and GPUs. In a synchronous loop they never work at the same moment."""
    object_store_mb: int | None = Field(default=None, gt=0)
    """Shared memory of a Ray of the run's own, in MB of 2**20 bytes. null follows the model: room for the weight
    versions that exist at once, as far as the machine has it (training/cluster/object_store.py)."""
    step_deadline_seconds: float = Field(default=1800.0, gt=0)
    """Longest duration of a remote call. A longer one ends the run with a message that names the call."""

    stop_within: Duration | None = None
    """How long a run that is told to stop (TERM, Ctrl-C) may take to save and end. null: a step and a checkpoint, as
    measured or planned, 2 to 30 minutes; a run says it at its start, and the launch scripts give a scheduler the same
    number. A step that does not fit is cut short in its sampling, with what was sampled so far; an update and what
    follows it is always finished. Shorter where machines are taken away sooner (`45s`)."""
    free_disk_gb: float | None = Field(default=None, ge=0)
    """Say when a machine has less free disk than this, where run folder and temporary files are. null: twice what the
    newest checkpoint takes, at least 1 GB. 0 does not look."""
    free_memory: float = Field(default=0.08, ge=0, lt=1)
    """Say when less than this part of a machine's memory is free. Ray itself ends workers at 0.05. 0 does not look."""

    def scaled(self, nodes: int, gpus_per_node: int) -> "Cluster":
        """The same roles on another number of GPUs: engines and ranks grow in proportion."""
        factor = nodes * gpus_per_node / max(self.nodes * self.gpus_per_node, 1)
        rollout = self.rollout.model_copy(update={"workers": max(1, int(self.rollout.workers * factor))})
        ranks = max(self.trainer.sequence_parallel, int(self.trainer.workers * factor))
        trainer = self.trainer.model_copy(update={"workers": ranks - ranks % self.trainer.sequence_parallel})
        sizes = {"nodes": nodes, "gpus_per_node": gpus_per_node, "rollout": rollout, "trainer": trainer}
        return self.model_copy(update=sizes)


class Assumptions(Section):
    """Values that `openqwq plan` cannot derive from the recipe. Nothing else reads them."""

    prompt_tokens: int = Field(default=150, gt=0)
    """Mean length of a prompt."""
    mean_tokens: dict[str, float] = {}
    """Stage -> mean tokens of a response, or of a supervised row. An RL stage that is not listed gets 0.4 of its token
    limit."""
    longest_tokens: dict[str, float] = {}
    """Supervised stage -> tokens of its longest row. A stage that is not listed gets four times its mean."""
    judged_share: float = Field(default=1.0, ge=0, le=1)
    """Share of the samples of a step that a reward model judges, where a stage's rewards name one."""
    length_sigma: float = Field(default=0.8, ge=0)
    """Standard deviation of the logarithm of the response length; 0 makes all lengths equal."""
    signal_fraction: float = Field(default=0.7, gt=0, le=1)
    """Fraction of the groups whose rewards differ. Under dynamic sampling the other groups are sampled and replaced."""
    exposed_verifier_seconds: float = Field(default=5.0, ge=0)
    """Seconds of judging per step that do not overlap with sampling."""
    price_per_gpu_hour: float | None = Field(default=None, ge=0)
    """Dollars; null means the price that training/planning/hardware.py assumes for the GPU."""
