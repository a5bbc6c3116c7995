"""The `as_published` verifier: another verifier, on the text that the evaluation code of QwQ-32B judges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openqwq.verifiers.answers import THINK_CLOSE, THINK_OPEN, published_text
from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError


class AsPublishedVerifier(VerifierBase):
    """The verdict of another verifier on `published_text` of the answer.

    verifier: its name; all further arguments are its own. What it thinks of thinking does not count: every tag is taken
    out of the text, and it is told that the thinking is over.
    """

    name = "as_published"

    def __init__(self, verifier: str = "math", **arguments: Any) -> None:
        from openqwq.verifiers.registry import get_verifier

        if verifier == self.name:
            raise VerifierError(f"as_published needs another verifier, got {verifier!r}")
        self.inner = get_verifier(verifier, **arguments)

    def verify(self, response: str, row: Row) -> Verdict:
        return self.inner.verify(_over(response), row)

    def verify_many(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        return self.inner.verify_many([_over(response) for response in responses], rows)

    def check_reference(self, row: Row) -> str | None:
        return self.inner.check_reference(row)

    def close(self) -> None:
        self.inner.close()


def _over(response: str) -> str:
    text = published_text(response).replace(THINK_OPEN, "").replace(THINK_CLOSE, "")
    return f"{THINK_CLOSE}{text}"
