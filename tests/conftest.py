"""What all tests share: one thread, no network, no telemetry, the same hypothesis examples every time, and which files
go to which process of `pytest -n`."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Ray gives up a machine that it cannot reach for 12 s, and a process that uses the Ray there then exits without a word;
# a machine that tests keep busy is not lost.
os.environ.setdefault("RAY_health_check_timeout_ms", "60000")

import pytest
from hypothesis import settings

settings.register_profile("seeded", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("seeded")

IN_ONE_PROCESS = ("tests/training/cluster/", "tests/recipes/test_on_ray.py")
"""Files that start Ray. A Ray takes seconds of every core to start and has processes of its own, so `pytest -n` runs
them in one process, one after another, and first of all, because together they take the longest."""
SLOW = (
    "tests/recipes/", "tests/training/backends/test_zero.py", "tests/docs/", "tests/benchmarks/", "tests/contract/",
    "tests/scripts/", "tests/training/pipeline/", "tests/training/rollout/", "tests/training/supervised/",
    "tests/training/planning/", "tests/training/export/", "tests/training/benchmarking/", "tests/training/endpoint/",
)  # fmt: skip
"""Files to begin with in the other processes, the longest first, so that none of them is left for the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The same order in every process: what starts Ray, what is slow, the rest, each in the order of its files."""

    def place(item: pytest.Item) -> int:
        if item.nodeid.startswith(IN_ONE_PROCESS):
            return 0
        return next((1 + i for i, path in enumerate(SLOW) if item.nodeid.startswith(path)), 1 + len(SLOW))

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file stays in one process, with its fixtures; all that start Ray stay in the same one."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "Ray" if nodeid.startswith(IN_ONE_PROCESS) else super()._split_scope(nodeid)

    config.option.loadscopereorder = False  # not by the number of tests: the order above is meant
    return ByFile(config, log)
