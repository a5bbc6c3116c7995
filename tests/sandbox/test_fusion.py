"""`/run_code` as the clients of SandboxFusion use it: its own package from PyPI, unmodified, and verl's plain post."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import sandbox_fusion
from sandbox_fusion import RunCodeRequest, RunCodeResponse, RunStatus, SummaryMapping

from openqwq.sandbox import ServerHandle, start_server
from openqwq.sandbox.languages import languages

SUMMARY = SummaryMapping(
    CompileFailed="does not compile", CompileTimeout="compiles too long", RunFailed="fails", RunTimeout="runs too long"
)
PRESENT = {language.name for language in languages() if language.version}
"""What `/v1/languages` is made of."""


@pytest.fixture(autouse=True)
def endpoint(server: ServerHandle) -> Iterator[None]:
    sandbox_fusion.set_endpoint(server.url)
    yield
    sandbox_fusion.set_endpoint("http://localhost:8080")


@pytest.fixture(scope="module")
def small() -> Iterator[ServerHandle]:
    """One program at a time, one waiting."""
    with start_server(workers=1, queue_limit=1) as handle:
        yield handle


def run(code: str, language: str = "python", **fields: Any) -> RunCodeResponse:
    request = RunCodeRequest(code=code, language=language, **fields)
    return sandbox_fusion.run_code(request, max_attempts=1, client_timeout=30)


def summary(answer: RunCodeResponse) -> str:
    return sandbox_fusion.summary_run_code_result(answer, SUMMARY)


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def post(server: ServerHandle, **body: Any) -> requests.Response:
    return requests.post(f"{server.url}/run_code", json=body, timeout=30)


def children_of(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:  # it has ended
        return []


def assert_says_that_it_is_absent(language: str) -> None:
    with pytest.raises(Exception, match=r"code 422.*is not installed"):
        run("", language)


def test_a_program_gets_its_input_and_its_output_and_exit_status_come_back() -> None:
    answer = run("import sys\nprint(input())\nprint('why', file=sys.stderr)\nsys.exit(3)", stdin="hello")
    assert answer.status is RunStatus.Failed
    assert (answer.run_result.status, answer.run_result.return_code) == ("Finished", 3)
    assert (answer.run_result.stdout, answer.run_result.stderr) == ("hello\n", "why\n")
    assert answer.run_result.execution_time > 0 and answer.run_result.cpu_time > 0
    assert answer.compile_result is None
    assert summary(answer) == "fails"
    assert run("print(1)").status is RunStatus.Success


def test_the_async_client_and_the_concurrent_one_get_each_its_own_answer() -> None:
    answer = asyncio.run(sandbox_fusion.run_code_async(RunCodeRequest(code="print(6 * 7)", language="python")))
    assert answer.run_result.stdout == "42\n"
    squares = [[RunCodeRequest(code="print(int(input()) ** 2)", language="python", stdin=str(n))] for n in range(30)]
    answers = sandbox_fusion.run_concurrent(sandbox_fusion.run_code, args=squares, concurrency=8)
    assert [int(answer.run_result.stdout) for answer in answers] == [n**2 for n in range(30)]


def test_a_program_that_runs_too_long_is_timed_out_and_keeps_its_output() -> None:
    answer = run("print('begun', flush=True)\nwhile True: pass", run_timeout=0.3)
    assert answer.status is RunStatus.Failed
    assert (answer.run_result.status, answer.run_result.return_code) == ("TimeLimitExceeded", None)
    assert answer.run_result.stdout == "begun\n"
    assert summary(answer) == "runs too long"


@pytest.mark.parametrize(
    ("code", "words"),
    [("print('x' * (17 << 20))", "16777216 bytes of standard output"), ("bytearray(100 << 20)", "64 MB of memory")],
)
def test_a_passed_limit_reads_as_a_failed_program_with_words_in_stderr(
    server: ServerHandle, code: str, words: str
) -> None:
    answer = RunCodeResponse(**post(server, code=code, language="python", memory_limit_MB=64).json())
    assert answer.status is RunStatus.Failed
    assert (answer.run_result.status, answer.run_result.return_code) == ("Finished", -9)
    assert answer.run_result.stderr.endswith(f"killed: it took more than {words}")
    assert summary(answer) == "fails"


def test_output_of_several_megabytes_comes_back_whole() -> None:
    assert len(run("print('x' * (5 << 20))").run_result.stdout) == (5 << 20) + 1


def test_output_that_is_no_utf8_is_answered() -> None:
    assert run("import os; os.write(1, b'a\\xffb')").run_result.stdout == "a\N{REPLACEMENT CHARACTER}b"


def test_files_are_there_for_the_program_and_those_asked_for_come_back() -> None:
    code = "import helper, os\nos.makedirs('new')\ntext = open('in.txt', 'rb').read() * helper.TIMES\n"
    code += "open('new/out.bin', 'wb').write(text)\nprint(os.path.exists('ignored'))"
    files = {"in.txt": packed("ab"), "./helper.py": packed("TIMES = 2"), "deep/er/x": packed(""), "ignored": None}
    answer = run(code, files=files, fetch_files=["new//out.bin", "absent"])
    assert answer.status is RunStatus.Success, answer
    assert answer.run_result.stdout == "False\n"
    assert answer.files == {"new//out.bin": packed("abab")}


def test_a_link_out_of_the_work_folder_is_not_followed() -> None:
    answer = run("import os; os.symlink('/etc/passwd', 'link')", fetch_files=["link"])
    assert (answer.status, answer.files) == (RunStatus.Success, {})


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "", ".", "a/", "a\0b", "x" * 256, "a/" * 16 + "b"])
def test_a_path_that_is_not_below_the_work_folder_is_refused(server: ServerHandle, name: str) -> None:
    for answer, field in (
        (post(server, code="", language="python", files={name: packed("x")}), "files["),
        (post(server, code="", language="python", fetch_files=[name]), "fetch_files[0]"),
    ):
        assert answer.status_code == 422
        assert answer.json()["field"].startswith(field)
        assert "a relative path" in answer.json()["allowed"]


@pytest.mark.parametrize(
    ("files", "field"),
    [
        ({"a": "no base64!"}, "files['a']"),
        ({"a": 3}, "files['a']"),
        ({"main.py": ""}, "files['main.py']"),
        ({"a": "", "a/b": ""}, "files['a/b']"),
        ({"a": "", "./a": ""}, "files['./a']"),
        ({"a": packed("x" * (9 << 20)), "b": packed("x" * (8 << 20))}, "files['b']"),
        ({f"{n}": "" for n in range(65)}, "files"),
        ({"\ud800": ""}, "files['\\ud800']"),
        (["a"], "files"),
    ],
)
def test_files_that_cannot_be_laid_down_are_refused_by_name(server: ServerHandle, files: Any, field: str) -> None:
    answer = post(server, code="", language="python", files=files)
    assert (answer.status_code, answer.json().get("field")) == (422, field)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"code": None}, "code"),
        ({"stdin": 5}, "stdin"),
        ({"run_timeout": 0}, "run_timeout"),
        ({"compile_timeout": "10"}, "compile_timeout"),
        ({"memory_limit_MB": 5}, "memory_limit_MB"),
        ({"language": ["python"]}, "language"),
        ({"fetch_files": "a"}, "fetch_files"),
        ({"deadline_s": -1}, "deadline_s"),
    ],
)
def test_a_bad_field_is_refused_by_its_name_here(server: ServerHandle, fields: dict[str, Any], field: str) -> None:
    answer = post(server, **{"code": "", "language": "python", **fields})
    assert (answer.status_code, answer.json().get("field")) == (422, field)


@pytest.mark.parametrize("language", ["go", "pytest", "jest", "python2"])
def test_a_language_that_is_not_served_is_refused_with_what_is(language: str) -> None:
    with pytest.raises(Exception, match=f"code 422.*language is '{language}'; allowed: python, cpp or nodejs"):
        run("", language)


def test_languages_without_their_toolchain_are_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with start_server(workers=1) as bare:
        sandbox_fusion.set_sandbox_endpoint(bare.url)
        for language in ("cpp", "nodejs"):
            assert_says_that_it_is_absent(language)


def test_cpp_is_compiled_with_its_headers_and_run_with_its_files() -> None:
    if "cpp" not in PRESENT:
        return assert_says_that_it_is_absent("cpp")
    code = '#include <fstream>\n#include "lib/add.h"\nint main() {int a, b; std::ifstream("in") >> a >> b; '
    code += 'std::ofstream("out") << add(a, b); return 4;}'
    files = {"lib/add.h": packed("inline int add(int a, int b) {return a + b;}"), "in": packed("2 3")}
    answer = run(code, "cpp", files=files, fetch_files=["out"])
    assert answer.status is RunStatus.Failed
    assert (answer.compile_result.status, answer.compile_result.return_code) == ("Finished", 0)
    assert answer.compile_result.execution_time > 0
    assert answer.run_result.return_code == 4
    assert answer.files == {"out": packed("5")}
    other = {**files, "lib/add.h": packed("inline int add(int a, int b) {return a * b;}")}
    assert run(code, "cpp", files=other, fetch_files=["out"]).files == {"out": packed("6")}


def test_cpp_that_does_not_compile_or_not_in_time_has_no_run() -> None:
    if "cpp" not in PRESENT:
        return assert_says_that_it_is_absent("cpp")
    answer = run("int main() { return missing; }", "cpp")
    assert (answer.status, answer.run_result) == (RunStatus.Failed, None)
    assert answer.compile_result.return_code == 1
    assert "missing" in answer.compile_result.stderr
    assert summary(answer) == "does not compile"
    slow = "constexpr long f(long n) { return n < 2 ? n : f(n - 1) + f(n - 2); }\nstatic_assert(f(29) == 514229);\n"
    late = run(f"#include <bits/stdc++.h>\n{slow}int main() {{}}", "cpp", compile_timeout=0.1)
    assert (late.status, late.run_result) == (RunStatus.Failed, None)
    assert (late.compile_result.status, late.compile_result.return_code) == ("TimeLimitExceeded", None)
    assert summary(late) == "compiles too long"


def test_nodejs_runs_and_requires_the_files_beside_it() -> None:
    if "javascript" not in PRESENT:
        return assert_says_that_it_is_absent("nodejs")
    code = "const n = require('./main.js'); console.log(n + Number(require('fs').readFileSync(0)));"
    answer = run(code, "nodejs", stdin="2", files={"main.js": packed("module.exports = 40;")})
    assert (answer.status, answer.run_result.stdout) == (RunStatus.Success, "42\n"), answer
    assert answer.compile_result is None


def test_the_plain_post_of_verl_is_served(server: ServerHandle) -> None:
    body = {
        "compile_timeout": 10,
        "run_timeout": 10,
        "code": "print(sum(map(int, input().split())))",
        "stdin": "1 2 3",
        "memory_limit_MB": 1024,
        "language": "python",
        "files": {},
        "fetch_files": [],
    }
    answer = post(server, **body).json()
    assert (answer["status"], answer["message"], answer["isolation"]) == ("Success", "", "L2")
    assert (answer["run_result"]["status"], answer["run_result"]["return_code"]) == ("Finished", 0)
    assert answer["run_result"]["stdout"] == "6\n"
    assert post(server, **{**body, "memory_limit_MB": -1}).json()["status"] == "Success"


@pytest.mark.parametrize("path", ["submit", "get_prompts", "get_prompt_by_id", "run_jupyter", "list_datasets"])
def test_the_rest_of_the_interface_is_a_404_with_words(server: ServerHandle, path: str) -> None:
    answer = requests.post(f"{server.url}/{path}", json={}, timeout=30)
    assert answer.status_code == 404
    assert answer.json()["error"].startswith(f"/{path} is not served")


def test_the_client_hears_that_notebooks_are_not_served() -> None:
    with pytest.raises(Exception, match=r"code 404.*/run_jupyter is not served"):
        sandbox_fusion.run_jupyter(sandbox_fusion.RunJupyterRequest(cells=["1"]), max_attempts=1)


def test_the_client_comes_back_when_the_queue_was_full(small: ServerHandle) -> None:
    sandbox_fusion.set_endpoint(small.url)
    slow = RunCodeRequest(code="import time; time.sleep(0.3); print(1)", language="python")
    with ThreadPoolExecutor(4) as threads:
        body = {"code": slow.code, "language": "python"}
        refused = [
            answer for answer in threads.map(lambda _: post(small, **body), range(4)) if answer.status_code != 200
        ]
    assert refused and all((answer.status_code, answer.headers["retry-after"]) == (429, "1") for answer in refused)
    answers = sandbox_fusion.run_concurrent(sandbox_fusion.run_code, args=[[slow]] * 4, concurrency=4)
    assert [answer.run_result.stdout for answer in answers] == ["1\n"] * 4


def test_a_client_that_leaves_or_a_deadline_that_passes_ends_the_program(small: ServerHandle) -> None:
    sandbox_fusion.set_endpoint(small.url)
    endless = RunCodeRequest(code="import time; time.sleep(200)", language="python", run_timeout=200)
    with pytest.raises(requests.Timeout):
        sandbox_fusion.run_code(endless, max_attempts=1, client_timeout=0.3)
    late = post(small, code=endless.code, language="python", run_timeout=200, deadline_s=0.3).json()
    assert (late["status"], late["run_result"]) == ("SandboxError", None)
    assert "deadline_s=0.3" in late["message"]
    assert run("print(1)").run_result.stdout == "1\n"


def test_lost_workers_are_a_sandbox_error_and_never_a_failed_program(small: ServerHandle) -> None:
    sandbox_fusion.set_endpoint(small.url)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run, "import time; time.sleep(20)", run_timeout=20)
        while not running.done():
            for outer in children_of(small.pid):
                for inner in children_of(outer):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(inner, signal.SIGKILL)
            threading.Event().wait(0.05)
        with pytest.raises(Exception, match="Sandbox responded with error: "):
            running.result()
        assert run("print(1)").run_result.stdout == "1\n"
