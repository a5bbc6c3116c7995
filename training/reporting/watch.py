"""`openqwq report RUN --watch`: the page of a run that goes on, served on loopback behind a random path. Its rollouts
are sent apart, as packing a hundred thousand takes half a minute."""

import os
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from openqwq.training.reporting.document import document
from openqwq.training.reporting.markup import tag, text
from openqwq.training.reporting.page import end_of_page, name_of, top_of_page
from openqwq.training.reporting.rollouts import BUDGET, rollout_browser
from openqwq.training.run_folder.lenient import Row
from openqwq.training.run_folder.record import RunRecord, metrics_of, read_run, read_without_metrics

HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


class Watched:
    """A run folder that is read as it grows: of `metrics.jsonl` only what was added."""

    def __init__(self, run_dir: Path) -> None:
        read_run(run_dir)  # says what is wrong with the folder before anything is served
        self._path = run_dir
        self._metrics: list[Row] = []
        self._inode, self._end = 0, 0
        self._drawn = "", ""
        self._packed = -1, ""
        self._packing = threading.Lock()
        self.top()

    def record(self) -> RunRecord:
        """The run as it is now."""
        self._read_on()
        return replace(read_without_metrics(self._path), metrics=self._metrics)

    def top(self) -> str:
        """What stands above the rollouts, drawn again when something was written."""
        stamp = self.stamp()
        if stamp != self._drawn[0]:
            self._drawn = stamp, f'<div id="top">{top_of_page(self.record())}</div>'
        return self._drawn[1]

    def rollouts(self, budget: int) -> str:
        """The section with the rollouts, packed again when there are new steps; of those who ask, one waits for it."""
        with self._packing:
            record = self.record()
            num_steps = _num_steps(record)
            if num_steps != self._packed[0]:
                self._packed = num_steps, rollout_browser(record, budget)
            return f'<div data-steps="{self._packed[0]}">{self._packed[1]}</div>'

    def stamp(self) -> str:
        """Changes when something was written that the page shows above the rollouts."""
        found = []
        for name in ("metrics.jsonl", "summary.json"):
            with suppress(OSError):
                status = (self._path / name).stat()
                found.append(f"{status.st_size}.{status.st_mtime_ns}")
        return "-".join(found)

    def _read_on(self) -> None:
        with suppress(OSError), (self._path / "metrics.jsonl").open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_ino != self._inode or status.st_size < self._end:  # a resumed run has written it anew
                self._inode, self._end, self._metrics = status.st_ino, 0, []
            file.seek(self._end)
            added = file.read()
            whole = added[: added.rfind(b"\n") + 1]
            self._end += len(whole)
            self._metrics += metrics_of(whole.decode("utf-8", "replace"))


def application(run_dir: Path, secret: str, rollout_bytes: int = BUDGET) -> Starlette:
    """The pages under `/<secret>/`; anything else is not found, and other hosts than loopback are refused."""
    watched = Watched(run_dir)

    def page(request: Request) -> Response:
        stamp, record = watched.stamp(), watched.record()
        line = f'<p id="live" class="facts" role="status" data-stamp="{text(stamp)}">{text(record.status)}</p>'
        button = '<button type="button" id="fresh" class="more" hidden>show them</button>'
        body = f'{line}{button}{watched.top()}<div id="later"></div>{end_of_page(record)}'
        return HTMLResponse(document(name_of(record), body, is_live=True), headers=HEADERS)

    def top(request: Request) -> Response:
        return HTMLResponse(tag("html", watched.top()), headers=HEADERS)

    def rollouts(request: Request) -> Response:
        return HTMLResponse(tag("html", watched.rollouts(rollout_bytes)), headers=HEADERS)

    def state(request: Request) -> Response:
        stamp, record = watched.stamp(), watched.record()
        under_way = [stage for stage in record.stages if record.last_step(stage.name)]
        step = f"{under_way[-1].name} step {record.last_step(under_way[-1].name)}" if under_way else ""
        said = {"stamp": stamp, "status": record.status, "step": step, "steps": _num_steps(record)}
        return JSONResponse(said, headers=HEADERS)

    pages = {"": page, "top": top, "rollouts": rollouts, "state": state}
    routes = [Route(f"/{secret}/{name}", call) for name, call in pages.items()]
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return Starlette(routes=routes, middleware=[hosts])


def watch(run_dir: Path, say: Callable[[str], None], port: int = 0, rollout_bytes: int = BUDGET) -> int:
    """Serve the page until Ctrl-C; `say` gets its address. Returns 0.

    Raises:
        RunFolderError: `run_dir` is not a run folder.
    """
    secret = secrets.token_urlsafe(16)
    served = application(run_dir, secret, rollout_bytes)
    with socket.create_server(("127.0.0.1", port)) as listener:
        say(f"http://127.0.0.1:{listener.getsockname()[1]}/{secret}/")
        config = uvicorn.Config(
            served, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
    return 0


def _num_steps(record: RunRecord) -> int:
    """Number of steps with kept rollouts."""
    return sum(len(record.rollout_steps(stage.name)) for stage in record.stages)
