"""Follows the progress file of a supervised training that runs in another process."""

import json
import threading
from collections.abc import Callable

from openqwq.training.console import ConsoleLogger
from openqwq.training.run_folder.metrics import MetricsLog
from openqwq.training.supervised.jobs import STOP_FILE, TrlJob
from openqwq.training.supervised.trl_trainer import last_checkpoint

POLL_SECONDS = 0.3


class ProgressTail:
    """While open: each line of `progress.jsonl` goes to the log and the progress bar; a stop request to the job."""

    def __init__(
        self, job: TrlJob, stage: str, log: MetricsLog, console: ConsoleLogger, should_stop: Callable[[], bool]
    ) -> None:
        self._job, self._stage, self._log, self._console, self._should_stop = job, stage, log, console, should_stop
        self._path = job.work / "progress.jsonl"
        self._read = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "ProgressTail":
        (self._job.work / STOP_FILE).unlink(missing_ok=True)
        resumed = last_checkpoint(self._job.work)
        self._log.forget_after(self._stage, int(resumed.rpartition("-")[2]) if resumed else 0)
        self._read = self._path.stat().st_size if self._path.exists() else 0
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._take()

    def _follow(self) -> None:
        while not self._is_over.wait(POLL_SECONDS):
            if self._should_stop():
                (self._job.work / STOP_FILE).touch()
            self._take()

    def _take(self) -> None:
        """Log every complete new line."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        complete = text[: text.rfind(b"\n") + 1]
        self._read += len(complete)
        for line in complete.decode().splitlines():
            numbers = json.loads(line)
            step = int(numbers.pop("step"))
            self._log.write(self._stage, step, numbers)
            if "loss" in numbers:
                self._console.step(step, f"loss {numbers['loss']:.4f}")
