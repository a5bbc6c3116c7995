"""Which chat template a run uses: the tokenizer's own, a file of the recipe's, or a shipped one by name."""

from dataclasses import dataclass
from pathlib import Path

from openqwq.training.config import Recipe
from openqwq.training.config.files import resolve_path
from openqwq.training.errors import RecipeError

FOLDER = Path(__file__).parent
SHIPPED = tuple(sorted(path.stem for path in FOLDER.glob("*.jinja")))
"""`chatml` needs a tokenizer that knows `<|im_start|>` and `<|im_end|>`; `plain` needs an `eos_token` only."""


@dataclass(frozen=True)
class ChatSettings:
    """What a recipe says about chats. Example: `ChatSettings(end_of_turn="<|im_end|>")`"""

    template: str | None = None
    """Text of a chat template; None keeps the tokenizer's own."""
    end_of_turn: str | None = None
    """The token that ends an assistant's turn; None derives it from the template."""


OWN_TEMPLATE = ChatSettings()
"""All is as the tokenizer has it."""


def chat_settings(recipe: Recipe) -> ChatSettings:
    """The recipe's `chat_template`, read, and its `end_of_turn`.

    Raises:
        RecipeError: it is neither a file nor the name of a shipped template.
    """
    named = recipe.chat_template
    return ChatSettings(None if named is None else _text(named), recipe.end_of_turn)


def _text(named: str) -> str:
    path = FOLDER / f"{named}.jinja" if named in SHIPPED else resolve_path(named)
    if path is None or not path.is_file():
        raise RecipeError(f"chat_template: no file {named!r}; shipped by name are {', '.join(SHIPPED)}")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"chat_template: {named!r} cannot be read: {error}") from error
