"""TensorBoard, through torch's own writer."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.training.errors import RecipeError
from openqwq.training.tracking.tracker import TrackedRun


class TensorboardTracker:
    """Event files in `<run folder>/tensorboard`; `tensorboard --logdir runs` shows all runs below."""

    def check(self) -> None:
        """Is it installed?

        Raises:
            RecipeError: it is not.
        """
        try:
            import torch.utils.tensorboard  # noqa: F401
        except ImportError as error:
            raise RecipeError(f"the tracker tensorboard needs a package: {error}; `pip install tensorboard`") from error

    def start(self, run: TrackedRun) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(run.folder / "tensorboard"))
        self._writer.add_text("recipe", f"```json\n{json.dumps(dict(run.config), indent=1)}\n```")

    def log(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(f"{stage}/{name}", value, step)
        self._writer.flush()

    def table(self, stage: str, step: int, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        lines = [
            list(map(str, rows[0])),
            ["---"] * len(rows[0]),
            *([str(value) for value in row.values()] for row in rows),
        ]
        text = "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)
        self._writer.add_text(f"{stage}/{name}", text, step)

    def close(self) -> None:
        self._writer.close()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")
