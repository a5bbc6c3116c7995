"""Problems of mathematics with one final answer."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openqwq.training.prompts.forms.form import Form, Row, Unusable, inside
from openqwq.verifiers.answers import last_boxed

NO_ANSWERS = frozenset({"", "proof", "notfound", "not found", "none", "n/a"})
"""What NuminaMath-1.5 and sets made from it write in place of an answer."""
QUESTIONS = ("problem", "question", "query", "prompt", "input", "instruction", "Problem", "Question", "text")
ANSWERS = (
    *("answer", "final_answer", "expected_answer", "ground_truth", "reference_answer", "target", "Answer", "label"),
)
SOLUTIONS = ("solution", "response", "completion", "output", "generated_solution", "r1_solution_1", "Solution")
DAPO_BEFORE = (
    "Solve the following math problem step by step. The last line of your response should be of the form Answer: "
)
DAPO_AFTER = 'Remember to put your answer on its own line after "Answer:".'


def _problem(prompt: Any, answer: Any, solution: Any = None, **others: Any) -> dict[str, Any]:
    if answer is None or str(answer).strip().lower() in NO_ANSWERS:
        raise Unusable(f"it has no final answer ({answer!r})")
    row = {"prompt": prompt, "reference": {"answer": answer}, **others}
    return row if solution is None else {**row, "completion": solution}


def _columns(prompt: str, answer: str, solution: str | None = None) -> Callable[[Row], dict[str, Any]]:
    def read(row: Row) -> dict[str, Any]:
        if row.get("problem_is_valid") not in (None, "Yes", True):
            raise Unusable(f"problem_is_valid is {row['problem_is_valid']!r}")
        return _problem(row[prompt], row[answer], row.get(solution) if solution else None)

    return read


def _boxed(prompt: str, solution: str) -> Callable[[Row], dict[str, Any]]:
    """The answer is the last box of the solution, where the row has no column for it."""

    def read(row: Row) -> dict[str, Any]:
        worked = str(row[solution])
        answer = row["answer"] if row.get("answer") is not None else last_boxed(worked)
        if answer is None:
            raise Unusable("its solution boxes no answer")
        return _problem(row[prompt], answer, worked)

    return read


def _question_answer(row: Row) -> dict[str, Any]:
    """Whatever asks one question and holds one answer, by the usual names of columns."""
    asked = next((name for name in QUESTIONS if row.get(name)), None)
    answered = next((name for name in ANSWERS if row.get(name) not in (None, "")), None)
    worked = next((row[name] for name in SOLUTIONS if isinstance(row.get(name), str)), None)
    if asked is None:
        raise KeyError(" or ".join(QUESTIONS))
    answer = row[answered] if answered is not None else last_boxed(str(worked or ""))
    if answer is None and worked is None:
        raise KeyError(" or ".join(ANSWERS))
    return _problem(row[asked], _only(answer), worked)


def _gsm8k(row: Row) -> dict[str, Any]:
    _, hashes, answer = str(row["answer"]).rpartition("####")
    if not hashes:
        raise Unusable("its answer has no line '#### N'")
    return _problem(row["question"], answer.strip().replace(",", ""), row["answer"])


def _svamp(row: Row) -> dict[str, Any]:
    body, question = str(row["Body"]).strip(), str(row["Question"]).strip()
    return _problem(f"{body}{'' if body.endswith(('.', '?', '!')) else '.'} {question}", row["Answer"])


def _verl(row: Row) -> dict[str, Any]:
    """verl's layout: a chat, `reward_model.ground_truth`, and in `extra_info` what names the row."""
    truth = inside(row, "reward_model.ground_truth")
    found = _problem(row["prompt"], _only(truth))
    info = row.get("extra_info")
    if isinstance(info, Mapping) and info.get("index") is not None:
        found["id"] = "/".join(str(part) for part in (row.get("data_source"), info.get("split"), info["index"]) if part)
    return found


def _only(truth: Any) -> Any:
    """Skywork-OR1 writes its answers as a text of a JSON list of one."""
    if isinstance(truth, str) and truth.startswith("[") and truth.endswith("]"):
        try:
            listed = json.loads(truth)
        except ValueError:
            return truth
        return listed[0] if len(listed) == 1 and isinstance(listed[0], str) else truth
    if isinstance(truth, list) and len(truth) == 1:
        return truth[0]
    return truth


