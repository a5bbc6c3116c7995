"""Instructions in other writing systems: keywords, counts, ends of sentences, commas, quotes, cases, both ways."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.rules.instructions import instruction_problem, is_followed

KEYWORDS = [
    ("昨天下雪，孩子们堆雪人。", "雪人", "春天"),
    ("祖母は温かいお茶を入れてくれた。", "お茶", "珈琲"),
    ("データを分析する。", "データ", "デー夕"),
    ("เมื่อวานฝนตกหนักมาก", "ฝนตก", "หิมะ"),
    ("आज बच्चे खेल रहे हैं।", "बच्चे", "बच्च"),
    ("ये किताबें नई हैं।", "किताबें", "किताब"),
    ("Вчера выпал снег.", "снег", "сне"),
    ("وضعت الكتاب على الطاولة.", "كتاب", "كتا"),
    ("بالقلم والورق", "قلم", "قل"),
    ("كَتَبَ الوَلَدُ", "الولد", "البنت"),
    ("המורה בבית הספר", "בית", "תיק"),
    ("고양이는 집에서 잡니다.", "집", "고양"),
    ("고양이는 집에서 잡니다.", "고양이", "강아지"),
    ("用Docker部署", "Docker", "Dock"),
    ("Το σπίτι του ΣΟΦΟΎ", "σπίτι", "σπίτ"),
    ("un café noir", "cafe\u0301", "cafe"),
    ("Don’t stop", "don't", "sto"),
    ("_cat_ and __dog__", "dog", "do"),
]


@pytest.mark.parametrize(("text", "there", "absent"), KEYWORDS)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_keyword_is_a_word_of_its_script(text: str, there: str, absent: str, form: Any) -> None:
    text = unicodedata.normalize(form, text)
    assert is_followed("keywords:existence", text, {"keywords": [there]})
    assert not is_followed("keywords:existence", text, {"keywords": [there, absent]})
    assert is_followed("keywords:forbidden_words", text, {"forbidden_words": [absent]})
    assert not is_followed("keywords:forbidden_words", text, {"forbidden_words": [absent, there]})
    assert is_followed("keywords:frequency", f"{text} {text}", {"keyword": there, "frequency": 2})


COUNTED: list[tuple[str, str, dict[str, Any], int]] = [
    ("length_constraints:number_words", "今天很冷，我们喝茶。", {"num_words": 0}, 8),
    ("length_constraints:number_words", "私はPythonが好き。", {"num_words": 0}, 6),
    ("length_constraints:number_words", "ฝนตกหนักมาก", {"num_words": 0}, 3),
    ("length_constraints:number_words", "आज बच्चे खेलते हैं।", {"num_words": 0}, 4),
    ("length_constraints:number_words", "그 고양이는 잡니다", {"num_words": 0}, 3),
    ("length_constraints:number_words", "ذهب الولد إلى البيت.", {"num_words": 0}, 4),
    ("length_constraints:number_sentences", "今天很冷。我们不出门！你呢？", {"num_sentences": 0}, 3),
    ("length_constraints:number_sentences", "他说：“走吧！”我们走了。", {"num_sentences": 0}, 2),
    ("length_constraints:number_sentences", "今天很冷!我们走吧?好。", {"num_sentences": 0}, 3),
    ("length_constraints:number_sentences", "उसने खाया। वह गया॥ क्यों?", {"num_sentences": 0}, 3),
    ("length_constraints:number_sentences", "وہ گیا۔ کیوں؟ پتا نہیں", {"num_sentences": 0}, 3),
    ("length_constraints:number_sentences", "أين هو؟ ذهب إلى البيت.", {"num_sentences": 0}, 2),
    ("length_constraints:number_sentences", "Он ушёл, т.е. его нет. Всё.", {"num_sentences": 0}, 2),
    ("length_constraints:number_sentences", "เมื่อวานฝนตกหนักมาก เด็กๆเล่นน้ำในสวน", {"num_sentences": 0}, 2),
    ("keywords:letter_frequency", "E\u0301te\u0301 e", {"letter": "é", "let_frequency": 0}, 2),
    ("keywords:letter_frequency", "E\u0301te\u0301 e", {"letter": "E", "let_frequency": 0}, 1),
    ("keywords:letter_frequency", "Щи да щи", {"letter": "щ", "let_frequency": 0}, 2),
    ("keywords:letter_frequency", "कमल की कमी", {"letter": "क", "let_frequency": 0}, 3),
    ("change_case:capital_word_frequency", "ЭТО важно И ЯСНО", {"capital_frequency": 0}, 3),
    ("change_case:capital_word_frequency", "今天很冷", {"capital_frequency": 0}, 0),
    ("keywords:frequency", "茶好，茶香，茶热。", {"keyword": "茶", "frequency": 0}, 3),
]


@pytest.mark.parametrize(("instruction", "text", "kwargs", "count"), COUNTED)
def test_words_sentences_and_letters_are_counted_in_any_script(
    instruction: str, text: str, kwargs: dict[str, Any], count: int
) -> None:
    (number,) = (name for name, value in kwargs.items() if value == 0)
    relation = {"let_frequency": "let_relation", "capital_frequency": "capital_relation"}.get(number, "relation")
    allowed = [n for n in range(12) if is_followed(instruction, text, kwargs | {number: n, relation: "exactly"})]
    assert allowed == [count]


FOLLOWED: list[tuple[str, dict[str, Any], str, str]] = [
    ("punctuation:no_comma", {}, "今天很冷。", "今天很冷、风很大。"),
    ("punctuation:no_comma", {}, "هو هنا.", "هو هنا، وهي هناك."),
    ("punctuation:no_comma", {}, "今天很冷；", "今天，很冷"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "• 苹果\n・梨", "• 苹果\n梨"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "- один\n* два", "-один\n* два"),
    ("startend:quotation", {}, "「今天很冷。」", "「今天」很「冷」"),
    ("startend:quotation", {}, "”Hej.”", "”Hej“"),
    ("startend:quotation", {}, "„Cześć.”", "„Cześć"),
    ("change_case:english_capital", {}, "THE DOOR IS OPEN", "ДВЕРЬ ОТКРЫТА"),
    ("change_case:english_lowercase", {}, "the door is open", "今天很冷吧。abc"),
    ("change_case:english_lowercase", {}, "the door is open", "la puerta está abierta"),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 1}, "这是*重点*内容", "这是5*3*2"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "第", "num_sections": 2},
        "第1节\n甲\n第2节",
        "在第1节\n第2节",
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "然后"},
        "今天。\n\n**然后**走。",
        "然后。\n\n今天走。",
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "Потом"},
        "«Потом» всё.\n\nДа.",
        "Потомок.\n\nДа.",
    ),
    ("startend:end_checker", {"end_phrase": "再见"}, "好的，再见**", "再见，好的"),
    ("startend:end_checker", {"end_phrase": "До свидания."}, "Всё. «До свидания.»", "До свидания. Всё."),
    ("startend:first_word", {"first_word": "मैं"}, "मैं यहाँ हूँ।", "मैंने खाया।"),
    ("last_word:last_word_answer", {"last_word": "冷"}, "今天很冷。", "今天很热。"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "写一首诗。"}, "**“写一首诗。”**\n\n春天来了", "写一首诗。"),
    (
        "detectable_content:postscript",
        {"postscript_marker": "附言："},
        "再见。\n\n**附言：**明天见",
        "再见。附言：明天见",
    ),
    ("detectable_format:title", {}, "# <<春天>>\n花开", "春天 << 1"),
    ("detectable_content:number_placeholders", {"num_placeholders": 1}, "［姓名］您好", "【姓名】您好"),
    # markup
    ("detectable_format:title", {}, "**<<Dawn>>**\nText", "cout << x; cin >> y"),
    ("detectable_format:title", {}, "### **<<Dawn>>**", "It is in <<Dawn>>"),
    ("detectable_format:title", {}, "Title: <<Dawn>>", "<< >>"),
    (
        "startend:end_checker",
        {"end_phrase": "Any other questions?"},
        'Done. **"Any other questions?"**',
        "Many other questions?!",
    ),
    ("startend:end_checker", {"end_phrase": "Any"}, "Ask *Any*", "Ask many"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Name one."}, "> **Name  one.**\n\nBlue.", "Name ones. Blue."),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Name one."}, '"Name one." Blue.', '"Name one."'),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\n\n> **P. S.** Call.", "Bye. temp.s. x"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n* * *\nb", "a * * * b"),
    ("detectable_format:constrained_response", {"options": ["red", "blue"]}, "**blue**", "blue or red"),
]


@pytest.mark.parametrize(("instruction", "kwargs", "good", "bad"), FOLLOWED)
def test_an_instruction_is_read_in_any_script_and_through_markup(
    instruction: str, kwargs: dict[str, Any], good: str, bad: str
) -> None:
    assert instruction_problem(instruction, kwargs) is None
    assert is_followed(instruction, good, kwargs)
    assert not is_followed(instruction, bad, kwargs)


@settings(max_examples=40)
@given(
    st.text("ab猫茶ฝनकلا 。", min_size=1, max_size=12), st.text("ab猫茶ฝนк ", min_size=1, max_size=4).filter(str.strip)
)
def test_a_keyword_with_blanks_around_it_is_found_in_any_text(text: str, keyword: str) -> None:
    said = f"{text} {keyword} {text}"
    assert is_followed("keywords:existence", said, {"keywords": [keyword]})
    assert not is_followed("keywords:forbidden_words", said, {"forbidden_words": [keyword]})
