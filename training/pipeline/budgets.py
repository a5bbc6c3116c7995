"""Which rows fit the context, found when data is loaded: prompts of RL stages, suites, rows of supervised stages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from openqwq.training.config import Recipe, RlStage, Sampling, Source
from openqwq.training.config.context_budget import smallest
from openqwq.training.errors import DataError
from openqwq.training.prompts.feeds import StreamedPrompts
from openqwq.training.records import Prompt
from openqwq.training.templates.codec import ChatCodec
from openqwq.verifiers.chat_rendering import TemplateRefusal

SHOWN_ROWS = 3
LONGEST_NORMAL_FORM = 11
"""Bytes that a normal form makes of one byte at most (U+FDFA under NFKC); ASCII is its own."""
Weighted = Sequence[tuple[Sequence[Prompt], float]]


@dataclass(frozen=True)
class Budget:
    """Tokens of a conversation, and where the number comes from. Example: `Budget(512, "max_context=512")`"""

    tokens: int | None
    """None is no limit."""
    words: str
    remedy: str = "Shorten them, or take a model that holds more"

    @classmethod
    def of(cls, sampling: Sampling, held: int | None) -> "Budget":
        """The budget of a section; `held`: tokens that the model holds."""
        if sampling.max_context is None:
            return cls(held, f"the {held} that the model holds")
        return cls(
            smallest(sampling.max_context, held),
            f"max_context={sampling.max_context}",
            "Shorten them, or raise max_context",
        )


def stages_that_fit(
    recipe: Recipe, codec: ChatCodec, prompts: Mapping[str, Weighted], held: int | None, warn: Callable[[str], None]
) -> dict[str, Weighted]:
    """The prompts of every RL stage without those that leave no room for one sampled token; they are warned about.

    Raises:
        DataError: no prompt of a source fits.
    """
    budgets = {s.name: Budget.of(s.sampling, held) for s in recipe.stages if isinstance(s, RlStage)}
    return {
        stage: [(_that_fit(stage, loaded, budgets[stage], codec, warn), weight) for loaded, weight in sources]
        for stage, sources in prompts.items()
    }


def _that_fit(
    stage: str, prompts: Sequence[Prompt], budget: Budget, codec: ChatCodec, warn: Callable[[str], None]
) -> Sequence[Prompt]:
    too_long = _too_long(prompts, budget, codec)
    kept = [prompt for prompt in prompts if prompt.id not in too_long]
    if too_long:
        where = f"stage {stage}, {prompts[0].source}"
        _refuse_all(where, too_long, len(prompts), budget)
        lost = sorted({prompt.task for prompt in prompts} - {prompt.task for prompt in kept})
        count = f"{len(too_long)} of {len(prompts)} prompts dropped" + (f", all of {', '.join(lost)}" if lost else "")
        warn(f"{where}: {count}, {_reason(budget)}: {_named(too_long)}")
    if isinstance(prompts, StreamedPrompts):
        return prompts.with_check(kept, lambda prompt: "too long" if _too_long([prompt], budget, codec) else None)
    return kept


def note_suites_beyond(
    suites: Mapping[str, Sequence[Prompt]], codec: ChatCodec, budget: Budget, warn: Callable[[str], None]
) -> None:
    """Warn about rows of suites that leave no room for an answer. They stay, and count as `length` with score 0: an
    accuracy over fewer rows would be another one.

    Raises:
        DataError: no row of a suite fits.
    """
    for name, prompts in suites.items():
        too_long = _too_long(prompts, budget, codec)
        if too_long:
            _refuse_all(f"suite {name}", too_long, len(prompts), budget)
            count = f"{len(too_long)} of {len(prompts)} rows count as `length` with score 0"
            warn(f"suite {name}: {count}, {_reason(budget)}: {_named(too_long)}")


def rows_that_fit(
    source: Source, lengths: Mapping[str, int], held: int | None, warn: Callable[[str], None]
) -> set[str]:
    """Places of the rows of a supervised stage that the model holds. `lengths`: place of each row -> its tokens.

    Raises:
        DataError: none is.
    """
    too_long = {place: length for place, length in lengths.items() if held is not None and length > held}
    if too_long:
        budget = Budget(held, f"the {held} that the model holds")
        _refuse_all(source.source, too_long, len(lengths), budget)
        count = f"{len(too_long)} of {len(lengths)} rows dropped"
        warn(f"{source.source}: {count}, longer than {budget.words}: {_named(too_long)}")
    return set(lengths) - set(too_long)


def _too_long(prompts: Sequence[Prompt], budget: Budget, codec: ChatCodec) -> dict[str, int]:
    """Id -> tokens of each prompt without room for one more token. One that the template does not render is none: it
    fails alone when it is sampled."""
    found: dict[str, int] = {}
    if budget.tokens is None:
        return found
    for prompt in prompts:
        try:
            text = codec.renderer.render(prompt.messages, prompt.tools, add_generation_prompt=True)
        except TemplateRefusal:
            continue
        if _most_tokens(text) < budget.tokens:
            continue  # encoding takes most of the time, and most prompts are short
        length = len(codec.renderer.encode(text))
        if length >= budget.tokens:
            found[prompt.id] = length
    return found


def _most_tokens(text: str) -> int:
    """More tokens than a text has in any tokenizer: no token is shorter than a byte, but for one that may begin it."""
    return (1 if text.isascii() else LONGEST_NORMAL_FORM) * len(text.encode(errors="replace")) + 1


def _reason(budget: Budget) -> str:
    return f"with one token to sample they do not fit {budget.words}"


def _named(too_long: Mapping[str, int]) -> str:
    shown = ", ".join(f"{name!r} ({length} tokens)" for name, length in list(too_long.items())[:SHOWN_ROWS])
    return f"{shown} and {len(too_long) - SHOWN_ROWS} more" if len(too_long) > SHOWN_ROWS else shown


def _refuse_all(where: str, too_long: Mapping[str, int], count: int, budget: Budget) -> None:
    if len(too_long) == count:
        name = min(too_long, key=lambda row: too_long[row])
        raise DataError(
            f"{where}: none of the {count} rows fits {budget.words}; the shortest, {name!r}, has {too_long[name]} "
            f"tokens. {budget.remedy}"
        )
