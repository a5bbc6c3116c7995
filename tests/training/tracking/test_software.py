"""What a run says of the software that made it: true versions, and a commit only where it is openqwq's own."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

import pytest

import openqwq
from openqwq.training.tracking.software import _installed_commit, checkout_commit, software, versions


def git(folder: Path, *words: str) -> str:
    person = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(
        ["git", "-C", str(folder), *person, *words], capture_output=True, text=True, check=True
    ).stdout


def test_versions_are_those_that_are_installed() -> None:
    told = software()
    assert told["packages"] == versions()
    assert told["packages"]["torch"] == importlib.metadata.version("torch")
    assert (told["python"], "vllm" in versions()) == (platform.python_version(), is_installed("vllm"))


def is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def test_a_checkout_says_its_commit_before_pip_does(monkeypatch: pytest.MonkeyPatch) -> None:
    module, asked = "openqwq.training.tracking.software", list[Path]()
    for checkout, installed, told in [("a", "b", "a"), (None, "b", "b"), (None, None, None)]:
        monkeypatch.setattr(f"{module}.checkout_commit", lambda root, found=checkout: asked.append(root) or found)
        monkeypatch.setattr(f"{module}._installed_commit", lambda found=installed: found)
        assert software()["commit"] == told
    assert {root / "openqwq" / "__init__.py" for root in asked} == {Path(openqwq.__file__).resolve()}


@pytest.mark.parametrize(
    ("text", "commit"),
    [
        (None, None),
        ('{"url": "file:///somewhere", "dir_info": {}}', None),
        ('{"url": "https://example.org/o.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}', "c0ffee"),
        ("[]", None),
    ],
)
def test_pip_knows_the_commit_of_what_it_built_from_a_repository(
    monkeypatch: pytest.MonkeyPatch, text: str | None, commit: str | None
) -> None:
    class Distribution:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return text

    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Distribution())
    assert _installed_commit() == commit


def test_the_commit_is_that_of_the_checkout_and_says_when_files_differ(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("1")
    assert checkout_commit(tmp_path) is None  # no commit yet
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "--message", "One")
    head = git(tmp_path, "rev-parse", "HEAD").strip()
    (tmp_path / "notes").write_text("no file of git's")
    assert checkout_commit(tmp_path) == head
    (tmp_path / "file").write_text("2")
    assert checkout_commit(tmp_path) == head + "+changes"


def test_packages_in_somebody_elses_checkout_have_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "One")
    (tmp_path / "site-packages").mkdir()
    assert checkout_commit(tmp_path / "site-packages") is None
    monkeypatch.setenv("PATH", str(tmp_path))  # no git on this machine
    assert checkout_commit(tmp_path) is None
