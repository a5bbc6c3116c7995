"""Seconds to read turns with tool calls: long honest ones and floods. Prints JSON; status 1 where a bar is missed.

`python -m benchmarks.call_reading`: a turn of about 32,000 tokens for each verifier of calls (bar 100 ms), and 1 MB of
each mark of each format, alone and behind other text (bar 1 s). CPU seconds, the lowest of three for the long turns.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.measuring import machine, print_report
from openqwq.verifiers.bfcl.verifier import BfclVerifier
from openqwq.verifiers.tool_calls import FORMATS, parse_tool_calls
from openqwq.verifiers.tool_verifiers import ToolCallVerifier, ToolUseVerifier

FLOOD, LONG = 1_000_000, 130_000
BAR_LONG_SECONDS, BAR_FLOOD_SECONDS = 0.1, 1.0
TOOL = {
    "name": "f",
    "parameters": {
        "type": "object",
        "properties": {"s": {"type": "string"}, "l": {"type": "array", "items": {"type": "string"}}},
    },
}
BEHIND = (
    "",
    "{",
    '["',
    "f(",
    '{"name":"f","arguments":{"s":"',
    "<function=f><parameter=s>",
    '<function=f><parameter=l>["',
)
UNITS = (
    "</think>",
    "<think>",
    "{",
    "[",
    '"',
    "\\",
    "<",
    "`",
    "\n",
    " ",
    "f(",
    "f(x=1)\n",
    "f(x=1),",
    '{"name":"f",',
    "f{",
)
WHOLE = ('{"name":"f","arguments":{}};', '{"name":"f","arguments":{}}', "[f(s=''),", "```json\n")


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def floods() -> list[dict[str, Any]]:
    """The seconds of every flood, slowest first."""
    found = []
    for name, form in FORMATS.items():
        units = [*(mark + more for mark in form.marks for more in BEHIND), *UNITS, *WHOLE]
        units += [f"</think>{unit}" for unit in units]
        for unit in units:
            text = unit * (FLOOD // len(unit))
            found.append(
                {
                    "format": name,
                    "unit": unit,
                    "seconds": seconds(lambda t=text, n=name: parse_tool_calls(t, n, [TOOL])),
                }
            )
    return sorted(found, key=lambda flood: -float(flood["seconds"]))


def long_turns() -> dict[str, float]:
    """The milliseconds of each verifier on a long thinking with drafts, and on one long argument."""
    words = "So the call would need the town <b>and</b> f(x) = {1, 2}; let me think again. "
    thought = "<think>" + words * (LONG // len(words)) + "</think>"
    call = {"name": "f", "arguments": {"s": "x"}}
    asked = f"<tool_call>\n{json.dumps(call)}\n</tool_call>"
    carried = f"<tool_call>{json.dumps({**call, 'arguments': {'s': words * (LONG // len(words))}})}</tool_call>"
    turns = [{"role": "assistant", "content": thought + asked}, {"role": "tool", "content": "7"}]
    turns.append({"role": "assistant", "content": "\\boxed{7}"})
    row = {"tools": [TOOL], "reference": [{"f": {"s": ["x"]}}]}
    gold = {"category": "simple_python", "ground_truth": [{"f": {"s": ["x"]}}]}
    schema = {"type": "dict", "properties": {"s": {"type": "string"}}, "required": ["s"]}
    works: dict[str, Callable[[], object]] = {
        "tool_call, long thinking": lambda: ToolCallVerifier().grade(thought + asked, row),
        "tool_call, long argument": lambda: ToolCallVerifier().grade(carried, row),
        "tool_call, long answer without a call": lambda: ToolCallVerifier().grade(
            words * 1700, {**row, "reference": []}
        ),
        "tool_use": lambda: ToolUseVerifier().grade(
            "\\boxed{7}", {"tools": [TOOL], "reference": {"answer": "7"}, "turns": turns}
        ),
        "bfcl": lambda: BfclVerifier().grade(
            thought + asked, {"reference": {**gold, "functions": [{"name": "f", "parameters": schema}]}}
        ),
    }
    return {name: round(1000 * min(seconds(work) for _ in range(3)), 1) for name, work in works.items()}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(words)
    long, slowest = long_turns(), floods()
    problems = [f"{name}: {ms} ms" for name, ms in long.items() if ms > 1000 * BAR_LONG_SECONDS]
    problems += [f"{flood}" for flood in slowest if flood["seconds"] > BAR_FLOOD_SECONDS]
    report = {"benchmark": "call_reading", **machine(), "milliseconds_of_long_turns": long, "num_floods": len(slowest)}
    report["slowest_floods"] = [{**flood, "seconds": round(flood["seconds"], 3)} for flood in slowest[:5]]
    return print_report(report, problems)


if __name__ == "__main__":
    sys.exit(main())
