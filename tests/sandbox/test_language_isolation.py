"""Programs of C++ and JavaScript, and their compiler, are held as Python is."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from openqwq.sandbox import Job, LocalSandbox, ServerHandle, TestCase
from openqwq.sandbox.wire import job_to_json
from tests.sandbox.language_jobs import (
    CPP_SQUARE,
    SQUARES,
    cpp,
    javascript,
    needs_cpp,
    needs_node,
)
from tests.sandbox.requests_of_jobs import HTTP

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
