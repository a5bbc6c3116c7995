"""Questions of the benchmark joined with their answers by id, as rows that training and evaluation read.

`python -m openqwq.verifiers.bfcl.rows rows.jsonl --package DIR --category multiple` writes them; a source then names
`rows.jsonl`. The verifier is `bfcl`, and of multi-turn rows the environment is `bfcl`.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.bfcl.matching import language_of
from openqwq.verifiers.bfcl.package import BACKENDS, PROMPTS, constants, package_folder

Style = Literal["hermes", "python"]
"""How calls are written: `<tool_call>` tags with JSON, or BFCL's prompt form, a list of calls in Python."""
_FILE = re.compile(r"BFCL_v\d+_(?P<category>\w+)\.json$")
_INDEX = re.compile(r"_\d[\d-]*$")


def category_of(row_id: str) -> str:
    """The category that an id of the benchmark names. Example: category_of("live_simple_7-3-0") == "live_simple"."""
    return _INDEX.sub("", row_id.partition(":")[0])


def is_multi_turn(category: str) -> bool:
    return "multi_turn" in category


def is_relevance(category: str) -> bool:
    """Whether only the presence of a call is judged: `irrelevance` wants none, `relevance` any."""
    return "relevance" in category


def bfcl_rows(
    categories: Sequence[str], package: str | None = None, style: Style = "hermes", dots_as_underscores: bool = False
) -> Iterator[dict[str, Any]]:
    """The rows of these categories in the order of their files, each as `row_of` makes it.

    Args:
        categories: names as in the package's files, such as `live_multiple`.
        package: the folder that `bfcl-eval` was installed to; None where Python finds it.
        style, dots_as_underscores: as in `row_of`.

    Raises:
        VerifierError: the package or a category is not there, or questions and answers do not fit together.
    """
    folder = package_folder(package)
    prompts = constants(folder, PROMPTS)
    for category in categories:
        for question in joined(folder, category):
            yield row_of(question, prompts, style, dots_as_underscores)


def joined(folder: Path, category: str) -> list[dict[str, Any]]:
    """The published questions of a category with `ground_truth`, and of multi-turn ones with the functions of their
    classes.

    Raises:
        VerifierError: as `bfcl_rows`.
    """
    files = {
        found["category"]: path for path in sorted((folder / "data").iterdir()) if (found := _FILE.match(path.name))
    }
    if category not in files:
        raise VerifierError(f"BFCL has no category {category!r} in {folder / 'data'}; it has {', '.join(files)}")
    file = files[category]
    version = file.name.removesuffix(f"_{category}.json")
    questions = [{**row, "version": version, "category": category} for row in _lines(file)]
    if is_multi_turn(category):
        _describe(questions, folder)
    if is_relevance(category):
        return [{**row, "ground_truth": []} for row in questions]
    answers = {row["id"]: row for row in _lines(file.parent / "possible_answer" / file.name)}
    missing = [row["id"] for row in questions if "ground_truth" not in answers.get(row["id"], {})]
    if missing or len(answers) != len(questions):
        raise VerifierError(
            f"{file.name}: {len(questions)} questions and {len(answers)} answers do not fit together by id"
            + (f"; without an answer is {missing[0]!r}" if missing else "")
        )
    return [{**row, "ground_truth": answers[row["id"]]["ground_truth"]} for row in questions]


