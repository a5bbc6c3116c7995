"""Checksums of a folder's files by blocks, which several threads read: whether files are what they were, wholly or by a
sample. They find damage, not malice."""

import hashlib
import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import xxhash

Verify = Literal["sampled", "full"]
"""How much of the files is read."""
ALGORITHM = "xxh3_128"
"""Of the blocks. Python's hashes are a tenth as fast, and what has to be found is damage."""
BLOCK_BYTES = 16 * 2**20
READ_BYTES = 2**20
"""Bytes that a thread holds at a time."""
SAMPLE_BYTES = 2**30
"""Bytes that a sampled check reads, beside both ends of every file: a small checkpoint is read wholly."""
THREADS = min(8, os.cpu_count() or 1)


@dataclass(frozen=True)
class FileSums:
    """Size of a file, and the checksum of each of its blocks."""

    size: int
    blocks: list[str]


@dataclass(frozen=True)
class Manifest:
    """The files of a folder. Example: `Manifest(2**24, {"model/config.json": FileSums(700, ["9c..."])})`"""

    block_bytes: int
    files: Mapping[str, FileSums]

    @property
    def total_bytes(self) -> int:
        """Bytes of all files."""
        return sum(sums.size for sums in self.files.values())

    def to_json(self) -> str:
        """As text, with a checksum of its own."""
        files = {name: {"bytes": sums.size, "blocks": sums.blocks} for name, sums in self.files.items()}
        tree = {"algorithm": ALGORITHM, "block_bytes": self.block_bytes, "files": files}
        return json.dumps({**tree, "digest": _digest(tree)})


def manifest_of(folder: Path, names: Sequence[str] | None = None, block_bytes: int = BLOCK_BYTES) -> Manifest:
    """The manifest of a folder's files, or of those with these names."""
    if names is None:
        names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    sizes = {name: (folder / name).stat().st_size for name in names}
    places = [(name, block) for name in names for block in range(num_blocks(sizes[name], block_bytes))]
    sums = _hashed(folder, places, block_bytes)
    return Manifest(block_bytes, {
        name: FileSums(sizes[name], [sums[name, block] for block in range(num_blocks(sizes[name], block_bytes))])
        for name in names
    })  # fmt: skip


def damaged_files(folder: Path, text: str, verify: Verify, wanted: Callable[[str], bool] = lambda _: True) -> list[str]:
    """Names of the files in `folder` that are not what the text of a manifest says, of those that are `wanted`.

    Raises:
        ValueError: the text is no manifest, or it is damaged itself.
        OSError: a file cannot be read.
    """
    tree = json.loads(text)
    if not isinstance(tree, dict):
        raise ValueError("the manifest is no mapping")
    if not isinstance(tree.get("files"), dict):
        return _damaged_by_old_manifest(folder, {name: sums for name, sums in tree.items() if wanted(name)})
    manifest = read_manifest(tree)
    files = {name: sums for name, sums in manifest.files.items() if wanted(name)}
    wrong = {name for name, sums in files.items() if _size(folder / name) != sums.size}
    whole = {name: sums for name, sums in files.items() if name not in wrong}
    places = [(name, block) for name, sums in whole.items() for block in range(len(sums.blocks))]
    if verify == "sampled":
        places = sampled({name: len(sums.blocks) for name, sums in whole.items()}, SAMPLE_BYTES // manifest.block_bytes)
    found = _hashed(folder, places, manifest.block_bytes)
    wrong |= {name for name, block in places if found[name, block] != whole[name].blocks[block]}
    return sorted(wrong)


def read_manifest(tree: Mapping[str, Any]) -> Manifest:
    """The inverse of `Manifest.to_json`, parsed.

    Raises:
        ValueError: it is damaged, or of an algorithm that is not known here.
    """
    rest = {key: value for key, value in tree.items() if key != "digest"}
    if tree.get("digest") != _digest(rest):
        raise ValueError("the manifest is damaged")
    if tree["algorithm"] != ALGORITHM:
        raise ValueError(f"its checksums are {tree['algorithm']}, {ALGORITHM} is known here")
    files = {name: FileSums(given["bytes"], given["blocks"]) for name, given in tree["files"].items()}
    return Manifest(tree["block_bytes"], files)


def sampled(num_blocks: Mapping[str, int], most: int, rng: random.Random | None = None) -> list[tuple[str, int]]:
    """The first and the last block of every file, and others at random up to `most` blocks in all."""
    ends = {(name, block) for name, count in num_blocks.items() if count for block in (0, count - 1)}
    others = [(name, b) for name, count in num_blocks.items() for b in range(1, count - 1)]
    extra = min(max(most - len(ends), 0), len(others))
    return sorted(ends | set((rng or random.Random()).sample(others, extra)))


def num_blocks(size: int, block_bytes: int) -> int:
    """Blocks of a file; an empty one has none."""
    return -(-size // block_bytes)


def flush_files(folder: Path) -> None:
    """Flush a folder's files to the disk, several at a time."""
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(_flush, [path for path in folder.rglob("*") if path.is_file()]))


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _hashed(folder: Path, places: Sequence[tuple[str, int]], block_bytes: int) -> dict[tuple[str, int], str]:
    with ThreadPoolExecutor(THREADS) as threads:
        sums = threads.map(_block_sum, repeat(folder), places, repeat(block_bytes))
        return dict(zip(places, sums, strict=True))


def _block_sum(folder: Path, place: tuple[str, int], block_bytes: int) -> str:
    name, block = place
    digest, left = xxhash.xxh3_128(), block_bytes
    with (folder / name).open("rb", buffering=0) as file:
        file.seek(block * block_bytes)
        while left and (data := file.read(min(left, READ_BYTES))):
            digest.update(data)
            left -= len(data)
    return digest.hexdigest()


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _digest(tree: Mapping[str, Any]) -> str:
    return xxhash.xxh3_128(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def _damaged_by_old_manifest(folder: Path, expected: Mapping[str, Any]) -> list[str]:
    """By a manifest of before: the SHA-256 of each file, which is read wholly."""

    def is_damaged(name: str) -> bool:
        if not (folder / name).is_file():
            return True
        with (folder / name).open("rb") as file:
            return bool(hashlib.file_digest(file, "sha256").hexdigest() != expected[name])

    with ThreadPoolExecutor(THREADS) as threads:
        names = sorted(expected)
        return [name for name, wrong in zip(names, threads.map(is_damaged, names), strict=True) if wrong]
