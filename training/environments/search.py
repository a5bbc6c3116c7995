"""The environment `search`: two tools, `search(query, limit)` and `read(id)`, over documents of a file, a folder or the
row."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from openqwq.training.environments.bm25 import Bm25, words
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.errors import RecipeError
from openqwq.training.records import Message
from openqwq.verifiers.tool_calls import ParsedCall, check_arguments

SUFFIXES = (".txt", ".md")
SNIPPET = 160
MAX_LIMIT = 20
MAX_QUERY = 1000
"""Characters of a query that count."""


@dataclass(frozen=True)
class Document:
    """What is found and read."""

    id: str
    text: str
    title: str = ""


class Corpus:
    """Documents and their index."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents = tuple(documents)
        self.by_id = {document.id: document for document in self.documents}
        self.index = Bm25([f"{document.title} {document.text}" for document in self.documents])


class SearchEnvironment:
    """Finds documents by BM25 and shows them. It reads only what it was given: an id is no path.

    `corpus`: a JSONL file whose lines have `id`, `text` and perhaps `title`, or a folder, whose .txt and .md files
    become documents with their paths as ids. A row may bring documents of its own,
    `extra: {documents: [{id, text, title}, ...]}`, which are then searched in place of the corpus.
    """

    is_stateless = True

    def __init__(self, corpus: str | None = None, page_characters: int = 1500) -> None:
        """`page_characters`: how much of a document one `read` shows.

        Raises:
            RecipeError: there is no such corpus, or a document of it is malformed.
        """
        if not page_characters > 0:
            raise RecipeError(f"page_characters of the environment search must be positive, got {page_characters!r}")
        self._shipped = None if corpus is None else _load(corpus)
        self._corpus = self._shipped
        self._page = page_characters

    def tools(self) -> list[dict[str, Any]]:
        """`search` and `read`."""
        query = {"query": {"type": "string"}, "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}}
        read = {"id": {"type": "string"}, "page": {"type": "integer", "minimum": 1}}
        return [
            _function("search", "Find documents.", query, ["query"]),
            _function("read", "Read a document.", read, ["id"]),
        ]

    @staticmethod
    def example(seed: int) -> dict[str, Any]:
        """A row to try it with."""
        texts = {"bridge": "The stone bridge was built in 1621.", "tower": "The tower has 214 steps and no lift."}
        documents = [{"id": name, "text": text} for name, text in texts.items()]
        return {
            "prompt": [{"role": "user", "content": "When was the bridge built?"}],
            "extra": {"documents": documents},
        }

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Take the row's documents, if it has any.

        Raises:
            ValueError: the row's documents are malformed, or there is nothing to search.
        """
        extra = task.get("extra")
        own = extra.get("documents") if isinstance(extra, Mapping) else None
        where = f"row {task.get('id')!r}"
        if own is None and self._shipped is None:
            raise ValueError(f"{where} has no extra.documents, and the environment search has no `corpus`")
        if own is not None and not isinstance(own, list):
            raise ValueError(f"{where}: extra.documents must be a list of {{id, text, title}}, got {own!r:.80}")
        self._corpus = self._shipped if own is None else Corpus(_documents(enumerate(own), f"{where}, document"))
        return []

    async def step(self, turn: AssistantTurn) -> StepResult:
        """One tool message per call; done when the turn has no calls."""
        answers = [self._answer(call) for call in turn.calls] + [{"error": reason} for reason in turn.parse_errors]
        messages = [{"role": "tool", "content": json.dumps(answer, ensure_ascii=False)} for answer in answers]
        return StepResult(messages, done=not answers)

    async def close(self) -> None:
        """Has no resources to release."""

    def _answer(self, call: ParsedCall) -> Any:
        if self._corpus is None:
            raise RuntimeError("the environment search was asked before reset")
        if problem := check_arguments(call, self.tools()):
            return {"error": problem}
        if call.name == "read":
            return self._read(self._corpus, str(call.arguments["id"]), int(call.arguments.get("page", 1)))
        query = str(call.arguments["query"])[:MAX_QUERY]
        found = self._corpus.index.search(query, int(call.arguments.get("limit", 5)))
        return [_entry(self._corpus.documents[index], query) for index, _ in found]

    def _read(self, corpus: Corpus, name: str, page: int) -> dict[str, Any]:
        document = corpus.by_id.get(name)
        if document is None:
            return {"error": f"no document {name[:80]!r}; ids are those that search gives"}
        pages = max(1, -(-len(document.text) // self._page))
        if page > pages:
            return {"error": f"document {name[:80]!r} has {pages} page{'s' if pages > 1 else ''}"}
        shown: dict[str, Any] = {"text": document.text[(page - 1) * self._page : page * self._page]}
        return shown if pages == 1 else shown | {"page": page, "pages": pages}


def _function(name: str, description: str, properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _entry(document: Document, query: str) -> dict[str, Any]:
    """A document in the list of what was found, with the text around the query's first word in it."""
    entry: dict[str, Any] = {"id": document.id}
    if document.title:
        entry["title"] = document.title
    text = " ".join(document.text.split())
    lowered = text.casefold()
    places = [lowered.find(word) for word in words(query)]
    first = min((place for place in places if place >= 0), default=0)
    start = max(0, min(first - SNIPPET // 4, len(text) - SNIPPET))
    shown = text[start : start + SNIPPET]
    return entry | {"text": f"{'...' if start else ''}{shown}{'...' if start + SNIPPET < len(text) else ''}"}


@lru_cache(maxsize=8)
def _load(corpus: str) -> Corpus:
    """A corpus of the recipe; once per process, since every sample has an environment of its own."""
    path = Path(corpus)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
        texts = ((file.relative_to(path).as_posix(), file) for file in files)
        documents = [Document(name, file.read_text(encoding="utf-8", errors="replace")) for name, file in texts]
    elif path.is_file():
        with path.open(encoding="utf-8", errors="replace") as lines:
            numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
            documents = _documents(_parsed(numbered, corpus), f"{corpus}, line")
    else:
        raise RecipeError(f"no corpus {corpus!r}; `corpus` of the environment search is a JSONL file or a folder")
    if not documents:
        raise RecipeError(f"the corpus {corpus!r} has no documents; a folder needs {' or '.join(SUFFIXES)} files")
    return Corpus(documents)


def _parsed(lines: Iterable[tuple[int, str]], corpus: str) -> Iterable[tuple[int, Any]]:
    for number, line in lines:
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"{corpus}, line {number} is not JSON: {error}") from error


def _documents(numbered: Iterable[tuple[int, Any]], where: str) -> list[Document]:
    """Raises:
    RecipeError: one has no text `id` or `text`, or two have one id.
    """
    documents: dict[str, Document] = {}
    for number, given in numbered:
        fields = given if isinstance(given, Mapping) else {}
        name, text, title = (fields.get(key, "") for key in ("id", "text", "title"))
        if not (
            isinstance(name, str) and isinstance(text, str) and isinstance(title, str) and name and "text" in fields
        ):
            raise RecipeError(f"{where} {number} needs `id` and `text`, both texts, got {given!r:.80}")
        if name in documents:
            raise RecipeError(f"{where} {number} has the id {name!r} of an earlier document; ids are unique")
        documents[name] = Document(name, text, title)
    return list(documents.values())
