"""Makers of answers close to the bound of an instruction on their form (`ifeval_pairs.py`)."""

from __future__ import annotations

import json
from random import Random

from benchmarks.ifeval_texts import ENGLISH
from benchmarks.ifeval_words import Made, body, near


def scattered(rng: Random, marks: tuple[str, ...]) -> tuple[int, str]:
    """A body with some of these marks in it, and their number."""
    count = rng.randint(0, 5)
    pieces = [body(rng, 1, 2), *(f"{rng.choice(marks)} {body(rng, 1, 1)}" for _ in range(count))]
    return count, rng.choice((" ", "\n", "\n\n")).join(pieces)


def placeholders(rng: Random) -> Made:
    count, text = scattered(
        rng, ("[name]", "[name]", "[]", "[ ]", "[a][b]", "[[x]]", "[two\nlines]", "[a](b)", "[x", "]")
    )
    return {"num_placeholders": near(rng, count)}, text


def postscript(rng: Random) -> Made:
    marker = rng.choice(("P.S.", "P.P.S", "P.S.", "P.P.S", "P.P.S.", "PS:", "Note", " P.S. ", "N.B.", "+"))
    said = (marker, marker, "P.S", "p. s.", "P. P. S", "P.P.S.", "p.s. ", "PS", "temp.s.", "P.\nS.", "Post scriptum")
    return {
        "postscript_marker": marker
    }, f"{body(rng)}{rng.choice((chr(10), ' ', chr(10) * 2))}{rng.choice(said)} Thanks."


def bullets(rng: Random) -> Made:
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
    return {"num_bullets": near(rng, count)}, text + rng.choice(("", "", "\n*", "\n-", "\n \n"))


def constrained(rng: Random) -> Made:
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
    return {}, rng.choice(("", "", body(rng, 1, 1) + " ")) + rng.choice((*forms, *more))


def highlights(rng: Random) -> Made:
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
    count, text = scattered(rng, marks)
    return {"num_highlights": near(rng, count)}, text


def sections(rng: Random) -> Made:
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
    text = "\n".join(f"{rng.choice(forms).format(n=n)}\n{body(rng, 1, 1)}" for n in range(1, count + 1))
    return {"section_spliter": splitter, "num_sections": near(rng, count)}, text or body(rng)


def json_text(rng: Random) -> Made:
    value = rng.choice(
        ({"a": body(rng), "b": [1, 2.5, None]}, [1, [2, {"x": "é"}]], "text", 3, {"n": float("nan")}, {})
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


def title(rng: Random) -> Made:
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
    return {}, rng.choice(("", body(rng, 1, 1) + " ")) + rng.choice(forms) + "\n" + body(rng, 1, 2)


def two(rng: Random) -> Made:
    first, second = body(rng, 1, 2), body(rng, 1, 2)
    second = rng.choice((second, second, second, first, f" {first}\n"))
    divider = rng.choice(
        ("******", "\n******\n", "\n\n******\n\n", "\n*****\n", "\n*******\n", "\n************\n", "\n***\n")
    )
    text = first + divider + second
    return {}, rng.choice((text, text, text, f"******\n{text}\n******", text + divider + first, text + divider, first))


def repeat(rng: Random) -> Made:
    prompt = body(rng, 1, 2)
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
    return {"prompt_to_repeat": rng.choice((prompt, f" {prompt}\n"))}, said + rng.choice(("", "\n\n", " ")) + body(
        rng, 1, 2
    )


def end(rng: Random) -> Made:
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
    return {"end_phrase": rng.choice((phrase, phrase, f" {phrase} ", f'"{phrase}"'))}, f"{body(rng)} {rng.choice(said)}"


def quotation(rng: Random) -> Made:
    text = body(rng)
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
