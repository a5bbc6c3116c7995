"""One sandbox in this process and one server on loopback, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openqwq.sandbox import LocalSandbox, ServerHandle, start_server


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
