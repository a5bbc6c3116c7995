"""Checkpoints in object storage (S3, Google, Azure, any file system of fsspec). There a folder has no name that could
be given at the end, so the manifest is written last and removed first: a checkpoint without one is none."""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from openqwq.training.errors import CheckpointError, RecipeError

MANIFEST = "manifest.json"
TRANSFERS = 4
"""Files that are copied at a time."""
PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
"""Kind of address -> the package that reads it."""


class CheckpointMirror:
    """The checkpoints of a stage under an address. Example: `CheckpointMirror("s3://bucket/runs/mine-seed0/stage1")`"""

    def __init__(self, url: str) -> None:
        """Raises RecipeError: the kind of address is not known, or its package is missing."""
        self.url = url.rstrip("/")
        self._fs, self._root = open_storage(self.url)

    def place(self, step: int) -> str:
        """The address of the checkpoint of step N."""
        return f"{self.url}/step_{step}"

    def steps(self) -> list[int]:
        """Steps that have a whole checkpoint, ascending.

        Raises:
            CheckpointError: the storage does not answer.
        """
        try:
            self._fs.invalidate_cache()
            if not self._fs.exists(self._root):
                return []
            return sorted(step for step in self._begun() if self._fs.exists(f"{self._root}/step_{step}/{MANIFEST}"))
        except Exception as error:
            raise CheckpointError(f"{self.url} cannot be read: {type(error).__name__}: {error}") from error

    def _begun(self) -> list[int]:
        """Steps of which anything is there."""
        names = [path.rstrip("/").rsplit("/", 1)[-1] for path in self._fs.ls(self._root, detail=False)]
        return [int(name[5:]) for name in names if name.startswith("step_") and name[5:].isdecimal()]

    def upload(self, folder: Path, step: int) -> None:
        """Copy a whole checkpoint; what a killed copy has left is replaced.

        Raises:
            OSError: the storage refuses a file, or does not have it whole.
        """
        self.remove(step)
        names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
        with ThreadPoolExecutor(TRANSFERS) as threads:
            list(threads.map(lambda name: self._put(folder, step, name), [n for n in names if n != MANIFEST]))
        self._put(folder, step, MANIFEST)

    def _put(self, folder: Path, step: int, name: str) -> None:
        target = f"{self._root}/step_{step}/{name}"
        self._fs.put_file(str(folder / name), target)
        self._fs.invalidate_cache()
        found, size = self._fs.info(target)["size"], (folder / name).stat().st_size
        if found != size:
            raise OSError(f"{target} has {found} bytes, the file has {size}")

    def download(self, step: int, folder: Path) -> None:
        """Copy a checkpoint to `folder`, which does not exist yet.

        Raises:
            OSError: a file cannot be read.
        """
        root = f"{self._root}/step_{step}"
        names = [path[len(root) + 1 :] for path in (str(p) for p in self._fs.find(root)) if path != root]
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(TRANSFERS) as threads:
            list(threads.map(lambda name: self._fs.get_file(f"{root}/{name}", str(folder / name)), names))

    def remove(self, step: int) -> None:
        """Remove a checkpoint, or what there is of it."""
        root = f"{self._root}/step_{step}"
        self._fs.invalidate_cache()
        if self._fs.exists(f"{root}/{MANIFEST}"):
            self._fs.rm_file(f"{root}/{MANIFEST}")
        if self._fs.exists(root):
            self._fs.rm(root, recursive=True)

    def prune(self, keep: int, keep_bytes: float | None, protected: Collection[int | None]) -> None:
        """Remove what `expendable` names, and what killed copies have left of older steps."""
        whole = self.steps()
        sizes = {step: int(self._fs.du(f"{self._root}/step_{step}")) for step in whole}
        left = [step for step in self._begun() if step not in sizes] if whole else []
        for step in [*expendable(sizes, keep, keep_bytes, protected), *left]:
            self.remove(step)


def open_storage(url: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it.

    Raises:
        RecipeError: the kind of address is not known, or its package is missing.
    """
    import fsspec

    kind = url.split("://", 1)[0] if "://" in url else ""
    try:
        # folders are made in a file system; in S3 that would make a bucket of a misspelt name
        fs, root = fsspec.core.url_to_fs(url, **({"auto_mkdir": True} if kind in ("", "file", "local") else {}))
    except (ImportError, ValueError) as error:
        package = PACKAGES.get(kind)
        way = f"install {package}, or openqwq[storage]" if package else f"known are {', '.join(PACKAGES)} and file"
        raise RecipeError(f"checkpoints.storage={url!r} cannot be opened ({error}); {way}") from error
    return fs, str(root).rstrip("/")


def read_text_of(url: str) -> str | None:
    """A text in object storage; None where there is none.

    Raises:
        RecipeError: the storage cannot be read.
    """
    fs, path = open_storage(url)
    try:
        fs.invalidate_cache()
        return fs.cat_file(path).decode() if fs.exists(path) else None
    except Exception as error:
        raise RecipeError(f"checkpoints.storage: {url} cannot be read: {type(error).__name__}: {error}") from error


def write_text_to(url: str, text: str) -> None:
    """Write a text to object storage.

    Raises:
        RecipeError: the storage refuses it.
    """
    fs, path = open_storage(url)
    try:
        fs.pipe_file(path, text.encode())
    except Exception as error:
        raise RecipeError(f"checkpoints.storage: {url} cannot be written: {type(error).__name__}: {error}") from error


def expendable(
    sizes: Mapping[int, int], keep: int, keep_bytes: float | None, protected: Collection[int | None]
) -> list[int]:
    """Steps to remove of checkpoints with these bytes: all but the newest `keep`, then the oldest until the remaining
    have at most `keep_bytes`; neither protected ones nor the newest."""
    steps = sorted(sizes)
    gone = [step for step in steps[:-keep] if step not in protected]
    kept = sum(size for step, size in sizes.items() if step not in gone)
    for step in steps[-keep:-1]:
        if keep_bytes is not None and kept > keep_bytes and step not in protected:
            gone.append(step)
            kept -= sizes[step]
    return gone
