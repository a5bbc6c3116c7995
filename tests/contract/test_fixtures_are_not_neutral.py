"""Our own fixtures stand away from the values at which a setting does nothing, or say why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.neutral_settings import fixture_files, neutral_settings

ROOT = Path(__file__).resolve().parents[2]

SHARED = (
    "tests/conftest.py",
    "tests/golden/golden_runs.py",
    "tests/recipes/small_rl.py",
    "tests/training/conftest.py",
    "tests/training/example_run.py",
    "tests/training/small_updates.py",
)
"""Fixtures that many tests build on: what they leave out is read as its default."""


def test_no_fixture_stands_at_a_neutral_value_without_a_reason() -> None:
    found = [
        str(setting)
        for path, source in fixture_files(ROOT)
        for setting in neutral_settings(path, source, reads_defaults=path in SHARED)
    ]
    assert not found, "\n".join([
        "these settings stand where the code may ignore them unnoticed; move them, or say `# neutral: why`:", *found
    ])  # fmt: skip


def test_the_shared_fixtures_exist() -> None:
    assert [path for path in SHARED if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Sampling(temperature=1.0)", ["temperature is 1.0"]),
        ("Sampling(temperature=1)", ["temperature is 1"]),
        ("Sampling(temperature=0.7)", []),
        ("Sampling(max_new_tokens=3)", ["temperature is left out of Sampling, and its default is neutral"]),
        ("Sampling(**changes)", []),
        ("Sampling(temperature=1.0)  # neutral: the two engines are compared at 1", []),
        ("Sampling(temperature=1.0)  # neutral:", ["temperature is 1.0"]),
        ("def ask(temperature: float = 1.0): ...", ["temperature is 1.0"]),
        ("def ask(*, temperature: float = 1.0): ...", ["temperature is 1.0"]),
        ("def ask(temperature: float): ...", []),
        ("def ask():  # neutral: greedy\n    return Sampling(top_p=1)", []),
        ("GenerationRequest(0, (5,), 0, 4, 1.0)", ["temperature is 1.0"]),
        ("generalised_advantages(r, v, [2], 0.5, 1.0)", ["lam is 1.0"]),
        ("Optimizer(learning_rate=1, weight_decay=0.1, warmup_steps=0)", ["warmup_steps is 0"]),
        ("{'optimizer': {'weight_decay': 0.1}}", ["warmup_steps is left out of optimizer, and its default is neutral"]),
        ("{'kind': 'rl', 'optimizer': {'weight_decay': 0.1, 'warmup_steps': 2}}",
         ["sampling is left out of an RL stage, and its defaults are neutral"]),
        ("[{'name': 'math'}, {'name': 'code'}]", ["weight is 1 for all 2"]),
        ("[{'name': 'math'}, {'name': 'code', 'weight': 3}]", []),
        ("(VerifierUse(name='a', weight=2.0), VerifierUse(name='b', weight=2.0))", ["weight is 2.0 for all 2"]),
        ("[{'name': 'math'}]", []),
    ],
)  # fmt: skip
def test_the_lint_finds_neutral_settings_and_nothing_else(line: str, expected: list[str]) -> None:
    found = neutral_settings("x.py", line + "\n", reads_defaults=True)
    assert [f"{setting.setting} {setting.how}" for setting in found] == expected
