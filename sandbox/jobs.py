"""Jobs and outcomes: frozen records, and the check that a job can be run.

Nothing here runs a program. The JSON form of the records stands in `wire.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from openqwq.sandbox.harness import Harness, harness_fault
from openqwq.sandbox.outside_data import safe_text, shown, value_fault

Mode = Literal["stdin", "call", "asserts", "run"]
JobVerdict = Literal["pass", "fail", "error"]
TestStatus = Literal[
    "pass",
    "wrong_output",
    "runtime_error",
    "compile_error",
    "time_limit",
    "memory_limit",
    "process_limit",
    "output_limit",
    "no_result",
    "not_run",
]
"""How a test ended. wrong_output: the comparison failed, or an assert; runtime_error: an exit status other than 0, or a
signal; no_result: the program ended before it answered; not_run: after a failure, or after a compile_error."""

LANGUAGES = ("python", "cpp", "javascript")
MODES = ("stdin", "call", "asserts", "run")
MAX_CODE_BYTES = 1 << 20
MAX_TESTS = 1000
_MAX_NAME_CHARACTERS = 1000


class InvalidJob(ValueError):
    """A job that cannot be run as asked: `field`, its `value` (shortened) and what is `allowed`."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        self.field, self.value, self.allowed = field, shown(value), allowed
        super().__init__(f"{field} is {self.value}; allowed: {allowed}")


@dataclass(frozen=True)
class Limits:
    """Bounds of one test. Example: `Limits(time_seconds=4.0, memory_mb=1024)`."""

    time_seconds: float = 2.0
    """CPU time; wall time may reach max(2 x this, this + 1 s), since a loaded host stretches wall time."""
    memory_mb: int = 512
    """Memory of all processes of the program together, its temporary files included."""
    output_bytes: int = 16 << 20
    """Standard output, or the encoded return value."""

    @property
    def wall_seconds(self) -> float:
        return max(2 * self.time_seconds, self.time_seconds + 1.0)


@dataclass(frozen=True)
class TestCase:
    """One test. stdin mode: text in, text out. call mode: list of arguments in, return value out. run mode: text in."""

    __test__ = False  # not a test class of pytest

    input: Any
    output: Any
    """None in run mode."""


@dataclass(frozen=True)
class Compare:
    """How an answer is compared. Exact unless a tolerance is asked for.

    Text is compared line by line with trailing space dropped. Returned values must be plain data; tuple and list
    count as the same, bool and int do not, int and float are equal when they are exactly the same number.
    """

    float_tol: float | None = None
    """Two numbers a (wanted), b count as equal when |a - b| <= float_tol, or with `rel` float_tol * max(1, |a|)."""
    rel: bool = False


@dataclass(frozen=True)
class Job:
    """One program and its tests. Example: `Job("print(int(input()) + 1)", tests=(TestCase("1", "2"),))`."""

    code: str
    language: str = "python"
    mode: Mode = "stdin"
    """run: the program is run for its output, which its results carry; it passes where it ends with status 0."""
    entry_point: str | None = None
    """Function to call (call mode), or the name handed to `check` (asserts mode)."""
    tests: tuple[TestCase, ...] = ()
    asserts: tuple[str, ...] = ()
    """Python test texts: assert lines, one that defines `check(candidate)`, or a file of pytest or unittest. They share
    one program process."""
    setup: str = ""
    """asserts mode: Python text that is run beside the asserts, before them: imports, and helpers of the prompt."""
    compare: Compare = field(default_factory=Compare)
    limits: Limits = field(default_factory=Limits)
    stop_on_first_failure: bool = True
    harness: Harness = field(default_factory=Harness)
    """What stands around the program: a text that it continues, files, a checker."""


@dataclass(frozen=True)
class TestResult:
    """How one test ended."""

    __test__ = False

    status: TestStatus
    detail: str = ""
    """For people: the difference, or the end of the traceback."""
    seconds: float = 0.0
    """CPU seconds used."""
    wall_seconds: float = 0.0
    memory_mb: float = 0.0
    """Peak of the resident memory of the main process of the program."""
    output: str = ""
    """run mode: what the program printed; nothing where that passed a limit."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", safe_text(self.detail))  # it may hold words of the program


@dataclass(frozen=True)
class Outcome:
    """The answer to a job. `error` means that it could not be judged; it is never a statement on the program."""

    verdict: JobVerdict
    tests: tuple[TestResult, ...] = ()
    isolation: str = "none"
    """Isolation level at which the program ran, decided by attacks (see `probe.py`)."""
    reason: str = ""
    seconds: float = 0.0
    """Wall seconds from the start of the run to the verdict."""
    is_retryable: bool = False
    """True for an `error` of the infrastructure: another try may judge the job. False: no try can."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", safe_text(self.reason))


