"""Languages told apart: writing systems, words, and what hides a foreign sentence or only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers import VerifierError
from openqwq.verifiers.rules import language as rules
from openqwq.verifiers.rules.foreign import foreign_passages
from openqwq.verifiers.rules.language import LanguageVerifier, prose, response_language
from openqwq.verifiers.rules.scripts import LANGUAGE_SCRIPTS, language_code, runs, script_of
from openqwq.verifiers.rules.spans import spans_of


def foreign(text: str, language: str) -> list[str]:
    """The foreign passages of a text."""
    return [text[found.start : found.end] for found in foreign_passages(text, language, spans_of(text))]


@pytest.mark.parametrize(
    ("characters", "script"),
    [
        ("aZzAªºÀÖØöøÿɏẀ", "latin"),
        ("Ͱαωἀ", "greek"),
        ("ЀяԀԯ", "cyrillic"),
        ("את", "hebrew"),
        ("عﷲ", "arabic"),
        ("अह", "devanagari"),
        ("ぁゟアヿー", "kana"),
        ("一鿿㐀豈\U00020000", "han"),
        ("가힣ᄀㄱ", "hangul"),
        ("กา", "thai"),
        ("0९ ×÷.\n€؟", None),
        ("ɐ\U0001f600ꙁ", None),
    ],
)
def test_a_letter_belongs_to_one_writing_system(characters: str, script: str | None) -> None:
    letters = [one for one in characters if one.isalpha()] if script else list(characters)
    assert letters and {script_of(one) for one in letters} == {script}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("en", "en"),
        (" EN ", "en"),
        ("zh-cn", "zh"),
        ("zh_TW", "zh"),
        ("pt-BR", "pt"),
        ("tlh", None),
        ("", None),
        ("-en", None),
    ],
)
def test_a_language_is_known_by_its_code_with_or_without_a_region(name: str, code: str | None) -> None:
    assert language_code(name) == code


def test_a_language_may_have_several_writing_systems() -> None:
    assert LANGUAGE_SCRIPTS["ja"] == {"han", "kana"} and LANGUAGE_SCRIPTS["zh"] == {"han"}
    assert LANGUAGE_SCRIPTS["sr"] == {"latin", "cyrillic"} and LANGUAGE_SCRIPTS["en"] == {"latin"}


def test_runs_count_letters_of_one_script_over_blanks_and_signs() -> None:
    assert runs("ab 1, c да ё x") == [("latin", 3), ("cyrillic", 3), ("latin", 1)]
    assert runs("1 + 2") == []


CLEAN = [
    ("The я cat.", "en"),
    ("The 猫 cat.", "en"),
    ("Let α + β + γ = π, and Σ is a sum.", "en"),
    ("使用 Docker", "zh"),
    ("用 Docker 部署 API 服务。", "zh"),
    ("한국 Docker", "ko"),
    ("да, это OK", "ru"),
    ("1 + 1 = 2", "en"),
    ("Jose Garcia de la Cruz and Maria del Carmen sit apart.", "en"),
    ("Beijing (北京) grew.", "en"),
    ('The word "casa" means house, `печать` prints.', "en"),
    ("He is, per se, a fait accompli.", "en"),
    ("See https://example.org/de/la/casa for it.", "en"),
    ("Run `git commit -m` and then `ls -la /etc`.", "en"),
    ("So $x = y + z$ and \\(a^2\\), where $\\text{area} = 4$.", "en"),
    ("El Niño is in Los Angeles and San Diego.", "en"),
    ("Der Wert ist gleich, und wir setzen ihn ein. `for item in items: print(item)`", "de"),
    ("Il faut compter tous les cas, et c'est tout.", "fr"),
    ("Hay que contar cada caso con cuidado.", "es"),
    ("Сложим оба уравнения, и неизвестное исчезнет.", "ru"),
    ("猫は庭にいます。今日は雨です。", "ja"),
]


@pytest.mark.parametrize(("text", "language"), CLEAN)
def test_names_terms_formulas_and_code_are_in_any_language(text: str, language: str) -> None:
    assert foreign(text, language) == []


FOREIGN = [
    ("We add them, 因此 it is four.", "en", "因此"),
    ("Add. Vamos a contar los casos. It is so.", "en", "contar los casos"),
    ("Add. Jetzt suchen wir den kleinsten Wert.", "en", "suchen wir den kleinsten"),
    ("Add. Il faut compter tous les cas. So.", "en", "compter tous les cas"),
    ("Add. C'est l'aire du cercle qu'on cherche. So.", "en", "C'est l'aire du cercle"),
    ("So. wo men xian ba liang bian dou jian qu san. It is.", "en", "wo men xian ba liang bian"),
    ("Αφαιρούμε τρία από εδώ.", "en", "Αφαιρούμε τρία από εδώ"),
    ("这の是书のは", "zh", "这の是书のは"),
    ("我们先相加. Then we subtract the second equation from it. 然后代入。", "zh", "we subtract the second equation"),
    ("Сложим их. Then we subtract the second equation from it.", "ru", "we subtract the second equation"),
    ("Sumamos las dos. Now we subtract the second one.", "es", "Now we subtract the second one"),
    ("Вычтем три. Тепер ми знайдемо значення, якщо є відповідь.", "ru", "знайдемо значення"),
    ("その後、我们把这个方程变成一个新的。", "ja", "その後、我们把这个方程变成一个新的"),
]


@pytest.mark.parametrize(("text", "language", "passage"), FOREIGN)
def test_a_foreign_passage_is_found_where_it_stands(text: str, language: str, passage: str) -> None:
    assert any(passage in found for found in foreign(text, language))


SHAPES = [
    "{}",
    "${}$",
    "$${}$$",
    "\\[{}\\]",
    "\\({}\\)",
    "\\text{{{}}}",
    "`{}`",
    "```\n{}\n```",
    '"{}"',
    "“{}”",
    "**{}**",
    "<b>{}</b>",
    "| {} | 4 |",
    "({})",
    "- {}",
]
HIDDEN = [
    "这里需要减去两个人相邻的情况",
    "теперь умножим число мешков на число яблок",
    "ここで袋の数とりんごの数を掛け算します",
    "ahora restamos las dos ecuaciones",
    "jetzt teilen wir durch die zweite Zahl",
    "ensuite nous divisons par le nombre",
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_no_marks_hide_a_foreign_sentence(shape: str, hidden: str) -> None:
    assert foreign(f"Let us count the ways. {shape.format(hidden)} There are five of them.", "en")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([text for text, code in CLEAN if code == "en"]), min_size=1, max_size=30))
def test_clean_text_gathers_nothing_however_long_it_is(texts: list[str]) -> None:
    assert foreign(" ".join(["We add the two numbers.", *texts]), "en") == []


def test_what_the_prompt_says_may_be_quoted() -> None:
    row = {"prompt": "What does 我们先把两个方程相加 mean?"}
    text = "The sentence 我们先把两个方程相加 is about adding."
    assert LanguageVerifier("en").verify(text, row).score == 1.0
    assert LanguageVerifier("en").verify(text, {"prompt": "Hm?"}).score == 0.0
    assert LanguageVerifier("en").verify(text, {"prompt": [{"role": "user", "content": row["prompt"]}]}).score == 1.0


@pytest.mark.parametrize("flood", ["`", "$", "\\(", "```", "“a b ", "de la ", "я ", "<", "www@", "Ab ", "l'", "。"])
def test_floods_of_any_mark_get_a_verdict(flood: str) -> None:
    assert LanguageVerifier("en").verify(flood * (200_000 // len(flood)), {}).status in ("scored", "not_applicable")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a `код` b", "a b"),
        ("a ```\nкод\n``` b ```c``` d", "a b d"),
        ("a ```код", "a `код"),
        ("a $я$ b $$я\nя$$ c", "a b c"),
        (r"a \(я\) b \[я\] c", "a b c"),
        (r"a \textbf{я} b", "a b"),
        ("a https://я.рф/x b", "a b"),
        ("a <я b> c", "a c"),
        ("a имя@почта.рф b", "a b"),
        ("a ``````b", "a b"),
        ("a $$я", "a я"),
    ],
)
def test_code_formulas_links_and_tags_are_no_prose(text: str, left: str) -> None:
    assert prose(text).split() == left.split()


@pytest.mark.parametrize(
    ("text", "language", "is_followed"),
    [
        ("猫坐在垫子上。它很暖和。", "zh-cn", True),
        ("猫坐在垫子上。The cat is warm and it is on the mat.", "zh", False),
        ("The cat is warm. Кот тут.", "en", False),
        ("The cat is warm.", "en", True),
        ("1 + 1", "en", False),
        ("`the cat`", "en", False),
        ("Hello there", "ru", False),
        ("Hello there", "fr", False),
        ("Hola amigos", "en", False),
        ("今天天气很好，我们去公园。", "ja", False),
        ("今日は天気がいい。", "ja", True),
        ("因为二加三等于五。", "ja", False),
        ("今日は天気がいい。", "zh", False),
        ("Bonjour, merci.", "fr", True),
        ("Me gusta el café con leche.", "es", True),
        ("Me gusta el café con leche.", "pt", False),
        ("Der Hund ist nicht hier.", "de", True),
        ("Der Hund ist nicht hier.", "nl", False),
        ("هذا كتاب جديد في البيت.", "ar", True),
        ("این یک کتاب است و من آن را دارم.", "ar", False),
        ("यह किताब नई है।", "hi", True),
        ("Вони були вдома, але не знали.", "uk", True),
        ("Вони були вдома, але не знали.", "ru", False),
    ],
)
def test_a_response_is_in_a_language_when_it_speaks_it_from_end_to_end(
    text: str, language: str, is_followed: bool
) -> None:
    assert response_language(text, language) is is_followed


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown language 'tlh'; known: af, ar"):
        response_language("x", "tlh")


@pytest.mark.parametrize(
    ("text", "capital", "lowercase"),
    [
        ("THE GATE IS OPEN", True, False),
        ("the gate is open", False, True),
        ("The gate is open", False, False),
        ("1, 2, 3!", False, False),
        ("猫", False, False),
        ("今天很冷。abc", False, False),
        ("DER DAS UND NICHT ICH AUF WENN", False, False),
        ("der das und nicht ich auf wenn", False, False),
        ("hace mucho frío hoy", False, False),
        ("hola a todos", False, False),
        ("вчера выпал снег", False, False),
        ("그 고양이는 잡니다 OK", False, False),
        ("banana split", False, True),
        ("NO PROBLEM AT ALL.", True, False),
    ],
)
def test_english_in_one_case_has_no_letter_of_the_other(text: str, capital: bool, lowercase: bool) -> None:
    assert (rules.english_capital(text), rules.english_lowercase(text)) == (capital, lowercase)


MIXED = "The cat is warm. Кот очень тёплый. It is old. Also here."


def test_the_verifier_pays_all_or_the_share_of_clean_sentences() -> None:
    strict, share = LanguageVerifier("en").grade(MIXED, {}), LanguageVerifier("en", partial=True).grade(MIXED, {})
    assert (strict.score, share.score) == (0.0, 0.75)
    assert strict.parts == share.parts == {"clean_share": 0.75}
    assert strict.reason == "not en: 'Кот очень тёплый'"
    clean = LanguageVerifier("en").grade("The cat.", {})
    assert (clean.score, clean.reason, clean.parts) == (1.0, "", {"clean_share": 1.0})
    long = LanguageVerifier("en").grade("да" * 50, {})
    assert long.reason == f"not en: {'да' * 40!r}"


@pytest.mark.parametrize(
    ("scope", "response", "score"),
    [
        ("all", "<think>Кот тут.</think>The cat.", 0.0),
        ("answer", "<think>Кот тут.</think>The cat.", 1.0),
        ("answer", "<think>The cat.</think>Кот тут.", 0.0),
        ("all", "<think>The cat.", 1.0),
        ("answer", "<think>The cat.", 0.0),
    ],
)
def test_the_scope_says_whether_the_thinking_counts(scope: str, response: str, score: float) -> None:
    assert LanguageVerifier("en", scope=scope).verify(response, {}).score == score
    if scope == "all":
        assert LanguageVerifier("en").verify(response, {}).score == score


def test_the_target_is_the_verifiers_own_or_the_rows() -> None:
    row = {"reference": {"language": "de"}}
    text = "Der Hund ist nicht hier und dort."
    assert LanguageVerifier().verify(text, row).score == 1.0
    assert LanguageVerifier("en").verify(text, row).score == 0.0
    for reference in (None, {}, "de", {"language": "tlh"}):
        verdict = LanguageVerifier().verify(text, {"reference": reference})
        assert verdict.status == "verifier_error" and "no known target language" in verdict.reason
        assert LanguageVerifier().check_reference({"reference": reference})
    assert LanguageVerifier().check_reference(row) is None
    assert LanguageVerifier("en").verify("`x` 1 + 2", {}).status == "not_applicable"


def test_unusable_arguments_are_refused() -> None:
    with pytest.raises(VerifierError, match="scope is 'all' or 'answer', got 'half'"):
        LanguageVerifier("en", scope="half")
    with pytest.raises(VerifierError, match="unknown language 'tlh'"):
        LanguageVerifier("tlh")


SENTENCES = {
    "en": ["The cat is on the mat.", "We have not seen it.", "It was there for you."],
    "de": ["Der Hund ist nicht hier und dort.", "Wir haben das auch nicht auf dem Tisch."],
    "ru": ["Кот был там, и все это знали."],
    "zh": ["猫坐在垫子上。", "他们都知道。"],
}


@settings(max_examples=30)
@given(st.sampled_from(sorted(SENTENCES)), st.data())
def test_order_and_repetition_of_sentences_change_nothing_and_a_foreign_one_does(
    language: str, data: st.DataObject
) -> None:
    own = data.draw(st.lists(st.sampled_from(SENTENCES[language]), min_size=1, max_size=4))
    verifier = LanguageVerifier(language)
    assert verifier.verify(" ".join(own), {}).score == 1.0
    other = data.draw(st.sampled_from(sorted(set(SENTENCES) - {language})))
    foreign = data.draw(st.sampled_from(SENTENCES[other]))
    mixed = data.draw(st.permutations([*own, foreign]))
    verdict = LanguageVerifier(language, partial=True).verify("\n\n".join(mixed), {})
    assert verdict.score == pytest.approx(len(own) / (len(own) + 1))
