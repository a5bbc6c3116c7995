"""Programs of every language: judged alike where the toolchain is, refused in words where it is not."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from openqwq.sandbox import Job, Limits, LocalSandbox, ServerHandle, TestCase
from openqwq.sandbox.jobs import job_to_json
from openqwq.sandbox.languages import languages
from tests.sandbox.server_process import HTTP, ROOT, Served, serving

PRESENT = {one.name for one in languages() if one.version}
needs_cpp = pytest.mark.skipif("cpp" not in PRESENT, reason="g++ is not installed")
needs_node = pytest.mark.skipif("javascript" not in PRESENT, reason="node is not installed")
needs_numpy = pytest.mark.skipif(importlib.util.find_spec("numpy") is None, reason="numpy is not installed")

SQUARES = (TestCase("3\n", "9\n"), TestCase("12\n", "144\n"))
CPP_SQUARE = '#include <cstdio>\nint main() { long n; if (scanf("%ld", &n) == 1) printf("%ld\\n", n * n); }\n'
JS_SQUARE = "const n = Number(require('fs').readFileSync(0, 'utf8')); console.log(n * n);\n"
ROOMY = Limits(5.0, 512)

CPP_ENDS = {
    "wrong_output": ('#include <cstdio>\nint main() { puts("8"); }', ""),
    "exit status": ('#include <cstdio>\nint main() { puts("9"); return 3; }', "exit status 3"),
    "signal": ("int main() { *(volatile int*) 8 = 1; }", "killed by SIGSEGV"),
    "time_limit": ("int main() { for (volatile int i = 0;; i = i + 1); }", ""),
    "memory_limit": (
        "#include <cstdlib>\n#include <cstring>\n#include <cstdio>\n"
        'int main() { for (int i = 0; i < 16; ++i) memset(malloc(16 << 20), 1, 16 << 20); puts("9"); }',
        "",
    ),
    "output_limit": ('#include <cstdio>\nint main() { for (;;) puts("9"); }', ""),
}
JS_ENDS = {
    "wrong_output": ("console.log(8)", ""),
    "exit status": ("console.log(9); process.exitCode = 3", "exit status 3"),
    "exception": ("console.log(9); throw new RangeError('lost')", "exit status 1"),
    "syntax": ("console.log(9", "exit status 1"),
    "signal": ("console.log(9); process.kill(process.pid, 'SIGTERM'); setTimeout(() => 0, 9000)", "SIGTERM"),
    "time_limit": ("for (;;) {}", ""),
    "memory_limit": ("const x = []; for (let i = 0; i < 40; i++) x.push(Buffer.alloc(16 << 20, 1))", ""),
}
STATUS = {
    "exit status": "runtime_error",
    "signal": "runtime_error",
    "exception": "runtime_error",
    "syntax": "runtime_error",
}
ENDS = [("cpp", *end, 0.3, 64) for end in CPP_ENDS.items()] + [
    ("javascript", *end, 1.0, 256) for end in JS_ENDS.items()
]

CPP_ESCAPES = r"""
#include <fcntl.h>
#include <initializer_list>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
int main() {
    for (const char* path : {"@CANARY@", "/etc/shadow", "/proc/1/environ", "/proc/1/mem"})
        if (open(path, O_RDONLY) >= 0) printf("read %s\n", path);
    for (int family : {AF_INET, AF_INET6, 16, 17})
        if (socket(family, SOCK_STREAM, 0) >= 0) printf("opened a socket of family %d\n", family);
    if (ptrace(PTRACE_SEIZE, 1, 0, 0) == 0) puts("traced the first process");
    if (kill(1, SIGKILL) == 0) usleep(100000), puts("survived the first process");
    if (mount("none", "/tmp", "tmpfs", 0, 0) == 0) puts("mounted");
    if (chmod("../main", 0777) == 0 && open("../main", O_WRONLY) >= 0) puts("opened its own executable to write");
    if (open("/usr/bin/env", O_RDONLY) >= 0) puts("saw /usr");
    kill(-1, SIGKILL);  // whatever it may signal, and that is nothing but itself
    puts("held");
}
"""
CPP_BOMB = r"""
#include <stdio.h>
#include <unistd.h>
int main() {
    int started = 0;
    for (int pid; started < 400 && (pid = fork()) >= 0; ++started)
        if (pid == 0) { sleep(30); _exit(0); }
    puts(started < 400 ? "held" : "worked");
}
"""
CPP_TRACES = r"""
#include <initializer_list>
#include <stdio.h>
int main() {
    for (const char* path : {"mark", "/tmp/mark", "/dev/shm/mark", "../mark"}) {
        if (FILE* file = fopen(path, "r")) printf("seen %s\n", path), fclose(file);
        if (FILE* file = fopen(path, "w")) fclose(file);
    }
    remove("../main");
    if (FILE* file = fopen("../main", "w")) fputs("#!/bin/false\n", file), fclose(file);
    puts("clean");
}
"""
JS_ESCAPES = r"""
const fs = require('fs'), net = require('net'), child = require('child_process');
for (const path of ['@CANARY@', '/etc/shadow', '/proc/1/environ', '/proc/1/mem'])
    try { fs.closeSync(fs.openSync(path)); console.log('read ' + path); } catch {}
