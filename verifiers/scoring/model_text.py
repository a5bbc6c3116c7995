"""The text that a reward model reads, and its tokens: the same in training and in scoring, here and behind a
service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from openqwq.verifiers.chat_rendering import ChatRenderer, TemplateRefusal, encode, end_of_turn, renderer_of


def reward_model_text(tokenizer: Any, prompt_messages: Sequence[Mapping[str, Any]], answer: str) -> str:
    """The one text that a reward model reads, in training and in scoring: the chat template's own rendering of the
    prompt and the answer, up to the end of the turn. `chat_rendering.encode` makes its tokens, so that no answer writes
    control tokens.

    Where a template opens a `<think>` for the answer or changes it: the prompt with its generation prompt (an opened
    `<think>` removed, since thinking is not shown to the reward model), the answer, the end of the turn.
    """
    renderer = renderer_of(tokenizer)
    prompt = renderer.render(prompt_messages, add_generation_prompt=True)
    stripped = prompt.rstrip()
    if stripped.endswith("<think>"):
        prompt = stripped.removesuffix("<think>")
    shown = renderer.guarded(answer, is_markup_kept=True)
    try:
        end = _end_of_turn(renderer) or str(tokenizer.eos_token)
        whole = renderer.render([*prompt_messages, {"role": "assistant", "content": answer}])
    except TemplateRefusal:  # it renders prompts only
        return prompt + shown + str(tokenizer.eos_token)
    before, found, _ = whole.rpartition(end)
    is_rendered = found and whole.startswith(prompt) and before.endswith(shown)
    return before + found if is_rendered else prompt + shown + end


@lru_cache(maxsize=4)
def _end_of_turn(renderer: ChatRenderer) -> str | None:
    """Asked of each template once: it takes a rendering, a third of the work of an answer."""
    return end_of_turn(renderer)


def cut_tokens(tokenizer: Any, text: str, max_tokens: int) -> list[int]:
    """Ids of a text; a longer one keeps its beginning and its end, where the end of the turn is."""
    ids = encode(tokenizer, text)
    if len(ids) <= max_tokens:
        return ids
    half = max_tokens // 2
    return ids[: max_tokens - half] + ids[len(ids) - half :]
