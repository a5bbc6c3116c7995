"""Where rows come from: data sets, RL prompts, held-out suites."""

from typing import Literal

from pydantic import Field

from openqwq.training.config.rewards import TaskReward
from openqwq.training.config.section import Section


class Source(Section):
    """One data set: a local JSONL or parquet file, or a hub data set id."""

    source: str
    """Path (looked up from the working directory, then in the package) or hub id."""
    split: str = "train"
    """Split of a hub data set; ignored for files."""
    subset: str | None = None
    """Configuration name of a hub data set, such as `main` for openai/gsm8k."""
    columns: dict[str, str | dict[str, str]] = {}
    """Our column -> theirs, e.g. `{prompt: question, reference: answer}`; a mapping builds a nested reference."""
    task: str | None = None
    """Task of every row that has no `task` column."""
    template: str = "{prompt}"
    """Text put around a plain-text prompt; `{prompt}` is replaced."""
    rows: tuple[int, int] | None = None
    """Use rows [start, stop) only."""
    sample: str | None = None
    """Local file with rows in our columns: what `--dry-run` checks where the source cannot be reached."""
    check: Literal["drop", "stop"] = "drop"
    """What to do with rows whose reference does not verify against itself: drop them and say which, or stop."""


class PromptSource(Source):
    """A source of RL prompts with its share of every step."""

    weight: float = Field(default=1.0, gt=0)
    """Share of each step's prompts, relative to the other sources."""
    replay: bool = False
    """Prompts of an earlier stage, kept in the mixture so that its skill is not lost. A guard may raise their share."""


class Suite(Section):
    """A frozen held-out set."""

    sources: tuple[Source, ...]
    rewards: dict[str, TaskReward] = {}
    """Task rewards that differ from the recipe's, for example a gold rule in place of a reward model."""
    samples_per_prompt: int = Field(default=1, gt=0)
    """avg@k and pass@k with k samples."""
