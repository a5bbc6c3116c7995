"""One sandbox in this process and one server on loopback, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from openqwq.sandbox import LocalSandbox, Outcome, ServerHandle, start_server


@pytest.fixture(scope="session")
def sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox(workers=2) as local:
        yield local


@pytest.fixture(scope="session")
def server() -> Iterator[ServerHandle]:
    with start_server(workers=2) as handle:
        yield handle


@pytest.fixture(scope="module")
def lonely() -> Iterator[ServerHandle]:
    """A server that runs one program at a time."""
    with start_server(workers=1) as handle:
        yield handle


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest, sandbox: LocalSandbox) -> Iterator[dict[str, Future[Outcome]]]:
    """The chosen programs of the corpus in this module, two at a time: many of them only wait."""
    items = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    chosen = [item.callspec.params["program"] for item in items if "program" in item.callspec.params]
    with ThreadPoolExecutor(2) as threads:
        yield {program.name: threads.submit(sandbox.run, program.job) for program in chosen}
        threads.shutdown(cancel_futures=True)
