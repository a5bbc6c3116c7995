"""Okapi BM25 (Robertson and Walker 1994, in the form of Robertson and Zaragoza 2009, section 3.3) over a few documents
in memory. Independent of conversations."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

NO_BLANKS = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # kana, Han, Hangul
WORD = re.compile(f"[{NO_BLANKS}]|[^\\W_{NO_BLANKS}]+")
"""A run of letters and digits; of scripts without blanks, each sign."""


def words(text: str) -> list[str]:
    """The words of a text, without case."""
    return WORD.findall(text.casefold())


class Bm25:
    """An index whose scores are sum over the query's words w of

        idf(w) * f (k1 + 1) / (f + k1 (1 - b + b length / mean length)),  idf(w) = ln(1 + (N - n + 0.5) / (n + 0.5))

    with f the frequency of w in the document, n the number of documents that hold it, N that of all. This idf, which
    Lucene uses, is positive for words that most documents hold.
    """

    def __init__(self, texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> None:
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        counts = [Counter(words(text)) for text in texts]
        lengths = [count.total() for count in counts]
        mean = sum(lengths) / max(1, len(lengths)) or 1.0
        for index, (count, length) in enumerate(zip(counts, lengths, strict=True)):
            damping = k1 * (1 - b + b * length / mean)
            for word, frequency in count.items():
                self._postings[word].append((index, frequency * (k1 + 1) / (frequency + damping)))
        self._num_documents = len(texts)

    def search(self, query: str, limit: int) -> list[tuple[int, float]]:
        """The `limit` best documents that hold a word of the query, with their scores, best first; of equals the
        earlier one first. A word that stands twice in the query counts twice."""
        scores: dict[int, float] = defaultdict(float)
        for word, times in Counter(words(query)).items():
            postings = self._postings.get(word, ())
            idf = math.log(1 + (self._num_documents - len(postings) + 0.5) / (len(postings) + 0.5))
            for index, weight in postings:
                scores[index] += times * idf * weight
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:limit]
