"""What a verifier must be: verdicts, arguments that are checked, names that are found, plug-ins of other packages."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openqwq.verifiers import Verdict, VerifierError, available_verifiers, get_verifier
from openqwq.verifiers import registry as names
from openqwq.verifiers.base import Row, UnknownVerifier, VerifierBase, verdict_from_value
from openqwq.verifiers.building import build, check_arguments, refuse_unknown
from openqwq.verifiers.function_verifiers import BatchFunctionVerifier, FunctionVerifier
from openqwq.verifiers.placebo import PlaceboVerifier
from openqwq.verifiers.registry import BUILT_IN, is_built_in, is_location


@pytest.mark.parametrize("score", [0.0, 1.0, 0.5, True, False, np.float32(0.25), 0, 1])
def test_a_score_from_0_to_1_is_kept_as_a_float(score: Any) -> None:
    verdict = Verdict("scored", score)
    assert verdict.score == float(score) and type(verdict.score) is float
    assert Verdict.scored(score) == verdict and verdict.is_scored and not verdict.is_error


@pytest.mark.parametrize("score", [-1e-9, 1 + 1e-9, math.nan, math.inf, None, 2, -1])
def test_a_score_outside_is_refused(score: Any) -> None:
    with pytest.raises(ValueError, match=r"needs a score in \[0, 1\]"):
        Verdict("scored", score)


def test_a_verdict_without_a_score_says_so_by_its_status() -> None:
    assert Verdict.not_applicable("why") == Verdict("not_applicable", None, {}, "why", 0.0)
    assert Verdict.error("why") == Verdict("verifier_error", reason="why")
    assert Verdict.error("why", "service_error").status == "service_error"
    assert not Verdict.not_applicable("").is_scored and not Verdict.not_applicable("").is_error
    assert Verdict.error("").is_error and not Verdict.error("").is_scored
    for score in (0.0, 1.0):
        with pytest.raises(ValueError, match="of status 'not_applicable' has no score"):
            Verdict("not_applicable", score)
    with pytest.raises(ValueError, match="unknown verdict status 'good'"):
        Verdict("good", 1.0)  # type: ignore[arg-type]


def test_parts_are_a_copy_and_plain() -> None:
    parts = {"a": 1.0}
    verdict = Verdict.scored(1.0, "why", parts)
    parts["a"] = 2.0
    assert (verdict.parts, verdict.reason) == ({"a": 1.0}, "why")
    assert Verdict.scored(0.5).parts == {} and Verdict.scored(0.5).reason == ""
    mixed = Verdict("scored", 1.0, {"a": 1.0, "b": np.float64(0.5), "c": None})  # type: ignore[dict-item]
    assert {key: type(value) for key, value in mixed.parts.items()} == {"a": float, "b": float, "c": type(None)}


RANGE = "give its verifier a `range: [low, high]` in the recipe, or rescale it inside"


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (True, Verdict.scored(1.0)),
        (0, Verdict.scored(0.0)),
        (0.25, Verdict.scored(0.25)),
        (1.0, Verdict.scored(1.0)),
        (np.float32(0.5), Verdict.scored(0.5)),
        ("0.5", Verdict.scored(0.5)),
        (None, Verdict.not_applicable("the verifier returned None")),
        (Verdict.scored(0.5, "mine"), Verdict.scored(0.5, "mine")),
        ("good", Verdict.error("a verifier returns bool, float, None or Verdict, got str")),
        ([0.5], Verdict.error("a verifier returns bool, float, None or Verdict, got list")),
        (-0.5, Verdict.error(f"a score must be in [0, 1], got -0.5; {RANGE}")),
        (1.5, Verdict.error(f"a score must be in [0, 1], got 1.5; {RANGE}")),
        (math.nan, Verdict.error("a score is a finite number, got nan")),
        (math.inf, Verdict.error("a score is a finite number, got inf")),
    ],
)
def test_what_a_function_returns_is_a_verdict(value: object, verdict: Verdict) -> None:
    assert verdict_from_value(value) == verdict


@pytest.mark.parametrize(
    ("value", "score"), [(-1, 0.0), (-0.25, 0.75), (0.0, 1.0), (np.float32(-0.5), 0.5), (False, 1.0)]
)
def test_a_score_of_a_range_is_mapped_onto_the_unit_interval(value: Any, score: float) -> None:
    assert verdict_from_value(value, (-1.0, 0.0)) == Verdict.scored(score, parts={"raw": float(value)})


def test_a_score_beyond_its_range_is_an_error_and_a_verdict_stays_as_it_is() -> None:
    assert verdict_from_value(0.5, (-1, 0)).reason.startswith("a score must be in [-1, 0], got 0.5; widen its `range`")
    assert verdict_from_value(Verdict.scored(0.5), (-1, 0)) == Verdict.scored(0.5)
    assert verdict_from_value(None, (-1, 0)).status == "not_applicable"


class Own(VerifierBase):
    name = "own"

    def __init__(self, word: str = "x", volume: int = 1) -> None:
        if not word:
            raise KeyError("word")
        self.word, self.volume = word, volume

    def grade(self, response: str, row: Row) -> Verdict:
        if response == "break":
            raise RuntimeError("no")
        return Verdict("scored", 0.5, {"a": 1.0}, f"{response} {row['id']}")


def test_the_base_keeps_order_time_and_errors() -> None:
    verdicts = Own().verify_many(["a", "break", "b"], [{"id": 1}, {"id": 2}, {"id": 3}])
    assert [verdict.reason for verdict in verdicts] == ["a 1", "own: RuntimeError: no", "b 3"]
    assert [verdict.status for verdict in verdicts] == ["scored", "verifier_error", "scored"]
    assert (verdicts[0].score, verdicts[0].parts) == (0.5, {"a": 1.0})
    assert all(0 < verdict.seconds < 10 for verdict in verdicts)
    with pytest.raises(ValueError, match="zip"):
        Own().verify_many(["a"], [])
    assert Own().check_reference({}) is None
    assert VerifierBase().verify("a", {}).reason.startswith("unnamed: NotImplementedError")


def open_function(response: str, row: Row, **anything: Any) -> bool:
    return True


def closed(response: str, row: Row, size: int, volume: int = 1) -> bool:
    return True


def test_arguments_are_checked_against_what_a_function_takes() -> None:
    check_arguments("f", closed, ("response", "row"), {"size": 1})
    check_arguments("f", closed, ("response", "row"), {"size": 1, "volume": 2})
    check_arguments("f", open_function, ("response", "row"), {"whatever": 1})
    refuse_unknown("f", open_function, {"whatever": 1})
    with pytest.raises(VerifierError, match=r"'f' does not take the argument 'volum'; did you mean volume\?"):
        refuse_unknown("f", closed, {"size": 1, "volum": 2})
    with pytest.raises(VerifierError, match="'zzz'; it takes: response, row, size, volume"):
        refuse_unknown("f", closed, {"zzz": 2})
    with pytest.raises(VerifierError, match="'zzz'; it takes: none"):
        refuse_unknown("f", lambda: True, {"zzz": 2})
    with pytest.raises(
        VerifierError, match=r"'f' cannot be called with \(response, row, volume=...\): missing .*'size'"
    ):
        check_arguments("f", closed, ("response", "row"), {"volume": 1})


def refuses(word: str) -> VerifierBase:
    raise VerifierError(f"{word} is no word")


@pytest.mark.parametrize(
    ("factory", "arguments", "words"),
    [
        (Own, {"word": ""}, "verifier 'mine' cannot be built: KeyError: 'word'"),
        (Own, {"wort": "a"}, "does not take the argument 'wort'; did you mean word?"),
        (refuses, {"word": "a"}, "^a is no word$"),
        (refuses, {}, "cannot be called with"),
        (lambda: 5, {}, "'mine' gives a int without name; derive it from VerifierBase"),
    ],
)
def test_a_verifier_that_cannot_be_built_is_one_clear_line(factory: Any, arguments: Any, words: str) -> None:
    with pytest.raises(VerifierError, match=words):
        build("mine", factory, arguments)


def test_a_verifier_is_built_with_its_arguments() -> None:
    built = build("mine", Own, {"word": "a", "volume": 2})
    assert isinstance(built, Own) and (built.word, built.volume) == ("a", 2)


def test_built_in_is_what_the_registry_builds_and_no_class_that_derives_from_it() -> None:
    class Derived(PlaceboVerifier):
        pass

    assert is_built_in(get_verifier("placebo")) and is_built_in(get_verifier("length"))
    assert not is_built_in(Derived()) and not is_built_in(Own())
    assert is_location("a/b.py:f") and not is_location("math") and not is_location("b.py")


PLUG_INS = """
from openqwq.verifiers import Verdict
from openqwq.verifiers.base import VerifierBase

