"""`openqwq data show` and `openqwq data check`: prints what a run would see of its data."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import OpenqwqError, ServiceError
from openqwq.training.inspection.chosen import Chosen, Selection, choose
from openqwq.training.inspection.look import MAX_ROWS, Look, Seen, look_at
from openqwq.training.inspection.overlap import overlaps
from openqwq.training.models import held_context, load_tokenizer
from openqwq.training.pipeline.dry_run import verdict_on_canned
from openqwq.training.pipeline.sandbox_service import SandboxService
from openqwq.training.records import Prompt
from openqwq.training.rewards.router import RewardRouter, fill_in
from openqwq.training.rewards.routing import verifiers_of
from openqwq.training.templates.codec import ChatCodec
from openqwq.training.templates.source import chat_settings

MAX_CHARACTERS = 1500
"""Of a prompt or a rendering that is shown."""
SHOWN = 5


def data_show(asked: str | None, recipe: str | None, words: Sequence[str], rows: int = 10) -> int:
    """Print `rows` rows of each source as the run would see them; 0.

    Raises:
        OpenqwqError: the data cannot be read; the message says what to do.
    """
    selection, console = choose(asked, recipe, words), ConsoleLogger()
    for chosen, look, router in _looks(selection, console):
        _head(console, chosen, look, selection)
        for one in look.seen[:rows]:
            console.info("")
            for line in _described(one, router, len(look.seen)):
                console.info(line)
    return 0


def data_check(asked: str | None, recipe: str | None, words: Sequence[str]) -> int:
    """Print what is read, dropped and repeated in each source, and which training prompts stand in a suite. 1 when one
    does, or a source cannot be used; else 0.

    Raises:
        OpenqwqError: nothing of the data can be named.
    """
    selection, console = choose(asked, recipe, words), ConsoleLogger()
    looks = []
    for chosen, look, _ in _looks(selection, console, is_strict=False):
        _head(console, chosen, look, selection)
        looks.append((chosen, look))
    num_shared, has_unusable = 0, len(looks) < len(selection.sources)
    for trained, its_look in looks:
        for suite, held_out in looks:
            if not trained.is_suite and suite.is_suite and {trained.kind, suite.kind} != {"prompts", "pairs"}:
                num_shared += _shared(console, (trained, its_look), (suite, held_out))
    if any(suite.is_suite for suite, _ in looks):
        console.info(f"overlap of training prompts with suites: {num_shared or 'none'}")
    return 1 if num_shared or has_unusable else 0


@contextmanager
def _sandbox(selection: Selection, console: ConsoleLogger) -> Iterator[list[str]]:
    """Addresses of a sandbox, where programs are judged; none where none starts."""
    used = {use.name for one in selection.sources for task in one.rewards.tasks.values() for use in task.uses}
    is_asked = any(one.source.task in ("code", None) for one in selection.sources)
    with ExitStack() as services:
        urls: list[str] = []
        if "code" in used and is_asked:
            try:
                urls = services.enter_context(SandboxService(selection.recipe.sandbox, console.warn)).urls
            except ServiceError as error:
                console.warn(f"programs are not judged: {error}")
        yield urls


def _looks(
    selection: Selection, console: ConsoleLogger, is_strict: bool = True
) -> Iterator[tuple[Chosen, Look, RewardRouter]]:
    """Each source, read; one that cannot be is an error, or a warning where not `is_strict`."""
    chat = chat_settings(selection.recipe)
    codec = ChatCodec(load_tokenizer(selection.recipe.model, chat), chat.end_of_turn)
    held = held_context(selection.recipe.model) if selection.recipe.stages else None
    with _sandbox(selection, console) as urls:
        for chosen in selection.sources:
            with closing(RewardRouter(fill_in(chosen.rewards, {}, urls))) as router:
                try:
                    look = look_at(chosen, codec, held, router)
                except OpenqwqError as error:
                    if is_strict:
                        raise
                    console.warn(f"{chosen.where}: {error}")
                else:
                    yield chosen, look, router


def _head(console: ConsoleLogger, chosen: Chosen, look: Look, selection: Selection) -> None:
    source = chosen.source
    read = f"form {source.form}" if source.form else "openqwq's columns" if not source.columns else "mapped columns"
    more = f" (the first {MAX_ROWS})" if len(look.seen) >= MAX_ROWS else ""
    named = source.source if chosen.where == source.source else f"{chosen.where}: {source.source}"
    console.info(f"{named}: {len(look.seen)} {look.kind}{more}, read by {read}")
    lengths = sorted(one.num_tokens for one in look.seen)
    marks = [f"{name} {lengths[int(share * (len(lengths) - 1))]}" for name, share in (("median", 0.5), ("p95", 0.95))]
    console.info(f"  tokens: {', '.join(marks)}, most {lengths[-1]}, by the tokenizer of {selection.recipe.model}")
    for line in look.said:
        console.info(f"  {line.removeprefix(f'{source.source}: ')}")
    if dropped := [one for one in look.seen if one.problem is not None]:
        shown = "; ".join(f"{one.place}: {one.problem}" for one in dropped[:SHOWN])
        console.info(f"  dropped: {len(dropped)} of {len(look.seen)} rows: {shown}")
    if repeated := look.repeated:
        most = max(repeated, key=lambda asked: repeated[asked])
        console.info(
            f"  repeated: {len(repeated)} prompts stand more than once, one {repeated[most]} times: {most[:80]!r}"
        )


def _described(one: Seen, router: RewardRouter, count: int) -> Iterator[str]:
    yield f"{one.place} (of {count}), {one.num_tokens} tokens" + (f"; left out: {one.problem}" if one.problem else "")
    yield _block("rendered", one.rendered)
    if one.prompt is None:
        return
    reference = json.dumps(one.prompt.row.get("reference"), ensure_ascii=False)
    yield f"  task {one.prompt.task}, reference {_short(reference)}"
    yield from _verdicts(one.prompt, router)


def _verdicts(prompt: Prompt, router: RewardRouter) -> Iterator[str]:
    """The verdict of each verifier on the reference, written as an answer."""
    try:
        uses = verifiers_of(router.rewards, prompt.task, prompt.row)
    except OpenqwqError as error:
        yield f"  nothing judges it: {error}"
        return
    for use in uses:
        if "{stage:" in repr(use.arguments):
            yield f"  {use.name}: made by an earlier stage, cannot be asked yet"
            continue
        verdict = verdict_on_canned(router.verifier(use), prompt)
        score = "" if verdict.score is None else f" {verdict.score:g}"
        reason = _short(" ".join(verdict.reason.split()), 120)
        yield f"  {use.name} on its own reference: {verdict.status}{score} ({reason})"


def _shared(console: ConsoleLogger, trained: tuple[Chosen, Look], suite: tuple[Chosen, Look]) -> int:
    rows, held_out = trained[1].usable, suite[1].usable
    found = overlaps([one.asked for one in rows], [one.asked for one in held_out])
    for one in found[:SHOWN]:
        mine, theirs = rows[one.trained], held_out[one.held_out]
        places = f"{trained[0].where} {mine.place} and {suite[0].where} {theirs.place}"
        console.info(f"  {one.kind}: {places}: {_short(mine.asked, 100)}")
    if len(found) > SHOWN:
        console.info(f"  and {len(found) - SHOWN} more of {trained[0].where} and {suite[0].where}")
    return len(found)


def _block(title: str, text: str) -> str:
    return f"  {title}:\n" + "\n".join(f"    {line}" for line in _short(text, MAX_CHARACTERS).splitlines())


def _short(text: str, limit: int = 300) -> str:
    return text if len(text) <= limit else f"{text[:limit]} ... ({len(text)} characters)"
