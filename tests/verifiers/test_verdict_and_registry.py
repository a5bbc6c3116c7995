"""Verdict, the registry and its errors, and what an import loads."""

import json
import math
import pickle
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from openqwq.verifiers import UnknownVerifier, Verdict, Verifier, VerifierError, available_verifiers, get_verifier
from openqwq.verifiers.base import Status, is_error

ROOT = Path(__file__).parents[2]
BUILDABLE = [name for name in available_verifiers() if name not in ("reward_model", "judge")]


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.1, 1.1, None])
def test_a_scored_verdict_needs_a_score_between_0_and_1(score: float | None) -> None:
    with pytest.raises(ValueError, match="score"):
        Verdict("scored", score)


def test_only_a_scored_verdict_has_a_score() -> None:
    with pytest.raises(ValueError, match="no score"):
        Verdict("sandbox_error", 0.0)


def test_only_the_statuses_that_blame_a_part_are_errors() -> None:
    errors = {"verifier_error", "sandbox_error", "service_error"}
    assert {status for status in get_args(Status) if is_error(status)} == errors
    assert {status for status in get_args(Status) if Verdict(status, 1.0 if status == "scored" else None).is_error} == (
        errors
    )
    assert not is_error("my_error")


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownVerifier, match="think_format"):
        get_verifier("think_formt")


def test_an_unknown_argument_is_named_with_a_suggestion() -> None:
    with pytest.raises(VerifierError, match="answer_format"):
        get_verifier("math", answer_formt="boxed")


@pytest.mark.parametrize("name", BUILDABLE)
def test_every_built_in_is_a_verifier_and_travels_to_another_process(name: str) -> None:
    verifier = get_verifier(name)
    assert isinstance(verifier, Verifier)
    copy = pickle.loads(pickle.dumps(verifier))
    assert copy.name == verifier.name == name
    copy.close()


@pytest.mark.parametrize("name", BUILDABLE)
def test_a_row_without_a_reference_gives_a_verdict_and_no_exception(name: str) -> None:
    verdict = get_verifier(name).verify("an answer", {"id": "1", "prompt": "q", "task": "t", "reference": None})
    assert verdict.is_scored == (name in ("think_format", "role_leak", "length", "repetition", "placebo"))


def test_the_import_is_light() -> None:
    heavy = (
        "torch", "ray", "transformers", "numpy", "sympy", "math_verify", "jsonschema", "httpx2", "asyncio", "pydantic",
        "importlib.metadata",
    )  # fmt: skip
    code = f"import sys, openqwq.verifiers; print([name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-S", "-c", code]  # -S: without what site-packages load by themselves
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_a_verdict_of_the_math_verifier_that_needs_no_algebra_loads_no_sympy() -> None:
    code = (
        "import sys; from openqwq.verifiers import get_verifier\n"
        "print(get_verifier('math').verify('\\\\boxed{4}', {'reference': '4'}).score, 'sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["1.0", "False"]


def test_the_bare_folder_is_not_importable_by_accident() -> None:
    done = subprocess.run([sys.executable, "-c", "import verifiers"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode != 0
    assert "openqwq.verifiers" in done.stderr


def test_the_placebo_pays_by_its_probability_and_repeats_itself() -> None:
    verifier = get_verifier("placebo", p=0.3, seed=1)
    paid = [verifier.verify(f"answer {i}", {"id": str(i)}).score for i in range(2000)]
    assert paid == [verifier.verify(f"answer {i}", {"id": str(i)}).score for i in range(2000)]
    assert 0.25 < sum(score or 0.0 for score in paid) / 2000 < 0.35
    assert paid != [
        get_verifier("placebo", p=0.3, seed=2).verify(f"answer {i}", {"id": str(i)}).score for i in range(2000)
    ]


def test_a_verdict_holds_plain_values_whatever_a_verifier_puts_into_it() -> None:
    verdict = Verdict("scored", np.float32(0.5), {"a": np.int64(2)}, ValueError("odd"))  # type: ignore[arg-type]
    assert json.loads(json.dumps(asdict(verdict))) == {
        "status": "scored", "score": 0.5, "parts": {"a": 2}, "reason": "odd", "seconds": 0.0
    }  # fmt: skip
    assert type(Verdict("scored", True).score) is float
    with pytest.raises(ValueError, match=r"parts\['a'\]"):
        Verdict("scored", 1.0, {"a": object()})  # type: ignore[dict-item]
