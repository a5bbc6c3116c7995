"""Files of answers: JSON lines in gzip, one member for each time that something is added.

A member is complete or it is not there: what a killed process left incomplete is cut off before the next is added. The
bytes depend on the answers alone. Lines of earlier versions, without gzip, are read as well.
"""

import gzip
import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from openqwq.training.answers.record import Answer
from openqwq.training.errors import RunFolderError

SUFFIXES = (".jsonl.gz", ".jsonl")
_BLOCK = 1 << 20


def member_of(answers: Iterable[Answer]) -> bytes:
    """The answers as a member of a file."""
    text = "".join(json.dumps(answer.to_json(), ensure_ascii=False) + "\n" for answer in answers)
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", compresslevel=6, mtime=0, filename="") as file:
        file.write(text.encode("utf-8", "surrogatepass"))
    return held.getvalue()


def append_answers(path: Path, answers: Iterable[Answer]) -> None:
    """Add answers to a file whose end is complete (`cut_incomplete_end`); they are on the disk when this returns."""
    with path.open("ab") as file:
        file.write(member_of(answers))
        file.flush()
        os.fsync(file.fileno())


def cut_incomplete_end(path: Path) -> None:
    """Cut off what a killed process left behind the last complete member."""
    if path.exists():
        end = sum(size for _, size in _members(path))
        if end < path.stat().st_size:
            os.truncate(path, end)


def read_answers(path: Path, is_lenient: bool = False) -> Iterator[Answer]:
    """The complete answers of a file, in its order. Where two lines have one key, the later one counts.

    Raises:
        RunFolderError: a line is no answer; with `is_lenient` it is left out.
    """
    if path.suffix == ".gz":
        lines: Iterator[bytes] = (line for content, _ in _members(path) for line in content.split(b"\n"))
    else:
        lines = iter(path.read_bytes().split(b"\n")[:-1])  # a last line without an end is incomplete
    for number, line in enumerate(filter(None, lines), 1):
        try:
            yield Answer.from_json(json.loads(line.decode("utf-8", "surrogatepass")))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if is_lenient:
                continue
            raise RunFolderError(f"{path}: line {number} is no answer ({type(error).__name__}: {error})") from error


def answer_files(folder: Path, stem: str = "*") -> list[Path]:
    """The files of answers in a folder, the compressed one where both forms are there."""
    found = {
        path.name.removesuffix(suffix): path for suffix in reversed(SUFFIXES) for path in folder.glob(stem + suffix)
    }
    return [found[name] for name in sorted(found)]


def _members(path: Path) -> Iterator[tuple[bytes, int]]:
    """Content and size in bytes of each complete member."""
    with path.open("rb") as file:
        rest = b""
        while True:
            reader, content, size = zlib.decompressobj(wbits=31), [], 0
            while not reader.eof:
                block = rest or file.read(_BLOCK)
                if not block:
                    return
                try:
                    content.append(reader.decompress(block))
                except zlib.error:
                    return
                rest = reader.unused_data
                size += len(block) - len(rest)
            yield b"".join(content), size
