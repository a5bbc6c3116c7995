"""The benchmarks run and report what must hold; their figures are no test's business."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DEADLINE_SECONDS = 600.0
"""Only for what hangs."""
PROGRAMS = ("one_stdin_test", "ten_call_tests")
ROOT = Path(__file__).absolute().parents[2]
CASE = {"id": "one", "category": "reward_hack", "must_hold": ["server still answers"]}
RIGHT = {"code": "print(input())", "tests": [{"input_expr": "'a' * 9", "output": "aaaaaaaaa"}]}
PLACEHOLDER = {"code": "open('{{CANARY_FILE}}'); print('out')", "tests": [{"input": "", "output": "out"}]}


def run(name: str, *words: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", f"benchmarks.{name}", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_throughput_passes_every_program_in_every_way() -> None:
    status, report = run(
        "sandbox_throughput", "--seconds", "0.1", "--rounds", "1", "--clients", "4", "--programs", *PROGRAMS
    )
    assert (status, report["violations"]) == (0, [])
    assert all(figure["programs_per_second"]["median"] > 0 for figure in report["figures"].values())


def test_the_split_of_a_test_names_what_every_stage_used() -> None:
    status, report = run("sandbox_split", "--tests", "20", "--traced-tests", "2")
    assert (status, report["violations"]) == (0, [])
    stages = ["fork", "settle", "files", "lock", "order", "program", "finish", "exit"]
    for program in report["programs"].values():
        assert [name for name in program["stages"] if not name.startswith("worker")] == stages
        assert all(stage["cpu_us"] > 0 for stage in program["stages"].values())
        assert program["without_marks"]["all_us"] > 0
    assert report["bare_jail"]["process_us"] > 0


def test_a_short_soak_with_a_killed_worker_leaves_nothing() -> None:
    words = (
        "--programs",
        "40",
        "--warm-programs",
        "5",
        "--settle-seconds",
        "60",
        "--replacements",
        "1",
        "--shared-machine",
    )
    status, report = run("sandbox_soak", *words)
    assert (status, report["violations"]) == (0, [])
    assert (report["num_lost"], report["num_wrong_verdicts"]) == (0, 0)


def test_cases_of_a_file_are_judged_and_a_wrong_label_is_reported(tmp_path: Path) -> None:
    cases = [CASE | RIGHT | {"expected": "pass"}, CASE | RIGHT | {"id": "two", "expected": "fail"}]
    cases += [CASE | PLACEHOLDER | {"id": "three", "expected": "fail"}]
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join(map(json.dumps, cases)))
    status, report = run("sandbox_cases", "--cases", str(file))
    assert (status, report["violations"]) == (1, ["two (stdin)"])
    assert report["total"] == {"runs": 3, "hacks rewarded": 1, "correct refused": 0, "host effects": 0, "errors": 0}


def test_the_math_verifier_is_right_on_the_corpus_and_on_bombs() -> None:
    status, report = run("math_accuracy", "--peer", "off", "--only", "fraction", "think", "--processes", "1")
    assert (status, report["violations"]) == (0, [])
    assert report["cases"]["ours"]["all"]["accuracy"] == 1.0
    status, report = run("math_bombs", "--peer", "off", "--only", "tower", "parentheses", "many boxes")
    assert (status, report["violations"]) == (0, [])
    assert report["ours"]["right"] == 3


def test_the_math_verifier_is_measured_beside_its_peer(tmp_path: Path) -> None:
    rows = [
        {"id": f"{category}-{n}", "category": category, "gold": f"{n}", "response": f"\\boxed{{{n}}}", "correct": True}
        for category in ("qwen_math_cot", "gsm8k_gpt3")
        for n in range(5)
    ]
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    words = ("--labelled", str(file), "--rounds", "1", "--processes", "1", "--mixes", "rollouts")
    _, report = run("math_throughput", *words)
    assert report["rollouts"]["ratio"] > 0


def test_the_math_verifier_is_held_against_random_algebra() -> None:
    status, report = run("math_differential", "--pairs", "60", "--peer", "off", "--processes", "1")
    assert (status, report["violations"]) == (0, [])
    assert report["ours"]["all"] == {"pairs": 60, "accuracy": 1.0}


def test_formulas_are_judged_right_and_timed_by_kind() -> None:
    _, report = run("math_formulas", "--equations", "36", "--expressions", "20")
    assert report["wrong"] == []
    assert (report["equations"]["pairs"], report["expressions"]["pairs"]) == (36, 20)
    assert set(report["equations_median_ms"]) >= {"circle, equal", "one variable, different"}


def test_the_math_verifier_gives_the_same_verdicts_from_everywhere() -> None:
    status, report = run("math_concurrency", "--pairs", "20", "--ray", "off")
    assert (status, report["violations"]) == (0, [])


def test_golds_are_tried_in_many_spellings_and_a_paid_mutant_fails(tmp_path: Path) -> None:
    golds = [r"\\frac{3}{4}", "n-2", "(1, 5]", "Explain why the sum of two odd numbers is never an odd number at all."]
    file = tmp_path / "golds.jsonl"
    file.write_text("\n".join(f'{{"answer": "{gold}"}}' for gold in golds))
    _, report = run("math_golds", "--golds", str(file), "--peer", "off")
    assert report["files"]["golds"]["readable"] == 0.75
    assert report["spellings"]["itself"] == {"tried": 3, "accepted": 1.0}
    assert report["mutants"]["mutants"] > 10
    assert [line for line in report["violations"] if line.startswith("mutant")] == [
        f"mutant paid: {row['gold']!r} by {row['answer']!r}" for row in report["paid_mutants"]
    ]


def test_a_difference_from_another_suite_needs_a_convention(tmp_path: Path) -> None:
    said = [("1/3", r"\boxed{0.333}", True), ("5", r"\boxed{5}", True), ("5", r"\boxed{6}", True)]
    rows = [
        {"id": f"{n}", "suite": "other", "gold": gold, "response": response, "expected": expected}
        for n, (gold, response, expected) in enumerate(said)
    ]
    file = tmp_path / "suite.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    status, report = run("math_peer_suites", "--suites", str(file), "--peer", "off")
    assert (status, report["violations"]) == (1, [r"2: '5' and '\\boxed{6}'"])
    assert report["agreement"] == {"ours": {"other": {"pairs": 3, "agree": 1}}}
    assert report["conventions"] == {"a rounding of an exact value is wrong": 1, "no convention": 1}


TOGETHER = {
    "logprob_head": "--rounds 1 --vocabulary 4000 --hidden 32 --time-tokens 64 --memory-tokens 64",
    "rollout_throughput": "--rounds 1 --rows 4 --tokens 12 --least 0",
    "token_drawing": "--rounds 1 --repeats 1 --rows 2 --most 9 --shapes 49152_words_135M",
    "packing": "--rounds 1 --groups 3 --group 3 --mean-log 3",
    "rollout_schedules": "--rounds 1 --steps 2 --warm-up 1 --token-seconds 0.0005 --update-seconds 0.05 "
    "--verdict-token-seconds 0.002",
    "critic_helps": "--seeds 1 --steps 1 --digits 3",
    "tool_latency": "--rounds 1 --samples 3 --many 2 --turns 1 --slow 0.05 --short 0.02 --step-seconds 0 "
    "--prefill-seconds 0 --most 99 --least 0",
    "grpo_step": "--rounds 1 --prompts 2 --group 2 --tokens 8",
}
"""Benchmarks that pay for importing torch: one process runs them all, each writes what it prints to a file."""
RUN_TOGETHER = """
import contextlib, importlib, json, pathlib, sys
for name, words in json.loads(sys.argv[1]).items():
    with pathlib.Path(sys.argv[2], name).open("w") as file, contextlib.redirect_stdout(file):
        importlib.import_module(f"benchmarks.{name}").main(words.split())
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("reports")
    command = [sys.executable, "-c", RUN_TOGETHER, json.dumps(TOGETHER), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: json.loads((folder / name).read_text()) for name in TOGETHER}


