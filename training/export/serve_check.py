"""Loads an export as others do, asks it ten conversations, and compares prompts and greedy answers token by token."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.config import Sampling
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import RecipeError, ServiceError
from openqwq.training.export.conversations import CONVERSATIONS, Conversation
from openqwq.training.export.vllm_server import VllmServer, vllm_version
from openqwq.training.models import context_held_by, load_config, load_tokenizer
from openqwq.training.records import Prompt, Rollout, SampleRequest
from openqwq.training.rollout.build import EngineSettings, make_sampler

NEW_TOKENS = 64
TIE = 1e-4
"""Logits closer than this are a tie: which of two tokens is larger is then a matter of the order of additions."""
CHILD_SECONDS = 3600.0
CHILD = Path(__file__).with_name("plain_transformers.py")


@dataclass(frozen=True)
class Answer:
    """What one program made of a conversation."""

    prompt: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()
    """The greedy answer, without its end token."""
    best: tuple[Mapping[int, float], ...] = ()
    """Token -> logit of the likeliest tokens at each step; of the reference only."""
    problem: str | None = None
    """Why there is no answer."""


def serve_check(folder: Path, options: Sequence[str], dtype: str, console: ConsoleLogger) -> int:
    """Compare transformers (in a process that cannot import openqwq), the `hf` engine, and vLLM where it is installed.
    Returns 1 when a prompt or an answer differs.

    Raises:
        ServiceError: transformers cannot load the export, or vLLM does not start with it.
    """
    tokenizer = load_tokenizer(str(folder))
    room = context_held_by(load_config(str(folder)))
    console.info(f"serve check in {dtype}, {len(CONVERSATIONS)} conversations, at most {NEW_TOKENS} new tokens each")
    reference = by_transformers(folder, dtype, room)
    answered = sum(answer.problem is None for answer in reference)
    console.info(f"  transformers: {answered} answered, {sum(len(a.tokens) for a in reference)} tokens")
    for conversation, answer in zip(CONVERSATIONS, reference, strict=True):
        if answer.problem is not None:
            console.info(f"    not rendered: {conversation.name} ({answer.problem})")
    differs = answered == 0
    others = {}
    try:
        others["openqwq (hf engine)"] = by_engine(folder, dtype, reference)
    except RecipeError as error:  # an architecture that the engine does not decode
        console.info(f"  not checked: openqwq (hf engine): {error}")
    version = vllm_version()
    if version is None:
        console.info("  not installed: vllm")
    else:
        others[f"vllm {version}"] = by_vllm(folder, options, dtype, reference)
    for name, answers in others.items():
        found = list(differences(reference, answers, tokenizer))
        bad = [words for is_tie, words in found if not is_tie]
        ties = [words for is_tie, words in found if is_tie]
        tied = f", {len(ties)} after a tie" if ties else ""
        console.info(f"  {name}: {answered - len(bad)} of {answered} the same{tied}")
        for words in [*bad, *ties]:
            console.info(f"    {words}")
        differs |= bool(bad)
    console.info("serve check: DIFFERENT" if differs else "serve check: the same")
    return int(differs)


def differences(reference: Sequence[Answer], answers: Sequence[Answer], tokenizer: Any) -> Iterator[tuple[bool, str]]:
    """Whether it is a tie, and the first difference in words, for each conversation that has one."""
    for conversation, mine, other in zip(CONVERSATIONS, reference, answers, strict=True):
        if mine.problem is not None or other.problem is not None:
            if (mine.problem is None) != (other.problem is None):
                yield False, f"{conversation.name}: {other.problem or 'answered, and transformers refuses it'}"
        elif mine.prompt != other.prompt:
            at = _first(mine.prompt, other.prompt)
            yield (
                False,
                f"{conversation.name}: prompts differ from token {at}: transformers "
                f"{_shown(tokenizer, mine.prompt, at, 12)}, here {_shown(tokenizer, other.prompt, at, 12)}",
            )
        elif mine.tokens != other.tokens:
            yield _answer_difference(conversation, mine, other, tokenizer)


def _answer_difference(conversation: Conversation, mine: Answer, other: Answer, tokenizer: Any) -> tuple[bool, str]:
    at = _first(mine.tokens, other.tokens)
    best = mine.best[at] if at < len(mine.best) else {}
    taken = other.tokens[at] if at < len(other.tokens) else None
    top = max(best.values(), default=float("nan"))
    if taken is None:  # the other one ended here; its end token is not among its tokens
        ends = [best[token] for token in _ends(tokenizer) if token in best]
        gap = top - max(ends) if ends else None
    else:
        gap = top - best[taken] if taken in best else None
    size = f"logits {gap:.2g} apart" if gap is not None else f"its logit is not among the {len(best)} largest"
    shown, here = (_shown(tokenizer, tokens, at, 1) for tokens in (mine.tokens, other.tokens))
    words = f"{conversation.name}: token {at} of the answer is {shown} by transformers, {here} here; {size}"
    is_tie = gap is not None and gap < TIE
    return is_tie, f"{words}{' (a tie)' if is_tie else ''}"


def _shown(tokenizer: Any, tokens: Sequence[int], start: int, count: int) -> str:
    return repr(tokenizer.decode(tokens[start : start + count])) if start < len(tokens) else "the end"


def _ends(tokenizer: Any) -> list[int]:
    return [int(token) for token in (tokenizer.eos_token_id, *tokenizer.all_special_ids) if token is not None]


def _first(a: Sequence[int], b: Sequence[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def by_transformers(folder: Path, dtype: str, room: int | None) -> list[Answer]:
    """Answers of plain transformers, in a process of its own to which openqwq does not exist.

    Raises:
        ServiceError: it ended without answers; the message has its last line.
    """
    asked = {
        "folder": str(folder.resolve()),
        "dtype": dtype,
        "new_tokens": NEW_TOKENS,
        "room": room,
        "conversations": [{"messages": c.messages, "tools": c.tools} for c in CONVERSATIONS],
    }
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(CHILD)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=CHILD_SECONDS,
            env=environment,
            cwd=folder.resolve().parent,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"transformers gave no answers for {folder} within {CHILD_SECONDS:g} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise ServiceError(f"transformers cannot load {folder}: {last[:300]}")
    rows = json.loads(done.stdout.splitlines()[-1])
    return [
        Answer(
            tuple(row["prompt"]),
            tuple(row["tokens"]),
            tuple({int(token): logit for token, logit in step} for step in row["best"]),
            row["problem"],
        )
        for row in rows
    ]


def by_engine(folder: Path, dtype: str, reference: Sequence[Answer]) -> list[Answer]:
    """Answers of the engine that trained it, through our own template code."""
    import torch

    settings = EngineSettings(str(folder), dtype, {}, max_batch=1)
    threads = torch.get_num_threads()
    sampler = make_sampler(settings)
    torch.set_num_threads(threads)  # an engine takes the threads of its recipe
    ends = set(sampler.codec.turns.ends) | {int(token) for token in sampler.engine.stop_tokens}  # type: ignore[attr-defined]
    requests = [
        SampleRequest(Prompt(c.name, "check", c.messages, {}, c.tools), group=i, index=0, seed=i)
        for i, c in enumerate(CONVERSATIONS)
        if reference[i].problem is None
    ]
    sampling = Sampling(temperature=0.0, max_new_tokens=NEW_TOKENS, max_turns=1)
    rollouts = {r.group: r for r in sampler.sample(requests, sampling) if isinstance(r, Rollout)}
    sampler.engine.close()
    return [
        _of_rollout(rollouts[i], ends) if i in rollouts else Answer(problem=reference[i].problem)
        for i in range(len(CONVERSATIONS))
    ]


def _of_rollout(rollout: Rollout, ends: set[int]) -> Answer:
    if rollout.finish_reason == "error":
        return Answer(problem=rollout.response or "the template does not render it")
    return Answer(rollout.prompt_tokens, _without_end(rollout.tokens, ends))


def _without_end(tokens: Sequence[int], ends: set[int]) -> tuple[int, ...]:
    return tuple(tokens[:-1] if tokens and tokens[-1] in ends else tokens)


def by_vllm(folder: Path, options: Sequence[str], dtype: str, reference: Sequence[Answer]) -> list[Answer]:
    """Answers of `vllm serve` with the options that the card recommends.

    Raises:
        ServiceError: the server does not start.
    """
    generation = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    listed = generation.get("eos_token_id")
    ends = set(listed) if isinstance(listed, list) else {listed}
    answers, tokenizer = [], load_tokenizer(str(folder))
    with VllmServer(folder, options, dtype) as server:
        for conversation, mine in zip(CONVERSATIONS, reference, strict=True):
            if mine.problem is not None:
                answers.append(Answer(problem=mine.problem))
                continue
            said = server.ask(conversation, NEW_TOKENS)
            problem = said.problem
            if problem is None and "--reasoning-parser" in options:
                problem = split_problem(said.content, tokenizer.decode(said.tokens))
            answers.append(Answer(said.prompt, _without_end(said.tokens, ends), problem=problem))
    return answers


def split_problem(content: str, whole: str) -> str | None:
    """Whether the parser that the card names left thinking in the answer. A tag that the model itself wrote twice is no
    fault of the parser, which takes the first."""
    marks = [mark for mark in ("<think>", "</think>") if mark in content and whole.count(mark) < 2]
    return f"the reasoning parser leaves {' and '.join(marks)} in the answer {content[:60]!r}" if marks else None