def error_outcome(reason: str, isolation: str = "none") -> Outcome:
    """An `error` of the infrastructure, which may pass. A job that no try can judge gets Outcome("error",
    reason=...)."""
    return Outcome("error", reason=reason, isolation=isolation, is_retryable=True)


def validate_program(job: Job) -> Job:
    """Check the program alone, of a job whose tests have been checked."""
    if len(job.code.encode(errors="surrogatepass")) > MAX_CODE_BYTES:
        raise InvalidJob("code", f"{len(job.code)} characters", f"at most {MAX_CODE_BYTES} bytes")
    return job


def validate_job(job: Job) -> Job:
    """Check a job built in Python or read from JSON; InvalidJob names the field."""
    if job.language not in LANGUAGES:
        raise InvalidJob("language", job.language, f"one of {', '.join(LANGUAGES)}")
    validate_program(job)
    if job.mode not in MODES:
        raise InvalidJob("mode", job.mode, f"one of {', '.join(MODES)}")
    if job.language != "python" and job.mode not in ("stdin", "run"):
        raise InvalidJob("mode", job.mode, f"run or stdin, for a program in {job.language}")
    if job.mode == "call" and not (job.entry_point and job.entry_point.isidentifier()):
        raise InvalidJob("entry_point", job.entry_point, "the name of the function that call mode calls")
    if job.entry_point is not None and len(job.entry_point) > _MAX_NAME_CHARACTERS:
        raise InvalidJob("entry_point", job.entry_point, f"at most {_MAX_NAME_CHARACTERS} characters")
    if job.mode == "asserts":
        _check_count("asserts", len(job.asserts))
        if not isinstance(job.setup, str):
            raise InvalidJob("setup", job.setup, "a string holding Python (asserts mode)")
    else:
        _check_count("tests", len(job.tests))
        for index, test in enumerate(job.tests):
            _check_test(f"tests[{index}]", test, job.mode)
    _check_number("limits.time_s", job.limits.time_seconds, 0.01, 300.0)
    _check_number("limits.memory_mb", job.limits.memory_mb, 32, 65536)
    for name in ("memory_mb", "output_bytes"):
        if not isinstance(getattr(job.limits, name), int):
            raise InvalidJob(f"limits.{name}", getattr(job.limits, name), "a whole number")
    _check_number("limits.output_bytes", job.limits.output_bytes, 1, 1 << 28)
    if fault := harness_fault(job.harness, job.language, job.mode):
        raise InvalidJob(f"harness.{fault[0]}", fault[1], fault[2])
    if job.compare.float_tol is not None:
        _check_number("compare.float_tol", job.compare.float_tol, 0.0, 1.0)
    return job


def _check_test(where: str, test: TestCase, mode: Mode) -> None:
    if mode == "call" and not isinstance(test.input, list | tuple):
        raise InvalidJob(f"{where}.input", test.input, "a list of arguments (call mode)")
    if mode == "run" and test.output is not None:
        raise InvalidJob(f"{where}.output", test.output, "nothing (run mode compares no output)")
    if mode == "run" and not isinstance(test.input, str):
        raise InvalidJob(f"{where}.input", test.input, "a string (run mode)")
    for name, value in (("input", test.input), ("output", test.output)):
        if mode == "stdin" and not isinstance(value, str):
            raise InvalidJob(f"{where}.{name}", value, "a string (stdin mode)")
        if mode == "call" and (fault := value_fault(value)):
            raise InvalidJob(f"{where}.{name}", value, f"plain data; this value is not: {fault}")


def _check_count(name: str, count: int) -> None:
    if not 1 <= count <= MAX_TESTS:
        raise InvalidJob(name, f"{count} entries", f"1 to {MAX_TESTS} entries")


def _check_number(name: str, value: object, low: float, high: float) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidJob(name, value, f"a number from {low:g} to {high:g}")
