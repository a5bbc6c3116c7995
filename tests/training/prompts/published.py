"""Rows in the layout of each published form that is no program, of our own content."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

PROBLEM, SOLUTION = "What is 3/4 of 12, minus 10?", "A quarter is 3, so it is $9-10=\\boxed{-1}$."
RIGHT, WRONG = ("So \\boxed{-1}.",), ("So \\boxed{1}.", "I do not know.", "")
ASKED = [{"content": PROBLEM, "role": "user"}]
DAPO = (
    "Solve the following math problem step by step. The last line of your response should be of the form Answer: "
    "$Answer (without quotes) where $Answer is the answer to the problem.\n\n" + PROBLEM + "\n\n"
    'Remember to put your answer on its own line after "Answer:".'
)
WEATHER = {"name": "weather", "description": "Of a day.", "parameters": {
    "city": {"description": "Where.", "type": "str"},
    "days": {"description": "How many.", "type": "int, optional", "default": 1},
}}  # fmt: skip
CALLED = '<tool_call>\n{"name": "weather", "arguments": {"city": "Bern"}}\n</tool_call>'
ELSEWHERE = CALLED.replace("Bern", "Rome")


@dataclass(frozen=True)
class Row:
    """A row of a form, answers that are right and wrong, and rows that the form leaves out."""

    form: str
    row: Any
    right: tuple[str, ...] = RIGHT
    wrong: tuple[str, ...] = WRONG
    left_out: tuple[Any, ...] = ()


def _verl(truth: Any, prompt: Any = ASKED, **more: Any) -> dict[str, Any]:
    return {"data_source": "set", "prompt": prompt, "ability": "math",
            "reward_model": {"style": "rule", "ground_truth": truth}, "extra_info": {"index": 4, "split": "train"},
            **more}  # fmt: skip


def _numina(answer: str, **more: Any) -> dict[str, Any]:
    return {"problem": PROBLEM, "solution": SOLUTION, "answer": answer, "problem_type": "Algebra",
            "question_type": "math-word-problem", "source": "olympiads", "problem_is_valid": "Yes", **more}  # fmt: skip


MATH = (
    Row("question_answer", {"question": PROBLEM, "final_answer": "-1", "difficulty": 3.0, "r1_solution_1": "so"}),
    Row("question_answer", {"problem": PROBLEM, "expected_answer": "$-1$", "generated_solution": SOLUTION}),
    Row("question_answer", {"input": PROBLEM, "target": -1.0}),
    Row("question_answer", {"query": PROBLEM, "response": SOLUTION},
        left_out=({"query": PROBLEM, "response": "no box"}, {"query": PROBLEM, "answer": "proof"})),
    Row("gsm8k", {"question": "How many?", "answer": "He has 500*3=<<500*3=1500>>1500.\n#### 1,500"},
        ("\\boxed{1500}", "\\boxed{1,500}"), ("\\boxed{500}",), ({"question": "q", "answer": "no end"},)),
    Row("math", {"problem": PROBLEM, "level": "Level 1", "type": "Algebra", "solution": SOLUTION},
        left_out=({"problem": "p", "level": "", "type": "", "solution": "no box"},)),
    Row("math500", {"problem": PROBLEM, "solution": SOLUTION, "answer": "-1", "subject": "Algebra", "level": 1,
                    "unique_id": "test/1"}),
    Row("dapo_math", _verl("-1", [{"content": DAPO, "role": "user"}])),
    Row("dapo_math", {**_verl("-1", PROBLEM), "solution": "-1"}),
    Row("deepscaler", {"problem": PROBLEM, "answer": "-1", "solution": SOLUTION}),
    Row("big_math", {"problem": PROBLEM, "answer": "-1", "source": "gsm8k", "domain": ["Algebra"],
                     "llama8b_solve_rate": 0.5}),
    Row("numina_cot", {"source": "aops", "problem": PROBLEM, "solution": SOLUTION,
                       "messages": [*ASKED, {"role": "assistant", "content": SOLUTION}]}),
    Row("numina", _numina("-1"),
        left_out=(_numina("proof"), _numina("notfound"), _numina("-1", problem_is_valid="No"))),
    Row("openr1_math", {**_numina("-1"), "generations": ["<think>"], "correctness_math_verify": [True]}),
    Row("orz", [{"from": "human", "value": PROBLEM}, {"from": "assistant", "ground_truth": {"value": "-1"}}]),
    Row("skywork_or1", _verl('["-1"]')),
    Row("eurus_math", _verl("-1"), left_out=({**_verl("[]"), "ability": "code"},)),
    Row("verl", _verl("-1")),
    Row("verl", {**_verl("-1"), "reward_model": json.dumps({"ground_truth": "-1"})}),
    Row("polaris", {"problem": PROBLEM, "answer": "-1", "difficulty": "4/8"}),
    Row("omni_math", {"problem": PROBLEM, "answer": "-1", "solution": SOLUTION, "domain": ["Algebra"]}),
    Row("olympiad", {"id": 7, "question": PROBLEM, "solution": [SOLUTION], "final_answer": ["-1"]},
        left_out=({"id": 8, "question": "q", "final_answer": ["1", "2"]},
                  {"id": 9, "question": "q", "final_answer": None})),
    Row("aime", {"ID": "2024-I-1", "Problem": PROBLEM, "Solution": SOLUTION, "Answer": -1}),
    Row("svamp", {"ID": "chal-1", "Body": "Ann has 9 figs", "Question": "How many are left after 10?",
                  "Equation": "(9-10)", "Answer": "-1", "Type": "Subtraction"}),
    Row("rlvr", {"messages": ASKED, "ground_truth": "-1", "dataset": "MATH", "constraint": None},
        left_out=({"messages": ASKED, "ground_truth": "{}", "dataset": "ifeval"},)),
)  # fmt: skip
TOOLS = (
    Row("xlam", {"id": 3, "query": "Weather in Bern?", "tools": json.dumps([WEATHER]),
                 "answers": json.dumps([{"name": "weather", "arguments": {"city": "Bern"}}])},
        (CALLED,), (ELSEWHERE, "It is sunny.", "")),
    Row("bfcl", {"id": "simple_0", "question": [[{"role": "user", "content": "Weather in Bern?"}]],
                 "function": [{"name": "weather", "description": "", "parameters": {
                     "type": "dict", "properties": {"city": {"type": "string"}}, "required": ["city"]}}],
                 "ground_truth": [{"weather": {"city": ["Bern", "Berne"]}}]},
        (CALLED, CALLED.replace("Bern", "Berne")), (ELSEWHERE, "")),
    Row("ifeval", {"key": 1, "prompt": "Write without commas.", "instruction_id_list": ["punctuation:no_comma"],
                   "kwargs": [{"num_words": None}]}, ("No commas here.",), ("Well, no.",)),
    Row("iftrain", {"key": "a1", "messages": ASKED, "constraint": "Use no comma.", "constraint_type": "multi",
                    "ground_truth": "[{'instruction_id': ['punctuation:no_comma'], 'kwargs': [None]}]"},
        ("No commas here.",), ("Well, no.",)),
)  # fmt: skip
CHOICES = (
    Row("gpqa", {"Question": "Which one is prime?", "Correct Answer": "5\n", "Incorrect Answer 1": "4",
                 "Incorrect Answer 2": "6", "Incorrect Answer 3": "8", "Subdomain": "Numbers", "Record ID": "rec1"},
        ("The answer is 5.", "\\boxed{5}"), ("The answer is 6.", "\\boxed{A or B}", ""),
        ({"Question": "q", "Correct Answer": "", "Incorrect Answer 1": "4", "Incorrect Answer 2": "6",
          "Incorrect Answer 3": "8"},)),
)  # fmt: skip
CHATS = (
    Row("messages", {"prompt": "q", "prompt_id": "1", "category": "Open",
                     "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "said"}]}),
    Row("sharegpt", {"id": "1", "conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "q"},
                                                  {"from": "gpt", "value": "said"}], "tools": "[]"},
        left_out=({"conversations": [{"from": "narrator", "value": "?"}]},)),
    Row("openthoughts", {"system": "s", "conversations": [
        {"from": "user", "value": "q"},
        {"from": "assistant", "value": "<|begin_of_thought|>\n\nhm\n\n<|end_of_thought|>\n\n"
                                       "<|begin_of_solution|>\n\nsaid\n\n<|end_of_solution|>"}]},
        ("<think>\nhm\n</think>\n\nsaid",)),
    Row("alpaca", {"instruction": "q", "input": "more", "output": "said", "text": "q"}),
    Row("s1k", {"question": "q", "thinking_trajectories": ["hm"], "attempt": "said", "solution": "x"},
        ("<think>\nhm\n</think>\n\nsaid",)),
    Row("s1k", {"question": "q", "deepseek_thinking_trajectory": "hm", "deepseek_attempt": "said", "solution": "x"},
        ("<think>\nhm\n</think>\n\nsaid",)),
)  # fmt: skip


def _livebench(task: str, gold: Any, **more: Any) -> dict[str, Any]:
    return {"question_id": f"{task}-1", "category": "reasoning", "ground_truth": gold, "turns": ["q"], "task": task,
            "livebench_release_date": "2024-07-26", "livebench_removal_date": "", "level": None, **more}  # fmt: skip


BENCHES = (
    Row("livebench", _livebench("spatial", "7"), ("It is **7**.",), ("It is **8**.", "7 or so", ""),
        (_livebench("spatial", "7", livebench_removal_date="2024-11-25"),
         _livebench("spatial", "7", livebench_release_date="2025-04-02"),
         _livebench("LCB_generation", None, category="coding"), _livebench("spatial", "7", turns=["a", "b"]))),
    Row("livebench_all", _livebench("sudoku", "12.4", livebench_release_date="2025-05-30"),
        ("<solution>1 2 . 4</solution>",), ("<solution>1234</solution>", "")),
)  # fmt: skip
_Q = [{"role": "user", "content": "q"}]


def _side(text: str) -> list[dict[str, str]]:
    return [*_Q, {"role": "assistant", "content": text}]


_HH = "\n\nHuman: hi\n\nAssistant: yes?\n\nHuman: q\n\nAssistant: "
PAIRS = (
    Row("ultrafeedback", {"prompt": "q", "prompt_id": "1", "chosen": _side("good"), "rejected": _side("bad"),
                          "messages": _side("good"), "score_chosen": 8.0, "score_rejected": 2.0}),
    Row("chat_pairs", {"chosen": _side("good"), "rejected": _side("bad"), "source": "x"},
        left_out=({"chosen": _side("good"), "rejected": [{"role": "user", "content": "other"}, *_side("x")[1:]]},)),
    Row("hh_rlhf", {"chosen": f"{_HH}good", "rejected": f"{_HH}bad"},
        left_out=({"chosen": "good", "rejected": "bad"},)),
    Row("orca_pairs", {"system": "", "question": "q", "chosen": "good", "rejected": "bad"}),
    Row("orca_pairs", {"system": "s", "question": "q", "chosen": "good", "rejected": "bad"}),
    Row("safe_rlhf", {"prompt": "q", "response_0": "bad", "response_1": "good", "better_response_id": 1}),
    Row("safe_rlhf", {"prompt": "q", "response_0": "good", "response_1": "bad", "better_response_id": 0}),
    Row("helpsteer3", {"context": _Q, "response1": "good", "response2": "bad", "overall_preference": -2},
        left_out=({"context": _Q, "response1": "a", "response2": "b", "overall_preference": 0},)),
    Row("helpsteer3", {"context": _Q, "response1": "bad", "response2": "good", "overall_preference": 1}),
    Row("shp", {"history": "q", "human_ref_A": "good", "human_ref_B": "bad", "labels": 1}),
    Row("shp", {"history": "q", "human_ref_A": "bad", "human_ref_B": "good", "labels": 0}),
)  # fmt: skip
