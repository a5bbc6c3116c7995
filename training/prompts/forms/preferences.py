"""Pairs of a preferred and another answer."""

import re
from collections.abc import Callable
from typing import Any

from openqwq.training.prompts.forms.form import Form, Row, Unusable

TURN_OF_HH = re.compile(r"\n\nHuman: |\n\nAssistant: ?")


def _pair(prompt: Any, chosen: Any, rejected: Any) -> dict[str, Any]:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def shared_prompt(chosen: list[Any], rejected: list[Any]) -> dict[str, Any]:
    """Two chats that differ in their last message: what they share is the prompt."""
    if chosen[:-1] != rejected[:-1] or len(chosen) < 2:
        raise Unusable("its two chats differ before their last message")
    return _pair(chosen[:-1], chosen[-1:], rejected[-1:])


def _chats(row: Row) -> dict[str, Any]:
    return shared_prompt(row["chosen"], row["rejected"])


def _hh(row: Row) -> dict[str, Any]:
    """Anthropic's texts of turns."""
    return shared_prompt(_turns(row["chosen"]), _turns(row["rejected"]))


def _turns(text: str) -> list[dict[str, str]]:
    parts = TURN_OF_HH.split(text)
    marks = [found.strip().rstrip(":") for found in TURN_OF_HH.findall(text)]
    if parts[0].strip() or not marks or marks[-1] != "Assistant":
        raise Unusable("it is no text of turns that ends with the assistant's")
    roles = ["user" if mark == "Human" else "assistant" for mark in marks]
    return [{"role": role, "content": said.strip()} for role, said in zip(roles, parts[1:], strict=True)]


def _orca(row: Row) -> dict[str, Any]:
    system = [{"role": "system", "content": row["system"]}] if row.get("system") else []
    return _pair([*system, {"role": "user", "content": row["question"]}], row["chosen"], row["rejected"])


def _two(prompt: str, first: str, second: str, is_first: Callable[[Row], bool]) -> Callable[[Row], dict[str, Any]]:
    def read(row: Row) -> dict[str, Any]:
        sides = (row[first], row[second])
        return _pair(row[prompt], *(sides if is_first(row) else sides[::-1]))

    return read


def _first_is_better(row: Row) -> bool:
    if row["overall_preference"] == 0:
        raise Unusable("neither answer is preferred")
    return bool(row["overall_preference"] < 0)


FORMS = {
    "ultrafeedback": Form(
        "HuggingFaceH4/ultrafeedback_binarized", ("prompt", "chosen", "rejected", "score_chosen"), _chats
    ),
    "chat_pairs": Form("Skywork/Skywork-Reward-Preference-80K-v0.2", ("chosen", "rejected"), _chats),
    "hh_rlhf": Form("Anthropic/hh-rlhf", ("chosen", "rejected"), _hh),
    "orca_pairs": Form("Intel/orca_dpo_pairs", ("system", "question", "chosen", "rejected"), _orca),
    "safe_rlhf": Form(
        "PKU-Alignment/PKU-SafeRLHF",
        ("prompt", "response_0", "response_1", "better_response_id"),
        _two("prompt", "response_0", "response_1", lambda row: row["better_response_id"] == 0),
    ),
    "helpsteer3": Form(
        "nvidia/HelpSteer3",
        ("context", "response1", "response2", "overall_preference"),
        _two("context", "response1", "response2", _first_is_better),
    ),
    "shp": Form(
        "stanfordnlp/SHP",
        ("history", "human_ref_A", "human_ref_B", "labels"),
        _two("history", "human_ref_A", "human_ref_B", lambda row: row["labels"] == 1),
    ),
}
