"""Verifiers: from a model's answer and a row of data to a verdict. Nothing here needs torch, ray or sympy to
be imported."""

if __name__ == "verifiers":
    raise ImportError("import this package as openqwq.verifiers; PyPI's `verifiers` is an unrelated package")

from openqwq.verifiers.base import (
    Row,
    UnknownVerifier,
    Verdict,
    Verifier,
    VerifierError,
    available_verifiers,
    get_verifier,
)

__all__ = [
    "Row",
    "UnknownVerifier",
    "Verdict",
    "Verifier",
    "VerifierError",
    "available_verifiers",
    "get_verifier",
]
