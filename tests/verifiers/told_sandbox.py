"""A sandbox server that answers as it is told, and keeps the jobs that it was asked for."""

from __future__ import annotations

from typing import Any

from openqwq.sandbox.jobs import Outcome
from openqwq.sandbox.wire import outcome_to_json
from tests.sandbox.remote_server import Remote, Reply, Request, well


class Told:
    """A server, and what it answers to a program by its code."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.remote = Remote(self._answer)

    def _answer(self, request: Request) -> Reply:
        return well(request, lambda code: outcome_to_json(self.outcomes.get(code.strip(), Outcome("pass"))))

    def jobs(self) -> list[dict[str, Any]]:
        """The jobs asked for since the last call, and how they were asked does not matter."""
        asked = [job for request in self.remote.requests for job in request.data.get("jobs", [request.data])]
        self.remote.requests.clear()
        return [{key: value for key, value in job.items() if key != "deadline_s"} for job in asked]
