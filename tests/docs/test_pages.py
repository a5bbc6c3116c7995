"""The pages are whole: links lead somewhere, commands are such as the parser takes, no page is too long to read."""

import argparse
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


INLINE = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^(?: {4}|\$ )(.*?)(?: {2,}#.*)?$", re.MULTILINE)


def said_in(page: Path) -> list[str]:
    """What a page shows as code: in a line of prose or of a table, and in lines of their own."""
    text = re.sub(r"\\\n\s*", "", page.read_text())
    return [one.replace("\\|", "|").strip() for one in [*INLINE.findall(text), *FENCED.findall(text)]]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_and_options_in_a_pages_prose_are_there(page: Path) -> None:
    commands = next(action.choices for action in _parser()._actions if action.choices)
    assert isinstance(commands, dict)
    for line in said_in(page):
        command, *rest = re.sub(r"^(?:\S*/)?openqwq ", "openqwq ", line).split(" ")[:2] or [""]
        if command != "openqwq" or not rest or not rest[0].isalpha():
            continue
        assert rest[0] in commands, line
        if not line.startswith(("openqwq verify", "openqwq sandbox")):
            known = _options(commands[rest[0]])
            assert {option.partition("=")[0] for option in re.findall(r"(?<=[ \[])--[a-z][\w-]*", line)} <= known, line


def _options(parser: argparse.ArgumentParser) -> set[str]:
    """Options of a command and of its own commands."""
    inner = [one for action in parser._actions if isinstance(action.choices, dict) for one in action.choices.values()]
    return {name for action in parser._actions for name in action.option_strings}.union(*map(_options, inner))


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_programs_and_targets_of_a_page_are_there(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in said_in(page):
        for module in re.findall(r"python3? -m ((?:benchmarks|scripts|openqwq)[\w.]*)", line):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), line
        for program in re.findall(r"python3? ((?:benchmarks|scripts|docs|data)/\S+\.py)", line):
            assert (ROOT / program).is_file(), line
        if line.startswith("make "):
            assert {word for word in line.split()[1:] if re.fullmatch(r"[a-z][\w-]*", word)} <= targets, line
