"""Units, words and choices around a value: each name of each unit, each phrase, and what is no unit and no choice."""

import pytest

from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.units import split_unit
from openqwq.verifiers.math_answer.words import (
    canonical,
    chooses,
    gold_letter,
    labelled_value,
    letters,
    same_words,
    without_lead,
)

UNITS = """
m meter metre meters metres 米
km kilometer kilometre kilometers kms 千米 公里
dm decimeter decimetre 分米
cm centimeter centimetre centimeters 厘米
mm millimeter millimetre 毫米
nm nanometer nanometre
in inch inches 英寸
ft foot feet 英尺
yd yard yards
mi mile miles 英里
h hour hr hours 小时 时
min minute minutes 分钟
s second seconds sec 秒
ms millisecond
day days 天 日
week weeks 周
month months 月 个月
year yr years 年 岁
kg kilogram kilo kilograms 千克 公斤
g gram grams 克
mg milligram 毫克
t ton tonne tons 吨
lb pound pounds
oz ounce ounces
l liter litre liters 升
ml milliliter millilitre 毫升
usd dollar dollars buck bucks
cent cents ¢
eur euro euros
gbp
cny yuan 元 块
角 毛
j joule joules
kj kilojoule
w watt watts
kw kilowatt
n newton newtons
pa pascal
kpa kilopascal
k kelvin
hz hertz
v volt volts
a ampere amp amps
mol mole moles
celsius c °c
fahrenheit f °f
radian rad radians 弧度
mi/h mph
km/h kph kmh kmph
person people persons 人 名
pm
am
"""


@pytest.mark.parametrize("line", UNITS.strip().splitlines())
def test_all_names_of_a_unit_are_one_unit(line: str) -> None:
    unit, *_ = line.split()
    for name in line.split():
        assert split_unit(clean(rf"7 \text{{ {name} }}")) == ("7", unit)
        if not name.isascii() and "°" not in name and name != "¢":
            assert split_unit(clean(f"7{name}")) == ("7", unit)
        elif name.isalpha() and len(name) > 1:
            assert split_unit(f"7{name}") == ("7", unit)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("36 square centimeters", "36", "cm^2"),
        ("36 sq feet", "36", "ft^2"),
        ("5 cubic meters", "5", "m^3"),
        (r"5\text{ cu. ft.}", "5", "ft^3"),
        ("5 meters squared", "5", "m^2"),
        ("5 meters cubed", "5", "m^3"),
        (r"5\text{ squared}", "5", ""),
        (r"36\text{ cm}^2", "36", "cm^2"),
        (r"36\text{ cm}^{3}", "36", "cm^3"),
        (r"36\text{ cm^2}", "36", "cm^2"),
        (r"5\text{ m}^{-2}", "5", "m^-2"),
        (r"9.8\text{ m/s^2}", "9.8", "m/s^2"),
        (r"9.8\text{ m}/\text{s}^2", "9.8", "m/s^2"),
        (r"9\text{ m}/s", "9", "m/s"),
        (r"5\text{ kg}\cdot\text{m}", "5", "kgm"),
        (r"5\text{ kilowatt}-\text{hour}", "5", "kwh"),
        ("60 km per hour", "60", "km/h"),
        ("60 km/h", "60", "km/h"),
        ("60 km permutation", "60", "kmpermutation"),
        ("24平方米", "24", "m^2"),
        ("24立方厘米", "24", "cm^3"),
        (r"\$45", "45", "usd"),
        (r"-\$45", "-45", "usd"),
        (r"\$-45", "-45", "usd"),
        (r"45\$", "45", "usd"),
        ("£45", "45", "gbp"),
        ("45€", "45", "eur"),
        ("¥45", "45", "cny"),
        (r"\$5\text{ million}", r"(5)\times 10^{6}", "usd"),
        (r"\$5\text{ each}", "5", "usd"),
        (r"1.2\text{ million people}", r"(1.2)\times 10^{6}", "person"),
        ("5 hundred million", r"(5)\times 10^{8}", ""),
        ("2 thousand", r"(2)\times 10^{3}", ""),
        ("2 billion", r"(2)\times 10^{9}", ""),
        ("2 trillion", r"(2)\times 10^{12}", ""),
        ("2万元", r"(2)\times 10^{4}", "cny"),
        ("3百万", r"(3)\times 10^{6}", ""),
        ("3千万", r"(3)\times 10^{7}", ""),
        ("3百", r"(3)\times 10^{2}", ""),
        ("3千", r"(3)\times 10^{3}", ""),
        ("3亿", r"(3)\times 10^{8}", ""),
        ("3千米", "3", "km"),
        ("3千克", "3", "kg"),
        (r"45^\circ", "45°", "degree"),
        (r"25^\circ\text{C}", "25", "celsius"),
        (r"25^\circ F", "25", "fahrenheit"),
        ("30'", "30", "arc'"),
        ("30.5''", "30.5", "arc''"),
        ("x'", "x'", ""),
        ("9 apples", "9", "apple"),
        ("9 green apples", "9", "greenapple"),
        (r"9\text{ gas}", "9", "gas"),
        (r"9\text{ boys}", "9", "boy"),
        ("5 units", "5", ""),
        ("5个", "5", ""),
        (r"(5,6)\text{ cm}", "(5,6)", "cm"),
        (r"\frac{1}{2} hour", r"\frac{1}{2}", "h"),
        (r"5\text{ p.m.}", "5", "pm"),
    ],
)
def test_a_unit_is_split_from_its_value(text: str, value: str, unit: str) -> None:
    assert split_unit(clean(text)) == (value, unit)


