"""Names of environments and their arguments: built in, of packages, of files; what does not fit is told before."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openqwq.training.config import EnvironmentUse, TaskReward
from openqwq.training.environments import catalogue
from openqwq.training.environments.catalogue import available_environments, environment_factory, takes_sandbox
from openqwq.training.errors import RecipeError

FILE = """
class Shop:
    def __init__(self, stock=3, sandbox_urls=()): self.stock, self.urls = stock, sandbox_urls
    async def step(self, turn): pass

def make(stock: int) -> Shop: return Shop(stock)
def made(stock): return Shop(stock)
number = 3
"""


@pytest.fixture
def place(tmp_path: Path) -> str:
    (tmp_path / "shop.py").write_text(FILE)
    return str(tmp_path / "shop.py")


def made(name: str, **arguments: Any) -> Any:
    return environment_factory(EnvironmentUse(name=name, arguments=arguments), ["http://sandbox"])()


def test_a_class_and_what_makes_one_get_the_arguments_of_the_recipe(place: str) -> None:
    assert [made(f"{place}:{name}", stock=5).stock for name in ("Shop", "make", "made")] == [5, 5, 5]
    assert made(f"{place}:Shop").urls == ["http://sandbox"] and takes_sandbox(f"{place}:Shop")
    assert made(f"{place}:Shop", sandbox_urls=["mine"]).urls == ["mine"]
    assert not takes_sandbox(f"{place}:make") and not takes_sandbox("calculator")


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("Shop", {"stok": 1}, "does not take the argument 'stok'; did you mean 'stock'?"),
        ("make", {}, "cannot be made with the arguments []: missing a required argument: 'stock'"),
        ("Shp", {}, "no 'Shp'; did you mean 'Shop'?"),
        ("number", {}, "has to be a class, a function"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(place: str, name: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as refused:
        made(f"{place}:{name}", **arguments)
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_a_file_that_changes_is_read_again_and_one_that_does_not_run_is_named(place: str) -> None:
    assert made(f"{place}:Shop").stock == 3
    Path(place).write_text(FILE.replace("stock=3", "stock=4"))
    assert made(f"{place}:Shop").stock == 4
    Path(place).write_text("import nothing_of_this_name")
    with pytest.raises(RecipeError, match=r"shop.py fails to import: ModuleNotFoundError"):
        made(f"{place}:Shop")


class Shop(SimpleNamespace):
    def step(self) -> None: ...


def test_installed_packages_bring_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SimpleNamespace(name="shop", value="shop:Shop", dist=None, load=lambda: Shop)
    monkeypatch.setattr(catalogue, "_entry_points", lambda: [entry, entry])
    assert "shop" in available_environments()
    assert environment_factory(EnvironmentUse(name="shop", arguments={"a": 1}))().a == 1  # type: ignore[attr-defined]
    other = SimpleNamespace(name="shop", value="other:Shop", dist=SimpleNamespace(name="other"), load=None)
    monkeypatch.setattr(catalogue, "_entry_points", lambda: [entry, other])
    with pytest.raises(RecipeError, match=r"'shop' is registered by an unknown package .* and by other"):
        environment_factory("shop")


def test_an_installation_registers_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corner_shop.py").write_text(FILE)
    installed = tmp_path / "corner_shop-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: corner-shop\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(f"[{catalogue.ENTRY_POINT_GROUP}]\ncorner = corner_shop:Shop\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "corner" in available_environments() and takes_sandbox("corner")
    assert (made("corner").stock, made("corner", stock=5).stock) == (3, 5)


def test_a_recipe_names_an_environment_in_a_word_or_in_full() -> None:
    task = {"verifiers": [{"name": "environment"}]}
    short = TaskReward.model_validate({**task, "environment": "calculator"})
    full = TaskReward.model_validate({**task, "environment": {"name": "calculator", "arguments": {}}})
    assert short == full and short.model_dump(mode="json")["environment"] == "calculator"
    limited = TaskReward.model_validate({**task, "environment": {"name": "c", "limits": {"max_calls": 2}}})
    assert TaskReward.model_validate(limited.model_dump(mode="json")) == limited
