"""The environment `python`: a session of cells in the sandbox, whose state is the list of its cells."""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest

from openqwq.sandbox import ServerHandle, start_server
from openqwq.training.environments.functions import CannotAnswer
from openqwq.training.environments.python import PythonEnvironment
from openqwq.training.environments.turns import step_of
from openqwq.training.errors import RecipeError
from tests.training.environments.turns_of_calls import Episode, names, said


@pytest.fixture(scope="module")
def server() -> Iterator[ServerHandle]:
    with start_server(workers=1) as handle:
        yield handle


@pytest.fixture
def episode(server: ServerHandle) -> Episode:
    return Episode(partial(PythonEnvironment, [server.url], seconds=2.0), seed=5)


def test_variables_functions_and_imports_of_earlier_calls_are_there(episode: Episode) -> None:
    code = "import math\nprint('once')\ndef area(r):\n    return round(math.pi * r * r, 2)\nside = 3"
    assert episode.ask("python", code=code) == "once"
    calls = [("python", {"code": "side += 1; side"}), ("python", {"code": "print(area(side))"})]
    assert episode.turn(*calls) == [4, 50.27]
    assert names(episode.environment.tools()) == ["python"]


def test_a_replay_is_silent_however_a_cell_wrote(episode: Episode) -> None:
    code = "import os, sys\nos.write(1, b'a\\n')\nsys.stdout.buffer.write(b'b\\n')\nout = sys.stdout\nprint('c')"
    assert sorted(episode.ask("python", code=code).split()) == ["a", "b", "c"]
    assert episode.ask("python", code="out.write('d')") == "d1"


def test_an_error_is_told_as_python_tells_it_and_the_session_goes_on(episode: Episode) -> None:
    told = episode.ask("python", code="kept = 7\nprint('before')\n1 / 0")
    assert told.splitlines()[0] == "before" and told.splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert 'File "<cell 1>", line 3' in told and "    1 / 0" in told and told.count("File") == 1
    assert "SyntaxError" in episode.ask("python", code="if")
    assert episode.ask("python", code="exit(2)").endswith("SystemExit: 2")
    assert episode.ask("python", code="kept") == 7


def test_what_passes_a_limit_is_an_error_and_leaves_the_session_as_it_was(server: ServerHandle) -> None:
    episode = Episode(partial(PythonEnvironment, [server.url], seconds=5.0, memory_mb=128))
    hasty = Episode(partial(PythonEnvironment, [server.url], seconds=0.2))
    told = hasty.ask("python", code="while True: pass")["error"]
    assert "more than 0.2 s of CPU time or 1.2 s in all; nothing of this call is kept" in told
    episode.ask("python", code="x = 1")
    for code, words in [
        ("x = 2\nkeep = bytearray(10**9)\nkeep", "MemoryError|more than 128 MB"),
        ("x = 2\nimport os\nos._exit(0)", "ended before the code did"),
        ("x = 2\nprint('a' * 3_000_000)", "printed more than 1 MB"),
    ]:
        told = episode.ask("python", code=code)
        assert any(word in str(told) for word in words.split("|")), told
        assert isinstance(told, str) or "nothing of this call is kept" in told["error"]
    assert episode.ask("python", code="x") in (1, 2)  # 2 where Python itself could raise MemoryError


def test_draws_are_the_same_in_each_replay_and_differ_between_seeds(server: ServerHandle) -> None:
    make = partial(PythonEnvironment, [server.url])
    first, second = Episode(make, seed=1), Episode(make, seed=2)
    drawn = first.ask("python", code="import random\nx = random.random()\nprint(x)")
    assert first.ask("python", code="x") == drawn != second.ask("python", code="import random\nrandom.random()")


def test_a_restored_session_goes_on_where_it_was(server: ServerHandle, episode: Episode) -> None:
    episode.ask("python", code="words = ['a']\nprint('said')")
    again = episode.restored(partial(PythonEnvironment, [server.url]))
    assert again.ask("python", code="words.append('b'); print(words)") == "['a', 'b']"
    assert episode.ask("python", code="print(words)") == "['a']"


def test_nothing_of_the_host_is_there(episode: Episode) -> None:
    code = f"import os\nprint(os.path.exists({__file__!r}), os.getpid() < 100, len(os.listdir('.')))"
    assert episode.ask("python", code=code).startswith("False True")
    assert "Error" in episode.ask("python", code="import socket\nsocket.create_connection(('127.0.0.1', 80), 1)")


def test_a_session_that_took_all_its_time_runs_nothing_more(server: ServerHandle) -> None:
    episode = Episode(partial(PythonEnvironment, [server.url], session_seconds=0.001))
    assert episode.ask("python", code="sum(range(10**6))") == 499999500000
    assert "all calls together took more than" in episode.ask("python", code="1")["error"]


def test_a_sandbox_that_is_not_there_is_no_fault_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from openqwq.sandbox.client import SandboxClient
    from openqwq.training.environments import python

    monkeypatch.setattr(python, "_sandbox", lambda urls: SandboxClient(urls, timeout_seconds=0.5, retries=0))
    environment = PythonEnvironment(["http://127.0.0.1:9"])
    with pytest.raises(CannotAnswer, match="the sandbox could not run"):
        asyncio.run(step_of(environment, said(("python", {"code": "1"})), ()))


@pytest.mark.parametrize("argument", [{"seconds": 0}, {"seconds": True}, {"memory_mb": 1}, {"session_seconds": "a"}])
def test_odd_limits_are_refused_before_the_run(argument: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=r"environment python: .*allowed"):
        PythonEnvironment(**argument)  # type: ignore[arg-type]  # what is tested