def _dapo(row: Row) -> dict[str, Any]:
    """As verl's; the sentences around the problem, which ask for a form of the answer, are the recipe's to write."""
    found = _verl(row)
    text = found["prompt"] if isinstance(found["prompt"], str) else found["prompt"][-1]["content"]
    if text.startswith(DAPO_BEFORE):
        text = text.partition("\n\n")[2]
    return found | {"prompt": text.strip().removesuffix(DAPO_AFTER).strip()}


def _orz(row: Row) -> dict[str, Any]:
    """A chat of the problem and of a turn that holds the truth."""
    turns: Sequence[Mapping[str, Any]] = row["conversations"]
    asked = next(turn["value"] for turn in turns if turn["from"] == "human")
    return _problem(asked, next(inside(turn, "ground_truth.value") for turn in turns if turn["from"] == "assistant"))


def _rlvr(row: Row) -> dict[str, Any]:
    """Tulu 3's RLVR rows: math by an answer; instructions, whose rules are functions of another code, are left out."""
    if str(row["dataset"]).lower() not in ("gsm8k", "math"):
        raise Unusable(f"its data set {row['dataset']!r} is none of gsm8k, math")
    return _problem([turn for turn in row["messages"] if turn["role"] != "assistant"], row["ground_truth"])


def _eurus(row: Row) -> dict[str, Any]:
    if row["ability"] != "math":
        raise Unusable(f"its ability is {row['ability']}; a second source with form eurus reads code")
    return _verl(row)


def _olympiad(row: Row) -> dict[str, Any]:
    answers = row["final_answer"]
    if not isinstance(answers, list) or len(answers) != 1:
        raise Unusable(f"it has {len(answers) if isinstance(answers, list) else 'no'} final answers")
    return _problem(row["question"], answers[0])


FORMS = {
    "question_answer": Form("sets with one question and one answer", ("a column for each of them",), _question_answer),
    "gsm8k": Form("openai/gsm8k", ("question", "answer"), _gsm8k),
    "math": Form("EleutherAI/hendrycks_math", ("problem", "solution", "level", "type"), _boxed("problem", "solution")),
    "math500": Form(
        "HuggingFaceH4/MATH-500",
        ("problem", "solution", "answer", "subject"),
        _columns("problem", "answer", "solution"),
    ),
    "dapo_math": Form(
        "BytedTsinghua-SIA/DAPO-Math-17k", ("data_source", "prompt", "ability", "reward_model", "extra_info"), _dapo
    ),
    "deepscaler": Form(
        "agentica-org/DeepScaleR-Preview-Dataset",
        ("problem", "answer", "solution"),
        _columns("problem", "answer", "solution"),
    ),
    "big_math": Form(
        "SynthLabsAI/Big-Math-RL-Verified",
        ("problem", "answer", "source", "domain", "llama8b_solve_rate"),
        _columns("problem", "answer"),
    ),
    "numina_cot": Form("AI-MO/NuminaMath-CoT", ("source", "problem", "solution"), _boxed("problem", "solution")),
    "numina": Form(
        "AI-MO/NuminaMath-1.5",
        ("problem", "solution", "answer", "problem_type", "question_type"),
        _columns("problem", "answer", "solution"),
    ),
    "openr1_math": Form(
        "open-r1/OpenR1-Math-220k",
        ("problem", "solution", "answer", "problem_type", "generations"),
        _columns("problem", "answer", "solution"),
    ),
    "orz": Form("Open-Reasoner-Zero/orz_math_57k_collection", ("conversations",), _orz),
    "skywork_or1": Form("Skywork/Skywork-OR1-RL-Data", ("data_source", "prompt", "reward_model"), _verl),
    "eurus_math": Form("PRIME-RL/Eurus-2-RL-Data", ("data_source", "prompt", "ability", "reward_model"), _eurus),
    "verl": Form("rows that verl's examples write", ("prompt", "reward_model"), _verl),
    "polaris": Form(
        "POLARIS-Project/Polaris-Dataset-53K", ("problem", "answer", "difficulty"), _columns("problem", "answer")
    ),
    "omni_math": Form(
        "KbsdJames/Omni-MATH", ("problem", "answer", "solution", "domain"), _columns("problem", "answer", "solution")
    ),
    "olympiad": Form("Hothan/OlympiadBench", ("question", "final_answer"), _olympiad),
    "aime": Form("Maxwell-Jia/AIME_2024", ("ID", "Problem", "Answer"), _columns("Problem", "Answer", "Solution")),
    "svamp": Form("ChilleD/SVAMP", ("Body", "Question", "Answer"), _svamp),
    "rlvr": Form("allenai/RLVR-GSM-MATH-IF-Mixed-Constraints", ("messages", "ground_truth", "dataset"), _rlvr),
}
