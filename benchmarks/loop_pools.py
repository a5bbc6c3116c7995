"""What the texts of `loops.py` are made of: sentences of many languages and lines of many notations, in two halves that
share none. Limits are set on one half; the other is for the final figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HALVES = ("calibration", "held_out")


@dataclass(frozen=True)
class Pool:
    """The material of one half. Example: `pool("held_out").foreign["thai"][0]`."""

    english: tuple[str, ...]
    """Sentences as reasoning has them."""
    foreign: dict[str, tuple[str, ...]]
    """Sentences of one language each, with the sign that ends them."""
    notations: dict[str, tuple[str, ...]]
    """Lines of LaTeX, JSON, code, lists and tables."""
    counters: tuple[str, ...]
    """Sentences with `{n}` where a number counts."""
    paragraphs: tuple[str, ...]
    """Passages of several sentences."""
    words: tuple[str, ...]
    names: tuple[str, ...]


_FOREIGN = {
    "chinese": (
        ("好的，让我重新检查一下这个步骤。", "所以答案是四十二。", "等等，这里好像有问题。", "我们再算一次。"),
        ("首先考虑第一种情况。", "这个方程没有整数解。", "综上所述，结论成立。", "不对，我应该换一种方法。"),
    ),
    "japanese": (
        ("もう一度最初から考えます。", "したがって答えは七です。", "ちょっと待ってください。"),
        ("この条件を満たす値を探します。", "よって題意は示された。", "計算を確認しましょう。"),
    ),
    "korean": (
        ("다시 한번 확인해 보겠습니다. ", "따라서 답은 삼입니다. "),
        ("이 식을 정리하면 다음과 같습니다. ", "잠깐만요, 뭔가 이상합니다. "),
    ),
    "thai": (
        ("ขอตรวจสอบคำตอบอีกครั้ง", "ดังนั้นคำตอบคือสี่", "เดี๋ยวก่อน"),
        ("เราลองแทนค่าในสมการนี้ดู", "สรุปว่าไม่มีคำตอบ", "คิดใหม่ตั้งแต่ต้น"),
    ),
    "arabic": (
        ("دعني أتحقق من الحل مرة أخرى. ", "إذن الجواب هو خمسة. "),
        ("انتظر، هناك خطأ في هذه الخطوة. ", "نعوض القيمة في المعادلة. "),
    ),
    "hindi": (
        ("आइए इस चरण को दोबारा देखें। ", "इसलिए उत्तर पाँच है। "),
        ("रुकिए, यहाँ कुछ गलत है। ", "अब हम मान रखते हैं। "),
    ),
    "russian": (
        ("Давайте проверим это ещё раз. ", "Значит, ответ равен семи. "),
        ("Подождите, здесь ошибка. ", "Рассмотрим следующий случай. "),
    ),
    "hebrew": (("בוא נבדוק שוב את השלב הזה. ",), ("לכן התשובה היא שבע. ",)),
    "burmese": (("ထပ်စစ်ကြည့်ရအောင်။",), ("အဖြေက လေးဖြစ်သည်။",)),
}
_NOTATIONS = {
    "latex": (
        (r"\[ x^2 + 2x + 1 = (x+1)^2 \]" + "\n", r"\frac{a}{b} = \frac{c}{d} ", r"&= 3(x-2) \\" + "\n"),
        (r"$$\int_0^1 f(t)\,dt = F(1) - F(0)$$" + "\n", r"\Rightarrow y = \sqrt{z} ", r"\sum_{k} a_k b_k \\" + "\n"),
    ),
    "json": (
        ('{"name": "lamp", "price": 9.5, "tags": ["home"]},\n', '"status": "ok", '),
        ('{"id": "a7", "open": true, "next": null}, ', '  "retries": 3,\n'),
    ),
    "code": (
        ("        total += item.price\n", "if (x > 0) { return x; }\n", "    print(value)\n"),
        ("for i in range(n): queue.append(i)\n", "    self.counter = self.counter\n", "int main() { return 0; }\n"),
    ),
    "list item": (
        ("- Check the result once more.\n", "* **Note:** keep the units.\n"),
        ("1. Write down what is known.\n", "- [ ] call the plumber\n"),
    ),
    "table row": (("| apples | 3 | 4.50 |\n",), ("| total | - | n/a |\n",)),
    "tag": (("<div><p>hello</p></div>\n",), ("</item></list><list><item>",)),
    "tokens": (("<|im_end|>\n<|im_start|>assistant\n",), ("[/INST] [INST] ",)),
}
_COUNTERS = (
    (
        "Try n = {n}. It does not work. ",
        "Step {n}: check the previous result again.\n",
        "Case {n}: nothing new happens here, so go on.\n",
        "第{n}次尝试仍然失败。",
        "Attempt {n} failed, so I will start over from the beginning. ",
        "def test_case_{n}():\n    assert run_the_function() is None\n",
        "Итерация {n}: результат тот же самый.\n",
    ),
    (
        "Let me consider k = {n}. That is not a solution. ",
        "{n}. Verify the answer and continue with the next item.\n",
        "Revision {n} of the plan is the same as the one before. ",
        "第{n}步：重复上面的计算。\n",
        "For the value {n} we get no contradiction, so we look further. ",
        "x_{n} is not in the list, so we continue. ",
        "Versuch {n}: das gleiche Ergebnis wie zuvor.\n",
    ),
)
_PARAGRAPHS = (
    (
        "Let me look at the left side first. It is a sum of two squares, so it cannot be negative. The right side is "
        "smaller than that for large values. Hence there is no solution there, and I should look at the small values "
        "one by one to be sure that nothing was missed.\n\n",
        "Wait, is the question about the ordered pairs or the unordered ones? If they are ordered, then we count "
        "twice as many. The wording says pairs, so let me read it again.\n",
    ),
    (
        "Hmm, the train leaves at noon and the bus an hour later. They meet when both have gone the same way. But the "
        "bus is slower, so it never catches up unless the train stops. Does it stop? The text does not say so. Let me "
        "go back to the sentence about the station.\n\n",
        "Actually, maybe the intended reading is a different one. Suppose that the box is closed. Then nothing can "
        "fall out and the total stays what it was. I think that this is right, but let me reconsider.\n",
    ),
)
_WORDS = (
    "again value number because answer the of wait maybe zero plus term root side factor prime even first next so",
    "check result hmm therefore case equal minus and to is point line area both total then thus sum last half",
)
_NAMES = (
    "Anna Boris Chen Dalia Emil Farah Goran Hana Ivo Jun Kofi Lena Musa Nora Omar Priya Quinn Rosa Sami Tara",
    "Uma Viktor Wanda Xavi Yusuf Zoe Arun Bella Carlos Dunya Eitan Freya Gustav Hilal Ines Jonas Kira Levi Mei Noam",
)
_ENGLISH = (
    (
        "Let me check this again. ",
        "So the answer is 42. ",
        "Wait, that is not right. ",
        "But we must be careful with the sign here. ",
        "I should double-check the second equation before going on. ",
        "No. ",
        "The product of the two roots is -6, and their sum is 1. ",
    ),
    (
        "Hmm, let me think about it differently. ",
        "Therefore, the total is 17. ",
        "Alternatively, we could factor the left side. ",
        "Yes, but the triangle is not isosceles. ",
        "I'm not sure whether zero counts as a natural number in this problem. ",
        "OK. ",
        "That gives 3x + 4 = 19, so x = 5. ",
    ),
)


def pool(half: str, more: Sequence[str] = ()) -> Pool:
    """The material of a half, with further English sentences."""
    side = HALVES.index(half)
    return Pool(
        english=(*_ENGLISH[side], *more),
        foreign={language: sides[side] for language, sides in _FOREIGN.items()},
        notations={kind: sides[side] for kind, sides in _NOTATIONS.items()},
        counters=_COUNTERS[side],
        paragraphs=_PARAGRAPHS[side],
        words=tuple(_WORDS[side].split()),
        names=tuple(_NAMES[side].split()),
    )
