"""What a chat template says about turns, derived from it by rendering: one record for everything that samples, trains,
judges or saves. No name of a model and no `eos_token` is asked."""

from dataclasses import dataclass
from typing import Any

from openqwq.training.errors import RecipeError
from openqwq.verifiers.chat_rendering import PROBE, ChatRenderer, TemplateRefusal, end_of_turn

QUESTION = {"role": "user", "content": "QUESTIONPROBE"}
FOLLOW_UP = "FOLLOWUPPROBE"


@dataclass(frozen=True)
class TurnFormat:
    """Example, of ChatML: `TurnFormat("<|im_end|>", 151645, (151643, 151645), ...)`"""

    end_of_turn: str
    """The control word that ends an assistant's turn."""
    end_token: int
    """Its token, which is sampled, trained, and stops the engines."""
    ends: tuple[int, ...]
    """It and the tokenizer's `eos_token`: a turn that ends in either is over."""
    generation_prompt: str
    """What stands between a user's text and the answer: the end of that turn and what asks for the next."""
    opened: str
    """The `<think>` that the generation prompt opens, with what follows it; empty where it opens none."""
    between: str
    """What stands between the end of a turn and the next text of a user; empty where a template takes none."""
    keeps_thinking: bool
    """Whether the last turn is rendered with its thinking."""
    keeps_earlier_thinking: bool
    """Whether a turn before a later user message is rendered with its thinking."""


def derive(renderer: ChatRenderer, given_end: str | None = None) -> TurnFormat:
    """The record of a template. `given_end`: the recipe's `end_of_turn`.

    Raises:
        RecipeError: the template does not render a question with its answer, or its turns have no end of one token.
    """
    try:
        end = given_end or end_of_turn(renderer)
        asking = renderer.render([QUESTION], add_generation_prompt=True)
        alone = renderer.render([QUESTION, _turn(f"<think>\nTHOUGHT\n</think>\n\n{PROBE}")])
    except TemplateRefusal as error:
        raise RecipeError(f"{error}; give another `chat_template` (a file, or `chatml`)") from error
    if end is None:
        raise RecipeError(
            "the chat template ends an assistant's turn in no control token of the tokenizer, so nothing could end a "
            "sample; give `end_of_turn`, or another `chat_template`"
        )
    followed = _followed(renderer)
    return TurnFormat(
        end_of_turn=end,
        end_token=_only_token(renderer, end),
        ends=_ends(renderer.tokenizer, _only_token(renderer, end)),
        generation_prompt=asking.rpartition(QUESTION["content"])[2],
        opened=opened_thinking(asking),
        between=followed.rpartition(PROBE)[2].partition(FOLLOW_UP)[0].lstrip().removeprefix(end),
        keeps_thinking="THOUGHT" in alone,
        keeps_earlier_thinking="THOUGHT" in followed,
    )


def opened_thinking(rendered: str) -> str:
    """The `<think>` at the end of a rendered prompt, with the blanks behind it; empty if there is none."""
    return rendered[rendered.rindex("<think>") :] if rendered.rstrip().endswith("<think>") else ""


def _turn(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


def _followed(renderer: ChatRenderer) -> str:
    """A turn with thinking and the next question; empty where the template takes one question only."""
    thinking = _turn(f"<think>\nTHOUGHT\n</think>\n\n{PROBE}")
    try:
        return renderer.render([QUESTION, thinking, {"role": "user", "content": FOLLOW_UP}])
    except TemplateRefusal:
        return ""


def _only_token(renderer: ChatRenderer, end: str) -> int:
    tokens = renderer.encode(end)
    if len(tokens) != 1:
        raise RecipeError(
            f"a turn ends in {end!r}, which is {len(tokens)} tokens of the tokenizer; it must be one: give another "
            f"`end_of_turn` or `chat_template`"
        )
    return tokens[0]


def _ends(tokenizer: Any, end: int) -> tuple[int, ...]:
    own = tokenizer.eos_token_id
    return tuple(sorted({end} if own is None else {end, int(own)}))
