"""What `scripts/gpu_check.py` measures on one GPU. Each function returns one record of plain numbers.

Weights and data are random: speed and memory depend on shapes only. Times are medians of synchronised calls.
"""

from __future__ import annotations

import gc
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.logprob_head import naive, ours, trl
from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.backends.accelerate_trainer import AccelerateTrainer
from openqwq.training.backends.scored_policy import ScoredPolicy
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import Batch
from openqwq.training.batches.packing import lay_out, plan_micro_batches
from openqwq.training.config import Algorithm, Optimizer
from openqwq.training.models import load_tokenizer
from openqwq.training.planning.hardware import GPUS, Constants, Gpu
from openqwq.training.planning.memory import Training, trainer_memory
from openqwq.training.planning.shapes import KNOWN, ModelShape
from openqwq.training.planning.timing import Engine
from openqwq.training.rollout.engine import GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.weight_sync.arrays import copy_into, to_arrays

Record = dict[str, Any]
TINY = ModelShape(2, 64, 4, 2, 128, 512, is_tied=True)
"""Every shape of a rehearsal."""


@dataclass(frozen=True)
class Machine:
    """Where it runs. `is_rehearsal`: on a CPU with tiny shapes, to try the script; the figures then mean nothing."""

    device: str
    gpu: Gpu
    is_rehearsal: bool = False

    def shape(self, model: str) -> ModelShape:
        return TINY if self.is_rehearsal else KNOWN[model]

    def size(self, full: int, tiny: int) -> int:
        return tiny if self.is_rehearsal else full


def this_gpu() -> Machine:
    """The first CUDA device; the planner's data sheet of the GPU whose name it carries, else an H100's."""
    name = torch.cuda.get_device_name(0).lower().replace(" ", "")
    known = next((gpu for key, gpu in GPUS.items() if key in name), GPUS["h100"])
    return Machine("cuda", known)


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds_of(call: Callable[[], Any], rounds: int = 5, warm_up: int = 2) -> float:
    """Median seconds of a call, device work included."""
    taken = []
    for i in range(warm_up + rounds):
        synchronise()
        start = time.perf_counter()
        call()
        synchronise()
        if i >= warm_up:
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def extra_bytes(call: Callable[[], Any]) -> int:
    """Growth of the peak of allocated device memory during one call."""
    if not torch.cuda.is_available():
        return 0
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    return torch.cuda.max_memory_allocated() - before


def kernels(call: Callable[[], Any], most: int = 10) -> dict[str, float]:
    """Milliseconds of one call by kernel, the longest ones, for who wants to know where the time went."""
    if not torch.cuda.is_available():
        return {}
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as record:
        call()
        synchronise()
    found = [(event.key, event.self_device_time_total / 1e3) for event in record.key_averages()]
    return {name[:70]: spent for name, spent in sorted(found, key=lambda pair: -pair[1])[:most]}


def calibration(machine: Machine) -> Record:
    """Peak rates that the planner's data sheet can be held against."""
    side, copied = machine.size(8192, 256), machine.size(2**32, 2**20)
    a, b = (torch.randn(side, side, device=machine.device, dtype=torch.bfloat16) for _ in range(2))
    source = torch.empty(copied, dtype=torch.uint8, device=machine.device).random_()
    target = torch.empty_like(source)
    product, copy = seconds_of(lambda: a @ b, 20), seconds_of(lambda: target.copy_(source), 20)
    return {
        "matmul_tflops": 2 * side**3 / product / 1e12,
        "memory_gb_per_second": 2 * copied / copy / 1e9,
        "data_sheet_tflops": machine.gpu.flops / 1e12,
        "data_sheet_gb_per_second": machine.gpu.bandwidth / 1e9,
    }


def head(machine: Machine, hidden: int, tokens: int) -> Record:
    """The log-prob head, forward and backward: ours, naive bfloat16 logits, TRL's (absent without trl)."""
    vocabulary, tokens = machine.size(152064, 512), machine.size(tokens, 64)
    random = torch.Generator(machine.device).manual_seed(0)
    options: Any = {"device": machine.device, "generator": random}
    states = torch.randn(tokens, hidden, **options).bfloat16().requires_grad_()
    weight = (torch.randn(vocabulary, hidden, **options) * 0.05).bfloat16().requires_grad_()
    targets = torch.randint(0, vocabulary, (tokens,), **options)
    advantages = torch.randn(tokens, **options) / tokens
    some = slice(0, 512)
    exact, exact_slopes = exact_head(states[some].detach(), weight.detach(), targets[some], advantages[some])
    found: Record = {}
    for name, path in {"ours": ours, "naive": naive, "trl": trl}.items():

        def run(path: Callable[..., torch.Tensor] = path) -> torch.Tensor:
            states.grad = weight.grad = None
            return path(states, weight, targets, advantages)

        try:
            logprobs = run()[some].double()
            found[name] = {
                "milliseconds": seconds_of(run, 5, 1) * 1e3,
                "extra_mib": extra_bytes(run) / 2**20,
                "largest_error": float((logprobs - exact).abs().max()),
                "gradient_error": float((states.grad[some] - exact_slopes).norm() / exact_slopes.norm()),
            }
        except (ImportError, RuntimeError) as error:  # trl absent, or out of memory
            found[name] = {"error": f"{type(error).__name__}: {error}"[:200]}
    return found


