"""Verifiers: from a model's answer and a row of data to a verdict. Nothing here needs torch, ray or sympy to
be imported."""

if __name__ == "verifiers":
    raise ImportError("import this package as openqwq.verifiers; PyPI's `verifiers` is an unrelated package")

from typing import TYPE_CHECKING

from openqwq.verifiers.base import Row, UnknownVerifier, Verdict, Verifier, VerifierBase, VerifierError
from openqwq.verifiers.registry import available_verifiers, get_verifier

if TYPE_CHECKING:
    from openqwq.verifiers.trl_reward import as_trl_reward

__all__ = [
    "Row",
    "UnknownVerifier",
    "Verdict",
    "Verifier",
    "VerifierBase",
    "VerifierError",
    "as_trl_reward",
    "available_verifiers",
    "get_verifier",
]


def __getattr__(name: str) -> object:
    if name == "as_trl_reward":
        from openqwq.verifiers.trl_reward import as_trl_reward

        return as_trl_reward
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
