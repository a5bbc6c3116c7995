"""The environments that ship, by their names: files, booking and guess are judged by their final state."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.environments.booking import is_as_wanted
from openqwq.training.environments.booking_rows import booking_rows
from openqwq.training.environments.catalogue import BUILT_IN, environment_factory
from openqwq.training.errors import DataError
from openqwq.verifiers.tool_calls import check_tools
from tests.training.environments.turns_of_calls import Episode, names

STATEFUL = ("booking", "files", "guess")
FILES_ROW = {
    "extra": {"files": {"/a.txt": "one\ntwo Words\n", "docs/b.txt": "three"}},
    "reference": {"files": {"/docs/new/a.txt": "one\ntwo Words", "docs/b.txt": "three!\n"}},
}
BOOKING_ROW = {
    "extra": {
        "tables": {"T1": 2, "T2": 4},
        "bookings": [{"date": "2026-03-01", "table": "T2", "guests": 3, "name": "Ada"}],
    },
    "reference": {
        "bookings": [
            {"date": "2026-03-02", "table": "T2", "guests": 4, "name": "Ben"},
            {"date": "2026-03-01", "guests": 2, "name": "Ada"},
        ]
    },
}


def begun(name: str, row: Mapping[str, Any] | None = None, seed: int = 0, **arguments: Any) -> Episode:
    return Episode(partial(environment_factory(name), **arguments), row, seed)


AT_T1 = {"table": "T1", "name": "A"}


@pytest.mark.parametrize("name", sorted(set(BUILT_IN) - {"bfcl"}))
def test_each_offers_its_tools_with_descriptions(name: str) -> None:
    example = getattr(BUILT_IN[name], "example", None)
    tools = begun(name, example(seed=1) if example else {})
    offered = tools.environment.tools()
    assert check_tools(offered) is None and all("parameters" in tool["function"] for tool in offered)
    assert name == "calculator" or all(tool["function"]["description"] for tool in offered)


def test_files_are_read_written_and_moved_and_judged_at_the_end() -> None:
    episode = begun("files", FILES_ROW)
    assert episode.ask("list_directory") == ["a.txt", "docs/"]
    assert episode.ask("search", words="WORDS") == ["/a.txt:2: two Words"]
    assert episode.reward() == 0.0
    assert "there is no folder /docs/new" in episode.ask("move", source="a.txt", target="docs/new/a.txt")["error"]
    assert episode.ask("make_directory", path="docs/new") == "made /docs/new"
    assert episode.turn(
        ("move", {"source": "/a.txt", "target": "/docs/new/a.txt"}), ("append", {"path": "docs//b.txt", "text": "!"})
    ) == ["moved /a.txt to /docs/new/a.txt", "/docs/b.txt has 6 characters"]
    assert episode.reward() == 1.0
    assert episode.restored(environment_factory("files")).reward() == 1.0
    episode.ask("write", path="/extra", text="")
    assert episode.reward() == 0.0
    episode.ask("delete", path="/extra")
    assert episode.reward() == 1.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("read", {"path": "/none"}), "FileNotFoundError: there is no file /none"),
        (("read", {"path": "docs"}), "IsADirectoryError: /docs is a folder"),
        (("list_directory", {"path": "/a.txt"}), "NotADirectoryError: /a.txt is a file"),
        (("write", {"path": "/no/a", "text": ""}), "there is no folder /no; make it first"),
        (("write", {"path": "/a.txt/b", "text": ""}), "/a.txt is a file"),
        (("write", {"path": "/", "text": ""}), "/ is a folder"),
        (("write", {"path": "/big", "text": "a" * 2_000_000}), "OSError: the disk is full"),
        (("delete", {"path": "/docs"}), "/docs is not empty"),
        (("delete", {"path": "/"}), "the root cannot be deleted"),
        (("move", {"source": "/docs", "target": "/docs/in"}), "/docs cannot be moved to /docs/in"),
        (("move", {"source": "/a.txt", "target": "/docs/b.txt"}), "/docs/b.txt exists"),
        (("move", {"source": "/x", "target": "/y"}), "there is no folder /x"),
        (("read", {"path": "../../etc/passwd"}), "there is no file /etc/passwd"),
    ],
)
def test_what_files_cannot_do_is_told_and_changes_nothing(call: tuple[str, Any], words: str) -> None:
    episode = begun("files", FILES_ROW)
    before = episode.restored(environment_factory("files")).environment._target.save()
    (answer,) = episode.turn(call)
    assert words in answer["error"] and episode.environment._target.save() == before


def test_a_moved_folder_takes_along_what_is_in_it() -> None:
    episode = begun("files", FILES_ROW)
    episode.ask("move", source="docs", target="papers")
    assert episode.ask("list_directory") == ["a.txt", "papers/"] and episode.ask("read", path="papers/b.txt") == "three"


def test_a_booking_desk_is_worked_around_its_errors_and_judged_at_the_end() -> None:
    episode = begun("booking", BOOKING_ROW)
    assert episode.ask("find_tables", day="2026-03-01", guests=1) == [{"table": "T1", "seats": 2}]
    for arguments, words in [
        ({"table": "T2", "day": "2026-03-01", "guests": 4}, "T2 is taken on 2026-03-01"),
        ({"table": "T1", "day": "2026-03-01", "guests": 4}, "T1 has 2 seats, 4 guests were asked for"),
        ({"table": "T9", "day": "2026-03-01", "guests": 4}, "no table T9; there are T1, T2"),
        ({"table": "T2", "day": "tomorrow", "guests": 4}, "'tomorrow' is no day; write it as 2026-03-01"),
    ]:
        assert words in episode.ask("book", name="Ben", **arguments)["error"]
    assert episode.ask("book", name="Ben", table="T2", day="2026-03-02", guests=4) == "booked as B2"
    assert "no booking B9" in episode.ask("change", booking="B9", guests=2)["error"]
    assert episode.reward() == 0.0
    assert episode.ask("change", booking="B1", guests=2, table="T1") == "changed B1"
    assert episode.ask("find_bookings", name="ada")[0]["table"] == "T1"
    assert episode.reward() == 1.0 == episode.restored(environment_factory("booking")).reward()
    assert (
        episode.restored(environment_factory("booking")).ask("book", name="C", table="T1", day="2026-03-05", guests=1)
        == "booked as B3"
    )
    episode.ask("cancel", booking="B2")
    assert episode.reward() == 0.0


def solve(row: Mapping[str, Any]) -> float | None:
    """Cancel everything and book what is wanted."""
    episode = begun("booking", row)
    for booking in episode.ask("find_bookings"):
        episode.ask("cancel", booking=booking["booking"])
    for one in row["reference"]["bookings"]:
        said = episode.ask("book", table=one["table"], day=one["date"], guests=one["guests"], name=one["name"])
        assert "booked" in said
    return episode.reward()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_the_goal_of_a_made_row_can_be_reached_and_is_not_there_at_first(seed: int) -> None:
    rows = booking_rows(4, seed)
    assert rows == booking_rows(4, seed) and len({row["id"] for row in rows}) == 4
    for row in rows:
        assert begun("booking", row).reward() == 0.0 and solve(row) == 1.0


def test_a_wanted_booking_without_a_table_takes_what_the_others_leave() -> None:
    at = {"date": "2026-03-01", "guests": 2, "name": "A"}
    one, two = {**at, "table": "T1"}, {**at, "table": "T2"}
    assert is_as_wanted([one, two], [at, two]) and is_as_wanted([two, one], [at, one])
    assert not is_as_wanted([one], [two]) and not is_as_wanted([one, two], [at])


def test_a_secret_is_found_by_halving_for_the_full_reward() -> None:
    for seed in range(20):
        episode = begun("guess", {"prompt": "Find it."}, seed)
        low, high, answer = 1, 100, ""
        while answer != "correct":
            middle = (low + high) // 2
            answer = episode.ask("guess", number=middle)
            low, high = (middle + 1, high) if answer == "higher" else (low, middle - 1)
        assert episode.reward() == 1.0
        episode.ask("guess", number=1)
        assert episode.reward() == 1.0


def test_more_guesses_are_worth_less_and_a_secret_that_is_not_found_nothing() -> None:
    episode = begun("guess", {"reference": {"secret": 14}})
    assert "from 1 to 100" in episode.opening[0]["content"]
    for number in range(1, 14):
        assert episode.ask("guess", number=number) == "higher"
    assert episode.reward() == 0.0
    again = episode.restored(environment_factory("guess"))
    assert again.ask("guess", number=14) == "correct" and again.reward() == 0.5


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("files", {"extra": {"files": ["a"]}}, r"extra.files is \['a'\]; needed: an object"),
        ("files", {"extra": {"files": {"/a": 1}}}, r"extra.files\['/a'\] is 1; needed: a text"),
        ("files", {"reference": {"files": {"/a": "", "/a/b": ""}}}, "reference.files has '/a/b', which is"),
        ("booking", {}, "extra.tables is missing"),
        ("booking", {"extra": {"tables": {"T1": "four"}}}, r"extra.tables\['T1'\] is 'four'"),
        ("booking", {"extra": {"tables": {"T1": 4}, "bookings": [{"date": "2026-03-01"}]}}, r"extra.bookings\[0\] is"),
        (
            "booking",
            {"extra": {"tables": {"T1": 4}, "bookings": [{**AT_T1, "date": "2026-13-01", "guests": 1}]}},
            r"extra.bookings\[0\]: '2026-13-01' is no day",
        ),
        (
            "booking",
            {"extra": {"tables": {"T1": 4}, "bookings": [{**AT_T1, "date": "2026-03-01", "guests": 5}]}},
            "extra.bookings cannot stand together",
        ),
        ("guess", {"reference": {"secret": 101}}, "its secret 101 is not between 1 and 100"),
        ("guess", {"extra": {"highest": "x"}}, "extra.highest is 'x'; needed: a whole number"),
    ],
)
def test_a_row_that_cannot_begin_is_told_in_one_line(name: str, row: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=f"row 'r': {words}"):
        begun(name, {"id": "r", **row})


def test_without_a_wanted_state_there_is_no_reward() -> None:
    assert begun("files", {}).reward() is None
    assert begun("booking", {"extra": {"tables": {"T1": 2}}}).reward() is None


@pytest.mark.parametrize("name", STATEFUL)
def test_examples_begin(name: str) -> None:
    example: Callable[[int], dict[str, Any]] = BUILT_IN[name].example
    episode = begun(name, example(3))
    assert episode.reward() in (None, 0.0) and names(episode.environment.tools())
