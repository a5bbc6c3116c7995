"""What a user is told of an error that is none of openqwq's own: one line, and a file with the traceback."""

import errno
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from openqwq.training.errors import CheckpointError, OpenqwqError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
SAID_OF_NO_SPACE = ("no space left on device", "disk quota exceeded", "pytorchstreamwriter failed writing")
"""How libraries that write without Python's files say it."""
SHOWN = 300


class UnexpectedError(OpenqwqError):
    """An error that no part of openqwq expects. Its message names the file with the traceback."""


def told(error: BaseException, folder: Path | None = None) -> OpenqwqError:
    """The error as one that a user sees: itself if it is openqwq's, else one with a remedy. `folder`: of the run, where
    the traceback is written; without one, or where it cannot be written, the folder for temporary files takes it."""
    if isinstance(error, OpenqwqError):
        return error
    again = "" if folder is None else "; run the same command again to go on from the last checkpoint"
    if is_out_of_space(error):
        where = "" if folder is None else f" for the run folder {folder}"
        return CheckpointError(f"no space left{where}; what was saved before is kept. Make room{again}")
    words = f"{type(error).__name__}: {_first_line(error)}"
    if is_out_of_memory(error):
        remedy = "lower micro_batch_tokens, sampling.max_batch or the length limits (`openqwq plan` says what fits)"
        return UnexpectedError(f"out of memory; {remedy}{again}. {words}. {written(error, folder)}")
    if (
        isinstance(error, PermissionError | IsADirectoryError | NotADirectoryError | FileNotFoundError)
        and error.filename
    ):
        return UnexpectedError(f"{error.filename}: {error.strerror}. {written(error, folder)}")
    return UnexpectedError(
        f"{words}. openqwq does not know this error: please report it{again}. {written(error, folder)}"
    )


def is_out_of_space(error: BaseException) -> bool:
    """Whether the error, or one that it came of, says that the disk is full."""
    return any(
        (isinstance(one, OSError) and one.errno in NO_SPACE)
        or any(words in str(one).lower() for words in SAID_OF_NO_SPACE)
        for one in _chain(error)
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error, or one that it came of, is Python's or torch's for a lack of memory."""
    return any(isinstance(one, MemoryError) or type(one).__name__ == "OutOfMemoryError" for one in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: BaseException) -> str:
    """Of a text of several lines the last one: it ends with a remote traceback's own error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    chosen = lines[-1] if len(lines) > 1 and "Traceback" in str(error) else lines[0] if lines else "no message"
    return chosen[:SHOWN].rstrip(".")


def written(error: BaseException, folder: Path | None) -> str:
    """Write the traceback to the folder, or where it cannot be written to that for temporary files; says where."""
    text = "".join(traceback.format_exception(error))
    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}.txt"
    for place in (folder, Path(tempfile.gettempdir())):
        if place is None or not place.is_dir():
            continue
        try:
            path = place / name
            path.write_text(text)
        except OSError:
            continue
        return f"Traceback: {path}"
    return "Its traceback could not be written"
