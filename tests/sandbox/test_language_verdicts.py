"""Programs of C++ and JavaScript are judged as those of Python."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openqwq.sandbox import Job, Limits, LocalSandbox, ServerHandle, TestCase
from tests.sandbox.language_jobs import (
    CPP_SQUARE,
    JS_SQUARE,
    PRESENT,
    SQUARES,
    cpp,
    javascript,
    needs_cpp,
    needs_node,
)
from tests.sandbox.requests_of_jobs import HTTP

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


@pytest.mark.parametrize("language", ["cpp", "javascript"])
@pytest.mark.parametrize("mode", ["call", "asserts"])
def test_only_python_has_functions_to_call(server: ServerHandle, language: str, mode: str) -> None:
    tests = {"tests": [{"input": [1], "output": 1}]} if mode == "call" else {"asserts": ["assert f(1) == 1"]}
    body = {"language": language, "code": CPP_SQUARE, "mode": mode, "entry_point": "f", **tests}
    answer = HTTP.post(f"{server.url}/v1/run", json=body)
    assert answer.status_code == 422
    assert (answer.json()["field"], answer.json()["value"]) == ("mode", repr(mode))
    assert "stdin" in answer.json()["allowed"] and language in answer.json()["allowed"]
