"""The way from `run` to the loss, for `benchmarks.call_depth`: one step of a tiny RL stage, watched while it runs."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import openqwq
from openqwq.training.config import Recipe
from openqwq.training.console import ConsoleLogger
from openqwq.training.pipeline.launch import launch

PACKAGE = str(Path(openqwq.__file__).parent.parent)
OTHERS = tuple(os.path.join(PACKAGE, name) for name in ("benchmarks", ".venv"))
COMPREHENSIONS = ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")
RECIPE = {
    "name": "depth",
    "model": "data/tiny/base",
    "rewards": {"tasks": {"math": {"verifiers": [{"name": "placebo"}]}}, "truncated": "zero"},
    "stages": [
        {
            "name": "stage1", "kind": "rl", "steps": 1, "prompts_per_step": 4, "group_size": 4,
            "sampling": {"max_new_tokens": 8}, "algorithm": {"name": "reinforce_pp"},
            "prompts": [{"source": "data/tiny/math_train.jsonl", "rows": [0, 4]}],
        }
    ],
}  # fmt: skip


class _Stop:
    """Never asks to stop."""

    def listen(self) -> None:
        """Leaves the signals as they are."""

    def __call__(self) -> bool:
        return False


def own_frames(frame: FrameType | None) -> list[str]:
    """Own functions on the stack, outermost first."""
    names = []
    while frame is not None:
        code = frame.f_code
        is_own = code.co_filename.startswith(PACKAGE) and not code.co_filename.startswith(OTHERS)
        if is_own and code.co_name not in COMPREHENSIONS:
            names.append(f"{Path(code.co_filename).stem}.{code.co_name}")
        frame = frame.f_back
    return names[::-1]


@contextmanager
def watched(found: dict[str, list[str]]) -> Iterator[None]:
    """Note the stack at the first loss, and at the first remote call of an update."""

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code.co_name == "token_losses":
            found.setdefault("loss", own_frames(frame))
        is_remote = code.co_name == "remote" and code.co_filename.endswith(os.path.join("ray", "actor.py"))
        if is_remote and getattr(frame.f_locals.get("self"), "_method_name", "") == "update":
            found.setdefault("driver", own_frames(frame))

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


def frames(is_inline: bool) -> dict[str, list[str]]:
    """The own frames from `launch` to `token_losses`, by process."""
    found: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), watched(found):
        launch(Recipe.model_validate(RECIPE), Path(folder) / "run", "never", _Stop(), is_inline, ConsoleLogger())
    return found


def training() -> dict[str, list[str]]:
    """In one process, and over a driver and a trainer actor, whose `update` calls what inline workers call."""
    inline = frames(is_inline=True)["loss"]
    driver = frames(is_inline=False)["driver"]
    below = inline[inline.index("accelerate_trainer.update") :]
    return {"inline": inline, "driver": driver, "trainer actor": ["actors.update", *below]}
