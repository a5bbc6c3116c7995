"""What holds for every answer: another spelling is paid, another value is not; order, repeats, units, signs, edges."""

from collections import Counter
from fractions import Fraction
from itertools import permutations
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.compare import Comparison


def equal(gold: str, answer: str) -> bool:
    """The verdict of all tiers but the last, which nothing here may need."""

    def fallback(gold: str, answer: str) -> bool:
        raise AssertionError(f"no tier reads {gold!r} or {answer!r}")

    return Comparison(fallback).equal(gold, answer)


def frac(value: Fraction, command: str = "frac") -> str:
    sign = "-" if value < 0 else ""
    return rf"{sign}\{command}{{{abs(value.numerator)}}}{{{value.denominator}}}"


def spellings(value: Fraction) -> list[str]:
    """One rational number in LaTeX, plain text, with blanks, in Unicode, mixed, as a decimal and with a name."""
    above, below = value.numerator, value.denominator
    whole, rest = divmod(abs(above), below)
    sign = "-" if above < 0 else ""
    found = [
        f"{above}/{below}",
        f" {above} / {below} ",
        f"{above}/{below}".replace("-", "\u2212"),
        f"{above}/{below}".translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        frac(value),
        frac(value, "dfrac"),
        rf"\frac{{{above * 3}}}{{{below * 3}}}",
        rf"\left( {frac(value)} \right)",
        rf"${above} \div {below}$",
        rf"\mathbf{{{frac(value)}}}",
        f"x = {above}/{below}",
        rf"\text{{The answer is }} {frac(value)}",
        f"{above}/{below}.",
    ]
    if below == 1:
        found += [str(above), f"{above}.0", f"{above:,}", rf"{above}\text{{ metres}}"]
    elif whole and rest:
        found += [rf"{sign}{whole}\frac{{{rest}}}{{{below}}}", f"{sign}{whole} {rest}/{below}"]
    if 1000 % below == 0:
        found.append(f"{float(value):.3f}")
    return found


rationals = st.builds(Fraction, st.integers(-9999, 9999), st.sampled_from([1, 1, 2, 3, 4, 7, 8, 12, 125]))


@given(rationals, st.data())
def test_every_spelling_of_a_number_is_that_number(value: Fraction, data: st.DataObject) -> None:
    forms = spellings(value)
    gold = data.draw(st.sampled_from(forms))
    for answer in forms:
        assert equal(gold, answer), (gold, answer)


STEPS = st.sampled_from([Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(1, 1000), Fraction(-1, 10**30)])


@given(rationals, STEPS, st.data())
def test_no_spelling_of_a_number_is_another_number(value: Fraction, step: Fraction, data: st.DataObject) -> None:
    gold = data.draw(st.sampled_from(spellings(value)))
    for answer in spellings(value + step):
        assert not equal(gold, answer), (gold, answer)


@given(rationals)
def test_a_sign_flips_the_verdict_unless_the_number_is_zero(value: Fraction) -> None:
    for form in (frac(value), f"{value.numerator}/{value.denominator}"):
        assert equal(form, f"-({form})") == (value == 0)
        assert equal(form, f"-(-({form}))")


@given(st.integers(1, 10**6))
def test_a_percentage_is_its_number_and_its_hundredth_and_nothing_else(number: int) -> None:
    gold = rf"{number}\%"
    assert equal(gold, str(number)) and equal(str(number), gold)
    assert equal(gold, str(Fraction(number, 100))) and equal(str(Fraction(number, 100)), gold)
    wrong = [number * 100, Fraction(number, 10), Fraction(number, 10_000), -number, rf"{number + 1}\%"]
    for answer in map(str, wrong):
        assert not equal(gold, answer)
        assert not equal(answer, gold)


@given(st.integers(-(10**12), 10**12), st.integers(1, 40))
def test_integers_have_no_tolerance(number: int, digits: int) -> None:
    for answer in (f"{number}.{'0' * digits}1", f"{number + 1}", f"{number}0" if number else "10", f"{-number - 1}"):
        assert not equal(str(number), answer)
        assert not equal(answer, str(number))
    assert equal(str(number), f"{number}.{'0' * digits}")


