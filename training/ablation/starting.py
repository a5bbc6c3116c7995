"""How the runs of an ablation are started: each in a process of its own, several at a time where that is asked for."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from openqwq.training.config.files import PACKAGE
from openqwq.training.errors import Interrupted

Run = tuple[str, int]
"""(arm, seed)."""


class RunProcesses:
    """Starts `openqwq run` in processes of their own; `stop` asks all of them to save a checkpoint and end.

    `options` are further ones of that command. With `at_once` above 1 what a run prints goes to `<run folder>.log`, and
    the cores are divided: each process computes with its share of threads, unless the environment says how many.
    """

    def __init__(self, options: Sequence[str] = (), at_once: int = 1) -> None:
        self._options, self._at_once = list(options), at_once
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._is_stopping = False

    def __call__(self, recipe: Path, target: Path) -> int:
        """Run a recipe in a folder; returns the exit status.

        Raises:
            Interrupted: the run was asked to stop.
        """
        if self._is_stopping:
            raise Interrupted("stopped before it began")
        paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        command = [sys.executable, "-m", "openqwq.training.cli", "run", str(recipe), "--run-dir", str(target)]
        threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // self._at_once))} if self._at_once > 1 else {}
        environment = {**threads, **os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        with contextlib.ExitStack() as stack:
            log = None
            if self._at_once > 1:
                log = stack.enter_context(target.with_name(f"{target.name}.log").open("ab"))
            process = subprocess.Popen([*command, *self._options], env=environment, stdout=log, stderr=log)
            self._processes.add(process)
            try:
                status = process.wait()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
                self._processes.discard(process)
        if status == Interrupted.exit_status:
            raise Interrupted("the run was stopped; run the same command again to go on")
        return status

    def stop(self) -> None:
        """Ask every run to stop; those that have not begun do not begin."""
        self._is_stopping = True
        for process in list(self._processes):
            process.terminate()


def run_all(
    plan: Sequence[Run],
    after: Mapping[Run, Run],
    run: Callable[[Run], None],
    at_once: int,
    stop: Callable[[], None],
) -> None:
    """Call `run` for every run of the plan, `at_once` of them at a time, in the plan's order; one begins when the run
    that it is `after` has ended. The first exception stops all others, and is raised when they have ended.

    Raises:
        Interrupted: the ablation was asked to stop, by Ctrl-C or SIGTERM.
    """
    waiting, under_way = list(plan), dict[Future[None], Run]()
    try:
        with _terminations_are_interrupts(), ThreadPoolExecutor(at_once) as pool:
            try:
                while waiting or under_way:
                    busy = {*waiting, *under_way.values()}
                    for one in [one for one in waiting if after.get(one) not in busy][: at_once - len(under_way)]:
                        waiting.remove(one)
                        under_way[pool.submit(run, one)] = one
                    ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in ended:
                        del under_way[future]
                        future.result()
            except BaseException:
                stop()
                raise
    except KeyboardInterrupt as error:
        raise Interrupted("stopped; run the same command again to go on") from error


@contextlib.contextmanager
def _terminations_are_interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
