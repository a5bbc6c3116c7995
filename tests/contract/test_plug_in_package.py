"""A packaged verifier: the example is really installed, into a temporary folder, and found by its name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "word_limit"
OTHER_ENTRIES = """
math = "word_limit:WordLimit"
absent = "word_limit:NoSuchThing"
unimportable = "no_such_module:f"
number = "word_limit:__doc__"
half = "word_limit:Half"
"""
HALF = """

class Half:
    name = "half"

    def verify(self, response: str, row: Row) -> Verdict:
        return Verdict.scored(0.5)
"""
ASK = """
import json, sys, warnings
from openqwq.verifiers import Verifier, VerifierError, available_verifiers, get_verifier

said = {"available": available_verifiers()}
for name in sys.argv[1:]:
    with warnings.catch_warnings(record=True) as caught:
        try:
            verifier = get_verifier(name)
            said[name] = [type(verifier).__name__, verifier.verify("a b", {"id": "1"}).score]
        except VerifierError as error:
            said[name] = str(error)
    said[name + " warnings"] = [str(warning.message) for warning in caught]
print(json.dumps(said))
"""


def install(source: Path, target: Path) -> None:
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)]
    subprocess.run(command, check=True, timeout=120)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object] | str]:
    """What a fresh process says of every name, with the example and a package of mistakes installed."""
    folder = tmp_path_factory.mktemp("plug_in")
    good, bad = folder / "good", folder / "bad"
    shutil.copytree(EXAMPLE, good)
    shutil.copytree(EXAMPLE, bad)
    text = (bad / "pyproject.toml").read_text().replace("openqwq-word-limit", "openqwq-mistakes")
    text = text.replace("word_limit:", "mistakes:").replace('["word_limit"]', '["mistakes"]')
    entries = OTHER_ENTRIES.replace("word_limit:", "mistakes:")
    (bad / "pyproject.toml").write_text(text.replace('word_limit = "mistakes:WordLimit"\n', entries.lstrip()))
    (bad / "mistakes.py").write_text((bad / "word_limit.py").read_text() + HALF)
    for source in (good, bad):
        install(source, folder / "site")
    names = ["word_limit", "brief", "math", "absent", "unimportable", "number", "half"]
    environment = {**os.environ, "PYTHONPATH": str(folder / "site")}
    done = subprocess.run(
        [sys.executable, "-c", ASK, *names], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, list[object] | str] = json.loads(done.stdout)
    return answer


def test_an_installed_package_brings_its_verifier_by_name(said: dict[str, list[object] | str]) -> None:
    assert said["word_limit"] == ["WordLimit", 1.0] and said["word_limit warnings"] == []
    assert "word_limit" in said["available"] and "math" in said["available"]


def test_a_built_in_verifier_is_never_replaced_by_a_package_and_the_user_is_told(
    said: dict[str, list[object] | str],
) -> None:
    assert said["math"] == ["MathVerifier", None]
    assert said["math warnings"] == [
        "'math' is built in; the verifier of openqwq-mistakes (mistakes:WordLimit) has the same name and is not used"
    ]


def test_a_name_of_two_packages_is_refused_with_both(said: dict[str, list[object] | str]) -> None:
    assert sorted(str(said["brief"]).split("; ")[0].removeprefix("'brief' is registered by ").split(" and by ")) == [
        "openqwq-mistakes (mistakes:brief)", "openqwq-word-limit (word_limit:brief)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent", "verifier 'absent' of openqwq-mistakes (mistakes:NoSuchThing) cannot be loaded: AttributeError"),
        ("unimportable", "(no_such_module:f) cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("number", "is no function or class"),
        ("half", "gives a Half without verify_many; derive it from VerifierBase"),
    ],
)
def test_a_broken_plug_in_is_one_clear_line(said: dict[str, list[object] | str], name: str, words: str) -> None:
    assert words in said[name] and "\n" not in said[name]
