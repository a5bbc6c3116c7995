"""One RL step on a layout of GPUs: seconds by phase, and the phase that bounds it, in words."""

import math
from dataclasses import dataclass, field
from functools import lru_cache

from openqwq.training.backends.costs import gather_traffic
from openqwq.training.batches.rows import Sizes, even_rows, slowest, work_of
from openqwq.training.planning.hardware import Constants, Gpu
from openqwq.training.planning.lengths import Lengths, spread
from openqwq.training.planning.shapes import ModelShape
from openqwq.training.planning.timing import Engine, pass_seconds


@dataclass(frozen=True)
class Workload:
    """The work of one step. Example: 64 prompts x 32 samples with a mean of 3251 and at most 4096 tokens."""

    samples: int
    """Number of samples that are trained on."""
    lengths: Lengths
    """Distribution of the response lengths, as quantiles."""
    prompt: float
    minibatches: int = 1
    extra_passes: int = 1
    """Number of forward passes besides the update: log-probabilities of the policy before it, reference, critic."""
    exposed_verifier_seconds: float = 0.0
    signal_fraction: float = 1.0
    """Fraction of groups whose rewards differ. Dynamic sampling samples more groups, so that enough of them do."""
    micro_batch_tokens: int | None = None
    """Most tokens of a micro-batch; None for what makes one micro-batch of a rank's share."""
    extra_rounds: int = 0
    """Largest number of further rounds if groups are still missing; 0 without dynamic sampling. Simulated only."""
    judging_seconds: float = 0.0
    """Seconds of the reward models for the samples of a step; they judge while others are sampled."""
    checkpoint_seconds: float = 0.0
    """Seconds of a checkpoint, divided by the steps between two."""
    checkpoint_share: float = 0.0
    """Seconds of a checkpoint, divided by those between two, where time says when one is written."""

    @property
    def num_sampled(self) -> float:
        """Number of samples that are sampled for one step."""
        return self.samples / self.signal_fraction if self.extra_rounds else float(self.samples)


@dataclass(frozen=True)
class Layout:
    """Engines and trainers on GPUs. Colocated engines and trainers use the same GPUs."""

    shape: ModelShape
    gpu: Gpu
    engines: int
    tensor_parallel: int
    slots: int
    trainer_gpus: int
    sequence_parallel: int = 1
    is_colocated: bool = True
    offloads_optimizer: bool = False
    constants: Constants = field(default_factory=Constants)
    zero_stage: int = 0
    """3: every micro-batch gathers the weights from all ranks and adds its gradients up over them."""
    num_nodes: int = 1
    gradient_bytes: int = 4

    @property
    def num_gpus(self) -> int:
        """Number of GPUs, those of colocated roles counted once."""
        rollout = self.engines * self.tensor_parallel
        return max(rollout, self.trainer_gpus) if self.is_colocated else rollout + self.trainer_gpus

    @property
    def engine(self) -> Engine:
        """One of the engines."""
        return Engine(self.shape, self.gpu, self.tensor_parallel, self.slots, self.constants)


@dataclass(frozen=True)
class StepEstimate:
    """Seconds of a step."""

    phases: dict[str, float]
    """Phase -> its seconds."""
    seconds: float
    """Seconds of the whole step; of phases that overlap, the longer one counts."""
    bound: str
    """The phase that bounds the step and a remedy, in words."""
    tokens: float
    """Response tokens of the step."""

    def tokens_per_gpu_second(self, gpus: int) -> float:
        """Consumed tokens per second and GPU, prompts not counted."""
        return self.tokens / self.seconds / gpus


def estimate(work: Workload, layout: Layout, overlaps: bool) -> StepEstimate:
    """Estimate a step. `overlaps`: the next step is sampled while this one trains (asynchronous, on separate GPUs)."""
    rollout, training = generation_seconds(work, layout), training_phases(work, layout)
    sync = sync_phases(layout)
    phases = {"generation": rollout, "verifying": work.exposed_verifier_seconds, **training, **sync}
    exposed = max(0.0, work.judging_seconds - rollout)
    if exposed:
        phases["reward model"] = exposed
    seconds = sum(phases.values())
    if overlaps:
        sampled = rollout + work.exposed_verifier_seconds + exposed
        seconds = max(sampled, sum(training.values())) + sum(sync.values())
    if checkpoint := work.checkpoint_seconds + seconds * work.checkpoint_share:
        phases["checkpoint"] = checkpoint
    seconds += checkpoint
    tokens = work.samples * work.lengths.mean
    unevenness = data_imbalance(work, layout)
    return StepEstimate(phases, seconds, _bound(work, layout, phases, unevenness), tokens)


def generation_seconds(work: Workload, layout: Layout) -> float:
    """Seconds until all engines have finished; every engine gets equally many samples with the same distribution."""
    per_engine = max(1, math.ceil(work.num_sampled / layout.engines))
    return layout.engine.seconds_to_sample(spread(work.lengths.resampled(per_engine)), work.prompt)


