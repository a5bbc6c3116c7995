"""The random-reward control: it ignores the answer and shows how much of a gain is not due to the reward."""

from __future__ import annotations

import hashlib

from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError


class PlaceboVerifier(VerifierBase):
    """Score 1 with probability p, by a hash of (seed, row id, response), whatever the answer is.

    A run with this reward in place of the real one is the control of an ablation: what it gains (format,
    sharper sampling, clipping bias) is not learnt from correctness. The same answer to the same row always
    gets the same score.
    """

    name = "placebo"

    def __init__(self, p: float = 0.5, seed: int = 0) -> None:
        if not 0.0 <= p <= 1.0:
            raise VerifierError(f"p must be a probability, got p={p}")
        self.p = p
        self.seed = seed

    def grade(self, response: str, row: Row) -> Verdict:
        key = repr((self.seed, str(row.get("id")), response)).encode("utf-8", "surrogatepass")
        draw = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) / 2**64
        return Verdict.scored(draw < self.p, "placebo", {"draw": draw})
