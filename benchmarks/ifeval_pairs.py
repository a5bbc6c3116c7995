"""Pairs of an IFEval instruction and an answer for `ifeval_peer.py`: seeded, of all 25 types, most close to the bound.

An answer is made to follow its instruction or to miss it by a little, then spoilt in the ways of models: a greeting in
front, bold, a fence, thinking, other blanks, other scripts. Nothing here says what the verdict is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks import ifeval_layouts as layouts
from benchmarks import ifeval_words as words


@dataclass(frozen=True)
class Pair:
    """One instruction and one answer. Example: Pair("punctuation:no_comma", {}, "Yes.")."""

    instruction_id: str
    kwargs: dict[str, Any]
    response: str


MAKERS: dict[str, Callable[[Random], words.Made]] = {
    "keywords:existence": words.existence,
    "keywords:frequency": words.frequency,
    "keywords:forbidden_words": words.forbidden,
    "keywords:letter_frequency": words.letter,
    "language:response_language": words.language,
    "length_constraints:number_sentences": words.sentences,
    "length_constraints:number_paragraphs": words.paragraphs,
    "length_constraints:number_words": words.words,
    "length_constraints:nth_paragraph_first_word": words.nth_paragraph,
    "detectable_content:number_placeholders": layouts.placeholders,
    "detectable_content:postscript": layouts.postscript,
    "detectable_format:number_bullet_lists": layouts.bullets,
    "detectable_format:constrained_response": layouts.constrained,
    "detectable_format:number_highlighted_sections": layouts.highlights,
    "detectable_format:multiple_sections": layouts.sections,
    "detectable_format:json_format": layouts.json_text,
    "detectable_format:title": layouts.title,
    "combination:two_responses": layouts.two,
    "combination:repeat_prompt": layouts.repeat,
    "startend:end_checker": layouts.end,
    "startend:quotation": layouts.quotation,
    "change_case:capital_word_frequency": words.capital_words,
    "change_case:english_capital": words.cased(str.upper),
    "change_case:english_lowercase": words.cased(str.lower),
    "punctuation:no_comma": words.no_comma,
}


def _spoilt(rng: Random, text: str) -> str:
    """The answer as a model may have it: most of them as they are."""
    place = rng.randint(0, len(text))
    ways = (
        f"Sure! Here is it:\n{text}",
        f"Sure! Here is it:\n\n{text}\n\nI hope this helps, friend!",
        f"{text}\nI hope this helps!",
        f"*{text}*",
        "\n".join(f"**{line}**" if line.strip() else line for line in text.split("\n")),
        f"```\n{text}\n```",
        f"<think>\nShort, I think.\n</think>\n\n{text}",
        f"\n\n{text}\n\n",
        text.replace("\n", "\r\n"),
        text.replace(" ", "\u00a0"),
        text[:place] + text[place + 1 :],
        text[:place] + rng.choice((*"*\n,.\"'«»“”‘’ -[]<>", "\u2028", "\u0085", "\u200b", "🙂", "\x1c")) + text[place:],
        text[:place],
        f"{text}\n{text}",
    )
    return rng.choice(ways) if rng.random() < 0.45 else rng.choice(("", " \n\t")) if rng.random() < 0.02 else text


def pairs_of(seed: int, each: int) -> list[Pair]:
    """So many pairs of every type, the same ones for the same seed."""
    made = []
    for instruction_id, make in MAKERS.items():
        rng = Random(f"{seed} {instruction_id}")
        for _ in range(each):
            kwargs, text = make(rng)
            made.append(Pair(instruction_id, kwargs, _spoilt(rng, text)))
    return made
