"""How far it is from a request to its program, in functions that a reader passes."""

from __future__ import annotations

from benchmarks import call_depth


def test_a_request_reaches_its_program_in_fifteen_calls() -> None:
    frames = call_depth.sandbox()
    assert sum(map(len, frames.values())) <= 15, frames
    assert [len(frames[name]) > 0 for name in ("server", "worker", "test")] == [True] * 3
