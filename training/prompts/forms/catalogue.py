"""The names of all published forms, what reads a row by one of them, and which of them a row looks like."""

from collections.abc import Mapping
from typing import Any

from openqwq.training.config.files import suggest
from openqwq.training.errors import RecipeError
from openqwq.training.prompts.forms import chats, choices, livebench, mathematics, preferences, programs
from openqwq.training.prompts.forms.form import Form, Row

FORMS: Mapping[str, Form] = {
    **mathematics.FORMS,
    **programs.FORMS,
    **choices.FORMS,
    **chats.FORMS,
    **preferences.FORMS,
    **livebench.FORMS,
}
OURS = frozenset(
    {"id", "task", "prompt", "reference", "completion", "messages", "tools", "chosen", "rejected", "verifier"}
)
"""Columns that mean something to training: those of a published row that its form does not give are not ours."""

NO_OPTIONS: Mapping[str, Any] = {}


def get_form(name: str, options: Mapping[str, Any] = NO_OPTIONS) -> Form:
    """The form of this name, which has these options.

    Raises:
        RecipeError: there is none.
    """
    if name not in FORMS:
        raise RecipeError(f"no form is named {name!r}{suggest(name, list(FORMS))}")
    for option in options:
        if option not in FORMS[name].options:
            known = suggest(option, FORMS[name].options) or "; it has none"
            raise RecipeError(f"form {name!r} has no option {option!r}{known}")
    return FORMS[name]


def read_by(form: Form, row: Row, options: Mapping[str, Any] = NO_OPTIONS) -> dict[str, Any]:
    """The row with our columns in place of published ones of the same names.

    Raises:
        KeyError, Unusable: as `Form.read`.
        RecipeError: an option has a value that the form does not know.
    """
    given = form.read(row, **options)
    return {key: value for key, value in row.items() if key not in OURS} | given


def looks_like(columns: Mapping[str, Any]) -> list[str]:
    """Forms whose columns a row has, those of more columns first."""
    fitting = [name for name, form in FORMS.items() if set(form.columns) <= set(columns)]
    fitting.sort(key=lambda name: -len(FORMS[name].columns))
    if set(mathematics.QUESTIONS) & set(columns) and set(mathematics.ANSWERS) & set(columns):
        fitting.append("question_answer")
    return fitting
