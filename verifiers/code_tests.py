"""The former place of the `code` verifier, kept for imports; it lives in code_answer/."""

from openqwq.verifiers.code_answer.verifier import CodeVerifier as CodeVerifier
