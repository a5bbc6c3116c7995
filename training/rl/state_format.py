"""Reads checkpoint state of version 0.1 under the present names. The old names of recipes are in config/renamed.py."""

from collections.abc import Mapping
from typing import Any

from openqwq.training.config.renamed import current_metric

State = Mapping[str, Any]


def current_state(state: State) -> State:
    """The state of a stage in the form that `StageRun.restore` reads; a state of the present version is unchanged."""
    if "alerts" in state:
        return state
    rollouts = state["rollouts"]
    return {
        "prompts": state["prompts"],
        "rollouts": {
            "num_started": rollouts["num_started"],
            "signal": rollouts.get("signal", ()),
            "open": [_with_requests(group, "waiting") for group in rollouts["open"]],
            "ready": rollouts["ready"],
            "in_flight": [[groups, _with_requests(batch, "unfinished")] for groups, batch in rollouts["waves"]],
        },
        "regression_check": state["guard"],
        "alerts": {
            **state["tripwires"],
            "levels": {current_metric(name): values for name, values in state["tripwires"]["levels"].items()},
        },
    }


def _with_requests(holder: State, key: str) -> State:
    return {**holder, key: [_request(request) for request in holder[key]]}


def _request(request: State) -> State:
    changed = {name: value for name, value in request.items() if name not in ("fragment", "may_be_cut")}
    fragment = request["fragment"]
    if fragment is not None:
        fragment = {("num_turn_tokens" if name == "drawn" else name): value for name, value in fragment.items()}
    return {**changed, "partial": fragment, "may_be_aborted": request["may_be_cut"]}
