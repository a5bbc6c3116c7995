"""What the host can hold is found by attacks, and a host that holds less than required is refused in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.sandbox import check_host
from openqwq.sandbox.attacks import ATTACKS
from openqwq.sandbox.isolation.build import KINDS
from openqwq.sandbox.launch import ServerNotStarted, start_server
from openqwq.sandbox.probe import LEVELS, ProbeResult, level_of
from tests.sandbox.isolation_samples import HAS_BUBBLEWRAP


def test_every_isolation_backend_is_attacked_and_tells_what_it_held() -> None:
    checks = {check.backend: check for check in check_host()}
    assert tuple(checks) == KINDS
    assert checks["namespaces"].level >= "L2" and checks["process"].level == "L1"
    assert (checks["bubblewrap"].level >= "L2") == HAS_BUBBLEWRAP
    for check in checks.values():
        assert check.level == level_of(check.results)
        if check.level:
            assert {result.name for result in check.results} == {attack.name for attack in ATTACKS}
        assert all(result.detail for result in check.broken)
    assert {result.level for result in checks["namespaces"].broken} <= {"L3"}


RESULTS = st.lists(st.builds(ProbeResult, st.text(max_size=3), st.sampled_from(LEVELS), st.booleans()), max_size=8)


@given(RESULTS)
def test_an_attack_that_works_at_a_level_leaves_a_lower_one(results: list[ProbeResult]) -> None:
    level = level_of(results)
    assert all(level < result.level for result in results if not result.is_held)
    above = [lowest for lowest in LEVELS if lowest > level]
    assert not above or any(not result.is_held and result.level == above[0] for result in results)


@given(RESULTS, RESULTS)
def test_more_attacks_that_work_never_raise_the_level(results: list[ProbeResult], more: list[ProbeResult]) -> None:
    worked = [ProbeResult(result.name, result.level, False) for result in more]
    assert level_of([*results, *worked]) <= level_of(results)
    held = [ProbeResult(result.name, result.level, True) for result in more]
    assert level_of([*results, *held]) == level_of(results)


def test_a_level_that_is_not_offered_is_refused() -> None:
    with pytest.raises(ServerNotStarted, match="L3"):
        start_server(workers=1, require_isolation="L3")
    with pytest.raises(ServerNotStarted, match=r"status 3.*allowed: L0, L1, L2, L3"):
        start_server(workers=1, require_isolation="strong")
