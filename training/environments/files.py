"""The environment `files`: a small file system in memory, which a row fills and whose final files it may ask for."""

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from openqwq.training.environments.rows import given_part, row_fault

MAX_FILES = 1000
MAX_CHARACTERS = 1 << 20
"""Of all files together."""
MAX_HITS = 50


class FilesTools:
    """Files are `extra.files` of the row, a text by each path, with the folders that they stand in.

    Reward: 1 where the files are exactly `reference.files` at the end (a line end at the end of a file does not count;
    empty folders do not either), else 0. A row without `reference.files` has no reward here.
    """

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: set[str] = {"/"}
        self._wanted: dict[str, str] | None = None

    def reset(self, task: Mapping[str, Any]) -> None:
        """Put the row's files in their places."""
        self._fill(_texts(task, "extra") or {}, ())
        self._wanted = _texts(task, "reference")

    def list_directory(self, path: str = "/") -> list[str]:
        """List what stands in a folder; names of folders end with a slash.

        Args:
            path: the folder
        """
        folder = self._folder(path)
        inside = [f"{name}/" for name in self._folders if name != "/" and posixpath.dirname(name) == folder]
        inside += [name for name in self._files if posixpath.dirname(name) == folder]
        return sorted(name[len(folder.rstrip("/")) + 1 :] for name in inside)

    def read(self, path: str) -> str:
        """Read a file."""
        return self._files[self._file(path)]

    def write(self, path: str, text: str) -> str:
        """Write a file, a new one or over an old one. Its folder must exist.

        Args:
            path: the file
            text: all that will stand in it
        """
        name = self._new(path)
        self._put(name, text)
        return f"wrote {len(text)} characters to {name}"

    def append(self, path: str, text: str) -> str:
        """Add text at the end of a file.

        Args:
            path: the file
            text: what is added, with its own line ends
        """
        name = self._file(path)
        self._put(name, self._files[name] + text)
        return f"{name} has {len(self._files[name])} characters"

    def move(self, source: str, target: str) -> str:
        """Move or rename a file or a folder. The target must not exist, its folder must.

        Args:
            source: the file or folder
            target: its new path
        """
        old, new = _path(source), self._new(target)
        if new in self._files:
            raise FileExistsError(f"{new} exists")
        if old in self._files:
            self._files[new] = self._files.pop(old)
            return f"moved {old} to {new}"
        old = self._folder(source)
        if old == "/" or f"{new}/".startswith(f"{old}/"):
            raise ValueError(f"{old} cannot be moved to {new}")
        self._files = {_moved(name, old, new): text for name, text in self._files.items()}
        self._folders = {_moved(name, old, new) for name in self._folders}
        return f"moved {old} to {new}"

    def delete(self, path: str) -> str:
        """Delete a file or an empty folder."""
        name = _path(path)
        if name in self._files:
            del self._files[name]
            return f"deleted {name}"
        folder = self._folder(path)
        if folder == "/" or self.list_directory(path):
            raise OSError(f"{folder} is not empty" if folder != "/" else "the root cannot be deleted")
        self._folders.remove(folder)
        return f"deleted {folder}"

    def make_directory(self, path: str) -> str:
        """Make a folder, and those above it that are missing."""
        name = self._new(path, is_folder=True)
        if name in self._files:
            raise FileExistsError(f"{name} is a file")
        self._folders.update(_above(name), {name})
        return f"made {name}"

    def search(self, words: str, path: str = "/") -> list[str]:
        """Find a text in the files of a folder and of the folders in it; case does not count. The answer holds
        path:line: the line.

        Args:
            words: the text, within one line
            path: the folder
        """
        folder = self._folder(path).rstrip("/")
        hits = [
            f"{name}:{number}: {line}"
            for name, text in sorted(self._files.items())
            if name.startswith(f"{folder}/")
            for number, line in enumerate(text.splitlines(), 1)
            if words.casefold() in line.casefold()
        ]
        return hits if len(hits) <= MAX_HITS else [*hits[:MAX_HITS], f"... and {len(hits) - MAX_HITS} more"]

    def reward(self) -> float | None:
        """Whether the files are those that the row wants."""
        if self._wanted is None:
            return None
        return float(_bare(self._files) == _bare(self._wanted))

    def save(self) -> dict[str, Any]:
        """All files and folders."""
        return {"files": dict(self._files), "folders": sorted(self._folders)}

    def restore(self, task: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Go on with these files."""
        self._fill(state["files"], state["folders"])
        self._wanted = _texts(task, "reference")

    @staticmethod
    def example(seed: int) -> dict[str, Any]:
        """A row to try it with."""
        names = ("spring", "summer", "autumn", "winter")
        old = {f"/notes/{name}.txt": f"{name} plan\nsow: {number + seed % 7}\n" for number, name in enumerate(names)}
        kept = {path: text for path, text in old.items() if "winter" not in path}
        new = {**kept, "/old/winter.txt": old["/notes/winter.txt"]}
        prompt = "Move the plan of winter from /notes into a new folder /old, under the same name."
        return {"id": f"files-{seed}", "task": "files", "prompt": prompt, "extra": {"files": old},
                "reference": {"files": new}}  # fmt: skip

    def _fill(self, files: Mapping[str, str], folders: Any) -> None:
        self._files = dict(files)
        self._folders = {"/", *folders, *(folder for name in files for folder in _above(name))}

    def _put(self, name: str, text: str) -> None:
        others = sum(len(held) for key, held in self._files.items() if key != name)
        if others + len(text) > MAX_CHARACTERS or (name not in self._files and len(self._files) >= MAX_FILES):
            raise OSError(f"the disk is full; it holds {MAX_FILES} files and {MAX_CHARACTERS} characters")
        self._files[name] = text

    def _file(self, path: str) -> str:
        name = _path(path)
        if name in self._folders:
            raise IsADirectoryError(f"{name} is a folder")
        if name not in self._files:
            raise FileNotFoundError(f"there is no file {name}")
        return name

    def _folder(self, path: str) -> str:
        name = _path(path)
        if name not in self._folders:
            raise NotADirectoryError(f"{name} is a file" if name in self._files else f"there is no folder {name}")
        return name

    def _new(self, path: str, is_folder: bool = False) -> str:
        """The path of something to be made."""
        name = _path(path)
        if name in self._folders:
            raise FileExistsError(f"{name} is a folder")
        for folder in _above(name):
            if folder in self._files:
                raise NotADirectoryError(f"{folder} is a file")
            if folder not in self._folders and not is_folder:
                raise FileNotFoundError(f"there is no folder {folder}; make it first")
        return name


def _texts(task: Mapping[str, Any], column: str) -> dict[str, str] | None:
    """The files of a row by their whole paths."""
    found: dict[str, Any] | None = given_part(task, column, "files", dict, {}) if _has_files(task, column) else None
    if found is None:
        return None
    for path, text in found.items():
        if not isinstance(text, str):
            raise row_fault(task, f"{column}.files[{path!r}] is {text!r:.40}; needed: a text")
    texts = {_path(path): text for path, text in found.items()}
    for name in texts:
        if name == "/" or any(folder in texts for folder in _above(name)):
            raise row_fault(task, f"{column}.files has {name!r}, which is or stands in another file")
    return texts


def _has_files(task: Mapping[str, Any], column: str) -> bool:
    holder = task.get(column)
    return isinstance(holder, Mapping) and holder.get("files") is not None


def _path(path: str) -> str:
    """A path from the root in one spelling: `a//b/../c` is `/a/c`."""
    return posixpath.normpath(re.sub(r"/+", "/", f"/{path.strip()}"))


def _above(name: str) -> list[str]:
    """The folders above a path, but for the root, the uppermost first."""
    parts = name.strip("/").split("/")[:-1]
    return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]


def _moved(name: str, old: str, new: str) -> str:
    return new + name[len(old) :] if f"{name}/".startswith(f"{old}/") else name


def _bare(files: Mapping[str, str]) -> dict[str, str]:
    return {name: text.rstrip("\n") for name, text in files.items()}
