"""Writes a trainer's weights as files that transformers loads, bucket by bucket: every rank collects the buckets of its
own files and appends them, at the same time as the others. No process holds the whole model."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion

from openqwq.training.backends.gathering import Share, WeightGatherer
from openqwq.training.backends.save_files import WRITTEN_AT_ONCE, SaveFiles, Writes
from openqwq.training.weight_sync.broadcast import parts
from openqwq.training.weight_sync.buckets import ArraySpec, Bucket, plan_buckets

FILE_BYTES = 4 * 2**30
"""Most bytes of a file, unless one array is larger."""
KINDS = {"float32": "F32", "bfloat16": "BF16"}
"""Names of types in the header of a safetensors file."""


@dataclass(frozen=True)
class WeightFile:
    """A file, whole arrays end to end. Example: `WeightFile("model-00001-of-00002.safetensors", rank=0, specs)`"""

    name: str
    rank: int
    """Who writes it."""
    specs: Sequence[ArraySpec]

    def header(self) -> bytes:
        """The beginning of a safetensors file: its length, then name, type, shape and place of every array."""
        entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        end = 0
        for spec in self.specs:
            start, end = end, end + spec.nbytes
            entries[spec.name] = {"dtype": KINDS[spec.dtype], "shape": list(spec.shape), "data_offsets": [start, end]}
        text = json.dumps(entries, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return len(text).to_bytes(8, "little") + text


def plan_files(specs: Sequence[ArraySpec], num_ranks: int, small: int) -> list[WeightFile]:
    """Divide arrays among files of about one size, as many for each rank, in their order. A model of at most `small`
    bytes goes into one."""
    total = sum(spec.nbytes for spec in specs)
    count = 1 if total <= small else num_ranks * -(-total // (num_ranks * FILE_BYTES))
    groups: list[list[ArraySpec]] = [[] for _ in range(count)]
    before = 0
    for spec in specs:  # into the file that its middle falls into
        groups[min(count * (2 * before + spec.nbytes) // max(2 * total, 1), count - 1)].append(spec)
        before += spec.nbytes
    groups = [group for group in groups if group]
    if len(groups) == 1:
        return [WeightFile("model.safetensors", 0, groups[0])]
    names = [f"model-{i + 1:05d}-of-{len(groups):05d}.safetensors" for i in range(len(groups))]
    return [WeightFile(name, i % num_ranks, group) for i, (name, group) in enumerate(zip(names, groups, strict=True))]


def write_weights(
    model: PreTrainedModel,
    gatherer: WeightGatherer,
    specs: Sequence[ArraySpec],
    folder: Path,
    ranks: tuple[int, int],
    limit: int,
    device: torch.device,
    save_files: SaveFiles = WRITTEN_AT_ONCE,
) -> None:
    """Write the files into `folder`, which the first rank has made and all ranks see. A collective. `ranks`: this one,
    and how many there are; `limit`: most bytes of a bucket."""
    rank, size = ranks
    if size > 1:
        dist.barrier()  # the folder is there
    saved = saved_specs(model, specs)
    if saved is None:
        _write_renamed(model, gatherer, specs, folder, rank, limit, device)
        return
    files = plan_files(specs, size, limit)
    headers = {file.name: replace(file, specs=[one for spec in file.specs for one in saved[spec.name]])
               for file in files}  # fmt: skip
    if rank == 0 and len(files) > 1:
        _write_index(list(headers.values()), folder)
    work = [[(file, bucket) for file in files if file.rank == r for bucket in plan_buckets(file.specs, limit)]
            for r in range(size)]  # fmt: skip
    mine = work[rank] if rank < size else []
    memory = torch.empty(max((b.size for _, b in mine), default=0), dtype=torch.uint8, device=device) if mine else None
    with ExitStack() as stack:
        opened: dict[str, Writes] = {}
        renaming = Renaming(model, saved)
        for turn in range(max(map(len, work))):
            gatherer.gather([Share(w[turn][1], (r,)) for r, w in enumerate(work) if turn < len(w)], memory)
            if memory is not None and turn < len(mine):
                file, bucket = mine[turn]
                if file.name not in opened:
                    opened[file.name] = stack.enter_context(save_files.open(folder / file.name))
                    opened[file.name].write(headers[file.name].header())
                append(opened[file.name], bucket, memory, renaming)


def append(file: Writes, bucket: Bucket, memory: torch.Tensor, renaming: "Renaming") -> None:
    """Write the arrays of a bucket without the gaps between them."""
    for spec, offset in zip(bucket.arrays, bucket.offsets, strict=True):
        values = memory[offset : offset + spec.nbytes].cpu()
        for written in renaming(spec, values):
            file.write(written.numpy().data)


class Renaming:
    """Turns an array as the model has it into those that transformers saves. One that is divided over buckets is put
    together first, so the most that this holds is one array of the model, such as all experts of a layer."""

    def __init__(self, model: PreTrainedModel, saved: Mapping[str, Sequence[ArraySpec]]) -> None:
        self._model, self._saved = model, saved
        self._whole: torch.Tensor | None = None

    def __call__(self, spec: ArraySpec, values: torch.Tensor) -> list[torch.Tensor]:
        """Bytes of the arrays to write after those of `spec`, a part of which the later ones follow in order."""
        wanted = self._saved[spec.name]
        if [one.name for one in wanted] == [spec.name]:
            return [values]
        dtype = getattr(torch, spec.dtype)
        if self._whole is None:
            self._whole = torch.empty(spec.whole_shape, dtype=dtype)
        self._whole[spec.rows if spec.shape else ...] = values.view(dtype).view(spec.shape)
        if spec.num_rows is not None and spec.rows.stop < spec.num_rows:
            return []
        whole, self._whole = self._whole, None
        found = revert_weight_conversion(self._model, {spec.name: whole})
        return [found[one.name].contiguous().view(-1).view(torch.uint8) for one in wanted]


def _write_index(files: Sequence[WeightFile], folder: Path) -> None:
    places = {spec.name: file.name for file in files for spec in file.specs}
    total = sum(spec.nbytes for file in files for spec in file.specs)
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def saved_specs(model: PreTrainedModel, specs: Sequence[ArraySpec]) -> dict[str, list[ArraySpec]] | None:
    """Array of the model -> those that transformers saves in its place: itself, or an array of each expert for fused
    ones. None where an array cannot be converted by itself, without its values or with the same number of bytes."""
    if set(model._keys_to_ignore_on_save or ()) & {spec.name for spec in specs}:
        return None
    shapes = {spec.name: torch.empty(spec.shape, device="meta") for spec in specs}
    try:
        whole = revert_weight_conversion(model, dict(shapes))
        if {name: value.shape for name, value in whole.items()} == {name: v.shape for name, v in shapes.items()}:
            return {spec.name: [spec] for spec in specs}
        found = {
            spec.name: [
                ArraySpec(name, spec.dtype, tuple(value.shape))
                for name, value in revert_weight_conversion(model, {spec.name: shapes[spec.name]}).items()
            ]
            for spec in specs
        }
    except Exception:  # a conversion that needs the values, or several arrays
        return None
    apart = {one.name: one.shape for arrays in found.values() for one in arrays}
    has_same_bytes = all(spec.nbytes == sum(one.nbytes for one in found[spec.name]) for spec in specs)
    is_same = apart == {name: tuple(value.shape) for name, value in whole.items()}
    return found if is_same and has_same_bytes and len(apart) == sum(map(len, found.values())) else None


def _write_renamed(
    model: PreTrainedModel,
    gatherer: WeightGatherer,
    specs: Sequence[ArraySpec],
    folder: Path,
    rank: int,
    limit: int,
    device: torch.device,
) -> None:
    """For models whose arrays cannot be converted one by one: the first rank collects the whole model and lets
    transformers divide and name it."""
    whole: dict[str, torch.Tensor] = {}
    for bucket in plan_buckets(specs, limit):
        memory = torch.empty(bucket.size, dtype=torch.uint8, device=device) if rank == 0 else None
        gatherer.gather_on_first(bucket, memory)
        for spec, values in parts(bucket, memory) if memory is not None else ():
            if spec.name not in whole:
                whole[spec.name] = torch.empty(spec.whole_shape, dtype=values.dtype)
            whole[spec.name][spec.rows if spec.shape else ...] = values.cpu()
    if rank == 0:
        config = (folder / "config.json").read_text()
        model.save_pretrained(folder, state_dict=whole)
        (folder / "config.json").write_text(config)
