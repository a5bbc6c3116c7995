"""Start a program in a jail: choose worker and payload, and compile first where the language needs it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import struct
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from openqwq.sandbox.jobs import Job, Limits
from openqwq.sandbox.languages import CPP_STANDARDS, GXX_FLAGS, compiler_runtime, node_program, runtime_of
from openqwq.sandbox.protocol import Payload, Role
from openqwq.sandbox.worker import Answer, Answers, Worker, WorkerLost
from openqwq.sandbox.worker_slot import WorkerSlot

GRACE_SECONDS = 5.0
"""A jail without an answer for this long beyond the wall limit of a test is stuck."""
COMPILE_LIMITS = Limits(time_seconds=20.0, memory_mb=2048)
_CACHE_BYTES = 256 << 20
_EXECUTABLE = ".openqwq-executable"  # not the name of any file that a caller sends


class CompileFailed(Exception):
    """The compiler refused the program; the message is the end of its output, `answer` how it ended."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.answer = answer


class CannotJudge(Exception):
    """The job cannot be judged as given; this is no statement on the program."""


@dataclass(frozen=True)
class RawJob(Job):
    """A job that is run for its output. Example: `RawJob("print(1)", tests=(TestCase("", ""),))`."""

    compile_seconds: float = COMPILE_LIMITS.time_seconds
    """CPU time of the compiler, for a language that has one."""


@dataclass(frozen=True)
class RawAnswer(Answer):
    """How a `run_raw` ended."""

    compiler: Answer | None = None
    """How the compiler ended; for an executable kept from an earlier job, how it ended then."""


@dataclass(frozen=True)
class Executable:
    """A compiled program."""

    binary: bytes
    answer: Answer
    """How the compiler ended, without the binary."""


@contextlib.contextmanager
def opened(worker: Worker, payload: Payload, peer: int | None = None) -> Iterator[Answers]:
    """The answers of a new jail, which ends with this context."""
    if worker.group is not None:
        worker.group.limit(payload.limits.memory_mb)
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


async def program_payload(job: Job, inputs: Sequence[bytes], compiler: Compiler, slot: WorkerSlot) -> Payload:
    """The payload of a stdin or call program of any language. Raises CompileFailed."""
    binary = (await compiler.compile(job.code, slot)).binary if job.language == "cpp" else b""
    fetch = (job.harness.output_file,) if job.harness.output_file else ()
    return _payload(job, inputs, binary)._replace(input_file=job.harness.input_file, fetch=fetch)


def output_of(job: Job, answer: Answer) -> bytes:
    """What the program answered: its output file where the job names one and it was written, else what it printed."""
    name = job.harness.output_file
    return dict(unpacked((name,), answer.fetched)).get(name, answer.output) if name else answer.output


def _payload(job: Job, inputs: Sequence[bytes], binary: bytes) -> Payload:
    if job.language == "cpp":
        return Payload("execute", binary, inputs, job.limits, command=("../main",), program_path="main")
    if job.language == "javascript":
        command = (
            node_program(),
            f"--max-old-space-size={job.limits.memory_mb}",
            "--stack-trace-limit=1",
            "../main.js",
        )
        return Payload("execute", encoded(job.code), inputs, job.limits, command=command, program_path="main.js")
    role: Role = "call" if job.mode == "call" else "stdin"
    return python_payload(role, job, inputs)


def python_payload(role: Role, job: Job, inputs: Sequence[bytes]) -> Payload:
    """The payload of a Python program in this role, behind the text that it continues."""
    prompt = encoded(job.harness.prompt)
    owner = f"{job.harness.owner}." if job.harness.owner and role == "call" else ""
    payload = Payload(role, prompt + encoded(job.code), inputs, job.limits, owner + (job.entry_point or ""))
    return payload._replace(
        prompt_bytes=len(prompt), usual_imports=job.harness.usual_imports, node_kinds=job.harness.node_kinds
    )


async def run_raw(
    job: Job, slot: WorkerSlot, compiler: Compiler, files: Mapping[str, bytes], fetch: tuple[str, ...]
) -> tuple[RawAnswer, dict[str, bytes]]:
    """Run a stdin program on its first test's input, without a comparison; its answer and the files asked for.

    The compiler sees `files` too, since a program may include them.
    """
    compiled = None
    if job.language == "cpp":
        seconds = job.compile_seconds if isinstance(job, RawJob) else COMPILE_LIMITS.time_seconds
        compiled = await compiler.compile(job.code, slot, files, seconds)
    payload = _payload(job, [encoded(job.tests[0].input)], compiled.binary if compiled else b"")
    if job.language == "javascript" and files:
        # node looks for required modules beside the program
        name = _free_name("main.js", files)
        payload = payload._replace(command=(*payload.command[:-1], name), program_path=f"work/{name}")
    # a module among the files may need numpy when the program itself does not name it
    has_numpy = any(b"numpy" in data for data in files.values())
    worker = await slot.worker(runtime_of(replace(job, code="import numpy") if has_numpy else job))
    answer = await run_once(worker, payload._replace(files=files, fetch=fetch))
    said = compiled.answer if compiled else None
    return RawAnswer(answer.record, answer.output, answer.stderr, compiler=said), dict(unpacked(fetch, answer.fetched))


