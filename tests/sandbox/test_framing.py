"""What travels between pool and jail: payloads with their parts, records, and answers cut out of a stream."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from openqwq.sandbox.jobs import Limits
from openqwq.sandbox.protocol import ENDINGS, RECORD_BYTES, Payload, Record, end_of_payload, read_order, read_part
from openqwq.sandbox.worker import Answer, Answers, Worker, WorkerLost
from openqwq.sandbox.worker_slot import WorkerSlot
from tests.sandbox.scripted_workers import exits


def test_an_order_comes_out_of_its_payload_with_every_part_in_its_place() -> None:
    payload = Payload(
        "execute", b"code", [b"one", b"", b"three"], Limits(3.0, 64, 100), "f", ("a", "b"), "main.x",
        {"in.txt": b"file", "b/c": b"\0"}, ("out", "x"),
    )  # fmt: skip
    descriptor = payload.write()
    try:
        assert not os.get_inheritable(descriptor)
        order = read_order(descriptor)
        assert (order.role, order.entry_point, order.command) == ("execute", "f", ("a", "b"))
        assert (order.program_path, order.fetch) == ("main.x", ("out", "x"))
        assert (order.time_seconds, order.wall_seconds, order.memory_mb, order.output_bytes) == (3.0, 6.0, 64, 100)
        assert read_part(descriptor, order.code) == b"code"
        assert [read_part(descriptor, place) for place in order.inputs] == [b"one", b"", b"three"]
        assert [(name, read_part(descriptor, place)) for name, place in order.files] == [
            ("in.txt", b"file"), ("b/c", b"\0"),
        ]  # fmt: skip
        offset, _ = order.files[-1][1]
        with pytest.raises(OSError, match="payload ends 2 bytes early"):
            read_part(descriptor, (offset, end_of_payload(descriptor) - offset + 2))
    finally:
        os.close(descriptor)


def test_a_payload_has_no_files_and_no_command_unless_they_are_given() -> None:
    descriptor = Payload("stdin", b"code", [b""], Limits()).write()
    try:
        order = read_order(descriptor)
    finally:
        os.close(descriptor)
    assert (order.entry_point, order.command, order.program_path, order.files, order.fetch) == ("", (), "", (), ())


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_record_comes_back_as_it_was(ending: str) -> None:
    record = Record(ending, 256, 0.25, 0.5, 12.5, 7, 5, 3)  # type: ignore[arg-type]
    assert Record.unpack(record.pack()) == record
    assert (len(record.pack()), record.num_following_bytes) == (RECORD_BYTES, 15)
    assert Record("exited", 0, 0.0, 0.0, 0.0, 1, 2).num_following_bytes == 3


FIRST = Answer(Record("exited", 0, 0.1, 0.2, 3.0, 3, 2, 4), b"out", b"er", b"file")
SECOND = exits(3, b"second", b"")


def stream(*answers: Answer) -> bytes:
    return b"".join(one.record.pack() + one.output + one.stderr + one.fetched for one in answers)


@pytest.mark.parametrize("step", [1, 7, RECORD_BYTES, 10_000])
def test_answers_are_cut_out_of_a_stream_however_it_arrives(step: int) -> None:
    async def read() -> list[Answer]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        answers = Answers(ours)

        async def feed() -> None:
            data = stream(FIRST, SECOND, FIRST)
            for start in range(0, len(data), step):
                theirs.sendall(data[start : start + step])
                await asyncio.sleep(0)

        feeding = asyncio.create_task(feed())
        found = [await answers.read() for _ in range(3)]
        await feeding
        theirs.close()
        with pytest.raises(WorkerLost, match="ended without an answer"):
            await answers.read()
        answers.close()
        return found

    assert asyncio.run(read()) == [FIRST, SECOND, FIRST]


@pytest.mark.parametrize("cut", [0, 1, RECORD_BYTES, len(stream(FIRST)) - 1])
def test_an_answer_that_ends_early_is_a_lost_worker(cut: int) -> None:
    async def read() -> Answer:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            theirs.sendall(stream(FIRST)[:cut])
            theirs.shutdown(socket.SHUT_WR)
            return await Answers(ours).read()

    with pytest.raises(WorkerLost, match="ended without an answer"):
        asyncio.run(read())


def test_a_worker_that_was_not_started_opens_no_jail() -> None:
    worker = Worker(plan=None)  # type: ignore[arg-type]
    assert (worker.pid, worker.num_memory_kills()) == (0, 0)
    with pytest.raises(WorkerLost, match="the sandbox worker is not running"):
        worker.open_jail(0)
    asyncio.run(worker.stop())


def test_a_slot_without_workers_has_nothing_to_stop() -> None:
    slot = WorkerSlot("namespaces")
    assert slot.pids == []
    asyncio.run(slot.stop())
