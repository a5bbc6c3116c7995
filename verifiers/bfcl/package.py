"""Where the benchmark's own material is: the folder of an installed `bfcl-eval` (Apache-2.0), of which nothing is
copied. Its 150 dependencies are not needed: `pip install --no-deps bfcl-eval`, beside openqwq or to a folder."""

from __future__ import annotations

import importlib.util
import runpy
from pathlib import Path
from typing import Any

from openqwq.verifiers.base import VerifierError

NAME = "bfcl_eval"
BACKENDS, PROMPTS = Path("constants", "executable_backend_config.py"), Path("constants", "default_prompts.py")


def package_folder(place: str | None = None) -> Path:
    """The folder `bfcl_eval`: in the folder `place` or that folder itself, without one where Python finds it.

    Raises:
        VerifierError: it is not there.
    """
    if place is not None:
        given = Path(place).expanduser().absolute()
        folders = [given / NAME, given]
    else:
        found = importlib.util.find_spec(NAME)
        folders = [Path(path) for path in (found.submodule_search_locations or ())] if found else []
    for folder in folders:
        if folder.name == NAME and (folder / "__init__.py").is_file():
            return folder
    where = "it is not installed here" if place is None else f"it is not in {place}"
    raise VerifierError(
        f"BFCL's scenarios and data come from the package bfcl-eval, and {where}; "
        "`pip install --no-deps bfcl-eval`, or add --target DIR and name that folder: package: DIR"
    )


def constants(folder: Path, file: Path) -> dict[str, Any]:
    """The names that one of the package's files of constants defines.

    Raises:
        VerifierError: the package has no such file, or it cannot be run.
    """
    try:
        return runpy.run_path(str(folder / file))
    except Exception as error:  # whatever another version of the package raises
        raise VerifierError(f"{folder / file} is not readable: {type(error).__name__}: {error}") from error
