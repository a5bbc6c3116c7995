"""Payloads by language, the compiler's cache, and files of the work folder, on scripted workers."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest

from openqwq.sandbox import execution
from openqwq.sandbox.execution import (
    CannotJudge,
    CompileFailed,
    Compiler,
    Executable,
    RawJob,
    _free_name,
    _key,
    _payload,
    run_raw,
    unpacked,
)
from openqwq.sandbox.jobs import Job, Limits, TestCase
from openqwq.sandbox.languages import CPP_STANDARDS, GXX_FLAGS, PYTHON, Runtime, node_program, runtime_of
from openqwq.sandbox.worker import Answer, WorkerLost
from tests.sandbox.scripted_workers import ScriptedSlot, ScriptedWorker, answer, exits

LIMITS = Limits(3.0, 128, 4096)


def test_a_program_of_each_language_has_its_payload() -> None:
    inputs = [b"1", b"2"]
    job = Job("code", limits=LIMITS)
    assert _payload(job, inputs, b"")[:5] == ("stdin", b"code", inputs, LIMITS, "")
    call = _payload(Job("code", mode="call", entry_point="f", limits=LIMITS), inputs, b"")
    assert (call.role, call.entry_point) == ("call", "f")
    cpp = _payload(Job("code", language="cpp", limits=LIMITS), inputs, b"binary")
    assert (cpp.role, cpp.code, cpp.command, cpp.program_path) == ("execute", b"binary", ("../main",), "main")
    node = _payload(Job("cödé\ud800", language="javascript", limits=LIMITS), inputs, b"")
    assert (node.role, node.code, node.program_path) == ("execute", b"c\xc3\xb6d\xc3\xa9\xed\xa0\x80", "main.js")
    assert node.command == (node_program(), "--max-old-space-size=128", "--stack-trace-limit=1", "../main.js")


def test_sources_have_one_key_in_whatever_order_and_another_for_any_change() -> None:
    files = {"a.h": b"1", "b.h": b"2"}
    key = _key("code", files)
    assert key == _key("code", dict(reversed(files.items())))
    others = [
        ("code2", files), ("code", {}), ("code", {"a.h": b"1"}), ("code", {**files, "a.h": b"2"}),
        ("code", {"a.h": b"2", "b.h": b"1"}), ("code", {"a.hb": b"", "1.h": b"2"}), ("codea.h", {}),
        ("", {"code": b""}),
    ]  # fmt: skip
    assert len({key, *(_key(code, given) for code, given in others)}) == len(others) + 1


def sizes(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


@pytest.mark.parametrize(
    ("names", "data", "files"),
    [
        (("a", "b", "c"), sizes(2, -1, 3) + b"xxyyy", {"a": b"xx", "c": b"yyy"}),
        (("a", "b"), sizes(0, 1) + b"z", {"a": b"", "b": b"z"}),
        (("a",), sizes(-1), {}),
        (("a",), b"", {}),
        ((), b"", {}),
    ],
)
def test_fetched_files_are_cut_by_their_sizes(names: tuple[str, ...], data: bytes, files: dict[str, bytes]) -> None:
    assert dict(unpacked(names, data)) == files


def test_a_name_that_is_taken_gets_underscores() -> None:
    assert _free_name("main.js", {}) == "main.js"
    assert _free_name("main.js", {"main.js": b""}) == "_main.js"
    assert _free_name("main.js", {"main.js/x": b"", "_main.js": b""}) == "__main.js"
    assert _free_name("main.js", {"a/main.js": b""}) == "main.js"


COMPILER = Runtime("compiler")


def compiled(binary: bytes = b"binary", **changes: Any) -> Answer:
    ended = answer(stderr=b"", **changes)
    fetched = sizes(len(binary)) + binary
    return Answer(ended.record._replace(fetched_bytes=len(fetched)), b"", ended.stderr, fetched)


class CompilingWorker(ScriptedWorker):
    def open_jail(self, payload: int, peer: int | None = None) -> Any:
        answers = list(self.jails[0])
        opened = super().open_jail(payload, peer)
        opened._buffer += b"".join(
            one.record.pack() + one.output + one.stderr + one.fetched for one in answers if one.fetched
        )
        return opened


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "compiler_runtime", lambda: COMPILER)


def scripted(*jails: list[Answer]) -> tuple[ScriptedSlot, CompilingWorker]:
    worker = CompilingWorker(list(jails))
    return ScriptedSlot(compiler=worker), worker


@pytest.mark.usefixtures("present")
def test_a_program_is_compiled_once_for_all_that_the_compiler_sees() -> None:
    async def run() -> None:
        compiler = Compiler()
        slot, worker = scripted([compiled(b"one")], [compiled(b"two")])
        first, again = await asyncio.gather(
            compiler.compile("code", slot.as_slot()), compiler.compile("code", slot.as_slot())
        )
        assert first is again and first.binary == b"one" and first.answer.fetched == b""
        other = await compiler.compile("code", slot.as_slot(), {"a.h": b"x"}, 7.0)
        assert other.binary == b"two"
        usual, own = worker.orders
        assert (usual.time_seconds, usual.memory_mb, own.time_seconds) == (20.0, 2048, 7.0)
        newest, tail = CPP_STANDARDS[0], ("-iquote", ".", "-o", ".openqwq-executable", "../main.cpp")
        assert usual.command == ("/usr/bin/g++", f"-std={newest}", *GXX_FLAGS, *tail)
        assert (usual.role, usual.program_path, usual.fetch) == ("execute", "main.cpp", (".openqwq-executable",))
        assert [name for name, _ in own.files] == ["a.h"] and worker.parts[0] == [b"code", b""]
        assert not compiler._under_way

    asyncio.run(run())


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (exits(1, stderr=b"main.cpp:1: error\n"), "main.cpp:1: error"),
        (answer(wait_status=9), ""),
        (answer(ending="time_limit", wait_status=9, stderr=b"slow"), "time_limit slow"),
        (answer(ending="memory_limit", wait_status=9), "memory_limit "),
        (exits(0), "the executable is too large"),
    ],
)
@pytest.mark.usefixtures("present")
def test_a_program_that_the_compiler_refuses_fails_with_its_words_and_is_not_kept(ended: Answer, words: str) -> None:
    compiler = Compiler()
    num_tries = len(CPP_STANDARDS) if ended.record.ending == "exited" else 1
    slot, worker = scripted(*[[ended]] * num_tries, [compiled()])
    with pytest.raises(CompileFailed) as caught:
        asyncio.run(compiler.compile("code", slot.as_slot()))
    assert str(caught.value) == words
    assert caught.value.answer.record.wait_status != 0
    assert asyncio.run(compiler.compile("code", slot.as_slot())).binary == b"binary"
    assert len(worker.orders) == num_tries + 1


def test_without_a_compiler_nothing_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "compiler_runtime", lambda: None)
    with pytest.raises(CannotJudge, match=r"g\+\+ is not installed"):
        asyncio.run(Compiler().compile("code", ScriptedSlot().as_slot()))


@pytest.mark.usefixtures("present")
def test_a_compiler_without_a_jail_is_a_lost_worker() -> None:
    slot, _ = scripted([answer(ending="broken", stderr=b"no room")])
    with pytest.raises(WorkerLost, match="the compiler did not start: no room"):
        asyncio.run(Compiler().compile("code", slot.as_slot()))


def test_the_oldest_executables_leave_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_CACHE_BYTES", 10)
    compiler = Compiler()
    for name, size in ((b"a", 4), (b"b", 4), (b"c", 2)):
        compiler._keep(name, Executable(b"x" * size, exits(0)))
    assert list(compiler._kept) == [b"a", b"b", b"c"]
    compiler._keep(b"d", Executable(b"x", exits(0)))
    assert list(compiler._kept) == [b"b", b"c", b"d"] and compiler._kept_bytes == 7
    compiler._keep(b"e", Executable(b"x" * 10, exits(0)))
    assert list(compiler._kept) == [b"e"] and compiler._kept_bytes == 10


def test_a_raw_run_gives_the_answer_and_puts_files_into_the_work_folder() -> None:
    worker = ScriptedWorker([[exits(3, b"out", b"err")]])
    job = RawJob("code", tests=(TestCase("in", ""),), limits=LIMITS)
    ended, files = asyncio.run(run_raw(job, ScriptedSlot(worker).as_slot(), Compiler(), {"a": b"A"}, ("b",)))
    assert (ended.output, ended.stderr, ended.record.wait_status, ended.compiler) == (b"out", b"err", 3 << 8, None)
    assert files == {}
    assert worker.parts == [[b"code", b"in"]]
    assert [name for name, _ in worker.orders[0].files] == ["a"] and worker.orders[0].fetch == ("b",)


@pytest.mark.parametrize(
    ("code", "files", "is_numpy"),
    [
        ("x = 1", {}, False),
        ("import numpy", {}, True),
        ("x = 1", {"a.py": b"import numpy"}, True),
        ("x = 1", {"a.py": b"x"}, False),
    ],
)
def test_numpy_is_shown_to_programs_that_name_it(
    monkeypatch: pytest.MonkeyPatch, code: str, files: dict[str, bytes], is_numpy: bool
) -> None:
    numpy = Runtime("numpy")
    monkeypatch.setattr("openqwq.sandbox.languages.numpy_runtime", lambda: numpy)
    slot = ScriptedSlot(ScriptedWorker([[exits(0)]]), numpy=ScriptedWorker([[exits(0)]]))
    job = RawJob(code, tests=(TestCase("", ""),))
    asyncio.run(run_raw(job, slot.as_slot(), Compiler(), files, ()))
    assert slot.asked == ["numpy" if is_numpy else "python"]
    assert runtime_of(job) is (numpy if "numpy" in code else PYTHON)
    monkeypatch.setattr("openqwq.sandbox.languages.numpy_runtime", lambda: None)
    assert runtime_of(Job("import numpy")) is PYTHON
    assert runtime_of(Job("numpy", language="cpp")) is PYTHON


@pytest.mark.usefixtures("present")
def test_a_raw_run_of_cpp_compiles_with_its_files_and_its_own_time() -> None:
    compiling, running = CompilingWorker([[compiled()], [compiled()]]), ScriptedWorker([[exits(0, b"out")], [exits(0)]])
    slot = ScriptedSlot(running, compiler=compiling)
    job = RawJob("code", language="cpp", tests=(TestCase("in", ""),), compile_seconds=4.0)
    ended, _ = asyncio.run(run_raw(job, slot.as_slot(), Compiler(), {"a.h": b"A"}, ()))
    assert ended.output == b"out" and ended.compiler is not None and ended.compiler.record.wait_status == 0
    assert compiling.orders[0].time_seconds == 4.0 and [name for name, _ in compiling.orders[0].files] == ["a.h"]
    assert running.parts == [[b"binary", b"in"]]
    plain = Job("code", language="cpp", tests=(TestCase("in", ""),))
    asyncio.run(run_raw(plain, slot.as_slot(), Compiler(), {}, ()))
    assert compiling.orders[1].time_seconds == 20.0


def test_a_raw_run_of_javascript_lies_beside_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openqwq.sandbox.languages.node_runtime", lambda: Runtime("node"))
    node = ScriptedWorker([[exits(0)], [exits(0)]])
    slot = ScriptedSlot(node=node)
    job = RawJob("code", language="javascript", tests=(TestCase("", ""),))
    for files in ({}, {"main.js": b""}):
        asyncio.run(run_raw(job, slot.as_slot(), Compiler(), files, ()))
    assert [(order.command[-1], order.program_path) for order in node.orders] == [
        ("../main.js", "main.js"), ("_main.js", "work/_main.js"),
    ]  # fmt: skip
