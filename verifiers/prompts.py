"""Reads a prompt, whatever its form: a text, chat messages, or the text that a chat template rendered from them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

THINK_OPEN = "<think>"
Message = dict[str, Any]
"""One chat message with at least `role` and `content`."""

_ROLES = {"human": "user", "model": "assistant", "inst": "user", "/inst": "assistant", "developer": "system"}
_MARKER = re.compile(
    r"<\|im_start\|>\s*(\w+)[ \t]*\n?"  # ChatML
    r"|<\|start_header_id\|>\s*(\w+)\s*<\|end_header_id\|>\s*"  # Llama 3
    r"|<start_of_turn>\s*(\w+)[ \t]*\n?"  # Gemma
    r"|<\|(system|user|assistant)\|>[ \t]*\n?"  # Phi, Zephyr, GLM
    r"|<[|\uff5c](User|Assistant)[|\uff5c]>"  # DeepSeek
    r"|<\|start\|>(\w+)(?:<\|channel\|>\w+)?(?:<\|message\|>|(?=<think>|\s*\Z))"  # harmony
    r"|\[(/?INST)\]"  # Mistral, Llama 2
)
_END = re.compile(
    r"<\|(?:im_end|eot_id|end|endoftext|end_of_text|begin_of_text|return)\|>|<end_of_turn>|</?s>|<(?:bos|eos)>"
    r"|<[|\uff5c](?:begin|end)\u2581of\u2581sentence[|\uff5c]>|<</?SYS>>"
)


def prompt_messages(prompt: object) -> list[Message]:
    """The prompt as chat messages with a text each. A text without a template's markers is one message of the user.

    A message keeps its other keys (tool calls, names). What is no prompt has no messages.
    """
    if isinstance(prompt, str):
        return list(_turns(prompt)) if _MARKER.search(prompt) else [{"role": "user", "content": prompt}]
    if isinstance(prompt, Mapping):
        prompt = [prompt]
    if not isinstance(prompt, list | tuple):
        return []
    return [{**message, "content": content_text(message)} for message in prompt if isinstance(message, Mapping)]


def asked_messages(prompt: object) -> list[Message]:
    """The messages without the `<think>` that opens the thinking at their end."""
    messages = prompt_messages(prompt)
    if not messages or not (content := messages[-1]["content"].rstrip()).endswith(THINK_OPEN):
        return messages
    content = content.removesuffix(THINK_OPEN)
    is_more = content.strip() or messages[-1].get("role") != "assistant"
    return [*messages[:-1], *([{**messages[-1], "content": content}] if is_more else [])]


def content_text(message: Mapping[str, Any]) -> str:
    """The text of a message, whose content is a text or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        return ""
    texts = (part.get("text") if isinstance(part, Mapping) else part for part in content)
    return "\n".join(text for text in texts if isinstance(text, str))


def asked_text(prompt: object) -> str:
    """All that was said to the model: the messages of every role but the assistant's."""
    texts = []
    for message in prompt_messages(prompt):
        if message.get("role") == "assistant":
            continue
        # a text prompt that a template rendered before is stored as a message of the user
        inner = prompt_messages(message["content"])
        texts += [turn["content"] for turn in inner if turn["role"] != "assistant"]
    return "\n".join(texts)


def opens_thinking(prompt: object) -> bool:
    """Has the prompt opened the thinking for the response, that is, does its last text end in `<think>`?"""
    if prompt is None or isinstance(prompt, str):
        return prompt is not None and prompt.rstrip().endswith(THINK_OPEN)
    messages = prompt_messages(prompt)
    return bool(messages) and messages[-1]["content"].rstrip().endswith(THINK_OPEN)


def _turns(rendered: str) -> Iterator[Message]:
    """The turns of a rendered prompt; the empty turn of the assistant at its end, which asks for the answer, is
    none."""
    markers = list(_MARKER.finditer(rendered))
    starts = [("system", 0), *((_role(marker), marker.end()) for marker in markers)]
    ends = [*(marker.start() for marker in markers), len(rendered)]
    for (role, start), end in zip(starts, ends, strict=True):
        content = _END.sub("", rendered[start:end]).strip()
        if content:
            yield {"role": role, "content": content}


def _role(marker: re.Match[str]) -> str:
    name = next(group for group in marker.groups() if group).lower()
    return _ROLES.get(name, name)
