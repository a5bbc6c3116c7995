"""Letters of languages, syllables of pinyin, particles of names, and phrases that English has borrowed. Pure tables."""

from __future__ import annotations

import re
from string import ascii_lowercase

_LETTERS = {
    "en": "",
    "de": "äöüß",
    "fr": "àâæçéèêëîïôœùûüÿ",
    "es": "áéíóúüñ",
    "it": "àèéìíîòóùú",
    "pt": "ãáàâçéêíõóôúü",
    "nl": "áéëïóöüèê",
    "sv": "åäöé",
    "da": "æøåé",
    "no": "æøåéòôê",
    "fi": "äöå",
    "pl": "ąćęłńóśźż",
    "cs": "áčďéěíňóřšťúůýž",
    "sk": "áäčďéíĺľňóôŕšťúýž",
    "hu": "áéíóöőúüű",
    "ro": "ăâîșțşţ",
    "tr": "çğıöşüâî",
    "id": "é",
    "ms": "é",
    "sw": "",
    "tl": "ñ",
    "ca": "àçèéíïòóúü",
    "hr": "čćđšž",
    "sl": "čšž",
    "et": "äõöüšž",
    "lv": "āčēģīķļņšūž",
    "lt": "ąčęėįšųūž",
}
ALPHABETS: dict[str, frozenset[str]] = {
    language: frozenset(ascii_lowercase + letters) for language, letters in _LETTERS.items()
} | {
    "ru": frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяё"),
    "uk": frozenset("абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"),
    "bg": frozenset("абвгдежзийклмнопрстуфхцчшщъьюя"),
}
"""Language -> its letters, in lower case; languages that are not here may have any."""

_PARTICLES = """
    de del della di da do dos das du des la le el los las les al van von der den ten ter zu bin ibn ben y e i san
    santa st saint op het il lo und
"""
PARTICLES = frozenset(_PARTICLES.split())
"""Words between the capitalised words of a name."""

_CORE_ENGLISH = """
    the of and to is was it for on with as are this be at by from they have not you but were his her or an we can will
    there their which what all would been has had if when who so out up do into its than then them these those should
    could may because where how our your my me she he that in us let now first next only also about between after
    before each both
"""
CORE_ENGLISH = frozenset(_CORE_ENGLISH.split())

LOANS = re.compile(
    r"\b(?:"
    r"je ne sais quoi|c est la vie|la vie en rose|coup de gr[aâ]ce|coup d [eé]tat|d[eé]j[aà] vu|raison d [eê]tre|"
    r"cr[eè]me de la cr[eè]me|hors d [oœ]e?uvres?|pi[eè]ce de r[eé]sistance|[aà] la carte|[aà] la mode|en masse|"
    r"en route|en passant|vis [aà] vis|t[eê]te [aà] t[eê]te|tour de force|joie de vivre|cul de sac|nom de plume|"
    r"laissez faire|savoir faire|fait accompli|de facto|de jure|de novo|et al|per se|pro rata|"
    r"quod erat demonstrandum|hasta la vista|mano a mano|que sera sera|el ni[nñ]o|la ni[nñ]a|"
    r"d[ií]a de (?:los )?muertos|cinco de mayo|la dolce vita|dolce far niente|al dente|pico de gallo|tres leches|"
    r"mardi gras|carte blanche|esprit de corps|ancien r[eé]gime|avant garde|eau de toilette|eau de cologne|"
    r"au pair|au jus|bon app[eé]tit|bon voyage|cordon bleu|haute couture|femme fatale|objet d art|pot au feu|"
    r"filet mignon|salsa verde|carne asada|aloha"
    r")\b"
)
"""Phrases of other languages that English uses, with accents or without."""

_SYLLABLE = (
    r"(?:zh|ch|sh|[bpmfdtnlgkhjqxzcsrwy])?(?:iang|iong|uang|ueng|ang|eng|ing|ong|ian|iao|uai|uan|van|ai|ei|ao|ou|an|en|in|un|ia|ie|iu|ua|uo|ui|ue|ve"
    r"|er|a|o|e|i|u|v)"
)
_PINYIN = re.compile(f"(?:{_SYLLABLE}){{1,3}}")
_TONES = str.maketrans("āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜü", "aaaaeeeeiiiioooouuuuvvvvv")


def is_pinyin(word: str) -> bool:
    """One to three syllables of Chinese in Latin letters, with tone marks or without."""
    return len(word) > 1 and _PINYIN.fullmatch(word.translate(_TONES)) is not None


_ENDINGS = {
    "es": "amos|emos|imos|ción|ciones|iendo|mente|dades|aron|ieron|ásemos",
    "pt": "amos|emos|imos|ção|ções|mente|dade|ados|aram|eram",
    "it": "iamo|zione|zioni|mente|ità|ando|endo|ettere|azzo|izzo|ssero",
    "fr": "eux|euse|ées?|és|aient|ièrement|uellement|quons|çons",
    "de": "ungen|lich|liche[nrs]?|keit|heit|ische[nrs]?|ieren|iert|schen|ßen|stellen|eßlich",
    "nl": "lijke?|heid|ijn|ijnen|eerd|ingen|ijkt|aan|aat",
    "id": "kan|annya|nya",
    "pl": "ości?|ych|ego|cja|cji|ować|amy|emy",
    "ro": "ului|iei|ilor|ție|ării|ează",
    "tr": "lerin|ların|iyor|ması|mesi|ecek|acak",
    "fi": "ssa|ssä|lla|llä|sta|stä|taan|tään|inen|iset|iden",
    "sv": "ningen|ande|arna|erna|ligt",
    "cs": "ost|ého|ých|ovat|íme",
    "hu": "ság|ség|ban|ben|nak|nek|juk|jük",
}
_BY_ENDING = {language: re.compile(f"[^\\W\\d_]{{2,}}(?:{endings})") for language, endings in _ENDINGS.items()}


def by_ending(word: str) -> tuple[str, ...]:
    """Languages that form many words with the ending of this one."""
    return tuple(language for language, ending in _BY_ENDING.items() if len(word) > 5 and ending.fullmatch(word))


_LOAN_WORDS = """
    http https ftp url urls api apis json csv html xml sql utf ascii gnu kwargs args init stdin stdout
    regex async unix linux
    café cafés crème brûlée crêpe crêpes naïve naïveté résumé résumés fiancé fiancée déjà façade façades piñata
    piñatas jalapeño jalapeños señor señora señorita über doppelgänger élite cliché clichés clichéd touché protégé
    purée sauté sautéed soufflé entrée entrées pâté décor début exposé communiqué soirée matinée divorcée ångström
    voilà à née blasé passé risqué rosé consommé canapé canapés coöperate zoölogy reëlection piña maté açaí doña niño
    niña mañana jícama éclair éclairs
"""
LOAN_WORDS = frozenset(_LOAN_WORDS.split())
"""Words with accents that English has borrowed, and technical names that do not look English."""
