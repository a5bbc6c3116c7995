"""Encodes rows as tokens with the codec of the rollouts, so that the trained tokens are those that are sampled later.
Pure."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.training.errors import DataError
from openqwq.training.rollout.conversation import ChatCodec


def encode_demonstration(codec: ChatCodec, row: Mapping[str, Any], eos: int) -> tuple[list[int], list[int]]:
    """Tokens and labels of one demonstration; the label is -100 where nothing is learned.

    The prompt is everything up to the last user message. Assistant turns after it are learned with their end tokens;
    tool messages between them are context.

    Raises:
        DataError: there is no assistant turn, or a message of another role after the prompt.
    """
    messages = row.get("messages") or _chat_of(row)
    start = 1 + max((i for i, m in enumerate(messages) if m["role"] == "user"), default=-1)
    tokens = list(codec.prompt(messages[:start], row.get("tools") or ())[0])
    labels = [-100] * len(tokens)
    waiting: list[Mapping[str, Any]] = []
    for message in messages[start:]:
        if message["role"] == "tool":
            waiting.append(message)
            continue
        if message["role"] != "assistant":
            raise DataError(
                f"after its last user message a demonstration holds assistant and tool, got {message['role']!r}"
            )
        if waiting:
            answer = codec.tool_answer(waiting)
            tokens += answer
            labels += [-100] * len(answer)
            waiting = []
        turn = [*codec.tokenizer(message["content"], add_special_tokens=False)["input_ids"], eos]
        tokens += turn
        labels += turn
    if all(label == -100 for label in labels):
        raise DataError("a demonstration has no assistant turn after its last user message")
    return tokens, labels


def _chat_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A row's `prompt` and `completion` as a chat."""
    if "prompt" not in row or "completion" not in row:
        raise DataError(
            f"a demonstration needs 'messages', or 'prompt' and 'completion'; the row has {', '.join(sorted(row))}. "
            f"Map them with `columns:`"
        )
    prompt = row["prompt"]
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    return [*asked, {"role": "assistant", "content": str(row["completion"])}]


def encode_pair(tokenizer: Any, row: Mapping[str, Any]) -> dict[str, list[int]]:
    """Token ids of both sides of a preference pair. The text is the same as when answers are scored later: the answer
    without its thinking."""
    from openqwq.verifiers.answers import graded_text
    from openqwq.verifiers.reward_model import reward_model_text

    for column in ("prompt", "chosen", "rejected"):
        if column not in row:
            raise DataError(f"a preference pair needs a column {column!r}, the row has {', '.join(sorted(row))}")
    prompt = row["prompt"]
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    texts = {
        side: reward_model_text(tokenizer, messages, graded_text(_answer(row[side])).text)
        for side in ("chosen", "rejected")
    }
    return {f"{side}_ids": tokenizer(t, add_special_tokens=False)["input_ids"] for side, t in texts.items()}


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
