"""The environment of a child interpreter that must import the same openqwq as this process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with PYTHONPATH led by the folder that holds `openqwq`, then with `changes`."""
    root = str(Path(__file__).absolute().parents[3])  # links are kept
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | dict(changes)
