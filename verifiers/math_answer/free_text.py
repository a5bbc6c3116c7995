"""The final answer of a response without a box, found by the structure of its sentences.

A stated answer counts (`The answer is 5`), else a last sentence that gives one value. Whatever is doubted, denied,
asked, reported, conditional or cut off is no answer; nor is a number that stands inside a formula.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from openqwq.verifiers.math_answer import phrases
from openqwq.verifiers.math_answer.clause import (
    clauses,
    has_value,
    is_apposition,
    is_bound,
    is_comparison,
    is_subordinate,
    is_verb,
    value_of,
)
from openqwq.verifiers.math_answer.prose import Prose, Token, breaks_off
from openqwq.verifiers.math_answer.times import is_time, time_at_end
from openqwq.verifiers.math_answer.units import is_measure

_MAX_SENTENCE_CHARS = 2_000
_LAST_SENTENCES = 8
_LAST_STATEMENTS = 20
_CHOICE = re.compile(r"\(?[A-J]\)?(?:[.:)、,](?:\s.*)?|\)\s.*|(?:[、,，和]?\s?[A-J])*[)）]?)")
_FULL_WIDTH_CHOICE = re.compile(r"^（\s*([A-J])\s*）")
_LAST_CHOICE = re.compile(
    r"(?i:(?:so|thus|hence),? )?\(?([A-J])\)?(?i: is (?:the )?(?:correct|right|true|answer|best)\b[\w ]{0,20})?[.。]?"
    r"|(?i:[\w ,]{0,40}\b(?:option|choice|(?:i|we|would|will|should|must) (?:pick|choose|select|go with))(?: is)? )"
    r"\(?([A-J])\)?"
    r"(?i: is (?:the )?(?:correct|right|true|answer|best)\b[\w ]{0,20}|[.:]\s.{0,80}|, i\.e\..{0,80})?[.。]?"
    r"|(?:[^A-J，。]{0,12}，)?(?:故|所以|因此)?(?:选项|答案)?([A-J])项?是?正确[.。]?"
)
_LABELLED = re.compile(r"\(?[A-J][).:]\s+\S.{0,80}")  # (B) 12
_NOTHING = re.compile(r"(?:there (?:is|are) )?no\b.*|does not exist|impossible|false", re.IGNORECASE)


class _Stated(NamedTuple):
    answer: str | None
    """None when the statement is doubted, denied or taken back."""
    end: int
    """Where its sentence ends."""


def final_answer(text: Prose, own: Prose) -> str | None:
    """The answer that a text gives, or None.

    `text` is searched for a stated answer; `own`, which lacks what is copied from the prompt, for a last sentence.
    """
    stated = _last_stated(text)
    if stated is None:
        return _of_last_sentence(own, 0)
    return _of_last_sentence(text, stated.end) if stated.answer is None else stated.answer


def _last_stated(prose: Prose) -> _Stated | None:
    for match in [*phrases.STATED.finditer(prose.text)][: -_LAST_STATEMENTS - 1 : -1]:
        end = prose.sentence_end(match.end())
        said = " ".join(prose.text[match.end() : end].split())
        before = re.split(r"[.!?;\n。！？；，]", prose.text[max(0, match.start() - 200) : match.start()])[-1]
        of = match["of"] or ""
        if phrases.OTHER_ANSWERS.search(of):
            continue
        is_own = not phrases.NOT_OWN.search(before) and not phrases.DENIAL.search(of)
        if not is_own or phrases.DOUBT.search(before + match[0]) or not said:
            return _Stated(None, end)
        answer = stated_value(prose, said)
        if answer is None and not _says_other(prose, said):
            continue  # `the answer must be in dollars` states nothing
        behind = prose.sentences(end)[:3]
        is_taken_back = any(map(phrases.RETRACTION.match, behind)) or _is_another_value(prose, behind[:1], answer)
        return _Stated(None if is_taken_back else answer, end)
    return None


def _is_another_value(prose: Prose, sentences: Sequence[str], answer: str | None) -> bool:
    """Is the last of these sentences a value by itself, and another one than the answer?"""
    tokens = prose.tokens(sentences[-1]) if sentences else []
    return len(tokens) == 1 and tokens[0].kind == "value" and tokens[0].text != answer and "=" not in tokens[0].text


def _says_other(prose: Prose, said: str) -> bool:
    """Is this a statement, although it gives no answer?"""
    is_other = phrases.DENIAL.match(said) or phrases.DOUBT.search(said)
    return bool(is_other or has_value(prose.tokens(said[:_MAX_SENTENCE_CHARS])))


def stated_value(prose: Prose, said: str) -> str | None:
    """The answer in what follows `the answer is`: `clearly 72, which is all`, `$6$ and $7$`, `that x is 5`, `B`."""
    if len(said) > _MAX_SENTENCE_CHARS or _leaves_open(said):
        return None
    if phrases.ALTERNATIVE.search(said):
        return None
    said = _FULL_WIDTH_CHOICE.sub(r"(\1)", said)
    remark = phrases.REMARK.search(" " + said)
    if remark and phrases.DENYING_REMARK.search(remark[0]):
        return None
    said = phrases.REMARK.sub("", " " + said).strip().removesuffix("**").strip(" \"'\u201c\u201d:：").rstrip(".。!")
    said = phrases.CONTRAST.sub("", re.sub(r"^(?:that |not [^,.;]{1,40}? but (?:rather )?)", "", said))
    if is_time(said):
        return said
    if _NOTHING.fullmatch(said) and len(said) <= 40:
        return said
    said = re.sub(r"(?<=\d) and a half\b", ".5", re.sub(r"^([A-J])(?:选?项)$", r"\1", said))
    if _CHOICE.fullmatch(said):
        return prose.shown(re.sub(r"^(\(?[A-J]\)?), (?:i\.e\.,? )?(?=[\d\ue000-\uf8ff])", r"\1. ", said))
    tokens = prose.tokens(said)
    if not has_value(tokens):
        is_answer = len(said) <= 80 and len(said.split()) <= 8 and not phrases.DENIAL.search(said)
        return said if is_answer and said and not breaks_off(said) else None
    if breaks_off(said) or " than " in said or (given := _without_lead(tokens)) is None:
        return None
    return _compound(given) or _conditional(given) or value_of(given, with_sums=True)


def _leaves_open(sentence: str) -> bool:
    """Does the sentence ask, trail off or doubt?"""
    return sentence.endswith(("?", "？", "..", "\u2026")) or phrases.DOUBT.search(sentence) is not None


def _without_lead(tokens: Sequence[Token]) -> Sequence[Token] | None:
    """The tokens from the value on that is stated: behind `clearly`, or `the area of $ABC$ is`; None where other words
    stand before it."""
    values = [at for at, token in enumerate(tokens) if token.kind == "value"]
    behind_verbs = [at for at in values if at and is_verb(tokens[at - 1].text)]
    for start in (values[0], *behind_verbs[-1:]):
        if _is_lead([token.text.lower() for token in tokens[:start]]):
            return tokens[start:]
    return None


def _is_lead(words: Sequence[str]) -> bool:
    """May these words stand between `the answer is` and its value: `clearly`, `therefore`, `the area is`?"""
    if phrases.DENIAL.search(" ".join(words)) or is_bound(words) or not phrases.RELATIVE.isdisjoint(words):
        return False
    return all(word in phrases.LEADS or word.endswith("ly") for word in words) or is_verb(words[-1])


def _compound(tokens: Sequence[Token]) -> str:
    """`8 hours and 20 minutes` as one quantity, or ""."""
    if not re.fullmatch(r"vww?vw", "".join(token.kind[0] for token in tokens)):
        return ""
    words = [token.text.lower() for token in tokens if token.kind == "word"]
    is_one = is_measure(words[0]) and is_measure(words[-1]) and words[1:-1] in ([], ["and"])
    return " ".join(token.text for token in tokens) if is_one else ""


def _conditional(tokens: Sequence[Token]) -> str | None:
    """`x > 3, where x is real`: a formula in letters keeps its condition, which the comparison reads; a number does
    not. None where nothing is conditional."""
    at = next((at for at, token in enumerate(tokens) if token.text.lower() in phrases.CONDITIONS), None)
    if at is None:
        return None
    value = value_of([token for token in tokens[:at] if token.kind != "comma"])
    if value is None or not re.search(r"(?<![\\A-Za-z])[A-Za-z](?![A-Za-z])", value):
        return value if tokens[at].text.lower() == "where" else None
    rest = (
        token.text if len(token.text) == 1 or token.kind != "word" else rf"\text{{ {token.text} }}"
        for token in tokens[at:]
    )
    return " ".join([value, *rest])


def _of_last_sentence(prose: Prose, start: int) -> str | None:
    """What the last sentence gives; words of farewell behind it do not count."""
    sentences = prose.sentences(start)[-_LAST_SENTENCES:]
    remark = next((at for at, sentence in enumerate(sentences) if phrases.REMARK_HEADING.match(sentence)), 0)
    sentences = sentences[: remark or None]
    while sentences and phrases.CLOSING.match(sentences[-1]) and not re.search(r"\d", sentences[-1]):
        sentences.pop()
    if not sentences or len(sentences[-1]) > _MAX_SENTENCE_CHARS:
        return None
    last = sentences[-1]
    if breaks_off(last) or _leaves_open(last) or phrases.PART.match(last) or phrases.NO_RESULT.match(last):
        return None
    if phrases.ABOUT_ITSELF.search(last):
        return None
    if _is_another_value(prose, [last], None) and _is_another_value(prose, sentences[:-1], last):
        return None  # a list of candidates
    if (choice := _LAST_CHOICE.fullmatch(last)) and not phrases.DENIAL.search(last):
        return choice[choice.lastindex or 0]
    if _LABELLED.fullmatch(last):
        return prose.shown(last)
    if prose.text.rstrip().rpartition("\n")[2].strip() == last and (words := _lone_words(last)):
        return words
    return sentence_value(prose, last)


def sentence_value(prose: Prose, sentence: str) -> str | None:
    """The value that a sentence ends up with: `So she makes 9 * 2 = $18 every day.`, `Hence there are 15 ways.`"""
    if (time := time_at_end(prose.shown(sentence))) is not None:
        return time or None
    sentence = phrases.RANGE.sub(r"\1", phrases.RESTATED.sub("", sentence))
    tokens = prose.tokens(phrases.CONTRAST.sub("", phrases.ASIDE.sub(" ", sentence)))
    every = clauses(tokens)
    for clause in reversed(every):
        is_aside = is_subordinate(clause) or is_comparison(clause)
        if is_aside or (clause is not every[0] and has_value(clause) and is_apposition(clause)):
            continue
        opening = clause[0].text.lower()
        if has_value(clause):
            answer = value_of(clause)
            if answer is not None or opening != "which":
                return answer
        elif opening == "but":
            return None
    return None


def _lone_words(line: str) -> str:
    """A line that is an answer in words, `Monday`, or ""."""
    words = line.strip(" .。!\"'")
    is_short = len(words) <= 40 and len(words.split()) <= 3 and re.fullmatch(r"[^\W\d_]+(?:[ -][^\W\d_]+)*", words)
    return words if is_short and not phrases.DENIAL.match(words + " -") else ""