for (const command of ['/bin/sh', 'sh', 'id', '/usr/bin/env'])
    if (!child.spawnSync(command, ['-c', 'true']).error) console.log('started ' + command);
try { process.kill(@PID@, 0); console.log('signalled the host'); } catch {}
try { fs.appendFileSync('../main.js', ''); console.log('wrote to its own program'); } catch {}
const held = () => console.log('held');
const socket = net.connect(@PORT@, '127.0.0.1', () => console.log('connected'));
socket.on('error', held);
socket.on('connect', () => process.exit());
"""


def cpp(code: str, tests: tuple[TestCase, ...] = SQUARES, limits: Limits = ROOMY) -> Job:
    return Job(code, language="cpp", tests=tests, limits=limits)


def javascript(code: str, tests: tuple[TestCase, ...] = SQUARES, limits: Limits = ROOMY) -> Job:
    return Job(code, language="javascript", tests=tests, limits=limits)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Real things of the host to reach for."""
    canary = tmp_path_factory.mktemp("host") / "canary"
    canary.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield {"@CANARY@": str(canary), "@PORT@": str(listener.getsockname()[1]), "@PID@": "1"}
        with pytest.raises(BlockingIOError):
            listener.accept()


def filled(code: str, facts: dict[str, str]) -> str:
    for name, value in facts.items():
        code = code.replace(name, value)
    return code


# C++ and JavaScript.


@needs_cpp
def test_cpp_reads_its_input_and_is_judged_by_its_output(sandbox: LocalSandbox) -> None:
    outcome = sandbox.run(cpp(CPP_SQUARE))
    assert (outcome.verdict, [test.status for test in outcome.tests]) == ("pass", ["pass", "pass"]), outcome
    assert all(test.memory_mb < 64 for test in outcome.tests)


@needs_node
def test_javascript_reads_its_input_and_is_judged_by_its_output(sandbox: LocalSandbox) -> None:
    events = "let s = ''; process.stdin.on('data', d => s += d).on('end', () => console.log(s * s));\n"
    outcomes = sandbox.run_many([javascript(JS_SQUARE), javascript(events)])
    assert [outcome.verdict for outcome in outcomes] == ["pass", "pass"], outcomes


@pytest.mark.parametrize(("language", "name", "end", "seconds", "memory"), ENDS, ids=lambda part: str(part)[:12])
def test_a_program_of_another_language_ends_as_one_of_python(
    sandbox: LocalSandbox, language: str, name: str, end: tuple[str, str], seconds: float, memory: int
) -> None:
    if language not in PRESENT:
        pytest.skip(f"{language} is not installed")
    limits = Limits(seconds, memory, 1 << 20)
    outcome = sandbox.run(Job(end[0], language=language, tests=SQUARES[:1], limits=limits))
    assert (outcome.verdict, outcome.tests[0].status) == ("fail", STATUS.get(name, name)), outcome
    assert end[1] in outcome.tests[0].detail


@needs_cpp
def test_a_program_that_does_not_compile_fails_with_the_compilers_words(sandbox: LocalSandbox) -> None:
    for stops in (True, False):
        job = replace(cpp("int main() { return nothing; }", SQUARES * 2), stop_on_first_failure=stops)
        outcome = sandbox.run(job)
        assert outcome.verdict == "fail"
        assert [test.status for test in outcome.tests] == ["compile_error", "not_run", "not_run", "not_run"]
        assert "error" in outcome.tests[0].detail and "nothing" in outcome.tests[0].detail
        assert "compile_error" in outcome.reason


@needs_cpp
def test_one_compilation_serves_many_tests_and_jobs_with_their_own_answers(sandbox: LocalSandbox) -> None:
    many = tuple(TestCase(str(n), str(n * n)) for n in range(30))
    wrong = (TestCase("3", "9"), TestCase("4", "15"))
    outcomes = sandbox.run_many([cpp(CPP_SQUARE, many), cpp(CPP_SQUARE, wrong), cpp(CPP_SQUARE, many[:3])] * 2)
    assert [outcome.verdict for outcome in outcomes] == ["pass", "fail", "pass"] * 2
    assert [test.status for test in outcomes[1].tests] == ["pass", "wrong_output"]


@needs_cpp
def test_nothing_of_one_cpp_test_is_seen_by_the_next(sandbox: LocalSandbox) -> None:
    outcome = sandbox.run(cpp(CPP_TRACES, (TestCase("", "clean"),) * 3))
    assert outcome.verdict == "pass", outcome