def says_yes(response, row):
    return "yes" in response

def batch(prompts, completions, **columns):
    return [0.25] * len(completions)

class Loud(VerifierBase):
    name = "loud"
    def __init__(self, volume=1, **more):
        self.volume, self.more = volume, more
    def grade(self, response, row):
        return Verdict.scored(self.volume / 10)

number = 5
"""
ENTRIES = """[openqwq.verifiers]
pi_yes = plug_ins_of_a_test:says_yes
pi_batch = plug_ins_of_a_test:batch
pi_loud = plug_ins_of_a_test:Loud
pi_number = plug_ins_of_a_test:number
pi_absent = plug_ins_of_a_test:absent
pi_twice = plug_ins_of_a_test:says_yes
length = plug_ins_of_a_test:says_yes
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two installed packages that register verifiers."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "plug_ins_of_a_test.py").write_text(PLUG_INS)
    for package, entries in (
        ("first", ENTRIES),
        ("second", ENTRIES.split("pi_batch")[0] + "pi_twice = plug_ins_of_a_test:batch\n"),
    ):
        (folder / f"{package}-1.0.dist-info").mkdir()
        (folder / f"{package}-1.0.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        (folder / f"{package}-1.0.dist-info" / "entry_points.txt").write_text(entries)
    sys.path.insert(0, str(folder))
    names._warn_of_namesakes.cache_clear()
    yield folder
    sys.path.remove(str(folder))
    names._warn_of_namesakes.cache_clear()
    sys.modules.pop("plug_ins_of_a_test", None)


def test_plug_ins_are_found_by_their_names(packages: Path) -> None:
    assert {"pi_yes", "pi_loud", *BUILT_IN} <= set(available_verifiers())
    assert available_verifiers() == sorted(available_verifiers())
    yes, batch = get_verifier("pi_yes"), get_verifier("pi_batch")
    assert type(yes) is FunctionVerifier and type(batch) is BatchFunctionVerifier
    assert (yes.name, yes.verify("yes", {}).score, yes.verify("no", {}).score) == ("pi_yes", 1.0, 0.0)
    assert batch.verify("a", {"prompt": "q"}).score == 0.25
    loud = get_verifier("pi_loud", volume=5, anything="goes")
    assert loud.verify("a", {}).score == 0.5 and loud.more == {"anything": "goes"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pi_number", r"'pi_number' of first \(plug_ins_of_a_test:number\) is no function or class, got 5"),
        ("pi_absent", r"'pi_absent' of first .* cannot be loaded: AttributeError"),
        ("pi_twice", r"registered by .*:says_yes\) and by .*:batch\); uninstall one|:batch\) and by .*:says_yes\)"),
    ],
)
def test_a_plug_in_that_cannot_be_used_is_named_with_its_package(packages: Path, name: str, words: str) -> None:
    with pytest.raises(VerifierError, match=words):
        get_verifier(name)


