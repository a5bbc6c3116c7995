"""Start a program in a jail: which worker, which payload, and a compiler first where the language wants one."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import struct
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from openqwq.sandbox.jobs import Job, Limits
from openqwq.sandbox.languages import GXX_FLAGS, compiler_toolset, node_program, toolset_of
from openqwq.sandbox.protocol import Payload
from openqwq.sandbox.slot import Slot
from openqwq.sandbox.worker import Answer, Answers, Worker, WorkerLost

GRACE_SECONDS = 5.0
"""A jail that says nothing for this long beyond a test's wall limit is stuck."""
COMPILE_LIMITS = Limits(time_seconds=20.0, memory_mb=2048)
_CACHE_BYTES = 256 << 20


class CompileFailed(Exception):
    """The compiler refused the program; the message is the end of what it printed."""


class CannotJudge(Exception):
    """The job cannot be judged as given; says nothing about the program."""


@contextlib.contextmanager
def opened(worker: Worker, payload: Payload, peer: int | None = None) -> Iterator[Answers]:
    """The answers of a new jail, which ends with this context."""
    descriptor = payload.write()
    try:
        answers = worker.open_jail(descriptor, peer)
    finally:
        os.close(descriptor)
    try:
        yield answers
    finally:
        answers.close()


async def run_once(worker: Worker, payload: Payload) -> Answer:
    """The answer to a payload with one input. TimeoutError when the worker is stuck."""
    with opened(worker, payload) as answers:
        async with asyncio.timeout(payload.limits.wall_seconds + GRACE_SECONDS):
            return await answers.read()


def encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


async def program_payload(job: Job, inputs: Sequence[bytes], compiler: Compiler, slot: Slot) -> Payload:
    """How a stdin or call program of any language is run. CompileFailed for a program that does not compile."""
    if job.language == "cpp":
        binary = await compiler.compile(job.code, slot)
        return Payload("execute", binary, inputs, job.limits, command=("../main",), program_path="main")
    if job.language == "javascript":
        command = (node_program(), f"--max-old-space-size={job.limits.memory_mb}", "../main.js")
        return Payload("execute", encoded(job.code), inputs, job.limits, command=command, program_path="main.js")
    role = "call" if job.mode == "call" else "stdin"
    return Payload(role, encoded(job.code), inputs, job.limits, job.entry_point or "")


async def run_raw(
    job: Job, slot: Slot, compiler: Compiler, files: Mapping[str, bytes], fetch: tuple[str, ...]
) -> tuple[Answer, dict[str, bytes]]:
    """Run a stdin program on its first test's input, without a comparison; its answer and the files asked for."""
    payload = await program_payload(job, [encoded(job.tests[0].input)], compiler, slot)
    worker = await slot.worker(toolset_of(job))
    answer = await run_once(worker, replace(payload, files=files, fetch=fetch))
    return answer, dict(_unpacked(fetch, answer.fetched))


def _unpacked(names: Sequence[str], data: bytes) -> Iterator[tuple[str, bytes]]:
    """A size for every file (-1 where there is none), then the bytes of all."""
    sizes = struct.unpack_from(f"<{len(names)}q", data) if data else ()
    at = 8 * len(names)
    for name, size in zip(names, sizes, strict=False):
        if size >= 0:
            yield name, data[at : at + size]
            at += size


class Compiler:
    """C++ to a static executable, in a jail that sees the toolchain. Keeps what it compiled, by the text's hash."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._under_way: dict[bytes, asyncio.Lock] = {}

    async def compile(self, code: str, slot: Slot) -> bytes:
        """The executable. CompileFailed; CannotJudge without a compiler; the worker's own errors."""
        key = hashlib.sha256(encoded(code)).digest()
        lock = self._under_way.setdefault(key, asyncio.Lock())
        try:
            async with lock:  # many samples of one prompt are the same program
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key]
                binary = await self._run(code, slot)
                self._keep(key, binary)
                return binary
        finally:
            self._under_way.pop(key, None)

    def _keep(self, key: bytes, binary: bytes) -> None:
        self._kept[key] = binary
        self._kept_bytes += len(binary)
        while self._kept_bytes > _CACHE_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest)

    async def _run(self, code: str, slot: Slot) -> bytes:
        toolset = compiler_toolset()
        if toolset is None:
            raise CannotJudge("g++ is not installed on the sandbox's host")
        command = ("/usr/bin/g++", *GXX_FLAGS, "-o", "out", "../main.cpp")
        payload = Payload(
            "execute", encoded(code), [b""], COMPILE_LIMITS, command=command, program_path="main.cpp", fetch=("out",)
        )
        answer = await run_once(await slot.worker(toolset), payload)
        if answer.record.ending == "broken":
            raise WorkerLost(f"the compiler did not start: {answer.stderr.decode(errors='replace')}")
        binary = dict(_unpacked(payload.fetch, answer.fetched)).get("out")
        if answer.record.ending != "exited" or answer.record.wait_status or binary is None:
            words = answer.stderr.decode(errors="replace").strip()
            raise CompileFailed(words if answer.record.ending == "exited" else f"{answer.record.ending} {words}")
        return binary
