"""One row costs only itself: whatever it holds, it and its neighbours get verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import Rewards, TaskReward, VerifierUse
from openqwq.training.rewards.router import RewardRouter
from openqwq.verifiers.code_tests import CodeVerifier
from tests.training.small_records import make_prompt, make_rollout
from tests.verifiers.told_sandbox import Told

GOOD: dict[str, Any] = {"entry_point": "f", "tests": [{"input": [2], "output": 4}]}
TEXT: dict[str, Any] = {"tests": [{"input": "2\n", "output": "4\n"}]}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def wanting(value: object) -> dict[str, Any]:
    return {"entry_point": "f", "tests": [{"input": [value], "output": value}]}


own: list[Any] = []
own.append(own)
BAD: list[Any] = [
    *(
        wanting(value)
        for value in ((1, 2), b"x", Decimal(1), {1: 2}, {3}, 1j, object(), nested(600), nested(9000), own)
    ),
    *({**TEXT, "limits": limits} for limits in ([1], 5, {"time_s": "2"}, {"memory_mb": 10**5000}, {3: 4, "time": 1})),
    *({**TEXT, "compare": compare} for compare in ("exact", {"float_tol": [1]}, {"rel": 1})),
    *(
        {"tests": tests}
        for tests in (5, "x", [5], [{"input": 1}], [{"input": 1, "output": nested(600)}], {"inputs": 1})
    ),
    *({"asserts": asserts} for asserts in ([5], 5, {"a": 1}, [nested(9000)], [None])),
    *({"test": test, "entry_point": "f"} for test in (5, {"x": 1}, 2.5)),
    *({**GOOD, "entry_point": name} for name in (5, ["f"], "f()", "f" * 5000, {"f": 1}, "\ud800")),
    *({**GOOD, "mode": mode} for mode in (5, ["call"], {"a": 1}, "guess")),
    *(None, 5, [], "text", {}, {"tests": []}, {1: 2}),
]


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    served = Told()
    with served.remote:
        yield served


def test_a_bad_row_of_any_kind_is_an_error_and_its_neighbours_are_scored(told: Told) -> None:
    verifier = CodeVerifier(told.remote.url)
    rows = [row for bad in BAD for row in ({"reference": GOOD}, {"reference": bad})] + [{"reference": TEXT}]
    verdicts = verifier.verify_many(["x = 1"] * len(rows), rows)
    verifier.close()
    assert [verdict.score for verdict in verdicts[::2]] == [1.0] * (len(BAD) + 1)
    wrong = [
        (bad, verdict) for bad, verdict in zip(BAD, verdicts[1::2], strict=True) if verdict.status != "verifier_error"
    ]
    assert not wrong
    assert all(verdict.reason and len(verdict.reason) < 500 for verdict in verdicts)


def test_a_bad_row_is_found_when_data_is_loaded(told: Told) -> None:
    verifier = CodeVerifier(told.remote.url)
    assert [bad for bad in BAD if not verifier.check_reference({"id": "7", "reference": bad})] == []
    assert verifier.check_reference({"id": "7", "reference": GOOD}) is None
    verifier.close()


def test_the_router_gives_a_row_whose_verifier_raises_an_error_that_names_both(tmp_path: Path) -> None:
    path = tmp_path / "strict.py"
    path.write_text(
        "from openqwq.verifiers import Verdict\nclass Strict:\n    name = 'strict'\n"
        "    def verify_many(self, responses, rows):\n"
        "        if any(response == 'bad' for response in responses): raise KeyError('answer')\n"
        "        return [Verdict.scored(1.0) for _ in responses]\n"
        "    def verify(self, response, row): return self.verify_many([response], [row])[0]\n"
        "    def check_reference(self, row): return None if row['id'] != 'p1' else row['missing']\n"
        "    def close(self): pass\n"
    )
    router = RewardRouter(Rewards(tasks={"math": TaskReward(verifiers=(VerifierUse(name=f"{path}:Strict"),))}))
    rollouts = [make_rollout(index=index, response=text) for index, text in enumerate(("good", "bad", "good"))]
    judgements = router.judge(rollouts, [make_prompt(number).row for number in range(3)])
    assert [judgement.reward for judgement in judgements] == [1.0, None, 1.0]
    assert judgements[1].reason == "verifier 'strict' raised on row 'p1': KeyError: 'answer'"
    refused = router.unusable_references([make_prompt(number) for number in range(3)])
    assert list(refused) == [1] and refused[1].endswith("raised on it: KeyError: 'missing'")
    router.close()
