"""Programs: where the verifier `code` finds the tests of each published set (docs/data_forms.md)."""

from collections.abc import Callable, Mapping
from typing import Any

from openqwq.training.prompts.forms.form import Form, Row, Unusable


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


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


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
        _tests("question_content", _same("public_test_cases", "private_test_cases"), "metadata", "starter_code"),
    ),
    "leetcode": Form(
        "newfacade/LeetCodeDataset",
        ("query", "test", "entry_point"),
        _tests("query", _same("test", "entry_point"), "prompt"),
    ),
    "mbpp": Form(
        "google-research-datasets/mbpp",
        ("text", "test_list"),
        _tests("text", {"test_list": "test_list", "solution": "code"}, "test_setup_code", "test_imports"),
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
