"""The `code` verifier: from an answer to its program, from a row to its tests, and from outcomes to a verdict."""

from openqwq.verifiers.code_answer.verifier import CodeVerifier as CodeVerifier