def test_the_log_prob_head_is_measured_beside_its_peers(reports: dict[str, Any]) -> None:
    report = reports["logprob_head"]
    assert set(report["largest_error"]) == set(report["extra_peak_mib"]) - {"tokens"} == {"ours", "naive", "trl"}
    assert report["largest_error"]["ours"] < 1e-4


def test_rollouts_are_measured_beside_generate_and_say_the_same(reports: dict[str, Any]) -> None:
    report = reports["rollout_throughput"]
    assert (report["same_greedy_rows"], report["violations"]) == ("4/4", [])


def test_draws_are_measured_beside_the_step_that_they_follow(reports: dict[str, Any]) -> None:
    report = reports["token_drawing"]
    assert report["violations"] == [] and set(report["49152_words_135M"]["part_of_a_step"]) == {"plain", "qwq"}


def test_packed_updates_have_the_gradient_of_padded_ones(reports: dict[str, Any]) -> None:
    report = reports["packing"]
    assert max(report["gradient_gap_to_padded"]["float64"].values()) < 1e-6
    assert report["computed_per_real_token"]["shared"] < report["computed_per_real_token"]["padded"]


def test_schedules_are_measured_within_their_bounds(reports: dict[str, Any]) -> None:
    report = reports["rollout_schedules"]
    assert all(report["largest_staleness"][name] <= bound for name, bound in report["staleness_bound"].items())


def test_slow_tools_are_measured_in_rounds_and_with_continuous_turns(reports: dict[str, Any]) -> None:
    report = reports["tool_latency"]
    assert report["violations"] == [] and report["throughput"]["ratio_continuous"]["median"] > 0
    assert set(report["one_call_of_many"]["seconds"]) == {
        f"{kind}, {slow} s" for kind in ("rounds", "continuous") for slow in ("0", "0.05")
    }


def test_a_critic_is_compared_with_groups(reports: dict[str, Any]) -> None:
    assert {len(reports["critic_helps"][name]["by_seed"]) for name in ("grpo", "ppo")} == {1}


def test_a_whole_step_is_measured_beside_trls(reports: dict[str, Any]) -> None:
    seconds = reports["grpo_step"]["seconds"]
    assert seconds["ours"]["median"] > 0 and seconds["trl"]["median"] > 0
