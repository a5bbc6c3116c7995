"""Units behind a value: each name of each unit, and the words that are none."""

import pytest

from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.units import split_unit

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
        (r"5\text{ squared}", r"5\text{ squared}", ""),
        (r"5\text{ ^2}", "5", ""),
        (r"36\text{ cm}^2", "36", "cm^2"),
        (r"36\text{ cm}^{3}", "36", "cm^3"),
        (r"36\text{ cm^2}", "36", "cm^2"),
        (r"5\text{ m}^{-2}", "5", "m^-2"),
        (r"9.8\text{ m/s^2}", "9.8", "m/s^2"),
        (r"9.8\text{ m}/\text{s}^2", "9.8", "m/s^2"),
        (r"9\text{ m}/s", "9", "m/s"),
        (r"5\text{ kg}\cdot\text{m}", "5", "kg.m"),
        (r"5\text{ kilowatt}-\text{hour}", "5", "kw.h"),
        ("60 km per hour", "60", "km/h"),
        ("60 km/h", "60", "km/h"),
        ("36 sq ft", "36", "ft^2"),
        ("5 cu cm", "5", "cm^3"),
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
        ("2万元/人", r"(2)\times 10^{4}", "cny/person"),
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
        ("9 green apples", "9", "green.apple"),
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


NO_UNITS = r"""
cm; \text{cm}; 5x; 5 m; 5m; x=5; x=\text{cm}; (\text{cm}; a/nm; x^\text{cm}; x_\text{cm}; 3,\text{cm}; {\text{cm}
2\cdot\text{cm}; 3 xyz; 5 b2; two thousand; 不是37; \text{about }5; 60 km permutation
"""


@pytest.mark.parametrize("text", ["", *NO_UNITS.strip().replace("\n", "; ").split("; ")])
def test_what_is_no_unit_stays_with_its_text(text: str) -> None:
    assert split_unit(text) == (text, "")


def test_a_unit_stands_in_the_last_eighty_characters() -> None:
    assert split_unit("5 " + r"\text{" + "a" * 70 + "}") == ("5", "a" * 70)
    long = "5 " + r"\text{" + "a" * 80 + "}"
    assert split_unit(long) == (long, "")
