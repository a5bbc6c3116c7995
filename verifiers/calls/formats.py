"""The written formats of calls by name, and which of them a chat template implies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from openqwq.verifiers.base import Row, VerifierError
from openqwq.verifiers.calls.attempts import attempted_call
from openqwq.verifiers.calls.deepseek import DeepSeek
from openqwq.verifiers.calls.glm import Glm
from openqwq.verifiers.calls.harmony import Harmony
from openqwq.verifiers.calls.hermes import Hermes
from openqwq.verifiers.calls.json_form import BareJson
from openqwq.verifiers.calls.kimi import Kimi
from openqwq.verifiers.calls.llama import Llama
from openqwq.verifiers.calls.minimax import MiniMax
from openqwq.verifiers.calls.mistral import Mistral
from openqwq.verifiers.calls.python_calls import PythonCalls
from openqwq.verifiers.calls.qwen_xml import QwenXml
from openqwq.verifiers.calls.reading import read_turn, without_end
from openqwq.verifiers.calls.records import Format, ParsedCalls, Turn
from openqwq.verifiers.calls.schemas import tool_functions

DEFAULT_FORMAT = "hermes"
FORMATS: Mapping[str, Format] = {
    "hermes": Hermes(),
    "llama": Llama(),
    "mistral": Mistral(),
    "deepseek": DeepSeek(),
    "qwen_xml": QwenXml(),
    "glm": Glm(),
    "kimi": Kimi(),
    "minimax": MiniMax(),
    "harmony": Harmony(),
    "json": BareJson(),
    "python": PythonCalls(),
}
_NO_FORMAT_OF_OURS = ("\uff5cDSML\uff5c",)
_SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("deepseek", "<\uff5ctool\u2581call"),
        ("mistral", r"\[TOOL_CALLS\]"),
        ("kimi", r"<\|tool_calls_section_begin\|>"),
        ("minimax", "<minimax:tool_call>"),
        ("harmony", r"<\|channel\|>commentary"),
        ("glm", "<arg_key>"),
        ("qwen_xml", r"(?s)<function=.*<parameter="),
        ("hermes", "<tool_call>"),
        ("python", r"\[\s*\w+\(\s*\w+\s*=|<\|python_start\|>"),
        ("llama", r"<\|python_tag\|>|<function=|[\"']name[\"']\s*:(?:(?!description)[^{}])*[\"']parameters[\"']\s*:"),
        ("json", r"[\"']name[\"']\s*:(?:(?!description)[^{}])*[\"']arguments[\"']\s*:"),
    )
)


def parse_tool_calls(text: str, format: str = DEFAULT_FORMAT, tools: object = None) -> ParsedCalls:
    """The calls of an assistant's turn, strictly, with what is wrong with it.

    Drafts inside the thinking are no calls, nor is anything where a thinking never closes. A turn that writes a tool's
    answer or the next turn itself has an error. Nothing is raised on any text; the time is linear in its length.

    Args:
        text: the turn as it was sampled, thinking included.
        format: a name of FORMATS, as `implied_format` gives it.
        tools: the offered tools, whose schemas say what the plain values of `qwen_xml`, `glm` and `minimax` are.

    Raises:
        ValueError: there is no such format.
    """
    offered = tool_functions(tools)
    parsed = read_turn(Turn(without_end(text), offered), format_named(format))
    attempt = attempted_call(parsed.text, offered) if parsed.is_thinking_closed else ""
    return replace(parsed, attempt=attempt) if attempt else parsed


def format_named(name: str) -> Format:
    """The format of a name.

    Raises:
        ValueError: there is none.
    """
    if name not in FORMATS:
        raise ValueError(f"no format of calls is named {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]


def implied_format(template: Any) -> str | None:
    """The format of the calls that a chat template renders and asks for; None where it shows none that is known.

    `template`: its Jinja text, or several by name.
    """
    text = "\n".join(map(str, template.values())) if isinstance(template, Mapping) else str(template or "")
    if any(sign in text for sign in _NO_FORMAT_OF_OURS):
        return None
    return next((name for name, sign in _SIGNS if sign.search(text)), None)


def checked_format(name: str | None) -> str | None:
    """The name of a format, or None.

    Raises:
        VerifierError: there is none of this name.
    """
    if name is not None and name not in FORMATS:
        raise VerifierError(f"format is one of {', '.join(FORMATS)}, got {name!r}")
    return name


def format_for(row: Row, given: str | None) -> str:
    """The format that was given, else that of the row.

    Raises:
        VerifierError: the row's is unknown.
    """
    return checked_format(given or row.get("call_format")) or DEFAULT_FORMAT
