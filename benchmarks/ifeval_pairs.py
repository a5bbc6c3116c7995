"""Pairs of an IFEval instruction and an answer for `ifeval_peer.py`: seeded, of all 25 types, most close to the bound.

An answer is made to follow its instruction or to miss it by a little, then spoilt in the ways of models: a greeting in
front, bold, a fence, thinking, other blanks, other scripts. Nothing here says what the verdict is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.ifeval_texts import CASED, ENGLISH, ODD, SPOKEN

RELATIONS = ("less than", "at least")
LETTERS = "etaoinshrdqjxzWKSJ"


@dataclass(frozen=True)
class Pair:
    """One instruction and one answer. Example: Pair("punctuation:no_comma", {}, "Yes.")."""

    instruction_id: str
    kwargs: dict[str, Any]
    response: str


def _body(rng: Random, least: int = 1, most: int = 7) -> str:
    """Sentences in English with an odd one or another language among them."""
    kinds = (ENGLISH, ENGLISH, ENGLISH, ENGLISH, ODD, rng.choice(list(SPOKEN.values())))
    pieces = [rng.choice(rng.choice(kinds)) for _ in range(rng.randint(least, most))]
    joiners = (" ", " ", " ", "\n", "\n\n", "  ", "\n- ", " \n")
    return "".join(piece + rng.choice(joiners) for piece in pieces).strip()


def _near(rng: Random, count: int, least: int = 1) -> int:
    return max(least, count + rng.choice((-2, -1, 0, 0, 0, 1, 1, 2)))


def _at(rng: Random, name: str, count: int, relation: str = "relation") -> dict[str, Any]:
    return {name: _near(rng, count), relation: rng.choice(RELATIONS)}


def _some_words(rng: Random, text: str, count: int) -> list[str]:
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


def _existence(rng: Random) -> tuple[dict[str, Any], str]:
    text = _body(rng)
    return {"keywords": _some_words(rng, text, rng.randint(1, 3))}, text


def _frequency(rng: Random) -> tuple[dict[str, Any], str]:
    text = _body(rng, 2, 9)
    keyword = _some_words(rng, text, 1)[0]
    count = len(re.findall(keyword, text, re.IGNORECASE))
    return {"keyword": rng.choice((keyword, f" {keyword} ")), **_at(rng, "frequency", count)}, text


def _forbidden(rng: Random) -> tuple[dict[str, Any], str]:
    text = _body(rng)
    return {"forbidden_words": _some_words(rng, text, rng.randint(1, 2))}, text


def _letter(rng: Random) -> tuple[dict[str, Any], str]:
    text, letter = _body(rng), rng.choice((*LETTERS, *LETTERS, "#", "!", "é"))
    return {"letter": letter, **_at(rng, "let_frequency", text.lower().count(letter.lower()), "let_relation")}, text


def _language(rng: Random) -> tuple[dict[str, Any], str]:
    language = rng.choice(list(SPOKEN))
    spoken = rng.choice((language, language, language, rng.choice(list(SPOKEN))))
    text = " ".join(rng.choices(SPOKEN[spoken], k=rng.randint(1, 4)))
    other = rng.choice(SPOKEN[rng.choice(list(SPOKEN))])
    return {"language": language}, rng.choice(
        (text, text, text, f"{text}\n{other}", "1, 2, 3!", "🙂 ...", text.upper(), "ok")
    )


def _sentences(rng: Random) -> tuple[dict[str, Any], str]:
    text = _body(rng, 2, 12)
    return _at(rng, "num_sentences", len(re.findall(r"[.?!](?=\s|$)", text))), text


def _paragraphs(rng: Random) -> tuple[dict[str, Any], str]:
    count = rng.randint(1, 5)
    dividers = ("\n***\n", "\n\n***\n\n", "***", " *** ", "\n****\n", "\n* * *\n", "\n***\n***\n")
    text = rng.choice(("", "", "***\n", "\n")) + _body(rng, 1, 2)
    for _ in range(count - 1):
        text += rng.choice((*dividers[:2] * 4, *dividers)) + _body(rng, 1, 2)
    return {"num_paragraphs": _near(rng, count)}, text + rng.choice(("", "", "\n***", "\n***\n ", "***bold***"))


def _words(rng: Random) -> tuple[dict[str, Any], str]:
    text = _body(rng, 1, 9)
    return _at(rng, "num_words", len(re.findall(r"\w+", text))), text


def _nth_paragraph(rng: Random) -> tuple[dict[str, Any], str]:
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
    blocks = [_body(rng, 1, 2).replace("\n\n", "\n") for _ in range(count)]
    blocks[nth - 1] = f"{said} {blocks[nth - 1]}"
    joiner = rng.choice(
        ("\n\n", "\n\n", "\n\n", "\n\n", "\n\n", "\n\n", "\n\n", "\n\n\n", "\n\n\n\n", "\n \n", "\r\n\r\n")
    )
    text = rng.choice(("", "", "", "", "", "\n", "\n\n")) + joiner.join(blocks)
    return {"num_paragraphs": wanted, "nth_paragraph": min(nth, wanted), "first_word": first}, text


def _scattered(rng: Random, marks: tuple[str, ...]) -> tuple[int, str]:
    """A body with some of these marks in it, and their number."""
    count = rng.randint(0, 5)
    pieces = [_body(rng, 1, 2), *(f"{rng.choice(marks)} {_body(rng, 1, 1)}" for _ in range(count))]
    return count, rng.choice((" ", "\n", "\n\n")).join(pieces)


def _placeholders(rng: Random) -> tuple[dict[str, Any], str]:
    count, text = _scattered(
        rng, ("[name]", "[name]", "[]", "[ ]", "[a][b]", "[[x]]", "[two\nlines]", "[a](b)", "[x", "]")
    )
    return {"num_placeholders": _near(rng, count)}, text


def _postscript(rng: Random) -> tuple[dict[str, Any], str]:
    marker = rng.choice(("P.S.", "P.P.S", "P.S.", "P.P.S", "P.P.S.", "PS:", "Note", " P.S. ", "N.B.", "+"))
    said = (marker, marker, "P.S", "p. s.", "P. P. S", "P.P.S.", "p.s. ", "PS", "temp.s.", "P.\nS.", "Post scriptum")
    return {
        "postscript_marker": marker
    }, f"{_body(rng)}{rng.choice((chr(10), ' ', chr(10) * 2))}{rng.choice(said)} Thanks."


def _bullets(rng: Random) -> tuple[dict[str, Any], str]:
    marks = (
        "* ",
        "* ",
        "- ",
        "- ",
        "  * ",
        "\t- ",
        "*b* ",
        "**b** ",
        "---",
        "-5 ",
        "+ ",
        "• ",
        "*\n",
        "*",
        "\u00a0* ",
        "1. ",
        "\n\n* ",
    )
    count = rng.randint(0, 6)
    plain = rng.random() < 0.5
    lines = [rng.choice(("* ", "- ")) if plain else rng.choice(marks) for _ in range(count)]
    text = "\n".join([rng.choice(ENGLISH), *(mark + rng.choice(ENGLISH) for mark in lines)])
    return {"num_bullets": _near(rng, count)}, text + rng.choice(("", "", "\n*", "\n-", "\n \n"))


def _constrained(rng: Random) -> tuple[dict[str, Any], str]:
    said = rng.choice(("yes", "no", "maybe"))
    forms = (
        f"My answer is {said}.",
        f"My answer is {said}.",
        f"my answer is {said}.",
        f"My answer is {said}",
        f"My answer is **{said}**.",
    )
    more = (
        f"My answer is {said}, as *it* is.",
        f"My *answer* is {said}.",
        f"My\nanswer is {said}.",
        f"I say: My answer is {said}. Really.",
    )
    return {}, rng.choice(("", "", _body(rng, 1, 1) + " ")) + rng.choice((*forms, *more))


def _highlights(rng: Random) -> tuple[dict[str, Any], str]:
    marks = (
        "*one*",
        "*one*",
        "**two**",
        "***three***",
        "* *",
        "** **",
        "****",
        "*a\nb*",
        "5 * 3 * 2",
        "*",
        "*\u00a0*",
        "__x__",
    )
    count, text = _scattered(rng, marks)
    return {"num_highlights": _near(rng, count)}, text


def _sections(rng: Random) -> tuple[dict[str, Any], str]:
    splitter = rng.choice(("Section", "SECTION", "PARAGRAPH", "Day", "Audience", " Day ", "(Day)"))
    count, name = rng.randint(0, 5), splitter.strip(" ()")
    forms = (
        f"{name} {{n}}",
        f"{name} {{n}}",
        f"{name}{{n}}",
        f"**{name} {{n}}**",
        f"{name.lower()} {{n}}",
        f"{name} X",
        f"{name}\n{{n}}:",
    )
    text = "\n".join(f"{rng.choice(forms).format(n=n)}\n{_body(rng, 1, 1)}" for n in range(1, count + 1))
    return {"section_spliter": splitter, "num_sections": _near(rng, count)}, text or _body(rng)


def _json(rng: Random) -> tuple[dict[str, Any], str]:
    value = rng.choice(
        ({"a": _body(rng), "b": [1, 2.5, None]}, [1, [2, {"x": "é"}]], "text", 3, {"n": float("nan")}, {})
    )
    text = json.dumps(value, indent=rng.choice((None, 2)), ensure_ascii=rng.random() < 0.5)
    fence = rng.choice(("", "", "```json\n", "```", "```JSON\n", "```Json\n", "``` json\n", "~~~\n"))
    text = fence + text + rng.choice(("", "\n```", "```") if fence else ("", "", "\n"))
    spoilt = (
        text,
        text,
        text,
        text.replace('"', "'"),
        text[:-1],
        text.replace("]", ",]"),
        "\ufeff" + text,
        text + "\n# done",
    )
    return {}, rng.choice(spoilt)


def _title(rng: Random) -> tuple[dict[str, Any], str]:
    forms = (
        "<<Rain>>",
        "<<Rain>>",
        "<< >>",
        "<<>>",
        "<<>>>",
        "<Rain>",
        "<<Rain>",
        "<<a\nb>>",
        "<<<a>>>",
        "cout << x >> y",
        "<<*Rain*>>",
        ">><<",
    )
    return {}, rng.choice(("", _body(rng, 1, 1) + " ")) + rng.choice(forms) + "\n" + _body(rng, 1, 2)


def _two(rng: Random) -> tuple[dict[str, Any], str]:
    first, second = _body(rng, 1, 2), _body(rng, 1, 2)
    second = rng.choice((second, second, second, first, f" {first}\n"))
    divider = rng.choice(
        ("******", "\n******\n", "\n\n******\n\n", "\n*****\n", "\n*******\n", "\n************\n", "\n***\n")
    )
    text = first + divider + second
    return {}, rng.choice((text, text, text, f"******\n{text}\n******", text + divider + first, text + divider, first))


def _repeat(rng: Random) -> tuple[dict[str, Any], str]:
    prompt = _body(rng, 1, 2)
    said = rng.choice(
        (
            prompt,
            prompt,
            prompt,
            prompt.upper(),
            prompt[:-1],
            f'"{prompt}"',
            f"**{prompt}**",
            f"\n {prompt}",
            "I will. " + prompt,
        )
    )
    return {"prompt_to_repeat": rng.choice((prompt, f" {prompt}\n"))}, said + rng.choice(("", "\n\n", " ")) + _body(
        rng, 1, 2
    )


def _end(rng: Random) -> tuple[dict[str, Any], str]:
    phrase = rng.choice(
        ("Is there anything else I can help with?", "Peace!", "Done.", "Hope you agree with me.", "Ende ß")
    )
    said = (
        phrase,
        phrase,
        phrase.upper(),
        f'{phrase}"',
        f"{phrase}\n",
        f"**{phrase}**",
        phrase[:-1],
        f"{phrase}.",
        f"Un{phrase.lower()}",
        f"“{phrase}”",
    )
    return {
        "end_phrase": rng.choice((phrase, phrase, f" {phrase} ", f'"{phrase}"'))
    }, f"{_body(rng)} {rng.choice(said)}"


def _quotation(rng: Random) -> tuple[dict[str, Any], str]:
    text = _body(rng)
    return {}, rng.choice(
        (
            f'"{text}"',
            f'"{text}"',
            f' "{text}"\n',
            f"“{text}”",
            f"'{text}'",
            f'"{text}',
            f'"{text}".',
            '"',
            '""',
            f'*"{text}"*',
            f'**"{text}"**',
        )
    )


def _capital_words(rng: Random) -> tuple[dict[str, Any], str]:
    words = [word.upper() if rng.random() < 0.3 else word for word in re.split(r"( )", _body(rng, 1, 6))]
    text = "".join(words)
    return _at(rng, "capital_frequency", len(re.findall(r"\b[A-Z][A-Z']*\b", text)), "capital_relation"), text


def _cased(change: Callable[[str], str]) -> Callable[[Random], tuple[dict[str, Any], str]]:
    def make(rng: Random) -> tuple[dict[str, Any], str]:
        english = " ".join(rng.choices(CASED, k=rng.randint(1, 5)))
        other = " ".join(rng.choices(SPOKEN[rng.choice(list(SPOKEN))], k=2))
        text = change(rng.choice((english, english, english, english, other, "ok", "1 2", "no, thank you.")))
        return {}, rng.choice((text, text, text, text, text.capitalize(), text + " Mr. X", text.swapcase()))

    return make


def _no_comma(rng: Random) -> tuple[dict[str, Any], str]:
    text = _body(rng, 1, 4)
    return {}, rng.choice((text, text + ", too", text.replace(",", ""), text.replace(",", "，")))


MAKERS: dict[str, Callable[[Random], tuple[dict[str, Any], str]]] = {
    "keywords:existence": _existence,
    "keywords:frequency": _frequency,
    "keywords:forbidden_words": _forbidden,
    "keywords:letter_frequency": _letter,
    "language:response_language": _language,
    "length_constraints:number_sentences": _sentences,
    "length_constraints:number_paragraphs": _paragraphs,
    "length_constraints:number_words": _words,
    "length_constraints:nth_paragraph_first_word": _nth_paragraph,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:constrained_response": _constrained,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _json,
    "detectable_format:title": _title,
    "combination:two_responses": _two,
    "combination:repeat_prompt": _repeat,
    "startend:end_checker": _end,
    "startend:quotation": _quotation,
    "change_case:capital_word_frequency": _capital_words,
    "change_case:english_capital": _cased(str.upper),
    "change_case:english_lowercase": _cased(str.lower),
    "punctuation:no_comma": _no_comma,
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
