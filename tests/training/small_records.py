"""Small records to build a case from: prompts, rollouts, judgements, groups, and a verifier file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openqwq.training.records import FinishReason, Group, Judgement, Prompt, Rollout, SuiteResult


def make_prompt(number: int = 0, task: str = "math", is_replay: bool = False, **row: Any) -> Prompt:
    """A prompt whose id is `p<number>`."""
    messages = ({"role": "user", "content": f"question {number}"},)
    complete = {"id": f"p{number}", "prompt": list(messages), "task": task, "reference": {}, **row}
    return Prompt(f"p{number}", task, messages, complete, is_replay=is_replay)


def make_rollout(
    group: int = 0,
    index: int = 0,
    response: str = "yes",
    task: str = "math",
    prompt_tokens: Sequence[int] = (5, 6),
    tokens: Sequence[int] = (7, 8, 9),
    mask: Sequence[int] | None = None,
    logprobs: Sequence[float] | None = None,
    finish: FinishReason = "stop",
) -> Rollout:
    """A rollout of prompt `p<group>`."""
    return Rollout(
        group=group,
        index=index,
        prompt_id=f"p{group}",
        task=task,
        prompt_tokens=tuple(prompt_tokens),
        tokens=tuple(tokens),
        logprobs=tuple(logprobs or [-1.0] * len(tokens)),
        loss_mask=tuple(mask or [1] * len(tokens)),
        turns=({"role": "assistant", "content": response},),
        response=response,
        finish_reason=finish,
        weights_version=0,
        seed=group * 100 + index,
    )


def make_group(rewards: Sequence[float | None], number: int = 0, **rollout: Any) -> Group:
    """A group with these rewards."""
    rollouts = [make_rollout(group=number, index=i, **rollout) for i in range(len(rewards))]
    return Group(make_prompt(number), rollouts, [Judgement(r, {}, {}) for r in rewards])


def make_suite(scores: Sequence[float], first: int = 0) -> SuiteResult:
    """A suite result whose items are named by their index."""
    items = {f"i{first + n}": score for n, score in enumerate(scores)}
    return SuiteResult(scores=items, kinds=dict.fromkeys(items, "all"))


def write_verifier(folder: Path, body: str, name: str = "grade") -> str:
    """A user's verifier file with `def <name>(response, row)`; returns `path.py:function`."""
    lines = "\n".join("    " + line for line in body.splitlines())
    path = folder / f"verifier_{name}.py"
    path.write_text(f"from pathlib import Path\n\n\ndef {name}(response, row):\n{lines}\n")
    return f"{path}:{name}"
