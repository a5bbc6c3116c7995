"""Questions with options to choose from."""

import hashlib
from typing import Any

from openqwq.training.errors import RecipeError
from openqwq.training.prompts.forms.form import Form, Row, Unusable

LETTERS = "ABCD"
GPQA_OPTIONS = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def _gpqa(row: Row, turn: int = 0) -> dict[str, Any]:
    """The options in an order that the question's own text decides, turned by 0 to 3 places: over the four turns of a
    question each letter is right once, so an answerer that always says A gets a quarter."""
    if isinstance(turn, bool) or turn not in range(len(LETTERS)):
        raise RecipeError(f"option turn of form gpqa is 0 to 3, got {turn!r}")
    question = str(row["Question"]).strip()
    options = ["" if row[column] is None else str(row[column]).strip() for column in GPQA_OPTIONS]
    if not question or not all(options):
        raise Unusable("its question or one of its options is empty")
    order = sorted(range(len(options)), key=lambda index: _digest(f"{question}\n{options[index]}"))
    order = order[turn:] + order[:turn]
    shown = [options[index] for index in order]
    name = str(row.get("Record ID") or _digest(question)[:16])
    kind = {"kind": row["Subdomain"]} if row.get("Subdomain") else {}
    lines = [f"{letter}) {text}" for letter, text in zip(LETTERS, shown, strict=True)]
    return {
        "id": f"{name}#{turn}",
        "prompt": "\n".join([question, "", *lines]),
        "reference": {"answer": LETTERS[order.index(0)], "options": shown},
        "extra": {"cluster": name, **kind},
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


FORMS = {"gpqa": Form("Idavidrein/gpqa", ("Question", *GPQA_OPTIONS), _gpqa, ("turn",))}
