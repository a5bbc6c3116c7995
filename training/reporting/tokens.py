"""What the page needs to show a rollout token by token: the text that each token adds, which of them were trained, and
what was kept of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from openqwq.training.answers.record import Answer
from openqwq.training.run_folder.lenient import mapping
from openqwq.training.run_folder.record import RunRecord

FRAGMENT = "\ufffd"
"""Stands in a decoded text for bytes that are no whole character."""
MOST_FRAGMENTS = 8
"""Tokens that one character is divided into at most; after them the bytes are no character."""
KEPT = {"gap": "gap", "advantage": "advantages"}
"""What is kept of every trained token -> its name in the page."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Pieces:
    """The text that each token adds to what was said before it, by the tokenizer in a file (`tokenizer.json`)."""

    def __init__(self, path: Path) -> None:
        """Raises Exception, of tokenizers' own kinds: it is no tokenizer."""
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(path))
        self._anchor = self._tokenizer.encode("a", add_special_tokens=False).ids
        self._known: dict[tuple[int, ...], str] = {}
        self._texts: dict[int, str] = {}
        self._fragments: set[int] = set()

    def of(self, tokens: Sequence[int]) -> list[str]:
        """One text a token. A character that several tokens make is at the last of them, the others have none."""
        for token in set(tokens) - self._texts.keys():
            self._texts[token] = self._text((token,))
            if self._texts[token].endswith(FRAGMENT):
                self._fragments.add(token)
        if self._fragments.isdisjoint(tokens):
            return [self._texts[token] for token in tokens]
        return self._with_fragments(tokens)

    def _with_fragments(self, tokens: Sequence[int]) -> list[str]:
        found: list[str] = []
        waiting: tuple[int, ...] = ()
        for token in tokens:
            waiting = (*waiting, token)
            text = self._text(waiting)
            is_whole = not text.endswith(FRAGMENT) or len(waiting) >= MOST_FRAGMENTS
            found.append(text if is_whole else "")
            waiting = () if is_whole else waiting
        if waiting:
            found[-1] = self._text(waiting)
        return found

    def _text(self, tokens: tuple[int, ...]) -> str:
        if tokens not in self._known:
            # Behind another token, as tokenizers with words of their own drop the space before a first word.
            text = self._tokenizer.decode([*self._anchor, *tokens], skip_special_tokens=False)
            start = self._tokenizer.decode(self._anchor, skip_special_tokens=False)
            self._known[tokens] = text.removeprefix(start)
        return self._known[tokens]


def pieces_of_run(record: RunRecord) -> Pieces | None:
    """By the tokenizer of the run's newest model, or of the model that it began with; None without any."""
    saved = sorted(record.path.glob("checkpoints/*/step_*/model/tokenizer.json"), key=lambda path: path.stat().st_mtime)
    for path in (*reversed(saved), Path(str(record.recipe.get("model") or "")) / "tokenizer.json"):
        try:
            if path.is_file():
                return Pieces(path)
        except Exception:  # tokenizers raises bare exceptions; the page goes without
            continue
    return None


@dataclass(frozen=True)
class TokenView:
    """The tokens of an answer. T tokens after the prompt."""

    texts: Sequence[str]
    """What each token adds, [T]."""
    mask: Sequence[int]
    """Numbers of tokens that are trained, that are not, that are, and so on."""
    values: Mapping[str, Sequence[float | None]]
    """What was kept: `gap` and `advantages` of the trained tokens, `logprob` of all."""

    @cached_property
    def text(self) -> str:
        """All of it."""
        return "".join(self.texts)

    def columns(self) -> dict[str, Any]:
        """What the script reads (`Pieces` in tokens.mjs). Sizes are digits to the base of 36, larger ones in
        brackets, in the units of UTF-16 that JavaScript counts."""
        sizes = (units(text) for text in self.texts)
        said = "".join(_DIGITS[size] if size < len(_DIGITS) else f"({size})" for size in sizes)
        return {"text": self.text, "sizes": said, "mask": self.mask, **self.values}


def token_view(answer: Answer, pieces: Pieces) -> TokenView | None:
    """None where the tokens were not kept or do not fit the mask."""
    try:
        ids = [int(token) for token in answer.tokens]
        runs = [(int(mask), int(count)) for mask, count in answer.loss_mask]
        kept = {str(name): [float(value) for value in values] for name, values in mapping(answer.per_token).items()}
        logprobs = [float(value) for value in answer.logprobs]
        texts = pieces.of(ids)
    except (TypeError, ValueError, OverflowError):
        return None
    if not ids or sum(count for _, count in runs) != len(ids):
        return None
    num_trained = sum(count for mask, count in runs if mask)
    values = {KEPT[name]: _rounded(given) for name, given in kept.items() if name in KEPT and len(given) == num_trained}
    if len(logprobs) == len(ids):
        values["logprob"] = _rounded(logprobs)
    return TokenView(texts, _alternating(runs), values)


def _alternating(runs: Sequence[tuple[int, int]]) -> list[int]:
    """(mask, number of tokens) as numbers alone, the first of them of trained tokens."""
    numbers = [0]
    for mask, count in runs:
        if bool(mask) != (len(numbers) % 2 == 1):
            numbers.append(0)
        numbers[-1] += count
    return numbers


def _rounded(values: Sequence[float]) -> list[float | None]:
    """With two decimals; None for what JSON cannot hold. Whole numbers in the shortest form."""
    short = [round(value, 2) if abs(value) < 1e6 else None for value in values]
    return [int(value) if value is not None and value == int(value) else value for value in short]


def units(text: str) -> int:
    """Length in the units of UTF-16, which JavaScript counts."""
    return len(text) if text.isascii() else len(text) + sum(ord(sign) > 0xFFFF for sign in text)
