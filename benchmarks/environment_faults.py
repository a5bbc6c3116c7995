"""The faults of environments: what each costs, at each place and moment, in each way of sampling. Prints JSON.

    python -m benchmarks.environment_faults [--call-seconds 1.5]

Every cell is a sample of its own whose row says where its environment is at fault, how, and when; healthy samples are
sampled beside them. `masked`: the sample ended as `error`. `kept`: it went on, for what was given is no fault (a value
that nobody reads, a text that is made safe). Exit status 1 where a sample that had no fault is masked, or one is lost.

`sync` samples to the end. `partial` aborts at the middle of the samples and goes on with the rest, so that half of the
environments are saved and restored. `async` does so in a thread, while weights change and this thread computes.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from openqwq.training.config import EnvironmentUse, Sampling
from openqwq.training.models import load_tokenizer
from openqwq.training.records import Prompt, Rollout, SampleRequest
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.rollout.sampler import Sampler
from openqwq.training.templates.codec import ChatCodec

MOMENTS = {
    "reset": ["first turn"], "tools": ["first turn", "resume"], "step": ["first turn", "later turn", "resume"],
    "reward": ["first turn", "later turn", "resume"], "close": ["first turn", "later turn", "resume"],
    "save": ["later turn"], "restore": ["resume"],
}  # fmt: skip
"""Part of an environment -> when it is asked. Nothing is saved or restored in `sync`."""
FAULTS = ("raises", "hangs", "awaits for ever", "wrong type", "no content", "surrogate", "1 MB", "SystemExit")
MADE_SAFE = {"surrogate", "1 MB"}
MODES = ("sync", "partial", "async")
NUM_HEALTHY = 24
CALL = '<tool_call>\n{"name": "look", "arguments": {}}\n</tool_call>'
SOURCE = '''
import asyncio, threading
from openqwq.training.environments.contract import StepResult

BIG = "x" * 1_000_000
FIRED = []


class Faulty:
    """At fault where its row says so; a sample has one turn where the fault is to be in the first, else three."""

    def __init__(self):
        self.turns, self.is_resumed, self.row = 0, False, {}

    async def at(self, where, good, odd):
        part, fault, moment = self.row.get("fault") or ("", "", "")
        now = "resume" if self.is_resumed else "later turn" if self.turns > 1 else "first turn"
        if (where, now) != (part, moment):
            return good
        FIRED.append(self.row["id"])
        if fault == "raises":
            raise ValueError("a fault")
        if fault == "SystemExit":
            raise SystemExit(3)
        if fault == "hangs":
            threading.Event().wait(600)
        if fault == "awaits for ever":
            await asyncio.Event().wait()
        return odd[fault]

    async def tools(self):
        good = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
        big = {**good[0]["function"], "description": BIG[:100_000]}
        odd = {"wrong type": 7, "no content": [{}], "surrogate": [{**good[0]["function"], "description": "\\ud800"}]}
        return await self.at("tools", good, odd | {"1 MB": [big]})

    async def reset(self, task, seed):
        self.row = task
        return await self.at("reset", [], self.messages("user") | {"wrong type": 7})

    async def restore(self, task, seed, state):
        self.row, self.is_resumed, self.turns = task, True, state["turns"]
        return await self.at("restore", None, self.messages("user") | {"wrong type": 7})

    async def save(self):
        odd = {"wrong type": object(), "no content": object, "surrogate": {"turns": self.turns, "x": "\\ud800"}}
        return await self.at("save", {"turns": self.turns}, odd | {"1 MB": {"turns": self.turns, "x": BIG}})

    async def step(self, turn):
        self.turns += 1
        is_last = self.turns == (1 if (self.row.get("fault") or [0, 0, 0])[2] == "first turn" else 3)
        good = StepResult([{"role": "tool", "content": "seen"}], done=is_last)
        odd = {name: StepResult(given, done=False) for name, given in self.messages("tool").items()}
        return await self.at("step", good, odd | {"wrong type": 7})

    async def reward(self):
        odd = {"wrong type": "1.0", "no content": [], "surrogate": "\\ud800", "1 MB": BIG}
        return await self.at("reward", 1.0, odd)

    async def close(self):
        await self.at("close", None, self.messages("user") | {"wrong type": 7})

    def messages(self, role):
        texts = {"surrogate": "\\ud800", "1 MB": BIG if role == "tool" else BIG[:100_000]}
        return {"no content": [{"role": role}]} | {k: [{"role": role, "content": v}] for k, v in texts.items()}
'''


class ScriptedEngine:
    """Every turn is the same call; a sample ends when its environment says so."""

    max_context = None

    def __init__(self, turn: Sequence[int]) -> None:
        self.turn, self.weights_version, self._kept = tuple(turn), 0, None

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[Generated]:
        self._kept = None
        for request in requests:
            rest = self.turn[request.num_sampled :]
            is_cut = self._kept is not None and request.key not in self._kept
            tokens = rest[: len(rest) // 2] if is_cut else rest
            yield Generated(request.key, tokens, (-0.5,) * len(tokens), "abort" if is_cut else "stop")

    def abort(self, keep: Collection[int] = ()) -> None:
        self._kept: Any = set(keep)


def cells(mode: str, faults: Sequence[str] = FAULTS) -> list[tuple[str, str, str]]:
    """(part, fault, moment) of each sample with a fault, those that are to be resumed last."""
    found = [(part, fault, moment) for part, moments in MOMENTS.items() for moment in moments for fault in faults]
    if mode == "sync":
        return [cell for cell in found if cell[2] != "resume" and cell[0] not in ("save", "restore")]
    return sorted(found, key=lambda cell: cell[2] == "resume" or cell[0] == "save")


def is_fault(cell: tuple[str, str, str]) -> bool:
    """Whether the sample has to be masked: what nobody reads and what is made safe is no fault."""
    part, fault, _ = cell
    if fault in ("raises", "hangs", "awaits for ever", "SystemExit"):
        return True
    return part not in ("close", "restore") and not (fault in MADE_SAFE and part != "reward")


def play(mode: str, model: str, call_seconds: float, faults: Sequence[str] = FAULTS) -> dict[str, Any]:
    """Sample a cell of every kind in this mode. Returns the table and what was wrong."""
    codec = ChatCodec(load_tokenizer(model))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "faulty.py"
        path.write_text(SOURCE + f"\nMODE = {mode!r}\n")
        use = EnvironmentUse(name=f"{path}:Faulty", limits={"call_seconds": call_seconds})  # type: ignore[arg-type]
        turn = (*codec.tokenizer(CALL, add_special_tokens=False)["input_ids"], codec.turns.end_token)
        engine = ScriptedEngine(turn)
        sampler = Sampler(engine, codec, {"talk": use})  # type: ignore[arg-type]
        asked = cells(mode, faults)
        rows = [None] * (NUM_HEALTHY // 2) + asked + [None] * (NUM_HEALTHY // 2)
        finished = _sampled(sampler, engine, rows, mode)
        fired = set(sampler._makers["talk"].factory.__init__.__globals__["FIRED"])  # type: ignore[misc]
    wrong, table = [], dict[str, dict[str, str]]()
    for number, cell in enumerate(rows):
        rollout = finished.get(f"r{number}")
        outcome = "lost" if rollout is None else "masked" if rollout.finish_reason == "error" else "kept"
        expected = "masked" if cell is not None and is_fault(cell) else "kept"
        if cell is not None:
            has_fired = f"r{number}" in fired
            table.setdefault(f"{cell[0]}, {cell[2]}", {})[cell[1]] = outcome if has_fired else "not reached"
        if outcome != expected or (cell is not None and f"r{number}" not in fired):
            wrong.append({"cell": cell, "outcome": outcome, "why": rollout and rollout.response[:200]})
    return {"samples": len(rows), "healthy": NUM_HEALTHY, "table": table, "wrong": wrong}


def _sampled(sampler: Sampler, engine: ScriptedEngine, rows: Sequence[Any], mode: str) -> dict[str, Rollout]:
    prompts = [
        Prompt(f"r{i}", "talk", ({"role": "user", "content": "go"},), {"id": f"r{i}", "fault": cell})
        for i, cell in enumerate(rows)
    ]
    waiting = [SampleRequest(prompt, i, 0, i) for i, prompt in enumerate(prompts)]
    finished: dict[str, Rollout] = {}
    first_resumed = next((i for i, cell in enumerate(rows) if cell and (cell[2] == "resume" or cell[0] == "save")), 0)
    with ThreadPoolExecutor(1) as thread:
        while waiting:
            enough = None if mode == "sync" or engine.weights_version else first_resumed
            arguments = (waiting, Sampling(max_new_tokens=200, max_turns=5), enough)
            if mode == "async":
                future = thread.submit(lambda given: list(sampler.sample(*given)), arguments)
                while not future.done():
                    sum(range(10_000))
                items = future.result()
            else:
                items = list(sampler.sample(*arguments))
            finished |= {item.prompt_id: item for item in items if isinstance(item, Rollout)}
            waiting = [item for item in items if isinstance(item, SampleRequest)]
            engine.weights_version += 1
    return finished


def main() -> int:
    """Play all modes and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--call-seconds", type=float, default=1.5)
    parser.add_argument("--model", default="data/tiny/base")
    given = parser.parse_args()
    found = {mode: play(mode, given.model, given.call_seconds) for mode in MODES}
    print(json.dumps(found, indent=1))
    return int(any(result["wrong"] for result in found.values()))


if __name__ == "__main__":
    sys.exit(main())
