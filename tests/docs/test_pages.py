"""The pages are whole: links lead somewhere, commands are such as the parser takes, no page is too long to read."""

import re
import shlex
from pathlib import Path

import pytest

from openqwq.training.cli import _parser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("measured/*.md"), ROOT / "recipes/README.md"])
GUIDES = [page for page in PAGES if page.name != "CHANGELOG.md"]
COMMAND = re.compile(r"^(?: {4}|\$ )(?:\S*/)?openqwq (.*?)(?: {2,}#.*)?$", re.MULTILINE)
OWN_PARSERS = ("sandbox serve", "verify")
"""Commands that read their options themselves; tests of their own run them."""


def anchor(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [*PAGES, *sorted(DOCS.glob("adr/*.md"))], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        path, _, name = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} is not there"
        if name and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert name in map(anchor, headings), f"{target} has no such heading"


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_can_be_read_in_one_sitting(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= 250


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text()
    missing = [page.name for page in PAGES if page.is_relative_to(DOCS) and page != DOCS / "README.md"]
    assert not [name for name in missing if f"{name})" not in index]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_are_such_as_the_parser_takes(page: Path) -> None:
    for line in COMMAND.findall(re.sub(r"\\\n\s*", "", page.read_text())):
        if not line.startswith(OWN_PARSERS):
            known, late = _parser().parse_known_args(shlex.split(line))
            assert callable(known.call) and all("=" in word and word[0] != "-" for word in late), line


def test_the_page_of_commands_names_every_command() -> None:
    page = (DOCS / "commands.md").read_text()
    choices = next(action.choices for action in _parser()._actions if action.choices)
    assert not [name for name in choices if f"`openqwq {name}" not in page]