def _free_name(name: str, files: Mapping[str, bytes]) -> str:
    taken = {path.split("/", 1)[0] for path in files}
    while name in taken:
        name = f"_{name}"
    return name


def unpacked(names: Sequence[str], data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file that exists: a size for every name (-1 without a file) precedes the bytes of
    all."""
    sizes = struct.unpack_from(f"<{len(names)}q", data) if data else ()
    at = 8 * len(names)
    for name, size in zip(names, sizes, strict=False):
        if size >= 0:
            yield name, data[at : at + size]
            at += size


class Compiler:
    """Compiles C++ to static executables, in a jail that sees the toolchain, and keeps them by the hash of their
    sources."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Executable] = OrderedDict()
        self._kept_bytes = 0
        self._under_way: dict[bytes, asyncio.Lock] = {}

    async def compile(
        self,
        code: str,
        slot: WorkerSlot,
        files: Mapping[str, bytes] | None = None,
        time_seconds: float = COMPILE_LIMITS.time_seconds,
    ) -> Executable:
        """The executable of a program that may include `files`, made in at most `time_seconds` of CPU time.

        Raises CompileFailed, CannotJudge without a compiler, and the worker's own errors.
        """
        key = _key(code, files or {})
        lock = self._under_way.setdefault(key, asyncio.Lock())
        try:
            async with lock:  # many samples of one prompt are the same program
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key]
                executable = await self._by_any_standard(code, slot, files or {}, time_seconds)
                self._keep(key, executable)
                return executable
        finally:
            self._under_way.pop(key, None)

    def _keep(self, key: bytes, executable: Executable) -> None:
        self._kept[key] = executable
        self._kept_bytes += len(executable.binary)
        while self._kept_bytes > _CACHE_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.binary)

    async def _by_any_standard(
        self, code: str, slot: WorkerSlot, files: Mapping[str, bytes], time_seconds: float
    ) -> Executable:
        newest, *older = CPP_STANDARDS
        try:
            return await self._run(code, slot, files, time_seconds, newest)
        except CompileFailed as problem:
            for standard in older if problem.answer.record.ending == "exited" else ():
                with contextlib.suppress(CompileFailed):  # the words of the newest standard are told
                    return await self._run(code, slot, files, time_seconds, standard)
            raise

    async def _run(
        self, code: str, slot: WorkerSlot, files: Mapping[str, bytes], time_seconds: float, standard: str
    ) -> Executable:
        runtime = compiler_runtime()
        if runtime is None:
            raise CannotJudge("g++ is not installed on the sandbox's host")
        command = ("/usr/bin/g++", f"-std={standard}", *GXX_FLAGS, "-iquote", ".", "-o", _EXECUTABLE, "../main.cpp")
        payload = Payload(
            "execute",
            encoded(code),
            [b""],
            replace(COMPILE_LIMITS, time_seconds=time_seconds),
            command=command,
            program_path="main.cpp",
            files=files,
            fetch=(_EXECUTABLE,),
        )
        answer = await run_once(await slot.worker(runtime), payload)
        if answer.record.ending == "broken":
            raise WorkerLost(f"the compiler did not start: {answer.stderr.decode(errors='replace')}")
        binary = dict(unpacked(payload.fetch, answer.fetched)).get(_EXECUTABLE)
        answer = replace(answer, fetched=b"")
        if answer.record.ending != "exited" or answer.record.wait_status:
            words = answer.stderr.decode(errors="replace").strip()
            raise CompileFailed(
                words if answer.record.ending == "exited" else f"{answer.record.ending} {words}", answer
            )
        if binary is None:  # larger than a jail may send back
            words = "the executable is too large"
            record = answer.record._replace(wait_status=1 << 8)
            raise CompileFailed(words, replace(answer, record=record, stderr=words.encode()))
        return Executable(binary, answer)


def _key(code: str, files: Mapping[str, bytes]) -> bytes:
    """The hash of all sources that the compiler sees."""
    whole = hashlib.sha256()
    for part in (encoded(code), *(part for name in sorted(files) for part in (encoded(name), files[name]))):
        whole.update(struct.pack("<q", len(part)))
        whole.update(part)
    return whole.digest()
