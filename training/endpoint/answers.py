"""Reads a server's reply as one assistant turn in our own form: `<think>...</think>answer`, calls as text. Pure.

A server may split the thinking off (`reasoning_content`, `reasoning`, parts of type `thinking`), leave it in the
content, or leave only its end there, because the chat template opened it in the prompt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openqwq.training.endpoint.tool_messages import call_text, openai_calls
from openqwq.verifiers.answers import THINK_CLOSE, THINK_OPEN

REASONING = ("reasoning_content", "reasoning")
CUT = ("length", "max_tokens", "model_length")
"""What `finish_reason` says at a token limit, by service."""
BROKEN = ("error", "abort")


@dataclass(frozen=True)
class Answer:
    """One assistant turn. Example: `Answer("<think>2+2</think>4", {"role": "assistant", ...}, False, 7, 19)`"""

    text: str
    """Thinking, answer and calls, as one of our engines would have sampled them."""
    message: Mapping[str, Any]
    """The turn as it is sent back before the next one."""
    is_cut: bool
    """It ended at a token limit, also one of the whole context."""
    num_tokens: int | None
    """Sampled tokens, thinking included; None where the server does not count."""
    num_context: int | None
    """Tokens of the prompt and the answer together."""
    is_opened_unseen: bool = False
    """It closed a thinking that it had not opened: the chat template opens it."""


NO_ROOM = Answer("", {"role": "assistant", "content": ""}, True, 0, None)
"""The turn of a prompt that leaves no room for an answer."""


def read_answer(tree: Any, opens_thinking: bool = False) -> Answer:
    """`tree`: the reply, of any server. `opens_thinking`: an answer without any tag is thinking that never closed.

    Raises:
        ValueError: it holds no finished answer.
    """
    choice = _first_choice(tree)
    message, reason = choice.get("message"), choice.get("finish_reason")
    if not isinstance(message, Mapping):
        raise ValueError("a choice without a message")
    if reason in BROKEN or choice.get("error"):
        raise ValueError(f"the server broke off: {choice.get('error') or reason}")
    thought, said = _split(message.get("content") or message.get("refusal"))
    key = next((name for name in REASONING if isinstance(message.get(name), str) and message[name].strip()), None)
    calls = openai_calls(message.get("tool_calls") or ())
    shown_calls = "\n".join(map(call_text, calls))
    text = _composed(thought if key is None else message[key], said, bool(calls), opens_thinking)
    again = {"role": "assistant", "content": message.get("content") or ("" if not calls else None)}
    again |= {} if key is None else {key: message[key]}
    counted, total = _counts(tree.get("usage"))
    return Answer(
        text=f"{text}\n{shown_calls}" if text and calls else text + shown_calls,
        message=again | ({"tool_calls": calls} if calls else {}),
        is_cut=reason in CUT,
        num_tokens=counted,
        num_context=total,
        is_opened_unseen=key is None and not thought and _closes_unopened(said),
    )


def _first_choice(tree: Any) -> Mapping[str, Any]:
    choices = tree.get("choices") if isinstance(tree, Mapping) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise ValueError(f"no choices in {str(tree)[:120]!r}")
    choice: Mapping[str, Any] = choices[0]
    return choice


def _split(content: Any) -> tuple[str, str]:
    """Thinking and text of a content that is a text or a list of parts."""
    if content is None or isinstance(content, str):
        return "", content or ""
    if not isinstance(content, list):
        raise ValueError(f"a content of type {type(content).__name__}")
    thought, said = "", ""
    for part in content:
        if isinstance(part, Mapping) and part.get("type") == "thinking":
            thought += "".join(_split(part.get("thinking")))
        elif isinstance(part, Mapping) and isinstance(part.get("text"), str):
            said += part["text"]
        else:
            raise ValueError(f"a part of a content that is no text: {str(part)[:80]!r}")
    return thought, said


def _composed(thought: str, said: str, has_calls: bool, opens_thinking: bool) -> str:
    start = said.lstrip()
    if thought.strip() and not start.startswith(THINK_OPEN):
        if start.startswith(THINK_CLOSE):
            return f"{THINK_OPEN}{thought}{said}"
        is_closed = bool(start) or has_calls
        return f"{THINK_OPEN}{thought}{THINK_CLOSE}{said}" if is_closed else f"{THINK_OPEN}{thought}"
    is_all_thinking = opens_thinking and bool(start) and THINK_OPEN not in said and THINK_CLOSE not in said
    return THINK_OPEN + said if is_all_thinking or _closes_unopened(said) else said


def _closes_unopened(said: str) -> bool:
    before, close, _ = said.partition(THINK_CLOSE)
    return bool(close) and THINK_OPEN not in before


def _counts(usage: Any) -> tuple[int | None, int | None]:
    """Sampled tokens and all tokens. Some services leave thinking out of the former and not out of the total."""
    numbers = {
        name: value
        for name, value in (usage.items() if isinstance(usage, Mapping) else ())
        if type(value) is int and value >= 0
    }
    sampled, prompt, total = (numbers.get(name) for name in ("completion_tokens", "prompt_tokens", "total_tokens"))
    if sampled is not None and prompt is not None:
        total = max(total or 0, prompt + sampled)
        sampled = total - prompt
    return sampled, total
