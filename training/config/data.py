"""Where rows come from: data sets, RL prompts, held-out suites."""

from typing import Any, Literal

from pydantic import Field, model_validator

from openqwq.training.config.rewards import TaskReward
from openqwq.training.config.rl import Sampling
from openqwq.training.config.section import Section


class Source(Section):
    """One data set: local files, a folder of `Dataset.save_to_disk`, or a hub data set id."""

    source: str
    """Path of a file (.jsonl, .json, .csv, .tsv, .parquet, texts also as .gz), a glob such as `rows/*.parquet`, or a
    folder of `save_to_disk`, looked up from the working directory and then in the package; or a hub data set id."""
    split: str = "train"
    """Split of a hub data set or of a DatasetDict; ignored for files."""
    form: str | None = None
    """Name of a published form that the rows have, such as `gsm8k` or `ultrafeedback` (docs/your_data.md). null: the
    rows have openqwq's columns, or `columns` maps them."""
    options: dict[str, Any] = {}
    """Settings of the form, where it has any, such as `{window: [2024-08-01, 2025-02-01]}` of `livecodebench`
    (docs/your_data.md)."""
    subset: str | None = None
    """Configuration name of a hub data set, such as `main` for openai/gsm8k."""
    columns: dict[str, str | dict[str, str]] = {}
    """Column of openqwq -> column of the data set, e.g. `{prompt: question, reference: answer}`. A mapping as the value
    builds a nested reference. A path like `reward_model.ground_truth` leads into a column."""
    task: str | None = None
    """Task of the rows without a `task` column."""
    template: str = "{prompt}"
    """Text put around a plain-text prompt, unless it stands there already; `{prompt}` is replaced."""
    rows: tuple[int, int] | None = None
    """Use only the rows from `start` up to, but not including, `stop`: `[start, stop]`. null uses all rows."""
    sample: str | None = None
    """Local file with rows in openqwq's columns. `--dry-run` checks it where the source itself cannot be read."""
    check: Literal["drop", "stop"] = "drop"
    """What happens to rows whose reference does not verify against itself. `drop`: they are left out and named in a
    warning. `stop`: the run does not start."""
    num_rows: int | None = Field(default=None, gt=0)
    """How many different rows the whole source has; with another number nothing starts. Not looked at where `rows`
    takes a part or the source is streamed."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of all rows as they stand in the data, each as JSON with sorted keys on a line: the same for a file and
    for the hub. With other rows nothing starts. Not looked at where the source is streamed."""

    @model_validator(mode="after")
    def _options_have_a_form(self) -> "Source":
        if self.options and self.form is None:
            raise ValueError(f"options {sorted(self.options)} are those of a form; name it in `form`")
        return self


class Curriculum(Section):
    """Ask the prompts of a source that the policy answers sometimes. A prompt whose running accuracy is outside of the
    range is passed over for some epochs of the source, then asked again, as the policy has changed meanwhile."""

    low: float = Field(default=0.1, ge=0, le=1)
    """Smallest running accuracy of a prompt that is asked. Accuracy is the mean outcome of its group, as under
    `dynamic_sampling`."""
    high: float = Field(default=0.9, ge=0, le=1)
    """Largest running accuracy of a prompt that is asked."""
    newest: float = Field(default=0.5, gt=0, le=1)
    """Weight of the newest group in the running accuracy; 1 forgets the groups before it."""
    pause: int = Field(default=3, ge=0)
    """How many times a prompt outside of the range is passed over before it is asked again."""

    @model_validator(mode="after")
    def _is_a_range(self) -> "Curriculum":
        if self.low >= self.high:
            raise ValueError(f"low must be less than high, got low={self.low:g}, high={self.high:g}")
        return self


class PromptSource(Source):
    """A source of RL prompts with its share of every step."""

    weight: float = Field(default=1.0, gt=0)
    """Share of each step's prompts, relative to the other sources."""
    streaming: bool = False
    """Read rows while the run goes on, for data that does not fit into memory. They are shuffled in blocks of 4096, in
    the order of the data, and checked when they are read; the first 1000 are checked before the run."""
    replay: bool = False
    """These prompts replay an earlier stage, so that its skill is not lost. A regression check may raise their
    share."""
    curriculum: Curriculum | None = None
    """Pass over prompts that are too easy or too hard for the policy as it is; null asks all of them alike."""


class Suite(Section):
    """A frozen held-out set."""

    sources: tuple[Source, ...]
    """Data sets whose rows make up the suite."""
    rewards: dict[str, TaskReward] = {}
    """Task name -> reward, where it differs from the recipe's; for example a gold rule in place of a reward model."""
    samples_per_prompt: int = Field(default=1, gt=0)
    """Samples of each prompt: k of avg@k and pass@k."""
    summary: Literal["mean", "livebench", "bfcl_v3"] = "mean"
    """Which number its publishers quote. `mean`: that of all problems. `livebench`: the mean over tasks, then over
    categories. `bfcl_v3`: the mean of non-live, live and multi-turn, each with weights of its own."""
    may_be_shown: bool = True
    """false: rows are asked and judged, and never copied into a report, a log or kept answers."""
    columns: dict[str, str] = {}
    """Column of the result -> label of the verifier whose score it shows; `strict` is the result itself. Empty: the
    reward is the result."""
    sampling: Sampling | None = None
    """How responses to this suite are sampled. null: as `evaluation.sampling` says."""
    cluster: str | None = None
    """Path into a row, such as `extra.cluster`, to a value that rows of one problem, document or template share.
    Intervals are then over these groups. null: each prompt is a group of its own."""