IRRATIONAL = [r"\sqrt{2}", r"\pi", "e", r"\ln 3", r"\sin 1", r"2^{1/3}", r"\frac{1+\sqrt5}{2}", r"\log_2 3"]
DECIMALS = [
    "1.4142135623730950488016887242096980785696718753769480731766797379907324784621",
    "3.1415926535897932384626433832795028841971693993751058209749445923078164062862",
    "2.7182818284590452353602874713526624977572470936999595749669676277240766303535",
    "1.0986122886681096913952452369225257046474905578227494517346943336374942932186",
    "0.8414709848078965066525023216302989996225630607983710656727517099919104043912",
    "1.2599210498948731647672106072782283505702514647015079800819751121552996765139",
    "1.6180339887498948482045868343656381177203091798057628621354486227052604628189",
    "1.5849625007211561814537389439478165087598144076924810604557526545410982277943",
]


@pytest.mark.parametrize(("exact", "decimals"), zip(IRRATIONAL, DECIMALS, strict=True))
def test_a_rounding_is_not_the_number_however_long(exact: str, decimals: str) -> None:
    for digits in (3, 8, 17, 40, 55):
        assert not equal(exact, decimals[:digits])
        assert not equal(decimals[:digits], exact)
        assert equal(exact, rf"{exact} \approx {decimals[: digits + 1]}") == (decimals[digits + 1] < "5")
    assert equal(exact, f"0+{exact}")
    for other in IRRATIONAL:
        assert equal(exact, other) == (exact == other)
        assert equal(exact, f"-{other}") is False


# lists, sets, tuples


def listed(values: list[Fraction], style: str) -> str:
    texts = [frac(value) for value in values]
    if style == "set":
        return rf"\{{{', '.join(texts)}\}}"
    if style == "names":
        return ", ".join(f"x = {text}" for text in texts)
    if style == "and":
        return ", ".join(texts[:-1]) + r" \text{ and } " + texts[-1]
    return {"commas": ", ", "or": r" \text{ or } ", "chinese": "、"}[style].join(texts)


STYLES = st.sampled_from(["set", "names", "and", "commas", "or", "chinese"])
roots = st.lists(st.builds(Fraction, st.integers(-5, 5), st.integers(1, 3)), min_size=2, max_size=5)


@settings(max_examples=40)
@given(roots, st.randoms(use_true_random=False), STYLES, STYLES)
def test_a_list_is_a_multiset_of_its_values(values: list[Fraction], random, gold_style: str, style: str) -> None:  # type: ignore[no-untyped-def]
    gold = listed(values, gold_style)
    shuffled = random.sample(values, len(values))
    assert equal(gold, listed(shuffled, style))
    assert equal(gold, listed([*shuffled, values[0]], style))  # an answer may name a value again
    wrong = max(values) + 1
    for answer in ([*shuffled, wrong], [wrong, *shuffled[1:]], [-value - 7 for value in values]):
        assert not equal(gold, listed(answer, style))
    if len(values) > 2 and len(set(values)) > 1:
        assert not equal(gold, listed(shuffled[1:], style))


@given(roots)
def test_every_repeated_root_counts(values: list[Fraction]) -> None:
    assume(len(set(values)) > 1)
    counts = Counter(values)
    repeated = [*values, values[0]]
    assert not equal(listed(repeated, "commas"), listed(values, "commas"))
    for value in counts:
        other = next(each for each in counts if each != value)
        moved = [*values, value]
        assert equal(listed([*values, other], "commas"), listed(moved, "commas")) is False


@given(roots, st.integers(6, 9))
def test_a_wrong_root_never_makes_an_answer_right(values: list[Fraction], wrong: int) -> None:
    gold = listed(values, "commas")
    for answer in (values, values[1:], values[:1], [*values, values[0]]):
        assert not equal(gold, listed([*answer, Fraction(wrong)], "commas"))
        assert not equal(gold, listed([Fraction(-wrong), *answer], "commas"))


@settings(max_examples=20)
@given(st.lists(st.integers(-9, 9), min_size=2, max_size=3))
def test_the_order_of_a_tuple_counts(values: list[int]) -> None:
    gold = f"({', '.join(map(str, values))})"
    for order in permutations(values):
        for form in (f"({','.join(map(str, order))})", rf"\left({'; '.join(f'{v}.0' for v in order)}\right)"):
            assert equal(gold, form) == (list(order) == values)
    assert not equal(gold, f"[{gold[1:-1]}]") and not equal(gold, f"({gold[1:-1]}]") and not equal(gold, gold[1:-1])
    assert not equal(gold, f"({gold[1:-1]}, {values[0]})")


