"""Users' own functions: which columns a batch function gets, how files are loaded, and whose fault costs what."""

from __future__ import annotations

import asyncio
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openqwq.verifiers import Verdict, VerifierError, function_verifiers, get_verifier
from openqwq.verifiers.function_verifiers import BatchFunctionVerifier, FunctionVerifier
from openqwq.verifiers.user_functions import (
    function_verifier,
    is_plain_grader,
    load_user_verifier,
)

Given = dict[str, Any]
TRAINERS = ("trainer_state", "log_metric", "log_extra")
"""What TRL's trainers always pass."""


def asked(responses: list[str], rows: list[Any], **kwargs: Any) -> Given:
    """The arguments that a function with `**columns` gets."""
    given: Given = {}

    def note(prompts: Any, completions: Any, **columns: Any) -> list[float]:
        given.update(columns, prompts=prompts, completions=completions)
        return [1.0] * len(completions)

    BatchFunctionVerifier("f", note, kwargs).verify_many(responses, rows)
    return {name: value for name, value in given.items() if name not in TRAINERS}


def test_columns_are_the_rows_own_keys_before_extra_before_the_reference() -> None:
    rows = [
        {
            "id": n,
            "prompt": f"q{n}",
            "task": "t",
            "reference": {"id": 7, "a": n, "b": n},
            "extra": {"a": -n, "task": "x"},
        }
        for n in (1, 2)
    ]
    given = asked(["r1", "r2"], rows)
    assert given == {
        "prompts": ["q1", "q2"],
        "completions": ["r1", "r2"],
        "id": [1, 2],
        "task": ["t", "t"],
        "a": [-1, -2],
        "b": [1, 2],
        "reference": [rows[0]["reference"], rows[1]["reference"]],
        "extra": [rows[0]["extra"], rows[1]["extra"]],
    }


def test_only_columns_of_all_rows_are_given_and_arguments_come_before_them() -> None:
    rows = [{"prompt": "q", "a": 1, "b": 1}, {"prompt": "q", "a": 2}]
    given = asked(["r"] * 2, rows, a="mine", scale=3)
    assert set(given) == {"prompts", "completions", "a", "scale"}
    assert (given["a"], given["scale"]) == ("mine", 3)
    assert set(asked(["r"], [{"reference": "text", "extra": 5}])) == {"prompts", "completions", "reference", "extra"}


def test_a_function_without_open_keywords_gets_what_it_names() -> None:
    def named(completions: Any, answer: Any, missing: Any = "default", scale: float = 1.0) -> list[float]:
        return [scale * (text == want) for text, want in zip(completions, answer, strict=True) if missing == "default"]

    rows = [{"prompt": "q", "answer": "a", "other": 1}, {"prompt": "q", "answer": "b", "other": 1}]
    verdicts = BatchFunctionVerifier("f", named, {"scale": 0.5}).verify_many(["a", "a"], rows)
    assert [verdict.score for verdict in verdicts] == [0.5, 0.0]


TURNS = [{"role": "assistant", "content": "c"}, {"role": "tool", "content": "4"}]


@pytest.mark.parametrize(
    ("row", "completion"),
    [
        ({"prompt": "q"}, "r"),
        ({"prompt": "q", "turns": TURNS}, "r"),
        ({}, "r"),
        ({"prompt": [{"role": "user", "content": "q"}]}, [{"role": "assistant", "content": "r"}]),
        ({"prompt": [{"role": "user", "content": "q"}], "turns": TURNS}, TURNS),
        ({"prompt": [{"role": "user", "content": "q"}], "turns": []}, [{"role": "assistant", "content": "r"}]),
    ],
)
def test_a_completion_is_text_or_the_turns_of_a_chat(row: dict[str, Any], completion: Any) -> None:
    assert asked(["r"], [row])["completions"] == [completion]


def test_an_empty_batch_asks_nobody_and_uneven_ones_are_refused() -> None:
    verifier = BatchFunctionVerifier("f", lambda completions: 1 / 0, {})
    assert verifier.verify_many([], []) == []
    with pytest.raises(ValueError, match="got 1 responses for 2 rows"):
        verifier.verify_many(["a"], [{}, {}])


@pytest.mark.parametrize(
    ("returned", "words"), [([1.0, 1.0], "returned 2 rewards for 1"), ([], "returned 0 rewards for 1")]
)
def test_a_function_that_returns_too_many_or_too_few_is_an_error(returned: list[float], words: str) -> None:
    verdict = BatchFunctionVerifier("f", lambda completions: returned, {}).verify_many(["a"], [{}])[0]
    assert verdict.status == "verifier_error"
    assert verdict.reason == f"f: VerifierError: returned {len(returned)} rewards for 1 completions"


def test_a_batch_that_breaks_is_graded_one_by_one() -> None:
    sizes: list[int] = []

    def picky(completions: list[str]) -> list[float | None]:
        sizes.append(len(completions))
        if "bad" in completions:
            raise RuntimeError("no")
        return [None if text == "skip" else 0.5 for text in completions]

    verdicts = BatchFunctionVerifier("f", picky, {}).verify_many(["a", "bad", "skip"], [{}] * 3)
    assert [verdict.status for verdict in verdicts] == ["scored", "verifier_error", "not_applicable"]
    assert verdicts[1].reason == "f: RuntimeError: no"
    assert sizes == [3, 1, 1, 1]