@needs_node
def test_nothing_of_one_javascript_test_is_seen_by_the_next(sandbox: LocalSandbox) -> None:
    code = (
        "const fs = require('fs'); const places = ['mark', '/tmp/mark', '/dev/shm/mark', '../mark'];\n"
        "console.log(JSON.stringify(places.filter(p => fs.existsSync(p))));\n"
        "for (const p of places) try { fs.writeFileSync(p, ''); } catch {}\n"
    )
    outcome = sandbox.run(javascript(code, (TestCase("", "[]"),) * 2))
    assert outcome.verdict == "pass", outcome


@needs_cpp
def test_cpp_is_held_by_the_same_isolation(sandbox: LocalSandbox, facts: dict[str, str]) -> None:
    outcome = sandbox.run(cpp(filled(CPP_ESCAPES, facts), (TestCase("", "held"),)))
    assert outcome.verdict == "pass", outcome
    bomb = sandbox.run(cpp(CPP_BOMB, (TestCase("", "held"),)))
    assert bomb.tests[0].status in ("pass", "process_limit"), bomb
    assert sandbox.run(cpp(CPP_SQUARE)).verdict == "pass"


@needs_node
def test_javascript_is_held_by_the_same_isolation(sandbox: LocalSandbox, facts: dict[str, str]) -> None:
    outcome = sandbox.run(javascript(filled(JS_ESCAPES, facts), (TestCase("", "held"),)))
    assert outcome.verdict == "pass", outcome


@needs_cpp
@pytest.mark.parametrize(
    ("bomb", "words"),
    [
        ("template <int N> struct A { static const int v = A<N + 1>::v; };\nint main() { return A<0>::v; }", "depth"),
        ('#include "/etc/shadow"\nint main() {}', "/etc/shadow"),
        ('#include "/dev/zero"\nint main() {}', ""),
        ("int x[1 << 26] = {1};\nint main() { return x[5]; }", ""),
        ("int x[1L << 60];\nint main() { return x[5]; }", ""),
        ("#include __FILE__\nint main() {}", ""),
        ("constexpr int f(int n) { return f(n + 1); }\nconstexpr int x = f(0);\nint main() {}", "depth"),
    ],
    ids=["templates", "shadow", "zero", "large", "larger", "itself", "constants"],
)
def test_a_bomb_for_the_compiler_is_a_compile_error(server: ServerHandle, bomb: str, words: str) -> None:
    answer = HTTP.post(f"{server.url}/v1/run", json=job_to_json(cpp(bomb)), timeout=60).json()
    assert answer["verdict"] == "fail", answer
    assert [test["status"] for test in answer["tests"]] == ["compile_error", "not_run"], answer
    assert words in answer["tests"][0]["detail"]
    assert "root:" not in str(answer)
    python = job_to_json(Job("print(int(input()) ** 2)", tests=SQUARES))
    assert HTTP.post(f"{server.url}/v1/run", json=python).json()["verdict"] == "pass"


@needs_cpp
def test_a_compiler_that_runs_without_end_is_stopped(server: ServerHandle) -> None:
    loops = "int s = 0; for (int i = 0; i < 200000; i++) for (int j = 0; j < 200000; j++) s ^= j; return s;"
    code = f"constexpr int f() {{ {loops} }}\nconstexpr int x = f();\nint main() {{ return x; }}"  # silent for seconds
    body = {"language": "cpp", "code": code, "compile_timeout": 1}
    answer = HTTP.post(f"{server.url}/run_code", json=body, timeout=30).json()
    assert answer["status"] == "Failed"
    assert answer["compile_result"]["status"] == "TimeLimitExceeded"


@pytest.mark.parametrize("language", ["cpp", "javascript"])
@pytest.mark.parametrize("mode", ["call", "asserts"])
def test_only_python_has_functions_to_call(server: ServerHandle, language: str, mode: str) -> None:
    tests = {"tests": [{"input": [1], "output": 1}]} if mode == "call" else {"asserts": ["assert f(1) == 1"]}
    body = {"language": language, "code": CPP_SQUARE, "mode": mode, "entry_point": "f", **tests}
    answer = HTTP.post(f"{server.url}/v1/run", json=body)
    assert answer.status_code == 422
    assert (answer.json()["field"], answer.json()["value"]) == ("mode", repr(mode))
    assert "stdin" in answer.json()["allowed"] and language in answer.json()["allowed"]


def test_all_languages_are_listed_with_their_versions_or_why_they_are_absent(server: ServerHandle) -> None:
    answer = HTTP.get(f"{server.url}/v1/languages").json()
    assert [one["name"] for one in answer["languages"]] == ["python", "cpp", "javascript"]
    for one in answer["languages"]:
        assert one["is_available"] == (one["name"] in PRESENT) == bool(one["version"]) == (not one["reason"])
    assert answer["packages"]["python"] == (["numpy"] if importlib.util.find_spec("numpy") else [])


# numpy.


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


# A host with nothing but Python.


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
