"""Makers of sound texts with much that comes again, one for each kind (`loops.py`)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from itertools import product
from random import Random

from benchmarks.loop_pools import Pool

Regular = Callable[[Random, Pool], str]
THINGS = [
    "apples",
    "pears",
    "plums",
    "grapes",
    "melons",
    "cherries",
    "lemons",
    "figs",
    "dates",
    "kiwis",
    "mangoes",
    "berries",
]
VERBS = ["buys", "sells", "loses", "finds", "eats", "picks", "drops", "paints", "washes", "counts", "hides", "brings"]


def _times_table(rng: Random, pool: Pool) -> str:
    factor, rows = rng.randint(2, 19), rng.choice((10, 12, 20, 50, 100))
    sign = rng.choice(("x", "×", "*", r"\times"))
    return "\n".join(f"{row} {sign} {factor} = {row * factor}" for row in range(1, rows + 1))


def _times_grid(rng: Random, pool: Pool) -> str:
    size = rng.randint(8, 12)
    rows = ["| " + " | ".join(str(a * b) for b in range(1, size + 1)) + " |" for a in range(1, size + 1)]
    return "\n".join([rows[0], "|---" * size + "|", *rows[1:]])


def _truth_table(rng: Random, pool: Pool) -> str:
    names, marks = "pqrst"[: rng.randint(2, 5)], rng.choice((("T", "F"), ("1", "0"), ("true", "false")))
    head = "| " + " | ".join((*names, "result")) + " |\n" + "|---" * (len(names) + 1) + "|\n"
    rows = product(marks, repeat=len(names))
    return head + "\n".join("| " + " | ".join((*row, rng.choice(marks))) + " |" for row in rows)


def _truth_in_words(rng: Random, pool: Pool) -> str:
    lines = []
    for p, q, r in product((True, False), repeat=3):
        said = [f"{name} is {'true' if value else 'false'}" for name, value in zip("pqr", (p, q, r), strict=True)]
        lines.append(f"When {', '.join(said)}, the formula (p and q) or not r is {str((p and q) or not r).lower()}.")
    return "\n".join(lines)


def _enumeration(rng: Random, pool: Pool) -> str:
    count = rng.choice((50, 300, 1000))
    kind = rng.randrange(3)
    if kind == 0:
        return ", ".join(map(str, range(1, count)))
    if kind == 1:
        return "\n".join(
            f"{n}. {rng.choice(pool.names)} {rng.choice(VERBS)} {rng.choice(THINGS)}" for n in range(1, 60)
        )
    return " + ".join(f"1/{n}^2" for n in range(1, count)) + " + ..."


def _matrix(rng: Random, pool: Pool) -> str:
    size, kind = rng.randint(3, 9), rng.randrange(3)
    cell = (
        (lambda i, j: int(i == j)) if kind == 0 else (lambda i, j: 0) if kind == 1 else (lambda i, j: rng.randint(0, 3))
    )
    rows = [" & ".join(str(cell(i, j)) for j in range(size)) + r" \\" for i in range(size)]
    return "The matrix is\n\\[\\begin{pmatrix}\n" + "\n".join(rows) + "\n\\end{pmatrix}\\]\nand we go on from there."


def _poem(rng: Random, pool: Pool) -> str:
    refrain = "\n".join(rng.choice(pool.english).strip() for _ in range(rng.randint(1, 4)))
    verses = []
    for _ in range(rng.randint(4, 9)):
        verses.append("\n".join(_fresh_line(rng, pool) for _ in range(4)) + "\n\n" + refrain)
    return "\n\n".join(verses)


def _fresh_line(rng: Random, pool: Pool) -> str:
    name, verb, number = rng.choice(pool.names), rng.choice(VERBS), rng.randint(2, 99)
    form = rng.choice(("{a} {v} {n} {t} by the river", "and {n} {t} are what {a} {v}", "o {a} who {v} the {t} at {n}"))
    return form.format(a=name, v=verb, n=number, t=rng.choice(THINGS))


def _markdown_table(rng: Random, pool: Pool) -> str:
    rows = [
        f"| {name} | {rng.choice(THINGS)} | {rng.randint(1, 40)} | {rng.randint(9, 999) / 10} | {rng.choice('yn')} |"
        for name in rng.choices(pool.names, k=rng.randint(10, 60))
    ]
    return "| name | thing | count | price | paid |\n|---|---|---|---|---|\n" + "\n".join(rows)


def _savings(rng: Random, pool: Pool) -> str:
    money, rate, lines = float(rng.randint(100, 5000)), rng.randint(2, 9), []
    for year in range(2000, 2000 + rng.randint(12, 60)):
        interest = money * rate / 100
        lines.append(f"In {year} she has {money:.2f} dollars and earns {interest:.2f} dollars of interest.")
        money += interest
    return "\n".join(lines)


def _steps(rng: Random, pool: Pool) -> str:
    total, lines = rng.randint(10, 99), []
    for step in range(1, rng.randint(12, 50)):
        more = rng.randint(2, 30)
        lines.append(
            f"Step {step}: add {more} {rng.choice(THINGS)} to the {total} there are, which makes {total + more}."
        )
        total += more
    return "\n".join(lines)


def _long_division(rng: Random, pool: Pool) -> str:
    divisor, rest, lines = rng.choice((7, 13, 17, 19, 23, 29, 47, 59, 61, 97)), rng.randint(1, 6), list[str]()
    while rest and len(set(lines)) == len(lines):  # up to the first remainder that comes again
        digit, left = divmod(rest * 10, divisor)
        lines.append(f"Bring down a zero: {rest}0 / {divisor} = {digit} remainder {left}.")
        rest = left
    return "\n".join(lines)


def _cases(rng: Random, pool: Pool) -> str:
    modulus, lines = rng.randint(5, 13), []
    for n in range(1, rng.randint(12, 70)):
        value = n * n + 1
        verdict = "is" if value % modulus == 0 else "is not"
        lines.append(f"If n = {n}, then n^2 + 1 = {value}, which {verdict} divisible by {modulus}.")
    return "\n".join(lines) + "\nThat settles all cases."


def _search(rng: Random, pool: Pool) -> str:
    """A search by trial whose values are worked out."""
    goal = rng.randint(500, 5000)
    lines = [f"Let me try x = {x}: {x}*{x} + {x} = {x * x + x}, too small." for x in range(1, int(goal**0.5))]
    return "\n".join(lines[:60]) + "\nSo the next one is large enough."


def _repeated_lines(rng: Random, pool: Pool) -> str:
    """A program with the same few lines in many functions."""
    functions = []
    for name in rng.sample(THINGS, 8):
        functions.append(
            f"def count_{name}(rows):\n    result = 0\n    for row in rows:\n        if row is None:\n"
            "            continue\n"
            f"        result += row.{name}\n    return result\n"
        )
    return "```python\n" + "\n".join(functions) + "```"


def _unit_tests(rng: Random, pool: Pool) -> str:
    cases = [(rng.randint(-99, 99), rng.randint(-99, 99)) for _ in range(rng.randint(15, 50))]
    return "```python\n" + "\n".join(f"assert add({a}, {b}) == {a + b}" for a, b in cases) + "\n```"


def _test_methods(rng: Random, pool: Pool) -> str:
    methods = [
        f"    def test_{thing}_{verb}(self):\n        client = self.make_client()\n"
        f"        answer = client.get('/{thing}')\n"
        f"        self.assertEqual(answer.status, {rng.choice((200, 404, 201))})\n"
        for thing in THINGS
        for verb in rng.sample(VERBS, 2)
    ]
    return "class ShopTests(TestCase):\n" + "\n".join(methods)


def _branches(rng: Random, pool: Pool) -> str:
    lines = [f"    elif kind == '{thing}':\n        return {rng.randint(2, 99)}" for thing in (*THINGS, *VERBS)]
    return "def price(kind):\n    if kind == '':\n        return 0\n" + "\n".join(lines)


def _base64(rng: Random, pool: Pool) -> str:
    return base64.encodebytes(rng.randbytes(rng.randint(200, 4000))).decode()


def _hex_dump(rng: Random, pool: Pool) -> str:
    lines = []
    for offset in range(0, rng.randint(20, 60) * 16, 16):
        row = bytes(16) if rng.random() < 0.3 else rng.randbytes(16)
        lines.append(f"{offset:08x}  {row.hex(' ')}  |{'.' * 16}|")
    return "\n".join(lines)


def _dialogue(rng: Random, pool: Pool) -> str:
    one, two = rng.sample(pool.names, 2)
    asked = [f'"Is it {thing}?" asked {one}.\n"No, it is not {thing}," said {two}.' for thing in THINGS]
    return "\n".join(asked) + f'\n"Then I give up," said {one}.'


def _log(rng: Random, pool: Pool) -> str:
    lines, second = [], rng.randint(0, 3600)
    for _ in range(rng.randint(20, 80)):
        second += rng.randint(1, 9)
        clock = f"12:{second // 60 % 60:02d}:{second % 60:02d}"
        lines.append(f"2024-05-01 {clock} INFO worker {rng.randint(1, 8)} finished job {rng.randint(1000, 9999)}")
    return "\n".join(lines)


def _json_rows(rng: Random, pool: Pool) -> str:
    rows = [
        f'  {{"id": {n}, "name": "{rng.choice(pool.names)}", "age": {rng.randint(18, 90)}}}'
        for n in range(rng.randint(10, 80))
    ]
    return "[\n" + ",\n".join(rows) + "\n]"


def _html(rng: Random, pool: Pool) -> str:
    rows = [f'  <li class="item"><a href="/{thing}">{thing.title()}</a></li>' for thing in (*THINGS, *VERBS)]
    return '<ul class="menu">\n' + "\n".join(rows) + "\n</ul>"


def _people(rng: Random, pool: Pool) -> str:
    lines = []
    for name in pool.names:
        first, second = rng.randint(2, 40), rng.randint(2, 40)
        lines.append(f"{name} has {first} marbles and wins {second}, so {name} now has {first + second} marbles.")
    return "\n".join(lines)


def _chinese_cases(rng: Random, pool: Pool) -> str:
    return "\n".join(
        f"当x={x}时，左边等于{x * x + 3}，右边等于{5 * x}，所以不成立。" for x in range(1, rng.randint(10, 40))
    )


def _align(rng: Random, pool: Pool) -> str:
    value, lines = rng.randint(2, 9), []
    for power in range(1, rng.randint(8, 30)):
        lines.append(f"{value}^{{{power}}} &\\equiv {pow(value, power, 101)} \\pmod{{101}} \\\\")
    return "\\begin{align*}\n" + "\n".join(lines) + "\n\\end{align*}"


def _digits(rng: Random, pool: Pool) -> str:
    """A decimal with its period, powers of ten, a googol."""
    period = str(rng.randint(10, 999999))
    return rng.choice((f"0.{period * 8}... and so on.", f"1{'0' * 60}", f"The digits are {' '.join(period * 6)}."))


def _countdown(rng: Random, pool: Pool) -> str:
    bottles = (
        "{n} green bottles hanging on the wall, {n} green bottles hanging on the wall, and if one should fall, {m}."
    )
    return "\n".join(bottles.format(n=n, m=n - 1) for n in range(10, 0, -1))


def _rulers(rng: Random, pool: Pool) -> str:
    rule = rng.choice("=-*#_") * rng.randint(40, 90)
    return "\n".join(f"{rule}\n{thing.upper()}{'.' * 40}{rng.randint(1, 99)}\n{rule}" for thing in THINGS)


def _bits(rng: Random, pool: Pool) -> str:
    return "\n".join(f"{n} -> {n:08b}" for n in range(rng.choice((16, 64, 128))))


def _letters(rng: Random, pool: Pool) -> str:
    """The same letter to several people."""
    text = (
        "Dear {n}, thank you for the {t}. We were glad to see you at the party and hope that you come again. Yours, Bo."
    )
    return "\n\n".join(text.format(n=name, t=rng.choice(THINGS)) for name in rng.sample(pool.names, 5))


def _sql(rng: Random, pool: Pool) -> str:
    rows = [
        f"INSERT INTO people (id, name, city_id) VALUES ({n}, '{rng.choice(pool.names)}', {rng.randint(1, 50)});"
        for n in range(1, rng.randint(15, 60))
    ]
    return "\n".join(rows)


def _capitals(rng: Random, pool: Pool) -> str:
    return "\n".join(f"- The favourite fruit of {name} is {rng.choice(THINGS)}." for name in pool.names)


def _board(rng: Random, pool: Pool) -> str:
    return "\n".join("".join(rng.choice("....#") for _ in range(30)) for _ in range(20))


def _recurrence(rng: Random, pool: Pool) -> str:
    a, b, lines = 1, 1, []
    for n in range(3, rng.randint(15, 60)):
        a, b = b, a + b
        lines.append(f"F({n}) = F({n - 1}) + F({n - 2}) = {b - a} + {a} = {b}")
    return "\n".join(lines)


def _recheck(rng: Random, pool: Pool) -> str:
    """Reasoning that comes back to a question, some times, with other thoughts between."""
    lines = [f"{rng.choice(pool.english).strip()} {_fresh_line(rng, pool)}." for _ in range(rng.randint(15, 60))]
    return "Wait. ".join(lines)


def _checkboxes(rng: Random, pool: Pool) -> str:
    return "\n".join(f"- [ ] {thing}: ______ / ______" for thing in THINGS)


def _litany(rng: Random, pool: Pool) -> str:
    return "\n".join(f"For the gift of the {thing} that grows and is given, we are thankful." for thing in THINGS)


BOTH: dict[str, Regular] = {
    "times table": _times_table,
    "truth table": _truth_table,
    "enumeration": _enumeration,
    "matrix": _matrix,
    "poem with a refrain": _poem,
    "table": _markdown_table,
    "savings": _savings,
    "steps": _steps,
    "long division": _long_division,
    "cases": _cases,
    "repeated lines of code": _repeated_lines,
    "unit tests": _unit_tests,
    "branches": _branches,
    "base64": _base64,
    "hex dump": _hex_dump,
    "dialogue": _dialogue,
    "log": _log,
    "JSON rows": _json_rows,
    "people": _people,
    "digits": _digits,
    "rulers": _rulers,
}
"""Kinds of both halves, which differ by seeds, names and sentences."""
UNSEEN: dict[str, Regular] = {
    "times grid": _times_grid,
    "truth in words": _truth_in_words,
    "search": _search,
    "test methods": _test_methods,
    "HTML": _html,
    "Chinese cases": _chinese_cases,
    "align": _align,
    "countdown song": _countdown,
    "bits": _bits,
    "letters": _letters,
    "SQL": _sql,
    "facts": _capitals,
    "board": _board,
    "recurrence": _recurrence,
    "recheck": _recheck,
    "checkboxes": _checkboxes,
    "litany": _litany,
}
"""Kinds that limits were not set on: the held-out half has them beside the others."""
