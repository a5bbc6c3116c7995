"""Makers of answers close to the bound of an instruction on words, letters, cases and lengths (`ifeval_pairs.py`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.ifeval_texts import CASED, ENGLISH, ODD, SPOKEN

Made = tuple[dict[str, Any], str]
"""Arguments of the instruction, and an answer."""
RELATIONS = ("less than", "at least")
LETTERS = "etaoinshrdqjxzWKSJ"


def body(rng: Random, least: int = 1, most: int = 7) -> str:
    """Sentences in English with an odd one or another language among them."""
    kinds = (ENGLISH, ENGLISH, ENGLISH, ENGLISH, ODD, rng.choice(list(SPOKEN.values())))
    pieces = [rng.choice(rng.choice(kinds)) for _ in range(rng.randint(least, most))]
    joiners = (" ", " ", " ", "\n", "\n\n", "  ", "\n- ", " \n")
    return "".join(piece + rng.choice(joiners) for piece in pieces).strip()


def near(rng: Random, count: int, least: int = 1) -> int:
    return max(least, count + rng.choice((-2, -1, 0, 0, 0, 1, 1, 2)))


def at(rng: Random, name: str, count: int, relation: str = "relation") -> dict[str, Any]:
    return {name: near(rng, count), relation: rng.choice(RELATIONS)}


def some_words(rng: Random, text: str, count: int) -> list[str]:
    found = re.findall(r"[\w.+#']+", text) or ["word"]
    words = []
    for _ in range(count):
        word = rng.choice(found)
        cut = rng.randint(1, len(word))
        changed = (
            word,
            word,
            word.lower(),
            word.upper(),
            word[:cut],
            re.escape(word),
            f"{word}s?",
            "absent",
            "C++",
            "a.b",
        )
        candidate = rng.choice(changed)
        try:
            re.compile(candidate)
        except re.error:
            candidate = word if word.isalnum() else "word"
        words.append(candidate if candidate.strip() else "word")
    return words


def existence(rng: Random) -> Made:
    text = body(rng)
    return {"keywords": some_words(rng, text, rng.randint(1, 3))}, text


def frequency(rng: Random) -> Made:
    text = body(rng, 2, 9)
    keyword = some_words(rng, text, 1)[0]
    count = len(re.findall(keyword, text, re.IGNORECASE))
    return {"keyword": rng.choice((keyword, f" {keyword} ")), **at(rng, "frequency", count)}, text


def forbidden(rng: Random) -> Made:
    text = body(rng)
    return {"forbidden_words": some_words(rng, text, rng.randint(1, 2))}, text


def letter(rng: Random) -> Made:
    text, letter = body(rng), rng.choice((*LETTERS, *LETTERS, "#", "!", "é"))
    return {"letter": letter, **at(rng, "let_frequency", text.lower().count(letter.lower()), "let_relation")}, text


def language(rng: Random) -> Made:
    language = rng.choice(list(SPOKEN))
    spoken = rng.choice((language, language, language, rng.choice(list(SPOKEN))))
    text = " ".join(rng.choices(SPOKEN[spoken], k=rng.randint(1, 4)))
    other = rng.choice(SPOKEN[rng.choice(list(SPOKEN))])
    return {"language": language}, rng.choice(
        (text, text, text, f"{text}\n{other}", "1, 2, 3!", "🙂 ...", text.upper(), "ok")
    )


def sentences(rng: Random) -> Made:
    text = body(rng, 2, 12)
    return at(rng, "num_sentences", len(re.findall(r"[.?!](?=\s|$)", text))), text


def paragraphs(rng: Random) -> Made:
    count = rng.randint(1, 5)
    dividers = ("\n***\n", "\n\n***\n\n", "***", " *** ", "\n****\n", "\n* * *\n", "\n***\n***\n")
    text = rng.choice(("", "", "***\n", "\n")) + body(rng, 1, 2)
    for _ in range(count - 1):
        text += rng.choice((*dividers[:2] * 4, *dividers)) + body(rng, 1, 2)
    return {"num_paragraphs": near(rng, count)}, text + rng.choice(("", "", "\n***", "\n***\n ", "***bold***"))


def words(rng: Random) -> Made:
    text = body(rng, 1, 9)
    return at(rng, "num_words", len(re.findall(r"\w+", text))), text


def nth_paragraph(rng: Random) -> Made:
    count = rng.randint(1, 5)
    wanted, nth = max(1, count + rng.choice((0, 0, 0, 0, 1, -1))), rng.randint(1, count)
    first = rng.choice(("weekend", "Elm", "Straße", "ΛΌΓΟΣ", "it's", "don", "realising"))
    said = rng.choice(
        (
            first,
            first,
            first,
            first,
            first.upper(),
            f'"{first}"',
            f"'{first},",
            f"**{first}**",
            f"{first}.",
            f"{first}-",
            "The",
        )
    )
    blocks = [body(rng, 1, 2).replace("\n\n", "\n") for _ in range(count)]
    blocks[nth - 1] = f"{said} {blocks[nth - 1]}"
    joiner = rng.choice(
        ("\n\n", "\n\n", "\n\n", "\n\n", "\n\n", "\n\n", "\n\n", "\n\n\n", "\n\n\n\n", "\n \n", "\r\n\r\n")
    )
    text = rng.choice(("", "", "", "", "", "\n", "\n\n")) + joiner.join(blocks)
    return {"num_paragraphs": wanted, "nth_paragraph": min(nth, wanted), "first_word": first}, text


def capital_words(rng: Random) -> Made:
    words = [word.upper() if rng.random() < 0.3 else word for word in re.split(r"( )", body(rng, 1, 6))]
    text = "".join(words)
    return at(rng, "capital_frequency", len(re.findall(r"\b[A-Z][A-Z']*\b", text)), "capital_relation"), text


def cased(change: Callable[[str], str]) -> Callable[[Random], Made]:
    def make(rng: Random) -> Made:
        english = " ".join(rng.choices(CASED, k=rng.randint(1, 5)))
        other = " ".join(rng.choices(SPOKEN[rng.choice(list(SPOKEN))], k=2))
        text = change(rng.choice((english, english, english, english, other, "ok", "1 2", "no, thank you.")))
        return {}, rng.choice((text, text, text, text, text.capitalize(), text + " Mr. X", text.swapcase()))

    return make


def no_comma(rng: Random) -> Made:
    text = body(rng, 1, 4)
    return {}, rng.choice((text, text + ", too", text.replace(",", ""), text.replace(",", "，")))
