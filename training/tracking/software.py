"""What software a run is made by: versions of packages, and the commit of openqwq where one can be known."""

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import openqwq

PACKAGES = (
    "openqwq", "torch", "transformers", "trl", "accelerate", "deepspeed", "peft", "datasets", "sympy", "math-verify",
    "ray", "vllm",
)  # fmt: skip
GIT_SECONDS = 20.0


def versions() -> dict[str, str]:
    """Package -> version, of those of PACKAGES that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def software() -> dict[str, Any]:
    """Python, system, packages, and `commit`: that of the checkout that runs, with `+changes` where files that git
    tracks differ from it; that of a wheel that pip built from a repository; else None."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": versions(),
        "commit": checkout_commit(Path(openqwq.__file__).resolve().parents[1]) or _installed_commit(),
    }


def checkout_commit(root: Path) -> str | None:
    """The commit of a checkout whose top is `root`."""
    if not (root / ".git").exists():  # a folder of packages may lie in somebody else's checkout
        return None
    try:
        head, changes = (
            subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=GIT_SECONDS
            ).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.SubprocessError):  # no git, or none of ours to read
        return None
    return head + ("+changes" if changes else "")


def _installed_commit() -> str | None:
    try:
        told = json.loads(importlib.metadata.distribution("openqwq").read_text("direct_url.json") or "{}")
        commit = told["vcs_info"]["commit_id"]
    except (importlib.metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return None
    return str(commit)
