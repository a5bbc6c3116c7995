"""The sandbox of a run: started on loopback and kept alive by the run, or the user's own servers by URL."""

from collections.abc import Callable
from types import TracebackType

from openqwq.sandbox.client import SandboxClient
from openqwq.sandbox.launch import ServerHandle, ServerNotStarted, start_server
from openqwq.training.config import Sandbox
from openqwq.training.errors import ServiceError


class SandboxService:
    """Starts a server when the recipe names none, and restarts it on the same port when it died."""

    def __init__(self, config: Sandbox, warn: Callable[[str], None]) -> None:
        self._config = config
        self._warn = warn
        self._handle: ServerHandle | None = None
        self._port = 0

    def __enter__(self) -> "SandboxService":
        if self._config.url is None:
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.stop()

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
        """Restart the run's own server if it ended or is silent; servers given by URL are their owner's business."""
        if self._handle is None:
            return
        with SandboxClient(self._handle.url) as client:
            if self._handle.is_alive() and client.is_healthy(self._handle.url):
                return
        self._warn("the run's sandbox server does not answer; starting it again")
        self._handle.stop()
        self._start()
