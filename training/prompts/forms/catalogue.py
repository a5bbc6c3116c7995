"""The names of all published forms, what reads a row by one of them, and which of them a row looks like."""

from collections.abc import Mapping
from typing import Any

from openqwq.training.config.files import suggest
from openqwq.training.errors import RecipeError
from openqwq.training.prompts.forms import chats, livebench, mathematics, preferences, programs
from openqwq.training.prompts.forms.form import Form, Row

FORMS: Mapping[str, Form] = {
    **mathematics.FORMS,
    **programs.FORMS,
    **chats.FORMS,
    **preferences.FORMS,
    **livebench.FORMS,
}
OURS = frozenset(
    {"id", "task", "prompt", "reference", "completion", "messages", "tools", "chosen", "rejected", "verifier"}
)
"""Columns that mean something to training: those of a published row that its form does not give are not ours."""


def get_form(name: str) -> Form:
    """The form of this name.

    Raises:
        RecipeError: there is none.
    """
    if name not in FORMS:
        raise RecipeError(f"no form is named {name!r}{suggest(name, list(FORMS))}")
    return FORMS[name]


def read_by(form: Form, row: Row) -> dict[str, Any]:
    """The row with our columns in place of published ones of the same names.

    Raises:
        KeyError, Unusable: as `Form.read`.
    """
    given = form.read(row)
    return {key: value for key, value in row.items() if key not in OURS} | given


def looks_like(columns: Mapping[str, Any]) -> list[str]:
    """Forms whose columns a row has, those of more columns first."""
    fitting = [name for name, form in FORMS.items() if set(form.columns) <= set(columns)]
    fitting.sort(key=lambda name: -len(FORMS[name].columns))
    if set(mathematics.QUESTIONS) & set(columns) and set(mathematics.ANSWERS) & set(columns):
        fitting.append("question_answer")
    return fitting
