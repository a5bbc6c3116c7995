"""Toolchains and numpy: listed, shown to programs that name them, and named when absent."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.server_process import ROOT, Served, serving
from openqwq.sandbox import Job, LocalSandbox, ServerHandle, TestCase
from openqwq.sandbox.wire import job_to_json
from tests.sandbox.language_jobs import (
    CPP_SQUARE,
    PRESENT,
    SQUARES,
    cpp,
    needs_numpy,
)
from tests.sandbox.requests_of_jobs import HTTP


def test_all_languages_are_listed_with_their_versions_or_why_they_are_absent(server: ServerHandle) -> None:
    answer = HTTP.get(f"{server.url}/v1/languages").json()
    assert [one["name"] for one in answer["languages"]] == ["python", "cpp", "javascript"]
    for one in answer["languages"]:
        assert one["is_available"] == (one["name"] in PRESENT) == bool(one["version"]) == (not one["reason"])
    assert answer["packages"]["python"] == (["numpy"] if importlib.util.find_spec("numpy") else [])


@needs_numpy
def test_programs_that_name_numpy_have_it_and_share_nothing_of_it(sandbox: LocalSandbox) -> None:
    code = (
        "import numpy as np\nprint(hasattr(np, 'mark'), int(np.arange(5).sum()), np.linalg.det(np.eye(3)))\n"
        "np.mark = True\nnp.sum = None\n"
    )
    job = Job(code, tests=(TestCase("", "False 10 1.0"),) * 2)
    assert [outcome.verdict for outcome in sandbox.run_many([job] * 3)] == ["pass"] * 3
    draw = Job(
        "import numpy as np\nprint(np.random.rand())", tests=(TestCase("", ""),) * 2, stop_on_first_failure=False
    )
    drawn = [test.detail for outcome in sandbox.run_many([draw] * 2) for test in outcome.tests]
    assert len(set(drawn)) == 4, "two programs drew the same numbers"
    reached = Job("def f(n):\n    import numpy\n    return float(numpy.sqrt(n))", mode="call", entry_point="f")
    assert sandbox.run(replace(reached, tests=(TestCase([9], 3.0),))).verdict == "pass"


@needs_numpy
def test_programs_that_do_not_name_numpy_cannot_find_it(sandbox: LocalSandbox) -> None:
    hidden = "try:\n    __import__('num' + 'py'); print('here')\nexcept ModuleNotFoundError: print('absent')\n"
    assert sandbox.run(Job(hidden, tests=(TestCase("", "absent"),))).verdict == "pass"


WITHOUT_NUMPY = "import sys\nsys.modules['numpy'] = None\n"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    environment = {"PATH": str(tmp_path_factory.mktemp("empty"))}
    with serving(["--workers", "1"], WITHOUT_NUMPY, environment=environment) as served:
        yield served


@pytest.mark.parametrize("language", ["cpp", "javascript", "c++", "node"])
def test_an_absent_toolchain_is_named_when_its_language_is_refused(bare: Served, language: str) -> None:
    body = {**job_to_json(cpp(CPP_SQUARE)), "language": language}
    answer = HTTP.post(f"{bare.url}/v1/run", json=body)
    assert answer.status_code == 422
    refusal = answer.json()
    assert refusal["field"] == "language" and refusal["value"] in ("'cpp'", "'javascript'")
    assert "one of python" in refusal["allowed"] and "is not installed" in refusal["allowed"]
    batch = HTTP.post(f"{bare.url}/v1/batch", json=[job_to_json(Job("", tests=SQUARES)), body])
    assert (batch.status_code, batch.json()["field"]) == (422, "jobs[1].language")


def test_absent_toolchains_are_listed_as_such(bare: Served) -> None:
    answer = HTTP.get(f"{bare.url}/v1/languages").json()
    assert [one["is_available"] for one in answer["languages"]] == [True, False, False]
    assert all("is not installed" in one["reason"] for one in answer["languages"][1:])
    assert answer["packages"] == {"python": []}


def test_a_program_that_imports_an_absent_numpy_fails_by_itself(bare: Served) -> None:
    job = job_to_json(Job("import numpy\nprint(9)", tests=SQUARES))
    answer = HTTP.post(f"{bare.url}/v1/run", json=job).json()
    assert (answer["verdict"], answer["tests"][0]["status"]) == ("fail", "runtime_error")
    assert "ModuleNotFoundError" in answer["tests"][0]["detail"]


def test_a_sandbox_in_process_never_fails_a_program_for_an_absent_toolchain(tmp_path: Path) -> None:
    code = (
        "from openqwq.sandbox import InvalidJob, Job, LocalSandbox, TestCase\n"
        "with LocalSandbox(workers=1) as sandbox:\n    for language in ('cpp', 'javascript'):\n"
        "        job = Job('', language=language, tests=(TestCase('', ''),))\n"
        "        try: print('ran', sandbox.run(job).verdict)\n"
        "        except InvalidJob as problem: print('refused', problem.field, problem.allowed)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={"PATH": str(tmp_path), "PYTHONPATH": str(ROOT)},
        check=False,
    )
    lines = ended.stdout.splitlines()
    assert len(lines) == 2, ended.stderr
    for line in lines:
        assert line.startswith("refused language one of python") and "is not installed" in line, ended.stdout