LOGIC = """
or and not to if than no non negative minus plus about approximately approx around roughly nearly mod remainder half
third quarter times divided by over root between less more least most at either neither nor none all any undefined
infinite infinity unknown never is are maybe perhaps possibly so but except
"""


@pytest.mark.parametrize("word", [*LOGIC.split(), "或", "和", "与", "且", "不", "约", "非"])
def test_a_word_that_changes_the_value_is_no_unit(word: str) -> None:
    text = rf"5 \text{{ cm {word}}}"
    assert split_unit(text) == (text, "")


@pytest.mark.parametrize(
    "text",
    ["", "cm", r"\text{cm}", "5x", "5 m", "5m", "x=5", r"x=\text{cm}", r"(\text{cm}", r"x^\text{cm}", r"x_\text{cm}",
     r"3,\text{cm}", r"{\text{cm}", r"2\cdot\text{cm}", "3 xyz", "5 b2", "two thousand", "不是37", r"\text{about }5"],
)  # fmt: skip
def test_what_is_no_unit_stays_with_its_text(text: str) -> None:
    assert split_unit(text) == (text, "")


def test_a_unit_stands_in_the_last_eighty_characters() -> None:
    assert split_unit("5 " + r"\text{" + "a" * 70 + "}") == ("5", "a" * 70)
    long = "5 " + r"\text{" + "a" * 80 + "}"
    assert split_unit(long) == (long, "")


PHRASES = r"""
\emptyset: no solution, no solutions, none, empty set, null set, no real solution, no real solutions
\emptyset: no roots, no real roots, there is no solution, there are no solutions
\emptyset: no solution exists, no such number exists, no such values, no answer, no integer solutions
\emptyset: 无解, 空集, 无实数解, 没有解, 不存在解, 无实根
\R: all real numbers, all reals, set of all real numbers, set of real numbers, real numbers, any real number
\R: every real number, all real x, all real values, 全体实数, 所有实数, 实数集, 任意实数, 一切实数
undefined: undefined, does not exist, dne, diverges, divergent, not defined, it diverges, limit does not exist
undefined: 不存在, 发散, 无意义
\infty: infinity, positive infinity, 无穷, 无穷大, 正无穷
infinitely many: infinitely many, infinitely many solutions, infinite solutions, infinite number of solutions, infinite
infinitely many: 无穷多, 无数, 无数个, 无数多个, 无穷多解, 有无穷多解, 无数解
yes: yes, 是, 是的
no: no, 否, 不是
true: true, correct, 正确, 对
false: false, incorrect, wrong, not correct, 错误, 不正确, 错
"""
NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)


@pytest.mark.parametrize("line", PHRASES.strip().splitlines())
def test_a_phrase_has_its_meaning(line: str) -> None:
    meaning, _, phrases = line.partition(": ")
    for phrase in phrases.split(", "):
        assert canonical(phrase) == canonical(rf"\text{{{phrase.title()}.}}") == meaning
        assert canonical(f"{phrase} 5") == f"{phrase} 5"


