"""Peak memory counts every process of the run."""

import os
import subprocess
import sys

from openqwq.training.pipeline.memory_watch import memory_bytes

PROGRAM = "data = bytearray(100 * 2**20); print('ready', flush=True); input()"


def test_memory_of_a_child_is_counted() -> None:
    before = memory_bytes(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    grown = memory_bytes(os.getpid()) - before
    child.communicate(b"\n")
    assert 90 * 2**20 < grown < 200 * 2**20


def test_a_process_that_is_gone_counts_nothing() -> None:
    assert memory_bytes(2**22 + 1) == 0