# intervals and inequalities


@given(st.integers(-9, 9), st.integers(1, 9), st.sampled_from("(["), st.sampled_from(")]"), st.sampled_from("ab"))
def test_edges_and_brackets_of_an_interval_count(low: int, width: int, opens: str, closes: str, letter: str) -> None:
    high = low + width
    for low_text, high_text in ((str(low), str(high)), (f"{letter}{low:+d}", f"{letter}{high:+d}")):
        gold = f"{opens}{low_text},{high_text}{closes}"
        below, above = (r"\le " if opens == "[" else "<"), (r"\le " if closes == "]" else "<")
        flipped = above.replace("le", "ge").replace("<", ">"), below.replace("le", "ge").replace("<", ">")
        assert equal(gold, f"{low_text}{below}x{above}{high_text}")
        assert equal(f"{low_text}{below}x{above}{high_text}", gold)
        assert equal(gold, f"{high_text}{flipped[0]}x{flipped[1]}{low_text}")
        for others in [(a, b) for a in "([" for b in ")]" if (a, b) != (opens, closes)]:
            assert not equal(gold, f"{others[0]}{low_text},{high_text}{others[1]}")
        assert not equal(gold, f"{opens}{high_text},{low_text}{closes}")
        assert not equal(gold, f"{opens}{low_text},{high_text}+1{closes}")


four_edges = st.lists(st.integers(-20, 20), min_size=4, max_size=4, unique=True).map(sorted)


@settings(max_examples=15)
@given(four_edges, st.randoms(use_true_random=False))
def test_unions_have_no_order_and_lose_no_part(edges: list[int], random: Random) -> None:
    a, b, c, d = edges
    parts = [rf"(-\infty,{a})", f"[{b},{c}]", rf"({d},\infty)"]
    gold = r"\cup".join(parts)
    assert equal(gold, r" \cup ".join(random.sample(parts, 3)))
    assert equal(gold, rf"x<{a} \text{{ or }} {b}\le x\le {c} \text{{ or }} x>{d}")
    for missing in range(3):
        assert not equal(gold, r"\cup".join(parts[:missing] + parts[missing + 1 :]))
    assert not equal(gold, gold.replace("[", "(")) and not equal(gold, gold.replace("]", ")"))
    assert not equal(gold, gold.replace(rf",{a})", rf",{a}]"))


# units


UNITS = ["cm", "mm", "km", "kg", "hours", "minutes", "dollars", "people", "m^2", "m^3", "km/h", "m/s", "apples"]


@given(st.integers(-999, 999), st.sampled_from(UNITS), st.sampled_from(UNITS))
def test_a_unit_may_be_left_out_but_not_be_another(number: int, unit: str, other: str) -> None:
    gold = rf"{number}\text{{ {unit}}}"
    assert equal(gold, str(number)) and equal(str(number), gold)
    assert equal(gold, rf"{number}.0 \mathrm{{{unit}}}")
    assert equal(gold, rf"{number}\text{{ {other}}}") == (unit == other)
    assert not equal(gold, rf"{number + 1}\text{{ {unit}}}")
    assert not equal(gold, str(number * 1000 + 1))


CONVERSIONS = [("km", "m", 1000), ("m", "cm", 100), ("h", "min", 60), ("kg", "g", 1000)]


@pytest.mark.parametrize(("big", "small", "factor"), CONVERSIONS)
def test_a_value_is_converted_where_both_sides_name_their_unit(big: str, small: str, factor: int) -> None:
    gold = rf"3\text{{ {big}}}"
    assert equal(gold, rf"{3 * factor}\text{{ {small}}}")
    assert not equal(gold, str(3 * factor))
    assert not equal(gold, rf"3\text{{ {small}}}")


# formulas and equations


coefficients = st.lists(st.integers(-6, 6).filter(bool), min_size=3, max_size=3)


def expanded(a: int, b: int, c: int, d: int) -> str:
    """(ax+b)(cx+d)."""
    return f"{a * c}x^2{a * d + b * c:+d}x{b * d:+d}"


