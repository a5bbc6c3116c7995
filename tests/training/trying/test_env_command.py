"""`openqwq env`: episodes by lines from a pipe and by the tiny model."""

import io
import json
from pathlib import Path

import pytest

from openqwq.training.cli import main

SHOP = Path(__file__).parents[3] / "docs/examples/fruit_shop"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]  # a local function
    def run(lines: str, *words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        status = main(["env", "try", *words])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


def test_an_episode_is_played_by_lines_of_a_pipe_to_its_reward(typed) -> None:  # type: ignore[no-untyped-def]  # a fixture
    lines = 'guess(5)\nguess {"number": "x"}\nguess(number=3)\nIt is 3.\nnever read\n'
    status, out = typed(lines, "guess", "--arguments", '{"highest": 9}', "--seed", "4")
    assert status == 0 and "  guess(number: integer)\n" in out and "user: Find a whole number" in out
    assert "> guess(5)\ntool: " in out and '"x"' in out and "is not of type 'integer'" in out
    assert "never read" not in out and "\nreward: " in out and "\x1b" not in out


def test_a_function_of_a_file_is_tried_without_a_row(typed) -> None:  # type: ignore[no-untyped-def]  # a fixture
    status, out = typed('price(fruit="pear")\nprice(fruit="nut")\n', f"{SHOP}/fruit_shop.py:price")
    assert status == 0
    assert 'tool: 3\n> price(fruit="nut")\ntool: {"error": "KeyError: \'nut\'"}\nreward: none' in out


def test_a_row_of_a_file_is_played(typed) -> None:  # type: ignore[no-untyped-def]  # a fixture
    basket = (f"{SHOP}/fruit_shop.py:Basket", "--row", f"{SHOP}/baskets.jsonl:1", "--arguments", '{"budget": 5}')
    status, out = typed('put("plum")\nput("pear")\ntake_out("plum")\nput("pear")\nput("apple")\nDone.', *basket)
    assert status == 0 and "user: Put an apple and a pear into the basket." in out
    assert out.count("ValueError: that is more than 5") == 1 and out.endswith("reward: 1\n")


def test_an_environment_without_tools_talks_and_gives_its_reward_with_a_step(typed) -> None:  # type: ignore[no-untyped-def]  # a fixture
    status, out = typed("I ask for 9.\n6\n3\n", f"{SHOP}/fruit_shop.py:Haggler")
    assert status == 0 and "tools: none" in out and out.count("user: Too much.") == 2 and out.endswith("reward: 0.5\n")


def test_text_of_tools_cannot_move_the_cursor_and_long_text_loses_its_middle(tmp_path: Path, typed) -> None:  # type: ignore[no-untyped-def]  # a fixture
    file = tmp_path / "wild.py"
    file.write_text('def wild() -> str:\n    return "\\x1b[2J" + "a" * 10000 + "\\nend"\n')
    _, out = typed("wild\n", f"{file}:wild")
    assert "tool: \\x1b[2Jaaa" in out and "\n  end\n" in out and len(out) < 5000


def test_an_environment_that_fails_says_where_and_is_closed(tmp_path: Path, typed) -> None:  # type: ignore[no-untyped-def]  # a fixture
    file = tmp_path / "broken.py"
    file.write_text(
        "class Broken:\n    def tools(self): return []\n    def reset(self, task, seed): return []\n"
        "    def step(self, turn): raise OSError('gone')\n    def close(self): print('closed')\n"
    )
    status, out = typed("hello\n", f"{file}:Broken")
    assert status == 1 and "closed\n" in out
    assert "broken.py:Broken, step: OSError: gone (in a run, the sample would be masked)" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nope"], "no environment 'nope'"),
        (["guess", "--arguments", "{"], "--arguments is no JSON"),
        (["guess", "--arguments", "[]"], "needed: a JSON object"),
        (["guess", "--arguments", '{"high": 1}'], "did you mean 'highest'?"),
        (["guess", "--row", "none.jsonl"], "--row none.jsonl: the file cannot be read: No such file"),
        (["guess", "--row", f"{SHOP}/rows.jsonl:9"], "the file has 2 rows, there is no row 9"),
        (["guess", "--row", f"{SHOP}/recipe.yaml"], "row 1 is no JSON"),
        (["booking", "--row", f"{SHOP}/rows.jsonl:1"], "DataError: row 'two': extra.tables is missing"),
        ([f"{SHOP}/fruit_shop.py:PRICES"], "is no environment; it has to be a class"),
    ],
)
def test_what_cannot_be_played_is_told_in_one_line(words: list[str], told: str, typed) -> None:  # type: ignore[no-untyped-def]  # a fixture
    status, out = typed("", *words)
    assert status in (1, 2) and told in out and "Traceback" not in out


def test_the_tiny_model_plays_with_small_budgets(typed) -> None:  # type: ignore[no-untyped-def]  # a fixture
    status, out = typed("", "guess", "--model", "data/tiny/base", "--turns", "2", "--tokens", "16")
    assert status == 0 and "assistant: " in out and "\nreward: " in out
    assert out == typed("", "guess", "--model", "data/tiny/base", "--turns", "2", "--tokens", "16")[1]


def test_the_list_names_every_environment_with_its_tools(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env", "list"]) == 0
    out = capsys.readouterr().out
    assert "guess       find a secret number by guesses" in out and "tools: find_tables, find_bookings, book" in out
    assert json.dumps(out) == json.dumps(out.replace("\x1b", ""))