def test_numbers_in_words_are_numbers_to_twenty() -> None:
    for number, word in enumerate(NUMBERS.split()):
        assert canonical(word) == canonical(rf"\text{{The {word.upper()}}}") == str(number)
    assert canonical("twenty one") == "twenty one"
    assert canonical("none" + " " * 76) == r"\emptyset"
    assert canonical("none" + " " * 77) == "none" + " " * 77
    for text in ("x", "5", "b"):
        assert canonical(text) == text
    for article in ("an", "a", "the", "it is", "it's"):
        assert canonical(f"{article} none") == r"\emptyset"


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("even", "Even.", True),
        ("the ellipse", "an ellipse", True),
        ("red, blue", "Blue and Red", True),
        ("红和蓝", "蓝、红", True),
        ("red, red", "red", False),
        ("red", "red, blue", False),
        ("red, blue", "red", False),
        ("even", "odd", False),
        ("none", "no solution", True),
        ("n+1x", "n1x", False),
        ("a=bc", "abc", False),
        ("a/bc", "abc", False),
        ("increasing", "not increasing", False),
    ],
)
def test_words_are_the_same_without_case_order_and_articles(gold: str, answer: str, equal: bool) -> None:
    assert same_words(gold, answer) is same_words(answer, gold) is equal


@pytest.mark.parametrize(
    "text",
    ["The answer is 7", "answer: 7", "so, the final answer is 7", "Solution = 7", "the value is: 7", "results are 7"[1:],
     r"\text{The answer is } 7", r"\text{The answer is 7}", "答案是7", "答案:7", "结果为 7", "Hence the correct result: 7",
     "thus answer is 7", "therefore, answer = 7", "then result: 7"],
)  # fmt: skip
def test_what_leads_to_an_answer_is_taken_off(text: str) -> None:
    if text.startswith("esults"):
        text = "result is 7"
    assert without_lead(clean(text)) == "7"


@pytest.mark.parametrize("text", ["7", "my answer is 7", "answer is", "the answers 7", "value 7", "x is 7"])
def test_what_leads_nowhere_stays(text: str) -> None:
    assert without_lead(text) == text


@pytest.mark.parametrize(
    "answer",
    [
        "B",
        "(B)",
        "b",
        "B.",
        "(B).",
        "(B) 12",
        "B. 12",
        "B) 12",
        "B: 12",
        "B.12",
        "Option B",
        "choice: b",
        "选项 B",
        "故选B",
        "(b) x",
    ],
)
def test_a_letter_is_chosen_with_or_without_its_value(answer: str) -> None:
    assert chooses(clean(answer), "B")
    assert chooses(rf"\text{{{answer}}}", "B")
    assert not chooses(clean(answer), "C")


@pytest.mark.parametrize(
    "answer",
    [
        "(B) or (C)",
        "B and C",
        "not B",
        "(B) not",
        "B. x or y",
        "B. (C)",
        "B. C) 5",
        "C",
        "AB",
        "8",
        "B 12",
        "B.x",
        "Bx",
        "K",
        "",
    ],
)
def test_another_letter_or_two_are_no_choice_of_it(answer: str) -> None:
    assert not chooses(clean(answer), "B")


def test_a_gold_may_be_one_letter_or_several() -> None:
    for text in ("B", "(B)", "B.", "(B).", r"\text{B}", r"\textbf{(B)}"):
        assert gold_letter(clean(text)) == "B"
    assert [gold_letter(letter) for letter in "AJ"] == ["A", "J"]
    for text in ("K", "b", "AB", "B 12", "8", ""):
        assert gold_letter(text) == ""
    for text in ("A, C", "AC", "CA", "(A) and (C)", "A和C", "A、C", "A;C", r"\text{A and C}"):
        assert letters(clean(text)) == "AC"
    for text in ("AA", "A", "AK", "a,c", "A+C", "A,C,A", ""):
        assert letters(clean(text)) == ""
    assert letters("JIHGFEDCBA") == "ABCDEFGHIJ"


def test_the_value_behind_a_letter_stands_behind_a_capital_in_brackets_or_text() -> None:
    for text in (r"\text{(B) } 12", r"\text{B. }12", "(B) 12", r"\text{(B)}12"):
        assert labelled_value(text) == "12"
    for text in ("(b) 12", r"\text{b. }12", "B. 12", "(B)12", r"\text{(B)}", "12", "(K) 12"):
        assert labelled_value(text) == ""
