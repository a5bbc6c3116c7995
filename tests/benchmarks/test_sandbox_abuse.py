"""The benchmarks of held connections and of sleeps at the limit run, and find nothing wrong where nothing is."""

from __future__ import annotations

from tests.benchmarks.test_benchmarks import run


def test_honest_clients_are_answered_beside_half_open_connections() -> None:
    _, report = run("sandbox_abuse", "--scenes", "half_open", "--seconds", "1", "--descriptors", "256")
    honest = report["half_open"]["honest"]
    assert honest["asked"] > 0 and honest["wrong"] == 0


def test_no_program_that_sleeps_for_its_limit_is_rewarded() -> None:
    status, report = run("sandbox_limits", "--sleeps", "4", "--spinners", "1", "--workers", "2")
    assert (status, report["violations"]) == (0, [])
    assert report["at_the_limit"] == {"time_limit": 4}
