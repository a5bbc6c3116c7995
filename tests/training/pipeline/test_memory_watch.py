"""Peak memory counts every process of the run, as long as the run lasts."""

import subprocess
import sys
import threading

from openqwq.training.pipeline.memory_watch import MemoryWatch, memory_bytes

GROWS = "data = bytearray(100 * 2**20); print('grown', flush=True); input()"
PARENT = """
import subprocess, sys
print("alone", flush=True)
input()
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=sys.stdout)
input()
child.communicate(b"\\n")
"""


def test_memory_of_a_child_is_counted() -> None:
    words = [sys.executable, "-c", PARENT, GROWS]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None and parent.stdin is not None
        assert parent.stdout.readline() == "alone\n"
        before = memory_bytes(parent.pid)
        print(file=parent.stdin, flush=True)
        assert parent.stdout.readline() == "grown\n"
        grown = memory_bytes(parent.pid) - before
        print(file=parent.stdin, flush=True)
    assert 100 * 2**20 < grown < 150 * 2**20


def test_a_process_that_is_gone_counts_nothing() -> None:
    assert memory_bytes(2**22 + 1) == 0


def test_a_watch_that_is_stopped_looks_no_more_and_keeps_its_peak() -> None:
    watch, before = MemoryWatch(), threading.active_count()
    watch.start()
    watch.stop()
    assert threading.active_count() == before
    assert watch.peak_bytes > 10 * 2**20
    MemoryWatch().stop()  # of a run that did not get as far as to start it
