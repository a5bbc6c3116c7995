"""The state that version 0.1 saved goes on as the present one."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from openqwq.training.records import OpenGroup, PartialRollout, RolloutBatch, SampleRequest
from openqwq.training.rl.alerts import Alerts
from openqwq.training.rl.state_format import current_state
from tests.training.small_records import make_prompt

FRAGMENT = {"tokens": [7], "logprobs": [-1.0], "loss_mask": [1], "turns": [], "drawn": 1, "oldest_version": 3}


def request(prompt: dict[str, Any], fragment: dict[str, Any] | None) -> dict[str, Any]:
    return {"prompt": prompt, "group": 0, "index": 1, "seed": 5, "fragment": fragment, "may_be_cut": False}


def old_state() -> dict[str, Any]:
    """As it stands in `state.json`; a column of a row has a name that was an old field's."""
    prompt = TypeAdapter(type(make_prompt(0))).dump_python(make_prompt(0))
    prompt["row"] = {**prompt["row"], "fragment": "a column", "may_be_cut": 1}
    waves = [[[0], {"judged": [], "unfinished": [request(prompt, FRAGMENT)], "sampled_at": 0.0, "busy_seconds": 0.0}]]
    group = {"number": 0, "prompt": prompt, "judged": [], "waiting": [request(prompt, None)]}
    state = {
        "step": 4,
        "prompts": {"step": 4},
        "rollouts": {"num_started": 1, "open": [group], "ready": [{"as": "it is"}], "waves": waves},
        "guard": {"last_good": 2},
        "tripwires": {"levels": {"errors/share": [0.1]}, "outside": {"kl": 1}, "num_roll_backs": 0, "last_good": 3},
    }
    loaded: dict[str, Any] = json.loads(json.dumps(state))
    return loaded


def test_old_requests_and_their_partial_rollouts_are_read() -> None:
    rollouts = current_state(old_state())["rollouts"]
    [group] = TypeAdapter(list[OpenGroup]).validate_python(rollouts["open"])
    assert isinstance(group.waiting[0], SampleRequest) and group.waiting[0].partial is None
    assert group.prompt.row["fragment"] == "a column" and group.prompt.row["may_be_cut"] == 1
    [[numbers, tree]] = rollouts["in_flight"]
    [unfinished] = TypeAdapter(RolloutBatch).validate_python(tree).unfinished
    assert (numbers, unfinished.may_be_aborted) == ([0], False)
    assert unfinished.partial == PartialRollout((7,), (-1.0,), (1,), (), num_turn_tokens=1, oldest_version=3)


def test_old_alerts_know_their_levels_by_the_present_metric() -> None:
    state = current_state(old_state())
    alerts = Alerts({}, lambda step, now: None, lambda words: None)
    alerts.restore(state["alerts"])
    assert alerts.state()["levels"] == {"errors/fraction": [0.1]}
    assert (alerts.last_good, alerts.is_quiet, state["regression_check"]) == (3, False, {"last_good": 2})


def test_an_old_state_is_the_present_one_under_other_names() -> None:
    old = old_state()
    state = current_state(old)
    assert state["prompts"] == {"step": 4} and state.keys() == {"prompts", "rollouts", "regression_check", "alerts"}
    assert state["alerts"] == {
        "levels": {"errors/fraction": [0.1]}, "outside": {"kl": 1}, "num_roll_backs": 0, "last_good": 3,
    }  # fmt: skip
    rollouts = state["rollouts"]
    assert rollouts.keys() == {"num_started", "signal", "open", "ready", "in_flight"}
    assert (rollouts["num_started"], list(rollouts["signal"]), rollouts["ready"]) == (1, [], [{"as": "it is"}])
    [waiting] = rollouts["open"][0]["waiting"]
    assert waiting == {**{k: waiting[k] for k in ("prompt", "group", "index", "seed")}, "partial": None,
                       "may_be_aborted": False}  # fmt: skip
    assert (waiting["seed"], waiting["index"], rollouts["open"][0]["number"]) == (5, 1, 0)
    old["rollouts"]["signal"] = [[3, 4]]
    assert current_state(old)["rollouts"]["signal"] == [[3, 4]]


def test_a_present_state_is_left_as_it_is() -> None:
    present = current_state(old_state())
    assert current_state(present) is present
