"""Encodes rows as tokens with the codec of the rollouts, so that the trained tokens are those that are sampled later.
Pure."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.training.errors import DataError
from openqwq.training.templates.codec import ChatCodec


def encode_demonstration(codec: ChatCodec, row: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """Tokens and labels of one demonstration; the label is -100 where nothing is learned.

    The prompt is everything up to the last user message. Assistant turns after it are learned with their end tokens;
    tool messages between them are context.

    Raises:
        DataError: there is no assistant turn, or a message of another role after the prompt.
    """
    asked, lesson, tools = demonstration_parts(row)
    tokens = list(codec.prompt(asked, tools)[0])
    labels = [-100] * len(tokens)
    waiting: list[Mapping[str, Any]] = []
    for place, message in enumerate(lesson):
        if message["role"] == "tool":
            waiting.append(message)
            continue
        if waiting:
            answer = codec.tool_answer(waiting)
            tokens += answer
            labels += [-100] * len(answer)
            waiting = []
        turn = codec.turn([*asked, *lesson[:place]], tools, message)
        tokens += turn
        labels += turn
    return tokens, labels


Messages = Sequence[Mapping[str, Any]]


def demonstration_parts(row: Mapping[str, Any]) -> tuple[Messages, Messages, Sequence[Any]]:
    """The messages up to the last of the user, those after it, and the tools.

    Raises:
        DataError: nothing follows that could be learned, or a message of another role.
    """
    messages = row.get("messages") or _chat_of(row)
    start = 1 + max((i for i, m in enumerate(messages) if m["role"] == "user"), default=-1)
    for message in messages[start:]:
        if message["role"] not in ("assistant", "tool"):
            raise DataError(
                f"after its last user message a demonstration holds assistant and tool, got {message['role']!r}"
            )
    if all(message["role"] != "assistant" for message in messages[start:]):
        raise DataError("a demonstration has no assistant turn after its last user message")
    return messages[:start], messages[start:], row.get("tools") or ()


def _chat_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A row's `prompt` and `completion`, texts or messages, as a chat."""
    if "prompt" not in row or "completion" not in row:
        raise DataError(
            f"a demonstration needs 'messages', or 'prompt' and 'completion'; the row has {', '.join(sorted(row))}. "
            f"Map them with `columns:`"
        )
    prompt = row["prompt"]
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    completion = row["completion"]
    said = completion if isinstance(completion, list) else [{"role": "assistant", "content": str(completion)}]
    return [*asked, *said]


def encode_pair(tokenizer: Any, row: Mapping[str, Any]) -> dict[str, list[int]]:
    """Token ids of both sides of a preference pair. The text is the same as when answers are scored later: the answer
    without its thinking."""
    messages, *answers = pair_texts(row)
    return {
        f"{side}_ids": encode_answer(tokenizer, messages, answer)
        for side, answer in zip(("chosen", "rejected"), answers, strict=True)
    }


def encode_answer(tokenizer: Any, messages: Messages, answer: str) -> list[int]:
    """Token ids of a prompt and an answer, as a reward model reads them."""
    from openqwq.verifiers.chat_rendering import encode
    from openqwq.verifiers.scoring.model_text import reward_model_text

    return encode(tokenizer, reward_model_text(tokenizer, messages, answer))


def pair_texts(row: Mapping[str, Any]) -> tuple[Messages, str, str]:
    """The prompt's messages and both answers without their thinking.

    Raises:
        DataError: a column is missing.
    """
    from openqwq.verifiers.answers import graded_text

    for column in ("prompt", "chosen", "rejected"):
        if column not in row:
            raise DataError(f"a preference pair needs a column {column!r}, the row has {', '.join(sorted(row))}")
    prompt = row["prompt"]
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    chosen, rejected = (graded_text(_answer(row[side])).text for side in ("chosen", "rejected"))
    return messages, chosen, rejected


def pair_problem(row: Mapping[str, Any], sides: Mapping[str, Sequence[int]]) -> str | None:
    """Why a pair teaches nothing, None if it may. `sides`: the tokens that `encode_pair` makes of it."""
    for side in ("chosen", "rejected"):
        if not _answer(row[side]).strip():
            return f"its {side} side is empty"
    return "both sides are the same text" if sides["chosen_ids"] == sides["rejected_ids"] else None


def _answer(side: Any) -> str:
    """The text of one side, which is a string or the last message of a chat."""
    return side if isinstance(side, str) else str(side[-1]["content"])


def batch_order(lengths: Sequence[int], batch_size: int, steps: int, seed: int) -> list[int]:
    """Row indices of `steps` batches, [steps * batch_size]. Epochs are shuffled and divided into windows of 8 batches;
    within a window, rows are sorted by length (for little padding) and then the batches are shuffled."""
    generator = random.Random(seed)
    needed = steps * batch_size
    order: list[int] = []
    while len(order) < needed:
        epoch = list(range(len(lengths)))
        generator.shuffle(epoch)
        order += epoch
    batches: list[list[int]] = []
    for start in range(0, needed, 8 * batch_size):
        window = sorted(order[start : min(start + 8 * batch_size, needed)], key=lambda i: (lengths[i], i))
        parts = [window[k : k + batch_size] for k in range(0, len(window), batch_size)]
        generator.shuffle(parts)
        batches += parts
    return [i for batch in batches for i in batch]