@settings(max_examples=12)
@given(coefficients, st.integers(-6, 6).filter(bool))
def test_a_formula_is_its_expanded_and_its_factored_form_and_no_neighbour(ks: list[int], d: int) -> None:
    a, b, c = ks
    gold, other = f"({a}x{b:+d})({c}x{d:+d})", expanded(a, b, c, d)
    assert equal(gold, other) and equal(other, gold)
    assert equal(gold, rf"\left({d}+{c}x\right) \cdot \left({b}+{a}x\right)")
    assert equal(gold, f"f(x) = {other}")
    for wrong in (f"{gold}+1", f"-{gold}", gold.replace("x", "y"), f"{gold}x", f"{gold}^2", f"{other}-x"):
        assert not equal(gold, wrong)
        assert not equal(wrong, gold)


@settings(max_examples=8)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(2, 5), st.sampled_from(["+", "-"]))
def test_a_line_has_many_equations_and_no_other_line_has_one_of_them(a: int, b: int, k: int, sign: str) -> None:
    gold = f"y = {a}x {sign} {b}"
    minus = "-" if sign == "+" else "+"
    for form in (f"{a}x - y {sign} {b} = 0", f"{k}y = {k * a}x {sign} {k * b}", f"{a}x = y {minus} {b}"):
        assert equal(gold, form) and equal(form, gold)
    slopes = [f"y = {slope}x {sign} {b}" for slope in (-a, a + 1)]
    shifts = [f"y = {a}x {minus} {b}", f"y = {a}x {sign} {b + 1}"]
    others = [f"z = {a}x {sign} {b}", f"y < {a}x {sign} {b}", "y = y", "0 = 0", f"y-{a}x = y-{a}x"]
    for wrong in (*slopes, *shifts, *others):
        assert not equal(gold, wrong), wrong
        assert not equal(wrong, gold), wrong


def test_an_equation_with_some_of_the_zeros_is_another_equation() -> None:
    gold = "(x-1)(x+2) = 0"
    for answer in ("x = 1", "x+2 = 0", "(x-1)(x-2) = 0"):
        assert not equal(gold, answer)
        assert not equal(answer, gold)
    assert equal(gold, "x^2+x-2 = 0")


NAMES = st.sampled_from(["x", "y", "n", r"\theta", "a_1", "f(2)"])


@given(st.integers(1, 99), NAMES, st.sampled_from(["x", "y", "t", "a_2"]))
def test_a_name_may_be_left_out_but_not_be_another(value: int, name: str, other: str) -> None:
    assert equal(f"{name} = {value}", str(value)) and equal(str(value), f"{name} = {value}")
    assert equal(f"{name} = {value}", f"{name}={value}.0")
    assert equal(f"{name} = {value}", f"{other} = {value}") == (name == other or (name == "f(2)" and other == "y"))
    assert not equal(f"{name} = {value}", f"{name} = {value + 1}")
    assert not equal(str(value), f"{value}={value}")


LETTERS = st.text(alphabet="abmnpxy", min_size=1, max_size=2)


@settings(max_examples=30)
@given(LETTERS, LETTERS, st.integers(2, 9))
def test_a_minus_is_no_plus_and_no_product(left: str, right: str, number: int) -> None:
    assume(len(set(left + right)) == len(left + right) and "max" not in left + right)  # a function, and no product
    for other in (right, str(number)):
        forms = [f"{left}+{other}", f"{left}-{other}", f"{left}{other}", f"{left}/{other}"]
        for gold in forms:
            for answer in forms:
                assert equal(gold, answer) == (gold == answer), (gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"), [("abc", "ab-c"), ("abcd", "abc-d"), ("xyz", "x-yz"), ("n+1", r"\text{n-1}")]
)
def test_a_minus_between_products_is_no_hyphen(gold: str, answer: str) -> None:
    assert not equal(gold, answer)
    assert not equal(answer, gold)


GOLDS = [*IRRATIONAL, "7", "x+1", "(1,2)", "[1,2)", "3:4", "x<2", "y=2x", r"\{1,2\}", "B", "yes", "12 cm"]
ANSWERS = [*IRRATIONAL, "8", "1+x", "(2,1)", "[1,2]", "6:8", "2>x", "x=y/2", "2,1", "C", "no", "12 m"]


@given(st.sampled_from(GOLDS), st.sampled_from(ANSWERS))
def test_verdicts_are_symmetric_and_a_text_equals_itself(gold: str, answer: str) -> None:
    assert equal(gold, answer) == equal(answer, gold)
    assert equal(gold, gold) and equal(gold, f" {gold} ") and equal(f"${gold}$", gold)
