"""Every kind of chat in the data of a run, rendered both ways before anything starts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from openqwq.training.config import EnvironmentUse
from openqwq.training.environments.catalogue import BUILT_IN
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.records import Prompt
from openqwq.training.supervised.encoding import demonstration_parts
from openqwq.training.templates.both_ways import Chat, check_chat
from openqwq.training.templates.codec import ChatCodec
from openqwq.verifiers.chat_rendering import TemplateRefusal
from openqwq.verifiers.tool_calls import tool_functions

TOOL_ANSWERS: tuple[tuple[int, ...], ...] = ((), (1,), (2, 1))
"""What is tried where an environment answers: no answer, one, several and another one after the next turn."""

DROPS_THINKING = (
    "the chat template leaves out the thinking of earlier turns; a conversation with tools keeps it, because its "
    "sampled tokens are those that are trained. Serve such conversations with their thinking, or give a "
    "`chat_template` that keeps it"
)
HIDES_TOOLS = "the chat template does not show the `tools` of a row to the model; name them in its prompt"


def check_prompts(
    codec: ChatCodec,
    prompts: Mapping[str, Iterable[Prompt]],
    environments: Mapping[str, EnvironmentUse],
    warn: Callable[[str], None],
) -> None:
    """Check the prompts of RL stages and suites: one of each kind.

    `prompts`: name of the stage or suite -> its prompts. `environments`: task -> the environment that answers it. One
    of the user's own may answer as a user as well; a template need take one of the roles.

    Raises:
        RecipeError: the template does not render a kind, or not as conversations are built; the message shows where.
    """
    chats = (
        Chat(f"{name}, row {prompt.id!r}{_with(count)}", prompt.messages, prompt.tools, count)
        for name, listed in prompts.items()
        for prompt in listed
        for count in (TOOL_ANSWERS if prompt.task in environments else ((),))
    )
    _check(codec, chats, warn, may_answer_as_user=any(use.name not in BUILT_IN for use in environments.values()))


def check_demonstrations(
    codec: ChatCodec, name: str, rows: Iterable[Mapping[str, Any]], warn: Callable[[str], None]
) -> None:
    """Check the demonstrations of a cold start: one of each kind.

    Raises:
        RecipeError: as `check_prompts`.
    """
    _check(codec, (_demonstration(f"{name}, row {row.get('id', i)!r}", row) for i, row in enumerate(rows, 1)), warn)


def _demonstration(name: str, row: Mapping[str, Any]) -> Chat:
    asked, lesson, tools = demonstration_parts(row)
    counts = [0]
    for message in lesson:
        if message["role"] == "assistant":
            counts.append(0)
        else:
            counts[-1] += 1
    count = tuple(counts[1:-1])
    return Chat(f"{name}{_with(count)}", asked, tools, count)


def _check(
    codec: ChatCodec, chats: Iterable[Chat], warn: Callable[[str], None], may_answer_as_user: bool = False
) -> None:
    warnings = set()
    for chat in _kinds(chats):
        if not chat.messages or chat.messages[-1]["role"] == "assistant":  # the row has begun the turn itself
            _check_renders(codec, chat)
            continue
        try:
            keeps_thinking = check_chat(codec, chat)
        except RecipeError as error:
            if not (chat.answers and may_answer_as_user):
                raise
            keeps_thinking = check_chat(codec, replace(chat, role="user", answers=(1,) * len(chat.answers)))
            warnings.add(f"{error}. Only answers of an environment that come as messages of a user are possible")
        warnings |= set() if keeps_thinking else {DROPS_THINKING}
        warnings |= set() if _shows_tools(codec, chat) else {HIDES_TOOLS}
    for warning in sorted(warnings):
        warn(warning)


def _kinds(chats: Iterable[Chat]) -> Iterator[Chat]:
    """The first chat of each kind: roles and forms of the messages, tools or none, tool answers."""
    seen = set()
    for chat in chats:
        shape = tuple((m["role"], *sorted((k, type(v).__name__) for k, v in m.items())) for m in chat.messages)
        kind = (shape, bool(chat.tools), tuple(chat.answers))
        if kind not in seen:
            seen.add(kind)
            yield chat


def _check_renders(codec: ChatCodec, chat: Chat) -> None:
    try:
        codec.prompt(chat.messages, chat.tools)
    except TemplateRefusal as error:
        raise DataError(f"{chat.name}: {error}") from error


def _shows_tools(codec: ChatCodec, chat: Chat) -> bool:
    shown, bare = (codec.renderer.render(chat.messages, tools, True) for tools in (chat.tools, ()))
    return all(shown.count(name) > bare.count(name) for name in tool_functions(list(chat.tools)))


def _with(count: Sequence[int]) -> str:
    return f" with {' and '.join(map(str, count))} tool answer{'s' if sum(count) > 1 else ''}" if any(count) else ""
