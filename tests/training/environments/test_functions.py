"""Functions and classes as environments: concurrent calls in order, errors as answers, state that is kept."""

import asyncio
import functools
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from openqwq.training.environments.functions import CannotAnswer, ClassTools, FunctionEnvironment, as_environment
from openqwq.training.environments.turns import step_of
from openqwq.training.errors import RecipeError
from tests.training.environments.turns_of_calls import Episode, names, said


def double(number: int) -> int:
    return 2 * number


async def shout(text: str, times: int = 1) -> str:
    await asyncio.sleep(0)
    return text.upper() * times


def fail(words: str) -> str:
    raise ValueError(f"{words}\nand more")


class Counter:
    """Counts to a goal of the row."""

    max_answer_characters = 100

    def __init__(self, start: int = 0) -> None:
        self._count = start

    def reset(self, task: Mapping[str, Any]) -> str:
        self._goal = task["reference"]["goal"]
        return f"Count to {self._goal}."

    def add(self, number: int) -> int:
        """Add a number."""
        self._count += number
        return self._count

    async def undo(self) -> dict[str, int]:
        self._count = 0
        return {"count": 0}

    @staticmethod
    def sign(number: int) -> str:
        return "-" if number < 0 else "+"

    def reward(self) -> float:
        return float(self._count == self._goal)

    def save(self) -> int:
        return self._count

    def restore(self, task: Mapping[str, Any], state: int) -> str:
        self._count = state
        return self.reset(task)

    def _inner(self, untyped):  # type: ignore[no-untyped-def]  # no tool, so that it may be as it likes
        return untyped


ROW = {"reference": {"goal": 5}}


def test_a_turn_is_answered_in_the_order_of_its_calls() -> None:
    episode = Episode(lambda: FunctionEnvironment([double, shout, fail]))
    calls = [("shout", {"text": "a", "times": 2}), ("double", {"number": 4}), ("fail", {"words": "no"})]
    assert episode.turn(*calls) == ["AA", 8, {"error": "ValueError: no and more"}]
    assert names(episode.environment.tools()) == ["double", "shout", "fail"]


def test_a_turn_without_calls_ends_the_sample_and_one_with_a_bad_call_does_not() -> None:
    environment = FunctionEnvironment([double])
    assert asyncio.run(step_of(environment, "Done.", ())).done
    result = asyncio.run(step_of(environment, said(("double", {"number": "x"})), ()))
    assert not result.done and "is not of type" in str(result.messages[0]["content"])


def test_the_calls_of_one_turn_run_at_the_same_time() -> None:
    barrier = threading.Barrier(40, timeout=20)

    def meet() -> str:
        barrier.wait()  # breaks unless all are in it together
        return "met"

    assert Episode(lambda: FunctionEnvironment([meet])).turn(*[("meet", {})] * 40) == ["met"] * 40


def test_a_call_that_hangs_can_be_left_and_holds_up_no_other() -> None:
    free = threading.Event()

    def hang() -> None:
        free.wait(60)

    async def left() -> None:
        step = step_of(FunctionEnvironment([hang]), said(("hang", {})), ())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(step, 0.05)

    started = time.monotonic()
    asyncio.run(left())
    assert time.monotonic() - started < 30
    free.set()


@pytest.mark.parametrize(
    ("value", "text"),
    [("plain", "plain"), (None, "null"), ({"a": [1, "é"]}, '{"a": [1, "é"]}'), (float("nan"), "nan"),
     (1 + 2j, '"1+2j"'), ({1, 2}, "[1, 2]"), (True, "true")],
)  # fmt: skip
def test_results_are_text_or_json_or_what_str_writes(value: Any, text: str) -> None:
    def give() -> Any:
        return value

    result = asyncio.run(step_of(FunctionEnvironment([give]), said(("give", {})), ()))
    assert result.messages[0]["content"] == text


@pytest.mark.parametrize("error", [ZeroDivisionError("x" * 1000), SystemExit(3), StopIteration(1), RecursionError()])
def test_whatever_a_function_raises_is_one_bounded_line(error: BaseException) -> None:
    def trip() -> None:
        raise error

    answer = Episode(lambda: FunctionEnvironment([trip])).ask("trip")
    assert len(json.dumps(answer)) < 400 and list(answer) == ["error"]


