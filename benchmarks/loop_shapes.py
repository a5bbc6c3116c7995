"""Makers of degenerate loops, one for each shape (`loops.py`). Each takes a generator and a pool, and returns the loop
alone; `looping` sets it into a text."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from benchmarks.loop_pools import Pool

Shape = Callable[[Random, Pool], str]


def _characters(rng: Random, pool: Pool) -> str:
    return rng.choice("aZ0!.=-_ \n哈あก🙂*#") * rng.randint(200, 900)


def _mixed_whitespace(rng: Random, pool: Pool) -> str:
    return rng.choice(("\n \n", " \t", "\n\n\t", "\u00a0 ", "\r\n")) * rng.randint(150, 500)


def _zero_width_flood(rng: Random, pool: Pool) -> str:
    return rng.choice(("\u200b", "\u200d\u200b", "\ufeff")) * rng.randint(200, 500)


def _emoji(rng: Random, pool: Pool) -> str:
    return "".join(rng.sample("🎉🔥😀👍🏽✨🚀💡❤️", rng.randint(1, 4))) * rng.randint(150, 300)


def _word(rng: Random, pool: Pool) -> str:
    return (rng.choice(pool.words) + rng.choice((" ", ", ", "\n", "... "))) * rng.randint(90, 400)


def _phrase(rng: Random, pool: Pool) -> str:
    return (" ".join(rng.sample(pool.words, rng.randint(2, 5))) + " ") * rng.randint(40, 200)


def _sentence(rng: Random, pool: Pool) -> str:
    return rng.choice(pool.english) * rng.randint(35, 120)


def _foreign(language: str) -> Shape:
    return lambda rng, pool: rng.choice(pool.foreign[language]) * rng.randint(25, 100)


def _foreign_alternating(rng: Random, pool: Pool) -> str:
    one = rng.choice([sentences for sentences in pool.foreign.values() if len(sentences) > 1])
    return "".join(rng.sample(one, 2)) * rng.randint(12, 60)


def _notation(kind: str) -> Shape:
    return lambda rng, pool: rng.choice(pool.notations[kind]) * rng.randint(30, 120)


def _paragraph(rng: Random, pool: Pool) -> str:
    return rng.choice(pool.paragraphs) * rng.randint(5, 15)


def _long_period(rng: Random, pool: Pool) -> str:
    """300 to 1500 tokens of fresh sentences, four times or a little more."""
    size, block = rng.randint(300, 1500), ""
    while len(block.split()) < size * 0.8:
        block += f"{rng.choice(pool.english)}{rng.choice(pool.names)} has {rng.randint(2, 9999)}. "
    return block * 4 + block[: rng.randint(0, len(block) // 2)]


def _cut(rng: Random, pool: Pool) -> str:
    unit = rng.choice((*pool.english[:7], *pool.paragraphs))
    return unit * max(5, 1500 // len(unit)) + unit[: rng.randint(1, len(unit))]


def _counter(rng: Random, pool: Pool) -> str:
    line, start, step = rng.choice(pool.counters), rng.randint(0, 300), rng.choice((1, 1, 1, 2, 5))
    return "".join(line.format(n=start + step * number) for number in range(rng.randint(40, 150)))


def _two_counters(rng: Random, pool: Pool) -> str:
    """One counter said twice in a line."""
    line, start = rng.choice(pool.counters), rng.randint(0, 50)
    lines = [f"{line.format(n=start + number).strip()} ({start + number + 1} is next) " for number in range(60)]
    return "".join(lines)


def _changed_digits(rng: Random, pool: Pool) -> str:
    """One number of a sentence or paragraph is another one each time."""
    base = rng.choice((*pool.english[2:6], *pool.paragraphs)).strip()
    words = base.split()
    words.insert(rng.randint(1, len(words)), "({n})")
    said = [" ".join(words).replace("{n}", str(rng.randint(2, 9999))) for _ in range(max(40, 3000 // len(base)))]
    return " ".join(said)


def _changed_names(rng: Random, pool: Pool) -> str:
    line = rng.choice(pool.english[2:6]).strip()
    return "".join(f"{rng.choice(pool.names)} says: {line} " for _ in range(rng.randint(45, 120)))


def _mutating(rng: Random, pool: Pool) -> str:
    """Each copy of a paragraph has another word or two exchanged against the first."""
    words = rng.choice(pool.paragraphs).split()
    said = []
    for _ in range(rng.randint(15, 40)):
        copy = list(words)
        for _ in range(rng.randint(0, 2)):
            copy[rng.randrange(len(copy))] = rng.choice(pool.words)
        said.append(" ".join(copy))
    return "\n".join(said)


def _drifting(rng: Random, pool: Pool) -> str:
    """Each copy changes the copy before: a word exchanged, put in or left out."""
    words, said = rng.choice(pool.paragraphs).split(), []
    for _ in range(rng.randint(20, 40)):
        at, kind = rng.randrange(len(words)), rng.randrange(3)
        words[at : at + (kind != 1)] = [] if kind == 2 and len(words) > 15 else [rng.choice(pool.words)]
        said.append(" ".join(words))
    return "\n".join(said)


def _alternating(rng: Random, pool: Pool) -> str:
    first, second = rng.sample(pool.english, 2)
    return (first + second) * rng.randint(20, 60)


def _shuffled(rng: Random, pool: Pool) -> str:
    """A few sentences in any order."""
    few = rng.sample(pool.english, rng.randint(2, 4))
    return "".join(rng.choice(few) for _ in range(rng.randint(70, 150)))


def _joined(rng: Random, pool: Pool) -> str:
    return "".join(rng.sample(pool.words, rng.randint(1, 3))) * rng.randint(100, 300)


def _digits(rng: Random, pool: Pool) -> str:
    return str(rng.randint(10, 10**9)) * rng.randint(100, 200)


def _sum(rng: Random, pool: Pool) -> str:
    return rng.choice(("1 + ", "= 0 ", "2 \\cdot ", "0, ", "x - x + ")) * rng.randint(200, 400)


def _cased(rng: Random, pool: Pool) -> str:
    sentence = rng.choice(pool.english[2:6])
    kinds = (str.upper, str.lower, str.title, str)
    return "".join(rng.choice(kinds)(sentence) for _ in range(rng.randint(40, 90)))


def _zero_width(rng: Random, pool: Pool) -> str:
    """Invisible signs between the letters, other ones in each copy."""
    copies = []
    for _ in range(rng.randint(40, 90)):
        letters = list(rng.choice(pool.english[2:3]))
        for _ in range(3):
            letters.insert(rng.randrange(len(letters)), rng.choice("\u200b\u200c\u2060\ufeff\u00ad"))
        copies.append("".join(letters))
    return "".join(copies)


def _spaced(rng: Random, pool: Pool) -> str:
    sentence = rng.choice(pool.english[2:6]).strip()
    return "".join(sentence + rng.choice((" ", "  ", "\n", "\n\n", "\t")) for _ in range(rng.randint(40, 90)))


def _boxes(rng: Random, pool: Pool) -> str:
    return f"**Final Answer**\n\\boxed{{{rng.randint(2, 999)}}}\n\n" * rng.randint(15, 60)


def _line_flood(rng: Random, pool: Pool) -> str:
    return f"{rng.choice(pool.words)}\n" * rng.randint(100, 2000)


SHAPES: dict[str, Shape] = {
    "characters": _characters,
    "mixed whitespace": _mixed_whitespace,
    "zero-width flood": _zero_width_flood,
    "emoji": _emoji,
    "word": _word,
    "phrase": _phrase,
    "sentence": _sentence,
    **{
        name: _foreign(name)
        for name in ["chinese", "japanese", "korean", "thai", "arabic", "hindi", "russian", "hebrew", "burmese"]
    },
    "foreign, alternating": _foreign_alternating,
    **{kind: _notation(kind) for kind in ("latex", "json", "code", "list item", "table row", "tag", "tokens")},
    "paragraph": _paragraph,
    "long period": _long_period,
    "cut mid-period": _cut,
    "counter": _counter,
    "counter said twice": _two_counters,
    "changed digits": _changed_digits,
    "changed names": _changed_names,
    "mutating": _mutating,
    "drifting": _drifting,
    "alternating": _alternating,
    "shuffled": _shuffled,
    "words without spaces": _joined,
    "digits": _digits,
    "sum": _sum,
    "case": _cased,
    "zero-width": _zero_width,
    "spacing": _spaced,
    "boxes": _boxes,
    "line flood": _line_flood,
}

PLACES = ("alone", "at the end", "cut off in the thinking", "end of the thinking", "end of the answer", "middle")


def looping(rng: Random, pool: Pool, shape: str, place: str, chains: tuple[str, ...]) -> str:
    """A response that holds a loop of this shape at this place, beside correct chains."""
    loop = SHAPES[shape](rng, pool)
    before, behind = rng.choice(chains), rng.choice(chains)
    match place:
        case "alone":
            return loop
        case "at the end":
            return f"{before}\n{loop}"
        case "cut off in the thinking":
            return f"<think>\n{before}\n{loop}"
        case "end of the thinking":
            return f"<think>\n{before}\n{loop}\n</think>\n\nThe answer is {rng.randint(2, 99)}."
        case "end of the answer":
            return f"<think>\n{before}\n</think>\n\n{loop}"
        case "middle":  # and the text recovers
            return f"<think>\n{before}\n{loop}\nNow {behind}\n</think>\n\nThe answer is {rng.randint(2, 99)}."
    raise ValueError(f"place is one of {', '.join(PLACES)}, got {place!r}")
