"""Chats to learn from, and calls of tools: demonstrations, and prompts whose answer is a call."""

import json
import re
from collections.abc import Mapping
from typing import Any

from openqwq.training.prompts.forms.form import Form, Row, Unusable
from openqwq.verifiers.bfcl.rows import row_of

SPEAKERS = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "system": "system",
    "tool": "tool",
    "observation": "tool",
}
OPEN_THOUGHTS = re.compile(
    r"<\|begin_of_thought\|>\s*(.*?)\s*<\|end_of_thought\|>\s*<\|begin_of_solution\|>\s*(.*?)\s*(?:<\|end_of_solution\|>|$)",
    re.DOTALL,
)


def _sharegpt(row: Row) -> dict[str, Any]:
    """Turns of `from` and `value`, with or without a system text beside them."""
    messages = [{"role": "system", "content": row["system"]}] if row.get("system") else []
    for turn in row["conversations"]:
        speaker = turn["from"] if "from" in turn else turn["role"]
        if speaker not in SPEAKERS:
            raise Unusable(f"a turn is of {speaker!r}; known are {', '.join(SPEAKERS)}")
        said = turn["value"] if "value" in turn else turn["content"]
        messages.append({"role": SPEAKERS[speaker], "content": _in_think_tags(said)})
    return {"messages": messages, **({"tools": row["tools"]} if row.get("tools") else {})}


def _in_think_tags(text: str) -> str:
    """OpenThoughts' marks of thinking and solution as the tags that this project reads."""
    return OPEN_THOUGHTS.sub(lambda found: f"<think>\n{found[1]}\n</think>\n\n{found[2]}", text)


def _alpaca(row: Row) -> dict[str, Any]:
    asked = f"{row['instruction']}\n\n{row['input']}" if row.get("input") else row["instruction"]
    return {"prompt": asked, "completion": row["output"]}


def _with_thinking(question: str, thinking: str, answer: str) -> dict[str, Any]:
    return {"prompt": question, "completion": f"<think>\n{thinking.strip()}\n</think>\n\n{answer.strip()}"}


def _s1k(row: Row) -> dict[str, Any]:
    if "thinking_trajectories" in row:
        return _with_thinking(row["question"], row["thinking_trajectories"][0], row["attempt"])
    return _with_thinking(row["question"], row["deepseek_thinking_trajectory"], row["deepseek_attempt"])


def _messages(row: Row) -> dict[str, Any]:
    return {"messages": row["messages"], **({"tools": row["tools"]} if row.get("tools") else {})}


def _xlam(row: Row) -> dict[str, Any]:
    """One question and the calls that answer it, functions by their bare parameters."""
    tools = [_function(tool) for tool in _parsed(row["tools"])]
    calls = _parsed(row["answers"])
    written = [{"type": "function", "function": call} for call in calls]
    return {
        "prompt": row["query"],
        "tools": tools,
        "reference": {"calls": calls},
        "messages": [
            {"role": "user", "content": row["query"]},
            {"role": "assistant", "content": "", "tool_calls": written},
        ],
    }


TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object"}


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool in OpenAI's form. xLAM names parameters beside each other, with Python's types and defaults."""
    if "function" in tool:
        return dict(tool)
    parameters = tool.get("parameters") or {}
    if "properties" not in parameters:
        described = {name: _schema(value) for name, value in parameters.items()}
        needed = [name for name, value in parameters.items() if _is_needed(value)]
        parameters = {"type": "object", "properties": described, "required": needed}
    shown = {key: tool[key] for key in ("name", "description") if key in tool}
    return {"type": "function", "function": {**shown, "parameters": parameters}}


def _schema(value: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(value.get("type", "str")).partition(",")[0].strip()
    if kind.lower().startswith(("list", "tuple", "set")):
        schema: dict[str, Any] = {"type": "array"}
    elif kind.lower().startswith("dict"):
        schema = {"type": "object"}
    else:
        schema = {"type": TYPES.get(kind, kind)} if kind.split("[")[0] not in ("Any", "Union", "Optional") else {}
    return schema | {key: value[key] for key in ("description", "default", "enum") if key in value}


def _is_needed(value: Mapping[str, Any]) -> bool:
    return "default" not in value and "optional" not in str(value.get("type", "")).lower()


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _bfcl(row: Row) -> dict[str, Any]:
    """Berkeley's function-calling rows beside their ground truth, for the verifiers `bfcl` and `tool_call`."""
    given = row_of(row)
    return {name: given[name] for name in ("prompt", "tools", "reference")}


def _ifeval(row: Row) -> dict[str, Any]:
    """For the verifiers `ifeval`, which judges as published, and `instructions`."""
    return ({"id": f"ifeval/{row['key']}"} if row.get("key") is not None else {}) | {
        "prompt": row["prompt"],
        "reference": {"instruction_id_list": row["instruction_id_list"], "kwargs": row["kwargs"]},
    }


def _iftrain(row: Row) -> dict[str, Any]:
    """For the verifier `instructions`, which reads the ground truth as it stands: a list or a function, as text."""
    messages = row["messages"]
    return ({"id": f"iftrain/{row['key']}"} if row.get("key") is not None else {}) | {
        "prompt": [message for message in messages if message["role"] != "assistant"],
        "reference": row["ground_truth"],
    }


FORMS = {
    "messages": Form("HuggingFaceH4/no_robots", ("messages",), _messages),
    "sharegpt": Form("NousResearch/hermes-function-calling-v1", ("conversations",), _sharegpt),
    "openthoughts": Form("open-thoughts/OpenThoughts-114k", ("system", "conversations"), _sharegpt),
    "alpaca": Form("tatsu-lab/alpaca", ("instruction", "input", "output"), _alpaca),
    "s1k": Form("simplescaling/s1K", ("question", "thinking_trajectories", "attempt"), _s1k),
    "xlam": Form("Salesforce/xlam-function-calling-60k", ("query", "tools", "answers"), _xlam),
    "bfcl": Form("gorilla-llm/Berkeley-Function-Calling-Leaderboard", ("question", "function", "ground_truth"), _bfcl),
    "ifeval": Form("google/IFEval", ("prompt", "instruction_id_list", "kwargs"), _ifeval),
    "iftrain": Form("allenai/IF_multi_constraints_upto5", ("messages", "ground_truth", "constraint"), _iftrain),
}
