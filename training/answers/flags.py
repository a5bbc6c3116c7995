"""What is worth a look in an answer, whatever its reward. Marks, no verdicts: no reward depends on them."""

from openqwq.training.records import Prompt, Rollout
from openqwq.verifiers.answers import THINK_CLOSE, THINK_OPEN, is_blank
from openqwq.verifiers.rules.language import prose
from openqwq.verifiers.rules.repetition import ends_in_loop
from openqwq.verifiers.rules.scripts import runs

TRUNCATED = "truncated"
UNCLOSED = "unclosed_thinking"
EMPTY_THINKING = "empty_thinking"
LOOP = "loop"
MIXED = "mixed_scripts"
FLAGS = (TRUNCATED, UNCLOSED, EMPTY_THINKING, LOOP, MIXED)

LEAST_LETTERS = 4
"""Letters of another script that count as mixing; fewer are a symbol or a name."""
_SYMBOLS = {"latin", "greek"}
"""Scripts that formulas and names bring into any language."""


def flags_of(prompt: Prompt, rollout: Rollout) -> tuple[str, ...]:
    """The flags of a rollout, in the order of `FLAGS`.

    `truncated`: it ended at a limit. `unclosed_thinking`: thinking was opened and never closed. `empty_thinking`: it
    was closed with nothing in it. `loop`: the text ends in one passage, said again and again. `mixed_scripts`: letters
    of a writing system that the prompt does not use, beside others.
    """
    said = [str(turn.get("content") or "") for turn in rollout.turns if turn.get("role") == "assistant"]
    last = said[-1] if said else ""
    opened, closing, _ = last.partition(THINK_CLOSE)
    found = {
        TRUNCATED: rollout.finish_reason in ("length", "turns"),
        UNCLOSED: THINK_OPEN in last and not closing,
        EMPTY_THINKING: bool(closing) and is_blank(opened.replace(THINK_OPEN, "")),
        LOOP: any(map(ends_in_loop, said)),
        MIXED: _mixes_scripts(prompt, said),
    }
    return tuple(flag for flag in FLAGS if found[flag])


def _mixes_scripts(prompt: Prompt, said: list[str]) -> bool:
    asked = {script for message in prompt.messages for script, _ in runs(str(message.get("content") or ""))}
    letters: dict[str, int] = {}
    for script, count in runs(prose("\n".join(said))):
        letters[script] = letters.get(script, 0) + count
    strange = {script for script, count in letters.items() if count >= LEAST_LETTERS} - asked - _SYMBOLS
    return bool(strange) and len(letters) > 1