def _lines(file: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise VerifierError(f"{file}: not readable as JSON lines: {error}") from error


def _describe(questions: Iterable[dict[str, Any]], folder: Path) -> None:
    """Give multi-turn rows the functions of their classes, without those that are held back until a turn."""
    files = constants(folder, BACKENDS)["MULTI_TURN_FUNC_DOC_FILE_MAPPING"]
    described = {name: folder / "data" / "multi_turn_func_doc" / file for name, file in files.items()}
    read: dict[str, list[dict[str, Any]]] = {}
    for row in questions:
        offered = []
        for name in row["involved_classes"]:
            if name not in described:
                raise VerifierError(f"row {row['id']!r}: no functions are described for the class {name!r}")
            offered += read.setdefault(name, read.get(name) or _lines(described[name]))
        held = row.get("missed_function", {})
        row["missed_function"] = {
            turn: [next(function for function in offered if function["name"] == name) for name in names]
            for turn, names in held.items()
        }
        names_held = {name for names in held.values() for name in names}
        row["function"] = [function for function in offered if function["name"] not in names_held]


def row_of(
    question: Mapping[str, Any],
    prompts: Mapping[str, Any] | None = None,
    style: Style = "hermes",
    dots_as_underscores: bool = False,
) -> dict[str, Any]:
    """A joined question as a row: id, prompt, tools, and a reference for the verifier `bfcl`.

    Args:
        question: as `joined` gives it. Without a `category` its id names one.
        prompts: the package's texts of prompts; needed for rows in Python's form and where functions are held back.
        style: how the model is asked to write calls. In Python's form the functions stand in the official system
            prompt, otherwise in `tools`.
        dots_as_underscores: name functions with `_` for `.`, as interfaces without dots need them.

    Raises:
        VerifierError: Python's form is asked of a row in Java or JavaScript, whose official reader is not at hand.
    """
    category = question.get("category") or category_of(str(question.get("id", "")))
    functions = question["function"]
    turns = question["question"]
    turns = turns if turns and isinstance(turns[0], list) else [turns]
    reference: dict[str, Any] = {
        "category": category,
        "version": question.get("version", ""),
        "style": style,
        "dots_as_underscores": dots_as_underscores,
        "functions": functions,
        "ground_truth": question["ground_truth"],
    }
    if is_multi_turn(category):
        reference |= {
            "involved_classes": question["involved_classes"],
            "initial_config": question["initial_config"],
            "later_turns": [_turn(question, number, turn, prompts) for number, turn in enumerate(turns)][1:],
        }
    first = list(turns[0])
    if style == "python":
        if language_of(category) != "python":
            raise VerifierError(f"category {category}: calls in {language_of(category)} are read in Hermes form only")
        first = _with_system_prompt(first, functions, _needed(prompts, question))
    tools = [_tool(function, category, dots_as_underscores) for function in functions] if style == "hermes" else []
    kind = {"kind": reference["category"]}
    return {"id": question.get("id"), "prompt": first, "tools": tools, "reference": reference, "extra": kind}


def _turn(
    question: Mapping[str, Any], number: int, turn: Sequence[Mapping[str, Any]], prompts: Mapping[str, Any] | None
) -> list[Mapping[str, Any]]:
    """The user's messages of a turn. One that offers functions held back so far shows them, as in the prompt form: a
    conversation's first tokens, where tools stand, cannot change."""
    held = question.get("missed_function", {}).get(str(number))
    if not held:
        return list(turn)
    text = _needed(prompts, question)["DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_PROMPTING"]
    return [{"role": "user", "content": text.format(functions=held)}]


def _needed(prompts: Mapping[str, Any] | None, question: Mapping[str, Any]) -> Mapping[str, Any]:
    if prompts is None:
        raise VerifierError(f"row {question.get('id')!r} needs BFCL's texts of prompts; make such rows by bfcl_rows")
    return prompts


def _with_system_prompt(
    messages: Sequence[Mapping[str, Any]], functions: Sequence[Mapping[str, Any]], prompts: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The official default prompt before the messages; a system message of the row's own follows in it."""
    style = prompts["PROMPT_STYLE_TEMPLATES"]["classic"]
    text = prompts["PROMPT_TEMPLATE_MAPPING"]["plaintext"].format(
        persona=style["persona"],
        task=style["task"],
        tool_call_format=style["tool_call_no_tag"].format(
            output_format=prompts["OUTPUT_FORMAT_MAPPING"]["python"],
            param_types=prompts["PARAM_TYPE_MAPPING"]["python"],
        ),
        multiturn_behavior=style["multiturn_behavior"],
        available_tools=style["available_tools"].format(format="json", functions=json.dumps(functions, indent=4)),
    )
    if messages and messages[0]["role"] == "system":
        return [{"role": "system", "content": f"{text}\n\n{messages[0]['content']}"}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def _tool(function: Mapping[str, Any], category: str, dots_as_underscores: bool) -> dict[str, Any]:
    shown = copy.deepcopy(dict(function))
    if dots_as_underscores:
        shown["name"] = shown["name"].replace(".", "_")
    language = language_of(category)
    if language != "python":
        for schema in shown["parameters"]["properties"].values():
            _as_text(schema, {"java": "Java", "javascript": "JavaScript"}[language])
    return {"type": "function", "function": shown}


def _as_text(schema: dict[str, Any], language: str) -> None:
    """Ask for a value of another language as a text, and say of which type its literal is."""
    kind = schema["type"]
    inside = schema.pop("items", {}).get("type", "") if kind in ("Array", "ArrayList", "array") else ""
    fields = json.dumps(schema.pop("properties")) if "properties" in schema else ""
    said = [
        schema.get("description", ""),
        f"Any {language} object, written as a string."
        if kind == "any"
        else f"A {language} {kind}, written as a string.",
        f"Its elements are of type {inside}." if inside else "",
        f"Its entries: {fields}" if fields else "",
    ]
    schema |= {"type": "string", "description": " ".join(filter(None, said))}


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write rows of BFCL, joined with their answers, as JSON lines.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--package", help="folder that bfcl-eval was installed to; default: where Python finds it")
    parser.add_argument("--category", action="append", required=True, help="may be given several times")
    parser.add_argument("--style", choices=["hermes", "python"], default="hermes")
    parser.add_argument("--dots-as-underscores", action="store_true")
    asked = parser.parse_args(words)
    try:
        rows = list(bfcl_rows(asked.category, asked.package, asked.style, asked.dots_as_underscores))
    except VerifierError as error:
        parser.error(str(error))
    asked.out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    print(f"{asked.out}: {len(rows)} rows of {rows[0]['reference']['version']}, {', '.join(asked.category)}")


if __name__ == "__main__":
    main()