def training_phases(work: Workload, layout: Layout) -> dict[str, float]:
    """Seconds of the log-probability passes (each f, a forward pass) and of the update (3 f; the recomputed forward
    pass is covered by the MFU). Under ZeRO-3 a phase takes as long as its traffic, if that is more."""
    tokens = work.samples * (work.prompt + work.lengths.mean)
    flops = layout.shape.forward_flops(tokens, work.lengths.mean_square_over_mean(work.prompt))
    one = pass_seconds(flops, layout.trainer_gpus, layout.gpu, layout.constants) * data_imbalance(work, layout)
    score, update = traffic_seconds(work, layout)
    phases = {
        "log-probabilities": work.extra_passes * max(one, score),
        "update": max(3 * one, update),
    }
    if layout.offloads_optimizer:  # per parameter 4 bytes (float32) to the host, 2 (bf16) back
        moved = (4 + 2) * layout.shape.num_parameters / layout.trainer_gpus * work.minibatches
        phases["offload"] = moved / layout.constants.offload_bandwidth
    return phases


def traffic_seconds(work: Workload, layout: Layout) -> tuple[float, float]:
    """Seconds in which ZeRO-3's traffic of one forward pass and of the update reaches a rank: a micro-batch gathers the
    weights in the forward and in the backward pass, and adds its gradients up over the ranks."""
    if layout.zero_stage != 3:
        return 0.0, 0.0
    bandwidth = layout.gpu.network if layout.num_nodes > 1 else layout.gpu.link
    sizes = layout.shape.num_parameters, layout.trainer_gpus
    micros = work.minibatches * _rows(*_row_arguments(work, layout))[1]
    forward, both = gather_traffic(*sizes, 1), gather_traffic(*sizes, 2 + layout.gradient_bytes / 2)
    return micros * forward / bandwidth, micros * both / bandwidth


def data_imbalance(work: Workload, layout: Layout) -> float:
    """Imbalance of one mini-batch over the data-parallel groups, by the planner that training uses: the work of the
    largest micro-batch of all groups, for which they wait, summed over micro-batches, by the mean work of a group."""
    return _rows(*_row_arguments(work, layout))[0]


def _row_arguments(work: Workload, layout: Layout) -> tuple[Lengths, int, int | None, int, ModelShape]:
    count = max(1, work.samples // work.minibatches)
    groups = max(1, layout.trainer_gpus // layout.sequence_parallel)
    return work.lengths.resampled(count), round(work.prompt), work.micro_batch_tokens, groups, layout.shape


@lru_cache(maxsize=256)
def _rows(
    lengths: Lengths, prompt: int, micro_batch_tokens: int | None, groups: int, shape: ModelShape
) -> tuple[float, int]:
    """The imbalance of a mini-batch, and the micro-batches of a group."""
    whole, count = [prompt + max(1, round(length)) for length in lengths.values], len(lengths.values)
    pair_work = 2 * shape.layers * shape.heads * shape.head_width / shape.matrix_parameters
    sizes = Sizes(whole, [prompt] * count, range(count), pair_work)  # flops do not count what is shared, either
    rows = even_rows(sizes, max(max(whole), micro_batch_tokens or sum(whole)), groups)
    imbalance = slowest(rows, groups) * groups / math.fsum(map(work_of, rows))
    return imbalance, math.ceil(len(rows) / groups)


def sync_seconds(layout: Layout) -> float:
    """Seconds of the weight sync, including sleep and wake of colocated engines."""
    return sum(sync_phases(layout).values())


def sync_phases(layout: Layout) -> dict[str, float]:
    """Seconds of the weight sync, and of sleep and wake if engines are colocated."""
    sync = {"weight sync": 2 * layout.shape.num_parameters / layout.constants.sync_bandwidth}
    return sync | ({"sleep and wake": layout.constants.wake_seconds} if layout.is_colocated else {})


def _bound(work: Workload, layout: Layout, phases: dict[str, float], unevenness: float) -> str:
    name = max(phases, key=lambda phase: phases[phase])
    if name == "generation":
        return _bound_of_generation(work, layout, phases[name])
    if name == "reward model":
        return "bound by the reward model: give cluster.reward_model more processes"
    if name == "checkpoint":
        return "bound by checkpoints: a faster disk, or a larger checkpoint_every"
    if name == "verifying":
        return "bound by verifiers: add sandbox workers or reward-model processes"
    if name in ("weight sync", "sleep and wake"):
        return "bound by the weight sync: a faster network, or more work per step"
    if name == "offload":
        return "bound by moving optimizer states over the host: more GPUs would do without offload"
    if traffic_seconds(work, layout)[1] >= phases["update"]:
        return "bound by ZeRO-3's traffic: larger micro_batch_tokens or fewer minibatches"
    if unevenness > 1.15:
        return f"bound by the update, {unevenness:.2f}x uneven over ranks: larger (micro-)batches or fewer ranks"
    return "bound by the update's arithmetic: more GPUs help"


def _bound_of_generation(work: Workload, layout: Layout, seconds: float) -> str:
    alone = layout.engine.seconds_to_sample([work.lengths.longest], work.prompt)
    if alone > 0.6 * seconds:
        return (
            f"bound by the longest response ({work.lengths.longest:.0f} tokens take {alone:.0f} s alone): more GPUs "
            "will not help; partial or asynchronous rollouts, or more tensor parallelism, will"
        )
    per_engine = math.ceil(work.samples / layout.engines)
    if per_engine > layout.slots:
        return (
            f"bound by the KV cache ({layout.slots} samples at once of {per_engine} per engine): more engines, or more "
            "memory for them"
        )
    return "bound by decoding (reading weights and KV cache): more engines help"
