"""The sandbox of a run: started on loopback and kept alive by the run, or the user's own servers by URL."""

import contextlib
import itertools
import threading
from collections.abc import Callable
from types import TracebackType

from openqwq.sandbox.client import SandboxClient
from openqwq.sandbox.launch import ServerHandle, ServerNotStarted, start_server
from openqwq.training.config import Recipe, RlStage, Sandbox
from openqwq.training.environments.catalogue import takes_sandbox
from openqwq.training.errors import ServiceError
from openqwq.training.evaluation.examination import suite_rewards
from openqwq.training.pipeline.preflight import LoadedData
from openqwq.training.rewards.routing import distinct_uses, runs_programs
from openqwq.training.worker_group import environments_of

WATCH_SECONDS = 1.0
"""Time between two checks of the server's process."""


def sandbox_of_run(recipe: Recipe, data: LoadedData, warn: Callable[[str], None]) -> "SandboxService":
    """The sandbox of a run on these data: one without servers where no verifier runs programs and no environment asks
    for it, because a server takes a second to start and needs a host that can isolate."""
    return SandboxService(recipe.sandbox if needs_sandbox(recipe, data) else Sandbox(url=()), warn)


def needs_sandbox(recipe: Recipe, data: LoadedData) -> bool:
    """Whether a verifier of these rows, chosen by the recipe or by a row, runs programs, or an environment asks for the
    run's sandbox.

    Raises:
        RecipeError, DataError: as in `distinct_uses` and `takes_sandbox`.
    """
    if any(map(takes_sandbox, environments_of(recipe).values())):
        return True
    stages = (stage for stage in recipe.stages if isinstance(stage, RlStage))
    judged = itertools.chain(
        ((stage.rewards or recipe.rewards, source) for stage in stages for source, _ in data.prompts[stage.name]),
        ((suite_rewards(recipe.rewards, recipe.evaluation, name), suite) for name, suite in data.suites.items()),
    )
    return any(runs_programs(use) for rewards, prompts in judged for use, _ in distinct_uses(rewards, prompts))


class SandboxService:
    """Starts a server when the recipe names none, and restarts it on the same port when its process ended."""

    def __init__(self, config: Sandbox, warn: Callable[[str], None]) -> None:
        self._config = config
        self._warn = warn
        self._handle: ServerHandle | None = None
        self._port = 0
        self._lock = threading.Lock()
        self._is_over = threading.Event()

    def __enter__(self) -> "SandboxService":
        if self._config.url is None:
            self._start()
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        with self._lock:
            if self._handle is not None:
                self._handle.stop()

    def _watch(self) -> None:
        """Restart a server whose process ended at once: clients find it again within their retries."""
        while not self._is_over.wait(WATCH_SECONDS):
            with self._lock:
                if self._handle is not None and not self._handle.is_alive() and not self._is_over.is_set():
                    self._restart("ended")

    def _restart(self, what: str) -> None:
        self._warn(f"the run's sandbox server {what}; starting it again")
        assert self._handle is not None
        self._handle.stop()
        with contextlib.suppress(ServiceError):  # the next check tries again, and judging reports what is missing
            self._start()

    def _start(self) -> None:
        try:
            self._handle = start_server(
                workers=self._config.workers, require_isolation=self._config.require_isolation, port=self._port
            )
        except ServerNotStarted as error:
            raise ServiceError(
                f"the code sandbox does not start: {error}. `openqwq sandbox check` says what this host isolates; "
                f"sandbox.url takes the address of a server elsewhere"
            ) from error
        self._port = int(self._handle.url.rpartition(":")[2])

    @property
    def urls(self) -> list[str]:
        """Addresses for the `code` verifier."""
        if self._handle is not None:
            return [self._handle.url]
        url = self._config.url
        return [url] if isinstance(url, str) else list(url or ())

    def repair(self) -> None:
        """Restart the run's own server if it ended or is silent; servers given by URL are left alone."""
        with self._lock:
            if self._handle is None:
                return
            with SandboxClient(self._handle.url) as client:
                if not client.is_healthy(self._handle.url):
                    self._restart("does not answer")