def exact_head(
    states: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, advantages: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities and the gradient of -sum(A log p) in the states, in float64."""
    wide = weight.double()
    logprobs = torch.log_softmax(states.double() @ wide.T, -1)
    dlogits = logprobs.exp()
    dlogits[torch.arange(len(targets)), targets] -= 1
    return logprobs.gather(-1, targets[:, None])[:, 0], (dlogits * advantages[:, None]) @ wide


def random_model(shape: ModelShape, device: str, layers: int | None = None) -> Any:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config: Any = Qwen2Config(**{**shape.config(), "num_hidden_layers": layers or shape.layers})
    with torch.device(device):
        return Qwen2ForCausalLM._from_config(config, dtype=torch.bfloat16)


def batch_of(shape: ModelShape, lengths: list[int]) -> Batch:
    """One answer to each of as many prompts; a tenth of every sequence is its prompt."""
    random = torch.Generator().manual_seed(0)
    total, prompts = sum(lengths), [max(1, n // 10) for n in lengths]
    mask = torch.cat([torch.arange(n) >= p for n, p in zip(lengths, prompts, strict=True)])
    counted = int(mask.sum())
    return Batch(
        tokens_S=torch.randint(0, shape.vocabulary, (total,), generator=random),
        lengths_N=torch.tensor(lengths),
        prompt_lengths_N=torch.tensor(prompts),
        groups_N=torch.arange(len(lengths)),
        loss_mask_S=mask,
        sampled_logprobs_K=torch.full((counted,), -11.9),
        advantages_N=torch.randn(len(lengths), generator=random),
        rewards_N=torch.zeros(len(lengths)),
        num_groups=len(lengths),
    )


def update(machine: Machine, model: str, tokens: int, recompute: bool, mixed: bool = False) -> Record:
    """The trainer's whole update (4 micro-batches of `tokens`): rate, utilisation, peak memory beside the planner's.

    `mixed`: lognormal lengths, packed several to a row with a dense mask, instead of equal sequences of 2 048.
    """
    shape, tokens = machine.shape(model), machine.size(tokens, 256)
    length = machine.size(2048, 64)
    lengths = [length] * (4 * tokens // length)
    if mixed:
        drawn = torch.empty(4096).log_normal_(6.2, 0.8, generator=torch.Generator().manual_seed(1)).long()
        drawn = drawn.clamp(32, length).tolist()
        lengths = drawn[: next(i for i in range(len(drawn)) if sum(drawn[:i]) >= 4 * tokens)]
    batch = batch_of(shape, lengths)
    folder = Path(tempfile.mkdtemp(prefix="openqwq-gpu-"))
    try:
        random_model(shape, machine.device).save_pretrained(folder)
        load_tokenizer("data/tiny/base").save_pretrained(folder)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated() if torch.cuda.is_available() else 0
        trainer = AccelerateTrainer(
            TrainerSettings(
                model=str(folder),
                dtype="bfloat16",
                algorithm=resolve(Algorithm(name="grpo")),
                optimizer=Optimizer(learning_rate=1e-6),
                temperature=1.0,
                max_new_tokens=length,
                micro_batch_tokens=tokens,
                minibatches=1,
                seed=0,
                threads=8,
                gradient_checkpointing=recompute,
            )
        )
        seconds = seconds_of(lambda: trainer.update(batch), 3, 1)
        peak = torch.cuda.max_memory_allocated() - before if torch.cuda.is_available() else 0
        longest = kernels(lambda: trainer.update(batch))
    finally:
        shutil.rmtree(folder)
    total = sum(lengths)
    flops = 3 * shape.forward_flops(total, sum(n * n for n in lengths) / total)
    layout = Training(ranks=1, zero_stage=0, tokens=tokens, recompute=recompute, gradient_bytes=6)
    planned = trainer_memory(shape, layout, replace(Constants(), runtime_bytes=0.0))
    return {
        "tokens_per_second": total / seconds,
        "mfu": flops / seconds / machine.gpu.flops,
        "peak_gb": peak / 1e9,
        "planned_gb": sum(planned.values()) / 1e9,
        "planned_over_measured": sum(planned.values()) / peak if peak else None,
        "kernels_ms": longest,
    }


def slice_of_32b(machine: Machine) -> Record:
    """Two layers of Qwen2.5-32B and its head, 16 384 tokens, forward and backward with recomputation."""
    shape = machine.shape("Qwen/Qwen2.5-32B")
    model = random_model(shape, machine.device, layers=2)
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
    policy, length = ScoredPolicy(model, 1.0), machine.size(4096, 64)
    lengths = [length] * 4
    batch = batch_of(shape, lengths)
    micro = lay_out(batch, plan_micro_batches(batch, sum(lengths))[0][0])
    advantages = torch.randn(len(micro.indices_K), device=machine.device)

    def run() -> None:
        policy.zero_grad(set_to_none=True)
        policy.train()
        policy(micro, lambda logprobs, _: -advantages * logprobs)[0].backward()

    seconds = seconds_of(run)
    flops = 3 * replace(shape, layers=2).forward_flops(sum(lengths), length)
    mfu = flops / seconds / machine.gpu.flops
    return {"seconds": seconds, "mfu": mfu, "assumed_mfu": Constants().training_mfu, "kernels_ms": kernels(run)}


def decode(machine: Machine, model: str, batch: int) -> Record:
    """The hf engine's seconds for one token of each sample, beside the planner's roofline."""
    shape, prompt = machine.shape(model), machine.size(512, 8)
    built = random_model(shape, machine.device).eval()
    engine = HFEngine(built, stop_tokens=[shape.vocabulary + 1], max_batch=batch)
    random = torch.Generator().manual_seed(0)

    def run(new: int) -> None:
        contexts = torch.randint(0, shape.vocabulary, (batch, prompt), generator=random).tolist()
        requests = [GenerationRequest(i, tuple(c), seed=i, max_new_tokens=new) for i, c in enumerate(contexts)]
        assert sum(len(done.tokens) for done in engine.generate(requests)) == batch * new

    few, many = machine.size(16, 2), machine.size(144, 6)
    seconds = (seconds_of(lambda: run(many), 3, 1) - seconds_of(lambda: run(few), 3, 1)) / (many - few)
    planned = Engine(shape, machine.gpu, 1, batch).iteration(batch, prompt + many / 2)
    return {
        "milliseconds": seconds * 1e3,
        "planned_milliseconds": planned * 1e3,
        "measured_over_planned": seconds / planned,
        "tokens_per_second": batch / seconds,
    }


def sync_through_host(machine: Machine, model: str) -> Record:
    """Trainer's GPU to numpy views and into an engine's parameters: the path of the object store, without the store."""
    source, target = (random_model(machine.shape(model), machine.device) for _ in range(2))
    parameters: Mapping[str, torch.Tensor] = dict(source.named_parameters())
    size = sum(p.nbytes for p in parameters.values())
    seconds = seconds_of(lambda: copy_into(target, to_arrays(parameters, "bfloat16")), 3, 1)
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters(), strict=True))
    pinned = torch.empty(size, dtype=torch.uint8, pin_memory=machine.device == "cuda")
    there = torch.empty(size, dtype=torch.uint8, device=machine.device)
    down = seconds_of(lambda: pinned.copy_(there), 3, 1)
    return {
        "gigabytes": size / 1e9,
        "gb_per_second": size / seconds / 1e9,
        "one_pinned_copy_gb_per_second": size / down / 1e9,
    }


def _receive(handle: torch.Tensor, rounds: int, answer: Any) -> None:
    """In the second process: copy what the handle names, `rounds` times."""
    target = torch.empty_like(handle)
    answer.put((seconds_of(lambda: target.copy_(handle), rounds), int(target[:1024].sum())))


def sync_by_ipc(machine: Machine) -> Record:
    """A buffer of the trainer's GPU memory, opened by a second process (CUDA IPC) and copied there."""
    size = machine.size(4 * 10**9, 10**6)
    buffer = torch.ones(size, dtype=torch.uint8, device=machine.device)
    context: Any = torch.multiprocessing.get_context("spawn")
    answer = context.Queue()
    start = time.perf_counter()
    process = context.Process(target=_receive, args=(buffer, 10, answer))
    process.start()
    seconds, checksum = answer.get(timeout=120)
    process.join(60)
    assert checksum == 1024, "the second process read something else"
    whole = time.perf_counter() - start
    return {"gb_per_second": size / seconds / 1e9, "seconds_with_start_of_process": whole}
