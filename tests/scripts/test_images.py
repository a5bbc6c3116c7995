"""The images of a cluster's roles: they copy what there is, install what exists, and run as an ordinary user."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = sorted((ROOT / "deploy" / "images").glob("*.Containerfile"))
INSTRUCTIONS = ("FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "ARG", "CMD")


def steps(image: Path) -> list[tuple[str, str]]:
    """(instruction, words), with continued lines joined and comments left out."""
    lines = [line for line in image.read_text().splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def test_there_is_an_image_for_drivers_and_one_for_workers() -> None:
    assert [image.name.partition(".")[0] for image in IMAGES] == ["driver", "worker"]


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.stem)
def test_an_image_copies_what_there_is_and_runs_as_an_ordinary_user(image: Path) -> None:
    found = steps(image)
    assert {word for word, _ in found} <= set(INSTRUCTIONS)
    for word, rest in found:
        if word == "COPY" and not rest.startswith("--from"):
            assert all((ROOT / source).exists() for source in rest.split()[:-1]), rest
    assert [rest for word, rest in found if word == "USER"] == ["10001:10001"]
    assert all(re.search(r":\S*\d", rest.split()[0]) for word, rest in found if word == "FROM")


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.stem)
def test_an_image_installs_extras_that_exist_and_the_ray_of_the_project(image: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = " ".join(rest for word, rest in steps(image) if word == "RUN")
    (extras,) = re.findall(r"\.whl\)\[([\w,-]+)\]", installed)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    (ray,) = re.findall(r"ray\[default\]==([\d.]+)", installed)
    manifest = (ROOT / "scripts" / "cluster" / "kuberay.sh").read_text()
    assert f"ray=={ray}" in (ROOT / "constraints.txt").read_text().splitlines()
    assert f'rayVersion: "{ray}"' in manifest
    assert "wget" in installed, "the probes of KubeRay call it"