@pytest.mark.parametrize("count", [1, 3])
def test_the_time_of_a_batch_is_shared(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    ticks = iter([10.0, 16.0])
    monkeypatch.setattr(function_verifiers, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    verdicts = BatchFunctionVerifier("f", lambda completions: [1.0] * count, {}).verify_many(
        ["a"] * count, [{}] * count
    )
    assert [verdict.seconds for verdict in verdicts] == [6.0 / count] * count


async def later(completions: list[str], fails: bool = False) -> list[float]:
    await asyncio.sleep(0)
    if fails:
        raise RuntimeError("late")
    return [0.5] * len(completions)


def test_an_async_function_is_awaited_also_inside_of_a_running_loop() -> None:
    async def inside() -> list[Verdict]:
        return BatchFunctionVerifier("f", later, {}).verify_many(["a"], [{}])

    assert [verdict.score for verdict in asyncio.run(inside())] == [0.5]
    assert BatchFunctionVerifier("f", later, {}).verify("a", {}).score == 0.5
    broken = BatchFunctionVerifier("f", later, {"fails": True}).verify("a", {})
    assert broken.reason == "f: RuntimeError: late"


def plain(response: str, row: Any) -> bool:
    return response == row["want"]


def factory(word: str = "x") -> None: ...


@pytest.mark.parametrize(
    ("function", "is_grader"),
    [
        (plain, True),
        (later, True),
        (lambda prompts, completions, **more: [], True),
        (lambda response, row, size=1: True, True),
        (lambda row, response: True, False),
        (lambda response: True, False),
        (factory, False),
        (FunctionVerifier, False),
        (dict, False),
    ],
)
def test_a_grader_is_told_from_a_factory_by_its_parameters(function: Any, is_grader: bool) -> None:
    assert is_plain_grader(function) is is_grader


def test_a_function_is_wrapped_by_its_parameters() -> None:
    single, batch = function_verifier("p", plain, {}), function_verifier("b", later, {"fails": False})
    assert type(single) is FunctionVerifier and type(batch) is BatchFunctionVerifier
    assert (single.name, batch.name) == ("p", "b")
    assert single.verify("a", {"want": "a"}).score == 1.0 and single.verify("a", {"want": "b"}).score == 0.0
    assert single.verify("a", {}).reason == "p: KeyError: 'want'"
    with pytest.raises(VerifierError, match="does not take the argument 'fail'; did you mean fails"):
        function_verifier("b", later, {"fail": True})
    with pytest.raises(VerifierError, match="does not take the argument 'fail'"):
        function_verifier("p", plain, {"fail": True})
    with pytest.raises(VerifierError, match=r"cannot be called with \(response, row\)"):
        function_verifier("l", lambda response, row, size: True, {})


def test_a_wrapped_function_travels_by_its_module_or_its_file(tmp_path: Path) -> None:
    copy = pickle.loads(pickle.dumps(function_verifier("p", plain, {})))
    assert (type(copy), copy.name, copy.verify("a", {"want": "a"}).score) == (FunctionVerifier, "p", 1.0)
    batch = pickle.loads(pickle.dumps(function_verifier("b", later, {"fails": True})))
    assert (type(batch), batch.kwargs) == (BatchFunctionVerifier, {"fails": True})
    (tmp_path / "mine.py").write_text("def f(response, row, by=1):\n    return len(response) / by\n")
    built = load_user_verifier(f"{tmp_path}/mine.py:f", {"by": 4})
    assert built.__reduce__()[:2] == (load_user_verifier, (f"{tmp_path}/mine.py:f", {"by": 4}))
    copy = pickle.loads(pickle.dumps(built))
    assert copy.verify("a", {}).score == 0.25 and copy.name == f"{tmp_path}/mine.py:f"


def test_a_file_that_cannot_be_loaded_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "mine.py").write_text(
        "import math\nfrom math import sqrt\nx = 5\ndef f(response, row): return True\nclass C: pass\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    before = set(sys.modules)
    with pytest.raises(VerifierError, match=r"broken.py fails to import: ZeroDivisionError"):
        get_verifier("broken.py:f")
    assert set(sys.modules) == before
    with pytest.raises(VerifierError, match=f"no such verifier file: {tmp_path}/absent.py"):
        get_verifier("absent.py:f")
    with pytest.raises(VerifierError, match=r"mine.py has no function or class 'g'; it has: f, C"):
        get_verifier("mine.py:g")
    with pytest.raises(VerifierError, match="has no function or class 'x'"):
        get_verifier("mine.py:x")
    with pytest.raises(VerifierError, match="gives a C without name"):
        get_verifier("mine.py:C")
    assert get_verifier("~/mine.py:f").verify("a", {}).score == 1.0
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(VerifierError, match="it has: none"):
        get_verifier("empty.py:f")


def test_two_files_of_one_name_are_two_modules(tmp_path: Path) -> None:
    for folder, value in (("a", 0.25), ("b", 0.75)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(f"VALUE = {value}\ndef f(response, row): return VALUE\n")
    built = [get_verifier(f"{tmp_path}/{folder}/mine.py:f") for folder in "ab"]
    assert [verifier.verify("x", {}).score for verifier in built] == [0.25, 0.75]
