"""Languages told apart: writing systems, small words, and both sides of each threshold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers import VerifierError
from openqwq.verifiers.rules import language as rules
from openqwq.verifiers.rules.language import LanguageVerifier, is_clean_sentence, prose, response_language
from openqwq.verifiers.rules.scripts import LANGUAGE_SCRIPTS, language_code, runs, script_of


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


@pytest.mark.parametrize(
    ("sentence", "language", "is_clean"),
    [
        ("The я cat.", "en", True),
        ("The яя cat.", "en", False),
        ("The я я cat.", "en", False),
        ("The я cat я.", "en", True),
        ("The 猫 cat.", "en", True),
        ("使用 Docker", "zh", True),
        ("使用 Dockers", "zh", False),
        ("用 Doc", "zh", True),
        ("用 Dock", "zh", False),
        ("あア Docker", "ja", True),
        ("あア Dockers", "ja", False),
        ("한국 Docker", "ko", True),
        ("한국 Dockers", "ko", False),
        ("да ok", "ru", True),
        ("да oks", "ru", False),
        ("Hello there", "ru", False),
        ("да ok", "en", False),
        ("да oks oks oks", "sr", True),
        ("这の是书", "zh", True),
        ("这の是の书", "zh", False),
        ("这のの书", "zh", False),
        ("一二三四五六七八九十百", "ja", True),
        ("一二三四五六七八九十百千", "ja", False),
        ("一二三四五六七八九十百千の", "ja", True),
        ("1 + 1 = 2", "zh", True),
        ("1 + 1 = 2", "en", True),
    ],
)
def test_a_sentence_is_clean_until_another_script_takes_too_much_of_it(
    sentence: str, language: str, is_clean: bool
) -> None:
    assert is_clean_sentence(sentence, language) is is_clean


@pytest.mark.parametrize(
    ("sentence", "language", "is_clean"),
    [
        ("der das und nicht ich", "en", True),
        ("der das und nicht ich Katze", "en", False),
        ("Der DAS und Nicht ich Katze", "en", False),
        ("der das Katze Hund Maus Tier", "en", True),
        ("der das und Katze Hund Maus", "en", False),
        ("with which der das und Katze", "en", True),
        ("with which der das und nicht", "en", False),
        ("der das und nicht ich Katze", "de", True),
        ("with which their would been when", "de", False),
        ("его потому или при все она", "uk", False),
        ("его потому или при все она", "ru", True),
        ("der das und nicht ich Katze", "ca", True),
    ],
)
def test_languages_of_one_script_are_told_by_small_words(sentence: str, language: str, is_clean: bool) -> None:
    assert is_clean_sentence(sentence, language) is is_clean


def test_the_smallest_sentence_that_is_told_has_six_words() -> None:
    assert rules.MIN_WORDS == 6


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
        ("猫坐在垫子上。The cat is warm.", "zh", False),
        ("The cat is warm. Кот тут.", "en", False),
        ("The cat is warm.", "en", True),
        ("1 + 1", "en", False),
        ("`the cat`", "en", False),
        ("Der Hund. Das ist. Und nicht. Ich auch. Wie bei.", "en", False),
        ("Der Hund. Das ist.", "en", True),
    ],
)
def test_a_response_is_in_a_language_by_every_sentence_and_as_a_whole(
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
        ("DER DAS UND NICHT ICH AUF WENN", True, False),
        ("DER DAS UND NICHT ICH AUF WENN SIND", False, False),
        ("der das und nicht ich auf wenn", False, True),
        ("der das und nicht ich auf wenn sind", False, False),
        ("THE GATE OF THE GARDEN IS OPEN TODAY", True, False),
        ("the gate of the garden is open today", False, True),
    ],
)
def test_english_in_one_case_has_no_letter_of_the_other(text: str, capital: bool, lowercase: bool) -> None:
    assert (rules.english_capital(text), rules.english_lowercase(text)) == (capital, lowercase)


MIXED = "The cat is warm. Кот очень тёплый. It is old. Also here."


def test_the_verifier_pays_all_or_the_share_of_clean_sentences() -> None:
    strict, share = LanguageVerifier("en").grade(MIXED, {}), LanguageVerifier("en", partial=True).grade(MIXED, {})
    assert (strict.score, share.score) == (0.0, 0.75)
    assert strict.parts == share.parts == {"clean_share": 0.75}
    assert strict.reason == "not en: 'Кот очень тёплый.'"
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
    text = "der das und nicht ich Katze."
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
