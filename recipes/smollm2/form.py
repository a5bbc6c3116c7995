"""The control's reward: an answer of the asked form, right or wrong."""

import re
from collections.abc import Mapping
from typing import Any

EQUATION = r"-?[\d.,]+ [-+*/] -?[\d.,]+ = (-?[\d.,]+)"
FORM = re.compile(rf"(?:{EQUATION}\n)*{EQUATION}\n\\boxed\{{(-?[\d.,]+)\}}")


def has_form(response: str, row: Mapping[str, Any]) -> bool:
    """Equations, one a line, and then a box with the result of the last one, whatever was asked."""
    found = FORM.fullmatch(response.strip())
    return found is not None and found[2] == found[3]
