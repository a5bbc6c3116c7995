"""A math verifier that errs at a stated rate, for `reward_noise.yaml`."""

import hashlib

from openqwq.verifiers import get_verifier
from openqwq.verifiers.base import Row, Verdict, VerifierBase, VerifierError


class NoisyMath(VerifierBase):
    """`math` with a share of its verdicts turned over, by a hash of the row and the answer: the same answer to the same
    row is always judged the same way, as a verifier with a blind spot judges it."""

    name = "noisy_math"

    def __init__(self, false_accepts: float = 0.0, false_rejects: float = 0.0, seed: int = 0) -> None:
        if not 0 <= false_accepts <= 1 or not 0 <= false_rejects <= 1:
            raise VerifierError(f"rates lie in [0, 1], got {false_accepts=}, {false_rejects=}")
        self.rates = {0.0: false_accepts, 1.0: false_rejects}
        """True score -> how often it is turned over."""
        self.seed = seed
        self.exact = get_verifier("math", answer_format="boxed")

    def grade(self, response: str, row: Row) -> Verdict:
        found = self.exact.verify(response, row)
        if found.score not in self.rates:
            return found
        key = repr((self.seed, str(row.get("id")), response)).encode("utf-8", "surrogatepass")
        draw = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) / 2**64
        is_turned = draw < self.rates[found.score]
        return Verdict.scored(1 - found.score if is_turned else found.score, found.reason, {"turned": float(is_turned)})

    def close(self) -> None:
        self.exact.close()
