"""Programs: where the verifier `code` finds the tests of each published set (docs/data_forms.md)."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openqwq.training.errors import RecipeError
from openqwq.training.prompts.forms.form import Form, Outside, Row, Unusable

DAY = re.compile(r"\d{4}-\d\d-\d\d")
ASKED = (
    "You will be given a question (problem specification) and will generate a correct Python program that matches the "
    "specification and passes all tests."
)
STARTED = (
    "You will use the following starter code to write the solution to the problem and enclose your code within "
    "delimiters."
)
READS_INPUT = (
    "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the sample "
    "inputs). Enclose your code within delimiters as follows. Ensure that when the python program runs, it reads the "
    "inputs, runs the algorithm and writes output to STDOUT."
)


def _tests(prompt: str, reference: str | Mapping[str, str], *optional: str) -> Callable[[Row], dict[str, Any]]:
    """`optional`: columns of a reference that not every version of the set has."""

    def read(row: Row) -> dict[str, Any]:
        if isinstance(reference, str):
            return {"prompt": row[prompt], "reference": row[reference]}
        held = {ours: row[theirs] for ours, theirs in reference.items()}
        return {"prompt": row[prompt], "reference": held | {name: row[name] for name in optional if name in row}}

    return read


def _eurus(row: Row) -> dict[str, Any]:
    if row.get("ability") == "math":
        raise Unusable("its ability is math; a second source with form eurus_math reads those")
    return {"prompt": row["prompt"], "reference": row["reward_model"]}


def _livecodebench(row: Row, window: Sequence[Any] | None = None, wording: str = "bare") -> dict[str, Any]:
    """`window`: first day of contests and the day behind the last. `wording`: `bare`, or the question in the words of
    LiveCodeBench's prompt for reasoning models, which say whether starter code or standard input counts."""
    if window is not None:
        start, stop = _days(window)
        if row["contest_date"] is None:
            raise Unusable("it has no contest_date")
        if not start <= str(row["contest_date"])[:10] < stop:
            raise Outside(f"its contest_date is {row['contest_date']}")
    found = LIVECODEBENCH(row)
    if wording == "bare":
        return found
    if wording != "qwq":
        raise RecipeError(f"option wording of form livecodebench is 'bare' or 'qwq', got {wording!r}")
    starter = row.get("starter_code")
    way, code = (STARTED, starter) if starter else (READS_INPUT, "# YOUR CODE HERE")
    text = f"{ASKED}\n\nQuestion: {row['question_content']}\n\n{way}\n```python\n{code}\n```\n\n"
    return found | {"prompt": text}


def _days(window: Sequence[Any]) -> tuple[str, str]:
    days = [str(day) for day in window] if isinstance(window, list | tuple) else []
    if len(days) != 2 or not all(map(DAY.fullmatch, days)) or days[0] >= days[1]:
        raise RecipeError(f"option window of form livecodebench is [first day, day behind the last], got {window!r}")
    return days[0], days[1]


def _mbpp(row: Row, shows_tests: bool = False) -> dict[str, Any]:
    """`shows_tests`: the asserts stand below the task, without which nobody can know the name of the function."""
    found = MBPP(row)
    tests = "\n".join(row["test_list"]) if shows_tests else ""
    return found | {"prompt": f"{found['prompt']}\nYour code should pass these tests:\n\n{tests}"} if tests else found


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


LIVECODEBENCH = _tests("question_content", _same("public_test_cases", "private_test_cases"), "metadata", "starter_code")
MBPP = _tests("text", {"test_list": "test_list", "solution": "code"}, "test_setup_code", "test_imports")
HUMANEVAL = _tests("prompt", _same("prompt", "test", "entry_point") | {"solution": "canonical_solution"})

FORMS = {
    "apps": Form(
        "codeparrot/apps",
        ("problem_id", "question", "input_output"),
        _tests("question", {"tests": "input_output"}, "starter_code"),
    ),
    "taco": Form(
        "BAAI/TACO",
        ("question", "input_output", "time_limit"),
        _tests("question", {"tests": "input_output"}, "starter_code", "time_limit", "memory_limit"),
    ),
    "codecontests": Form(
        "deepmind/code_contests",
        ("description", "public_tests", "private_tests"),
        _tests(
            "description",
            _same("public_tests", "private_tests"),
            "generated_tests",
            "time_limit",
            "input_file",
            "output_file",
        ),
    ),
    "livecodebench": Form(
        "livecodebench/code_generation_lite",
        ("question_content", "public_test_cases", "private_test_cases"),
        _livecodebench,
        ("window", "wording"),
    ),
    "leetcode": Form(
        "newfacade/LeetCodeDataset",
        ("query", "test", "entry_point"),
        _tests("query", _same("test", "entry_point"), "prompt"),
    ),
    "mbpp": Form(
        "google-research-datasets/mbpp",
        ("text", "test_list"),
        _mbpp,
        ("shows_tests",),
    ),
    "acecode": Form("TIGER-Lab/AceCode-87K", ("question", "test_cases"), _tests("question", {"asserts": "test_cases"})),
    "humaneval": Form("openai/openai_humaneval", ("task_id", "prompt", "test", "entry_point"), HUMANEVAL),
    "humaneval_plus": Form("evalplus/humanevalplus", ("task_id", "prompt", "test", "entry_point"), HUMANEVAL),
    "kodcode": Form(
        "KodCode/KodCode-V1", ("question", "test", "solution"), _tests("question", _same("test", "solution"))
    ),
    "eurus": Form("PRIME-RL/Eurus-2-RL-Data", ("data_source", "prompt", "ability", "reward_model"), _eurus),
    "synthetic1": Form(
        "PrimeIntellect/SYNTHETIC-1",
        ("prompt", "verification_info", "gold_standard_solution"),
        _tests("prompt", "verification_info"),
    ),
    "open_r1": Form(
        "open-r1/verifiable-coding-problems-python",
        ("prompt", "verification_info"),
        _tests("prompt", "verification_info"),
    ),
    "deepcoder": Form(
        "agentica-org/DeepCoder-Preview-Dataset", ("problem", "tests"), _tests("problem", _same("tests"))
    ),
    "codeforces": Form(
        "open-r1/codeforces",
        ("description", "official_tests"),
        _tests("description", _same("official_tests"), "generated_checker", "time_limit", "memory_limit", "input_mode"),
    ),
}
