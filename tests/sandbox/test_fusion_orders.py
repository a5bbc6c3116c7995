"""A `/run_code` request as an order: defaults, bounds from both sides, files and paths; and how an end is told."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from openqwq.sandbox import fusion
from openqwq.sandbox.fusion import read_order
from openqwq.sandbox.jobs import InvalidJob, Limits, TestCase
from openqwq.sandbox.protocol import Ending
from tests.sandbox.scripted_workers import answer, exits


def packed(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def refusal(**fields: Any) -> InvalidJob:
    with pytest.raises(InvalidJob) as caught:
        read_order({"code": "x", **fields})
    return caught.value


def test_an_order_of_code_alone_has_the_defaults() -> None:
    for fields in ({}, {"language": "python", "stdin": None, "run_timeout": None, "files": None, "fetch_files": None}):
        order = read_order({"code": "x", **fields})
        assert (order.job.code, order.job.language, order.job.mode) == ("x", "python", "stdin")
        assert order.job.tests == (TestCase("", ""),)
        assert order.job.limits == Limits(10.0, 1024) and order.job.compile_seconds == 10.0
        assert (order.files, order.fetch, order.deadline_seconds) == ({}, {}, None)


def test_an_order_keeps_what_was_asked_for() -> None:
    order = read_order(
        {
            "code": "x", "language": "py", "stdin": "in", "run_timeout": 3, "compile_timeout": 4.5,
            "memory_limit_MB": 64, "deadline_s": 7, "files": {"a": packed("A"), "./b//c": packed(b"\xff"), "d": None},
            "fetch_files": ["out", "./x//y", "out"],
        }
    )  # fmt: skip
    assert order.job.tests == (TestCase("in", ""),)
    assert order.job.limits == Limits(3.0, 64) and order.job.compile_seconds == 4.5
    assert order.files == {"a": b"A", "b/c": b"\xff"}
    assert order.fetch == {"out": "out", "./x//y": "x/y"}
    assert order.deadline_seconds == 7.0


@pytest.mark.parametrize("memory", [-1, 0, None, 1024])
def test_memory_without_a_limit_is_a_gigabyte(memory: int | None) -> None:
    limit = read_order({"code": "x", "memory_limit_MB": memory}).job.limits.memory_mb
    assert limit == 1024 and isinstance(limit, int)


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("run_timeout", [0.01, 300], [0.009, 0, -1, 300.5, True, "10", float("nan")]),
        ("compile_timeout", [0.01, 300], [0.009, 300.5, False, []]),
        ("memory_limit_MB", [32, 65536], [31, 65537, -2, 1, True, "64"]),
        ("deadline_s", [0.01, 86400], [0.009, 0, 86400.5, True, "1"]),
    ],
)
def test_a_number_is_taken_within_its_bounds(name: str, taken: list[Any], refused: list[Any]) -> None:
    for value in taken:
        read_order({"code": "x", name: value})
    for value in refused:
        assert refusal(**{name: value}).field == name


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"code": None}, "code"),
        ({"code": 5}, "code"),
        ({"stdin": 5}, "stdin"),
        ({"stdin": ["a"]}, "stdin"),
        ({"language": None}, "language"),
        ({"language": "java"}, "language"),
        ({"language": 5}, "language"),
        ({"language": "Python"}, "language"),
        ({"files": []}, "files"),
        ({"files": {"a": 5}}, "files['a']"),
        ({"files": {"a": "="}}, "files['a']"),
        ({"files": {"a": "YQ"}}, "files['a']"),
        ({"files": {"a": "Y?Q="}}, "files['a']"),
        ({"files": {"/a": packed("")}}, "files['/a']"),
        ({"files": {"x": packed(""), "x/y": packed("")}}, "files['x/y']"),
        ({"files": {"x/y": packed(""), "x": packed("")}}, "files['x']"),
        ({"files": {"x": packed(""), "./x": packed("")}}, "files['./x']"),
        ({"files": {f"{n}": packed("") for n in range(65)}}, "files"),
        ({"fetch_files": "a"}, "fetch_files"),
        ({"fetch_files": ["a", "../b"]}, "fetch_files[1]"),
        ({"fetch_files": ["a", 5]}, "fetch_files[1]"),
        ({"fetch_files": ["a"] * 65}, "fetch_files"),
    ],
)
def test_what_cannot_be_served_is_refused_by_its_field(fields: dict[str, Any], field: str) -> None:
    assert refusal(**fields).field == field


def test_no_object_is_no_order() -> None:
    for data in (None, [], "x"):
        with pytest.raises(InvalidJob, match="body is"):
            read_order(data)


def test_as_many_files_as_allowed_are_taken() -> None:
    assert len(read_order({"code": "x", "files": {f"{n}": packed("") for n in range(64)}}).files) == 64
    assert len(read_order({"code": "x", "files": {f"{n}": None for n in range(99)}}).files) == 0
    assert len(read_order({"code": "x", "fetch_files": [f"{n}" for n in range(64)]}).fetch) == 64
    assert (
        read_order({"code": "x", "files": {"x": packed(""), "xy/z": packed(""), "y": " YQ =\n= "}}).files["y"] == b"a"
    )


def test_all_files_together_have_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fusion.MAX_FILES_BYTES == 16 * 1024 * 1024
    monkeypatch.setattr(fusion, "MAX_FILES_BYTES", 10)
    assert len(read_order({"code": "x", "files": {"a": packed("x" * 6), "b": packed("x" * 4)}}).files) == 2
    problem = refusal(files={"a": packed("x" * 6), "b": packed("x" * 5)})
    assert (problem.field, problem.value) == ("files['b']", "'5 bytes'")


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("a", "a"),
        ("a/b.txt", "a/b.txt"),
        ("./a//./b", "a/b"),
        ("a b", "a b"),
        ("..a/b..", "..a/b.."),
        ("/".join("a" * 16), "/".join("a" * 16)),
        ("/".join("a" * 17), None),
        ("é" * 127, "é" * 127),
        ("é" * 128, None),
        ("x" * 255, "x" * 255),
        ("x" * 256, None),
        ("", None),
        (".", None),
        ("./", None),
        ("a/", None),
        ("a/.", None),
        ("/a", None),
        ("a/../b", None),
        ("..", None),
        ("a\0b", None),
        ("\ud800", None),
        (5, None),
    ],
)
def test_a_path_stays_below_the_work_folder_in_one_spelling(path: Any, kept: str | None) -> None:
    if kept is None:
        assert refusal(fetch_files=[path]).field == "fetch_files[0]"
    else:
        assert read_order({"code": "x", "fetch_files": [path]}).fetch == {path: kept}


def test_a_file_may_not_take_the_programs_own_name() -> None:
    for path in (fusion.PROGRAM_NAME, f"{fusion.PROGRAM_NAME}/a", f"./{fusion.PROGRAM_NAME}"):
        assert refusal(files={path: packed("")}).field.startswith("files[")
    assert read_order({"code": "x", "files": {f"a/{fusion.PROGRAM_NAME}": packed("")}}).files


@pytest.mark.parametrize(("length", "shown"), [(78, 80), (79, 80), (300, 80)])
def test_a_long_name_is_shortened(length: int, shown: int) -> None:
    field = refusal(files={"/" + "x" * (length - 1): packed("")}).field
    assert len(field) == len("files[]") + shown
    assert field.endswith("...]") is (length > 78)


LIMITS = Limits(1.5, 64, 1000)


@pytest.mark.parametrize(
    ("ending", "status", "code", "words"),
    [
        ("time_limit", "TimeLimitExceeded", None, "killed: it took more than 1.5 s of CPU time or 3 s in all"),
        ("memory_limit", "Finished", -9, "killed: it took more than 64 MB of memory"),
        ("output_limit", "Finished", -9, "killed: it took more than 1000 bytes of standard output"),
    ],
)
def test_a_passed_limit_is_told_after_the_programs_own_words(
    ending: Ending, status: str, code: int | None, words: str
) -> None:
    told = fusion._result(answer(b"out", ending, 9, b"own words\n\n"), LIMITS)
    assert told == {
        "status": status, "execution_time": 0.75, "cpu_time": 0.25, "return_code": code, "stdout": "out",
        "stderr": f"own words\n{words}",
    }  # fmt: skip
    assert fusion._result(answer(b"", ending, 9), LIMITS)["stderr"] == words


@pytest.mark.parametrize(("status", "code"), [(0, 0), (3 << 8, 3), (9, -9), (11, -11)])
def test_an_exit_is_told_by_its_status(status: int, code: int) -> None:
    told = fusion._result(answer(b"\xff", wait_status=status, stderr=b"e\xff\n"), LIMITS)
    assert (told["status"], told["return_code"]) == ("Finished", code)
    assert (told["stdout"], told["stderr"]) == ("\N{REPLACEMENT CHARACTER}", "e\N{REPLACEMENT CHARACTER}\n")
    assert fusion._result(exits(0), LIMITS)["return_code"] == 0
