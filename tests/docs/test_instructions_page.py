"""The page of instructions has one line for each id, with the arguments that it takes."""

import inspect
import re
from pathlib import Path

from openqwq.verifiers.rules.instructions import CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "instructions.md").read_text(encoding="utf-8")


def test_the_page_has_a_line_for_each_instruction_with_its_arguments() -> None:
    lines = dict(re.findall(r"^\| `([a-z_]+:[a-z_0-9]+)` \| ([^|]*) \|", PAGE, re.MULTILINE))
    assert set(lines) == set(CHECKS)
    for name, arguments in lines.items():
        assert arguments.strip() == ", ".join(list(inspect.signature(CHECKS[name]).parameters)[1:]), name
