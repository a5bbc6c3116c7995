"""Writes calls in every format, as models that were trained on it do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Calls = Sequence[tuple[str, Mapping[str, Any]]]
CALLS_BEGIN, CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
CALL_BEGIN, SEP, CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"

TOOLS: list[dict[str, Any]] = [
    {
        "name": "f",
        "parameters": {
            "type": "object",
            "properties": {
                "x": {"type": "integer"},
                "y": {"type": "number"},
                "s": {"type": "string"},
                "b": {"type": "boolean"},
                "l": {"type": "array", "items": {}},
                "o": {"type": "object"},
                "n": {"type": ["string", "null"]},
            },
        },
    },
    {"name": "g.h", "parameters": {"type": "object", "properties": {}}},
]


def hermes(calls: Calls) -> str:
    return "\n".join(f"<tool_call>\n{_object(name, 'arguments', given)}\n</tool_call>" for name, given in calls)


def llama(calls: Calls) -> str:
    return "; ".join(_object(name, "parameters", given) for name, given in calls)


def llama_tagged(calls: Calls) -> str:
    return "<|python_tag|>" + llama(calls)


def llama_functions(calls: Calls) -> str:
    return "".join(f"<function={name}>{_json(given)}</function>" for name, given in calls)


def mistral(calls: Calls) -> str:
    return "[TOOL_CALLS] [" + ", ".join(_object(name, "arguments", given) for name, given in calls) + "]"


def mistral_named(calls: Calls) -> str:
    return "".join(f"[TOOL_CALLS]{name}[ARGS]{_json(given)}" for name, given in calls)


def mistral_with_ids(calls: Calls) -> str:
    return "".join(f"[TOOL_CALLS]{name}[CALL_ID]a1b2c3d4e[ARGS]{_json(given)}" for name, given in calls)


def deepseek(calls: Calls) -> str:
    written = [f"{CALL_BEGIN}function{SEP}{name}\n```json\n{_json(given)}\n```{CALL_END}" for name, given in calls]
    return CALLS_BEGIN + "\n".join(written) + CALLS_END


def deepseek_bare(calls: Calls) -> str:
    return (
        CALLS_BEGIN + "".join(f"{CALL_BEGIN}{name}{SEP}{_json(given)}{CALL_END}" for name, given in calls) + CALLS_END
    )


def qwen_xml(calls: Calls) -> str:
    return "\n".join(
        f"<tool_call>\n<function={name}>\n"
        + "".join(f"<parameter={key}>\n{_text(value)}\n</parameter>\n" for key, value in given.items())
        + "</function>\n</tool_call>"
        for name, given in calls
    )


def bare_json(calls: Calls) -> str:
    return "[" + ", ".join(_object(name, "arguments", given) for name, given in calls) + "]"


def python(calls: Calls) -> str:
    written = [f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})" for name, given in calls]
    return "[" + ", ".join(written) + "]"


def glm(calls: Calls, between: str = "\n") -> str:
    return "\n".join(
        f"<tool_call>{name}{between}"
        + "".join(
            f"<arg_key>{key}</arg_key>{between}<arg_value>{_text(value)}</arg_value>{between}"
            for key, value in given.items()
        )
        + "</tool_call>"
        for name, given in calls
    )


def glm_without_lines(calls: Calls) -> str:
    return glm(calls, "")


def kimi(calls: Calls) -> str:
    written = (
        f"<|tool_call_begin|>functions.{name}:{number}<|tool_call_argument_begin|>{_json(given)}<|tool_call_end|>"
        for number, (name, given) in enumerate(calls)
    )
    return f"<|tool_calls_section_begin|>{''.join(written)}<|tool_calls_section_end|>"


def minimax(calls: Calls) -> str:
    written = (
        f'<invoke name="{name}">\n'
        + "".join(f'<parameter name="{key}">{_text(value)}</parameter>\n' for key, value in given.items())
        + "</invoke>\n"
        for name, given in calls
    )
    return f"<minimax:tool_call>\n{''.join(written)}</minimax:tool_call>"


def harmony(calls: Calls) -> str:
    return "<|start|>assistant".join(
        f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>{_json(given)}<|call|>"
        for name, given in calls
    )


def harmony_of_the_template(calls: Calls) -> str:
    return "<|start|>assistant".join(
        f" to=functions.{name}<|channel|>commentary json<|message|>{_json(given)}<|call|>" for name, given in calls
    )


WRITERS: dict[str, tuple[str, Callable[[Calls], str]]] = {
    "hermes": ("hermes", hermes),
    "llama": ("llama", llama),
    "llama behind its tag": ("llama", llama_tagged),
    "llama by function": ("llama", llama_functions),
    "mistral": ("mistral", mistral),
    "mistral by name": ("mistral", mistral_named),
    "mistral by name and id": ("mistral", mistral_with_ids),
    "deepseek": ("deepseek", deepseek),
    "deepseek without fence": ("deepseek", deepseek_bare),
    "qwen_xml": ("qwen_xml", qwen_xml),
    "glm": ("glm", glm),
    "glm without line ends": ("glm", glm_without_lines),
    "kimi": ("kimi", kimi),
    "minimax": ("minimax", minimax),
    "harmony": ("harmony", harmony),
    "harmony of the template": ("harmony", harmony_of_the_template),
    "json": ("json", bare_json),
    "python": ("python", python),
}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _object(name: str, key: str, given: Mapping[str, Any]) -> str:
    return f'{{"name": {_json(name)}, "{key}": {_json(given)}}}'


def _text(value: object) -> str:
    return value if isinstance(value, str) else _json(value)