def test_a_plug_in_with_the_name_of_a_built_in_one_is_not_used_and_that_is_said_once(packages: Path) -> None:
    names._warn_of_namesakes.cache_clear()
    with pytest.warns(UserWarning, match=r"'length' is built in; the verifier of first .* is not used"):
        assert is_built_in(get_verifier("length"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        get_verifier("length")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lenght", "no verifier is named 'lenght'; did you mean length?"),
        ("instruction", "did you mean instructions"),
        (
            "zzzzzz",
            "no verifier is named 'zzzzzz'; known: .*code, environment, ifeval, .*think_format, .* Your own: path/to",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_near_ones_or_all(name: str, words: str) -> None:
    with pytest.raises(UnknownVerifier, match=words):
        get_verifier(name)


@pytest.mark.parametrize("p", [-0.01, 1.01, math.nan])
def test_a_placebo_needs_a_probability(p: float) -> None:
    with pytest.raises(VerifierError, match=f"p must be a probability, got p={p}"):
        PlaceboVerifier(p)


def test_a_placebo_draws_by_seed_row_and_response() -> None:
    texts = [f"answer {number}" for number in range(40)]

    def scores(verifier: PlaceboVerifier, row_id: object = "7") -> list[float | None]:
        return [verifier.grade(text, {"id": row_id}).score for text in texts]

    assert scores(PlaceboVerifier(0.0)) == [0.0] * 40 and scores(PlaceboVerifier(1.0)) == [1.0] * 40
    half = scores(PlaceboVerifier())
    assert 10 < sum(score or 0.0 for score in half) < 30
    assert half == scores(PlaceboVerifier(0.5, 0), 7) == scores(PlaceboVerifier(0.5))
    assert len({tuple(other) for other in (half, scores(PlaceboVerifier(seed=1)), scores(PlaceboVerifier(), 8))}) == 3
    verdict = PlaceboVerifier().grade("a", {})
    draw = verdict.parts["draw"]
    assert 0 <= draw < 1 and verdict.score == float(draw < 0.5) and verdict.reason == "placebo"
    assert PlaceboVerifier(draw).grade("a", {}).score == 0.0
    assert PlaceboVerifier(math.nextafter(draw, 1)).grade("a", {}).score == 1.0
