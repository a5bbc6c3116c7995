"""What a test text imports beyond the standard library: the program as a module, and a stand-in for pytest."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from openqwq.sandbox.inside.judge import link, pytest_forms
from openqwq.sandbox.inside.judge.names import MissingName, of_program

# fmt: off
_PACKAGES = frozenset({
    "aiohttp", "attr", "bs4", "click", "cryptography", "cv2", "dateutil", "django", "faker", "fastapi", "flask",
    "freezegun", "gym", "hypothesis", "jax", "joblib", "jsonschema", "lxml", "matplotlib", "mock", "mpmath",
    "networkx", "nltk", "nose", "numba", "numpy", "openpyxl", "pandas", "parameterized", "PIL", "polars",
    "psutil", "pydantic", "pyspark", "pytz", "requests", "responses", "rich", "scipy", "seaborn", "setuptools",
    "six", "skimage", "sklearn", "spacy", "sqlalchemy", "statsmodels", "sympy", "tensorflow", "tinydb", "toml",
    "torch", "torchvision", "tornado", "tqdm", "transformers", "urllib3", "xgboost", "yaml",
})
"""Packages that a test may need and that are not here; any other unknown module is the program."""
# fmt: on
_programs: set[str] = set()


def is_programs(problem: BaseException) -> bool:
    """Whether an import failed because the program lacks a name."""
    return isinstance(problem, ImportError) and problem.name in _programs


class _Program(ModuleType):
    """The program as the module that a test imports."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return of_program(name)
        except MissingName as problem:
            raise AttributeError(str(problem)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__") or isinstance(value, _Program):
            super().__setattr__(name, value)
        else:
            link.ask("set global", name, value)

    def __delattr__(self, name: str) -> None:
        link.ask("delete global", name)


class Finder:
    """The last place where a module is looked for."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        top = name.split(".")[0]
        if name == "pytest":
            return ModuleSpec(name, Finder())  # type: ignore[arg-type]
        if top in _programs and "." in name and link.ask("has global", name.rpartition(".")[2]):
            return None  # not a module of the program's, but one that it has imported
        if top in _PACKAGES or top in sys.stdlib_module_names or top.startswith(("pytest", "_")):
            return None
        return ModuleSpec(name, Finder(), is_package=True)  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        if spec.name == "pytest":
            return pytest_forms.module()
        _programs.add(spec.name)
        return _Program(spec.name)

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        if isinstance(module, _Program):
            module.__all__ = []  # a name that a text does not define is asked for anyway


def install() -> None:
    """Called once in the tests' process, before the first text."""
    sys.meta_path.append(Finder())
    sys.modules["__main__"] = _Program("__main__")
