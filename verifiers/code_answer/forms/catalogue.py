"""The published forms of rows: what each needs, and what its own judge takes for granted.

A form is named by a recipe or a row, or recognised; its adapter is the common reader (reading.py) with these settings.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from openqwq.verifiers.base import VerifierError

Kind = Literal["programs", "texts", "any"]
_CLOSE: Mapping[str, Any] = {"float_tol": 1e-6, "rel": True}
_SAME_NUMBER: Mapping[str, Any] = {"float_tol": 0.0}
"""3.0 stands for 3, and nothing for a number that is only near."""


@dataclass(frozen=True)
class Form:
    """Example: `FORMS["apps"].compare["float_tol"] == 1e-6`."""

    name: str
    kind: Kind
    """programs: inputs and outputs; texts: Python texts of tests."""
    compare: Mapping[str, Any] = field(default_factory=dict)
    """The comparison of a row that names none."""
    usual_imports: bool = False
    """Its judge imports the usual modules ahead of every program."""
    example: str = ""
    """The column or key that holds its tests."""


_ALL = (
    Form("apps", "programs", _CLOSE, True, "input_output"),
    Form("taco", "programs", _CLOSE, True, "input_output"),
    Form("eurus", "programs", _CLOSE, True, "reward_model"),
    Form("synthetic1", "programs", _CLOSE, True, "verification_info"),
    Form("open_r1", "programs", _CLOSE, True, "verification_info"),
    Form("deepcoder", "any", _CLOSE, True, "tests"),
    Form("codecontests", "programs", _CLOSE, False, "public_tests"),
    Form("codeforces", "programs", _CLOSE, False, "official_tests"),
    Form("livecodebench", "programs", _SAME_NUMBER, True, "public_test_cases"),
    Form("leetcode", "any", _CLOSE, True, "test"),
    Form("mbpp", "texts", example="test_list"),
    Form("acecode", "texts", example="test_cases"),
    Form("humaneval", "texts", example="test"),
    Form("humaneval_plus", "texts", example="test"),
    Form("kodcode", "texts", example="test"),
)
FORMS: Mapping[str, Form] = {form.name: form for form in _ALL}
OWN = Form("", "any")
"""The form of docs/data_forms.md's first section: numbers and text are compared exactly."""


def form_named(name: object) -> Form:
    """Raises VerifierError for an unknown name, with a suggestion."""
    if isinstance(name, str) and name in FORMS:
        return FORMS[name]
    near = difflib.get_close_matches(str(name)[:40], FORMS, 1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(FORMS)}"
    raise VerifierError(f"form is {str(name)[:40]!r}, which is no form of code rows; {hint}")


def recognised(keys: set[str], test_keys: set[str], is_text: bool) -> Form:
    """The form of a reference by its keys, the keys of its tests, and whether the tests came as text."""
    if keys & {"official_tests", "checker", "generated_checker", "input_mode"}:
        return FORMS["codeforces"]
    if keys & {"public_test_cases", "private_test_cases"} or "testtype" in test_keys:
        return FORMS["livecodebench"]
    if keys & {"public_tests", "private_tests", "generated_tests"}:
        return FORMS["codecontests"]
    if test_keys & {"type", "fn_name"}:
        return FORMS["synthetic1"]
    if "inputs" in test_keys and is_text:
        return FORMS["apps"]
    if "input" in test_keys and is_text:
        return FORMS["deepcoder"]
    return OWN
