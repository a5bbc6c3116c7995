"""Verifiers that users bring: plain functions, TRL reward functions, classes."""

import pickle
import sys
from pathlib import Path

import pytest

from openqwq.verifiers import Verdict, get_verifier
from openqwq.verifiers.base import VerifierError

SOURCE = """
from openqwq.verifiers import Verdict

def says_yes(response, row):
    return "yes" in response

def echo(response, row, value=0.5):
    return value

def full(response, row):
    return Verdict.scored(0.25, "because")

def breaks(response, row):
    raise RuntimeError("no")

def trl_reward(prompts, completions, solution, **kwargs):
    return [1.0 if wanted in completion else None for completion, wanted in zip(completions, solution)]

def trl_chat(completions, **kwargs):
    return [len(completion) / 10 if completion[0]["role"] == "assistant" else 0.0 for completion in completions]

def trl_one_breaks(prompts, completions, **kwargs):
    return [1 / len(completion) for completion in completions]

async def trl_async(prompts, completions, **kwargs):
    return [1.0 for _ in completions]

class Own:
    name = "own"
    def __init__(self, word="x"):
        self.word = word
    def verify(self, response, row):
        return Verdict.scored(self.word in response)
    def verify_many(self, responses, rows):
        return [self.verify(r, row) for r, row in zip(responses, rows)]
    def check_reference(self, row):
        return None
    def close(self):
        pass
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "mine.py"
    file.write_text(SOURCE)
    return str(file)


def test_a_plain_function_is_a_verifier(path: str) -> None:
    verifier = get_verifier(f"{path}:says_yes")
    assert [verdict.score for verdict in verifier.verify_many(["yes", "no"], [{}, {}])] == [1.0, 0.0]
    assert get_verifier(f"{path}:full").verify("", {}).reason == "because"


@pytest.mark.parametrize("value", [float("nan"), 1.5, -1, "good"])
def test_a_value_out_of_range_is_an_error_and_never_a_reward(path: str, value: object) -> None:
    verdict = get_verifier(f"{path}:echo", value=value).verify("", {})
    assert (verdict.status, verdict.score) == ("verifier_error", None)


def test_an_exception_is_an_error_with_its_text(path: str) -> None:
    verdict = get_verifier(f"{path}:breaks").verify("", {})
    assert verdict.status == "verifier_error"
    assert "RuntimeError: no" in verdict.reason


def test_a_trl_function_gets_columns_as_lists_and_none_is_not_applicable(path: str) -> None:
    rows = [{"prompt": "q", "reference": {"solution": word}} for word in ("a", "b")]
    verdicts = get_verifier(f"{path}:trl_reward").verify_many(["an a", "a c"], rows)
    assert [verdict.status for verdict in verdicts] == ["scored", "not_applicable"]


def test_a_trl_function_gets_messages_when_the_prompt_is_a_chat(path: str) -> None:
    row = {"prompt": [{"role": "user", "content": "q"}]}
    assert get_verifier(f"{path}:trl_chat").verify("hello", row).score == 0.1


def test_one_answer_that_breaks_a_batch_function_does_not_take_the_others_with_it(path: str) -> None:
    verdicts = get_verifier(f"{path}:trl_one_breaks").verify_many(["a", "", "bb"], [{"prompt": "q"}] * 3)
    assert [verdict.status for verdict in verdicts] == ["scored", "verifier_error", "scored"]
    assert [verdict.score for verdict in verdicts] == [1.0, None, 0.5]


def test_an_async_trl_function_is_awaited(path: str) -> None:
    assert get_verifier(f"{path}:trl_async").verify("x", {"prompt": "q"}).score == 1.0


def test_a_class_is_built_with_its_arguments(path: str) -> None:
    assert get_verifier(f"{path}:Own", word="z").verify("z", {}) == Verdict.scored(1.0)


def test_a_function_verifier_travels_to_another_process(path: str) -> None:
    copy = pickle.loads(pickle.dumps(get_verifier(f"{path}:echo", value=0.75)))
    assert copy.verify("", {}).score == 0.75


def test_a_wrong_function_name_lists_what_the_file_has(path: str) -> None:
    with pytest.raises(VerifierError, match="says_yes"):
        get_verifier(f"{path}:says_no")


def test_an_argument_the_function_does_not_take_is_refused(path: str) -> None:
    with pytest.raises(VerifierError, match="volume"):
        get_verifier(f"{path}:says_yes", volume=3)


def test_a_function_of_an_installed_module_is_named_by_its_place() -> None:
    rows = [{"solution": "$42$"}, {"solution": "$42$", "prompt": "What is 6 * 7?"}]
    accuracy = get_verifier("trl.rewards:accuracy_reward")
    verdicts = accuracy.verify_many([r"So $\boxed{42}$.", r"So $\boxed{43}$."], rows)
    assert [verdict.score for verdict in verdicts] == [1.0, 0.0], verdicts
    assert accuracy.needed_columns == ("solution",)  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(accuracy)).name == "trl.rewards:accuracy_reward"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_package.rewards:f", "no_such_package.rewards fails to import: ModuleNotFoundError"),
        ("json:dump_all", "json has no 'dump_all'; did you mean dump"),
        ("math:pi", "math:pi is no function or class, it is 3.14"),
        ("math:sqrt", "a verifier takes (response, row), TRL's takes (completions, ...)"),
        ("builtins:max", "builtins:max does not say what it takes"),
        ("json.decoder:JSONDecoder", "without name; derive it from VerifierBase"),
    ],
)
def test_a_place_that_gives_no_verifier_is_refused_with_what_is_wrong(name: str, words: str) -> None:
    with pytest.raises(VerifierError) as caught:
        get_verifier(name)
    assert words in str(caught.value)


def test_a_file_named_without_its_ending_is_pointed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "not_on_the_path_8.py").write_text("def f(response, row): return True\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    with pytest.raises(VerifierError, match=r"with its ending: not_on_the_path_8\.py:f"):
        get_verifier("not_on_the_path_8:f")