def test_trouble_that_is_no_fault_of_the_model_travels_up() -> None:
    def offline() -> None:
        raise CannotAnswer("the index is not there")

    with pytest.raises(CannotAnswer, match="the index"):
        Episode(lambda: FunctionEnvironment([offline])).ask("offline")


def test_arguments_of_a_row_with_other_schemas_are_an_error_for_the_model() -> None:
    offered = [{"name": "double", "parameters": {"properties": {"number": {"type": "string"}}}}, {"name": "halve"}]
    turn = said(("double", {"number": "x"}), ("halve", {}))
    result = asyncio.run(step_of(FunctionEnvironment([double]), turn, offered))
    assert [json.loads(str(message["content"])) for message in result.messages] == [
        {"error": "double['number']: Input should be a valid integer, unable to parse string as an integer"},
        {"error": "no tool is named 'halve'"},
    ]


def test_a_class_keeps_its_state_and_is_judged_by_it() -> None:
    episode = Episode(as_environment(Counter), ROW)
    assert episode.opening == [{"role": "user", "content": "Count to 5."}]
    assert names(episode.environment.tools()) == ["add", "undo", "sign"]
    assert episode.turn(("add", {"number": 2}), ("add", {"number": 3}), ("sign", {"number": -1})) == [2, 5, "-"]
    assert episode.reward() == 1.0
    assert episode.ask("undo") == {"count": 0} and episode.reward() == 0.0


def test_methods_of_every_kind_are_tools_and_nothing_else_is() -> None:
    class Kinds:
        number = 3

        @classmethod
        def made(cls, number: int) -> int:
            return number + cls.number

        @functools.lru_cache  # noqa: B019  # what is tested
        def kept(self, number: int) -> int:
            return 2 * number

        @property
        def shown(self) -> int:
            return 1

    episode = Episode(as_environment(Kinds))
    assert names(episode.environment.tools()) == ["made", "kept"]
    assert episode.turn(("made", {"number": 1}), ("kept", {"number": 2})) == [4, 4]


def test_a_restored_class_goes_on_where_it_was() -> None:
    episode = Episode(as_environment(Counter), ROW)
    episode.ask("add", number=4)
    again = episode.restored(as_environment(Counter))
    assert again.opening == episode.opening
    assert again.ask("add", number=1) == 5 and again.reward() == 1.0


def test_a_class_says_what_it_is_able_to_do() -> None:
    class Plain:
        def now(self) -> str:
            return "now"

    environment = ClassTools(Plain())
    assert not any(hasattr(environment, name) for name in ("reward", "save", "restore", "max_answer_characters"))
    assert not environment.is_stateless
    assert ClassTools(Counter()).max_answer_characters == 100


def test_each_sample_has_an_object_of_its_own_made_with_the_arguments_of_the_recipe() -> None:
    factory = as_environment(Counter)
    first, second = Episode(lambda: factory(start=1), ROW), Episode(lambda: factory(start=10), ROW)
    assert (first.ask("add", number=1), second.ask("add", number=1)) == (2, 11)


def make_counter() -> ClassTools:
    return ClassTools(Counter(3))


def test_a_function_that_says_it_returns_an_environment_is_a_factory() -> None:
    assert Episode(as_environment(make_counter), ROW).ask("add", number=1) == 4


def test_a_function_or_a_list_of_them_is_an_environment() -> None:
    assert Episode(as_environment(double)).ask("double", number=2) == 4
    assert Episode(as_environment([double, shout])).ask("shout", text="a") == "A"
    assert as_environment(FunctionEnvironment) is FunctionEnvironment


class Empty:
    pass


class Untyped:
    def add(self, number):  # type: ignore[no-untyped-def]  # what is tested
        return number


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        (3, "3 is no environment; it has to be a class"),
        ([], "there is no tool"),
        ([double, 3], "a list of tools holds typed functions, got 3"),
        ([double, double], "two tools have the name double"),
        (Empty, "class Empty has no public method"),
        (Untyped, "parameter number of add has no type"),
        (FunctionEnvironment([double]), "give its class, since every sample has an environment of its own"),
    ],
)
def test_what_is_no_environment_is_refused_in_one_line(attribute: object, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        as_environment(attribute)
