"""The rows of one source, each with what a run would make of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openqwq.training.errors import DataError, OpenqwqError
from openqwq.training.inspection.chosen import Chosen, Kind
from openqwq.training.prompts.sources import hint, placed_rows, to_prompt
from openqwq.training.records import Prompt
from openqwq.training.rewards.router import RewardRouter
from openqwq.training.supervised.encoding import demonstration_parts, encode_demonstration, encode_pair, pair_problem
from openqwq.training.templates.codec import ChatCodec
from openqwq.verifiers.chat_rendering import TemplateRefusal, plain

MAX_ROWS = 20_000
"""Rows of a source that are looked at."""


@dataclass(frozen=True)
class Seen:
    """One row: what it asks, how it is rendered, and why it would be left out, if it would."""

    place: str
    row: Mapping[str, Any]
    prompt: Prompt | None
    asked: str
    """The words of its prompt, for comparing rows."""
    rendered: str
    num_tokens: int
    problem: str | None


@dataclass(frozen=True)
class Look:
    """All that is seen of a source."""

    kind: Kind
    seen: Sequence[Seen]
    said: Sequence[str]
    """Warnings of the loader: rows that were left out."""

    @property
    def usable(self) -> list[Seen]:
        """The rows that a run would keep."""
        return [one for one in self.seen if one.problem is None]

    @property
    def repeated(self) -> dict[str, int]:
        """Words of prompts that stand in more than one row -> how many times."""
        return {asked: count for asked, count in Counter(one.asked for one in self.seen).items() if count > 1}


def look_at(chosen: Chosen, codec: ChatCodec, held: int | None, router: RewardRouter) -> Look:
    """Read a source, its first MAX_ROWS rows. `held`: tokens that the model holds.

    Raises:
        OpenqwqError: the source cannot be read at all, or its verifiers not be built.
    """
    said: list[str] = []
    start, stop = chosen.source.rows or (0, MAX_ROWS)
    limited = chosen.source.model_copy(update={"rows": (start, min(stop, start + MAX_ROWS)), "check": "drop"})
    placed = placed_rows(limited, said.append)
    if chosen.source.rows is None:  # the limit is ours: that there are fewer rows is no news
        said = [line for line in said if " asks for " not in line]
    kind = chosen.kind or kind_of(*placed[0])
    readers: dict[Kind, Callable[[], Iterator[Seen]]] = {
        "prompts": lambda: _prompts(placed, chosen, codec, router),
        "demonstrations": lambda: _demonstrations(placed, codec),
        "pairs": lambda: _pairs(placed, codec),
    }
    return Look(kind, [_within(one, held) for one in readers[kind]()], said)


def kind_of(place: str, row: Mapping[str, Any]) -> Kind:
    """What a row without a recipe is for, by its columns.

    Raises:
        DataError: it has none of ours.
    """
    if "chosen" in row and "rejected" in row:
        return "pairs"
    if "prompt" in row and "reference" in row:
        return "prompts"
    if "messages" in row or ("prompt" in row and "completion" in row):
        return "demonstrations"
    raise DataError(
        f"{place}: its columns {', '.join(sorted(row))} are not openqwq's (prompt and reference; messages, or prompt "
        f"and completion; chosen and rejected){hint(row)}"
    )


def _prompts(
    placed: Sequence[tuple[str, dict[str, Any]]], chosen: Chosen, codec: ChatCodec, router: RewardRouter
) -> Iterator[Seen]:
    prompts = [to_prompt(row, chosen.source, place) for place, row in placed]
    judged = [prompt for prompt in prompts if prompt.row.get("verifier") or prompt.task in router.rewards.tasks]
    router.check_verifiers(judged)
    problems = router.unusable_references(judged)
    reasons = {id(judged[index]): reason for index, reason in problems.items()}
    for (place, row), prompt in zip(placed, prompts, strict=True):
        try:
            rendered = codec.renderer.render(prompt.messages, prompt.tools, add_generation_prompt=True)
            problem = reasons.get(id(prompt))
        except TemplateRefusal as refusal:
            rendered, problem = "", str(refusal)
        yield Seen(
            place, row, prompt, _words(prompt.messages), plain(rendered), len(codec.renderer.encode(rendered)), problem
        )


def _demonstrations(placed: Sequence[tuple[str, dict[str, Any]]], codec: ChatCodec) -> Iterator[Seen]:
    for place, row in placed:
        try:
            asked, _, _ = demonstration_parts(row)
            tokens = encode_demonstration(codec, row)[0]
        except (DataError, TemplateRefusal, KeyError, TypeError, AttributeError, ValueError) as error:
            yield Seen(place, row, None, place, "", 0, f"{type(error).__name__}: {error}"[:200])
        else:
            yield Seen(place, row, None, _words(asked), codec.tokenizer.decode(tokens), len(tokens), None)


def _pairs(placed: Sequence[tuple[str, dict[str, Any]]], codec: ChatCodec) -> Iterator[Seen]:
    for place, row in placed:
        try:
            sides = encode_pair(codec.tokenizer, row)
        except (OpenqwqError, TemplateRefusal, KeyError, TypeError, AttributeError, ValueError) as error:
            yield Seen(place, row, None, place, "", 0, f"{type(error).__name__}: {error}"[:200])
            continue
        texts = [codec.tokenizer.decode(sides[key]) for key in ("chosen_ids", "rejected_ids")]
        asked = row["prompt"] if isinstance(row["prompt"], str) else _words(row["prompt"])
        longest = max(map(len, sides.values()))
        yield Seen(place, row, None, asked, "\n".join(texts), longest, pair_problem(row, sides))


def _within(one: Seen, held: int | None) -> Seen:
    if one.problem is not None or held is None or one.num_tokens < held:
        return one
    words = f"{one.num_tokens} tokens, and the model holds {held}"
    return Seen(one.place, one.row, one.prompt, one.asked, one.rendered, one.num_tokens, words)


def _words(messages: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(str(message.get("content") or "") for message in messages if message["role"] != "system")
