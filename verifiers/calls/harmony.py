"""gpt-oss: a turn is messages of channels. `analysis` is thinking, `final` the answer. A call is a message of the
channel `commentary` to `functions.NAME`, whose body is the arguments in JSON:
`<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{...}<|call|>`, or with the recipient ahead of the
channel. The prompt has opened the first message with `<|start|>assistant`.
"""

from __future__ import annotations

import re

from openqwq.verifiers.calls.records import Block, MalformedCall, ParsedCall, Turn
from openqwq.verifiers.calls.strict_json import read_json

START, CHANNEL, MESSAGE, CALL = "<|start|>assistant", "<|channel|>", "<|message|>", "<|call|>"
END, RETURN = "<|end|>", "<|return|>"
FUNCTIONS = "functions."
_RECIPIENT = re.compile(r"\s*to=([^\s<>]+)\s*<\|channel\|>")
_HEADER = re.compile(
    r"\s*(analysis|commentary|final)(?:\s+to=([^\s<>]+))?\s*(?:<\|constrain\|>)?\s*(\w*)\s*<\|message\|>"
)
_CLOSED = re.compile(r"\s*(?:<\|call\|>|\Z)")
_NEXT = re.compile(r"<\|(?:start|channel|message|end|call|return)\|>|</?think>")
_MESSAGE_END = re.compile(r"<\|(?:end|start|channel|message|call|return)\|>")


class Harmony:
    marks = (START, CHANNEL, MESSAGE, CALL, END, RETURN)
    forged = ("<|start|>",)
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        """A recipient before the channel, which stands behind the prompt's `<|start|>assistant`."""
        named = _RECIPIENT.match(turn.text, start)
        return _message(turn.text, named.end(), named[1]) if named else None

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        if mark in (END, RETURN):
            return Block((), end)
        if mark == START:
            named = _RECIPIENT.match(turn.text, end)
            return _message(turn.text, named.end(), named[1]) if named else Block((), end)
        if mark == CHANNEL:
            return _message(turn.text, end, "")
        return Block((MalformedCall(f"{mark} belongs to no message"),), end)


def _message(text: str, start: int, recipient: str) -> Block:
    """A message from behind its `<|channel|>`: the whole of a call or of the thinking, the header of any other."""
    header = _HEADER.match(text, start)
    if not header:
        return _skipped(text, start, "a message has no channel that is known")
    channel, to = header[1], recipient or header[2]
    if recipient and header[2]:
        return _skipped(text, header.end(), "a message has two recipients")
    if to:
        try:
            return _call(text, header, to)
        except ValueError as error:
            return _skipped(text, header.end(), f"not a tool call: {error}"[:200])
    if channel != "analysis":
        return Block((), header.end())
    closed = _MESSAGE_END.search(text, header.end())
    if not closed or closed[0] != END:
        return _skipped(text, header.end(), "the analysis has no end")
    return Block((), closed.end())


def _call(text: str, header: re.Match[str], to: str) -> Block:
    if header[1] != "commentary" or not to.startswith(FUNCTIONS) or to == FUNCTIONS:
        raise ValueError(f"a call is a message of the channel commentary to {FUNCTIONS}NAME")
    if header[3] not in ("", "json"):
        raise ValueError("the arguments are JSON")
    arguments, end = read_json(text, header.end())
    if not isinstance(arguments, dict):
        raise ValueError("the arguments must be an object")
    closed = _CLOSED.match(text, end)
    if not closed:
        raise ValueError(f"the arguments are not followed by {CALL}")
    return Block((ParsedCall(to.removeprefix(FUNCTIONS), arguments),), closed.end())


def _skipped(text: str, start: int, reason: str) -> Block:
    found = _NEXT.search(text, start)
    end = len(text) if not found else found.end() if found[0] in (CALL, END) else found.start()
    return Block((MalformedCall(reason),), end)
