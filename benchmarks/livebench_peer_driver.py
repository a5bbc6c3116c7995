"""Runs LiveBench's own scoring functions: JSON lines of a question's row and an answer in, scores out.

`python livebench_peer_driver.py CHECKOUT SECONDS`, started by benchmarks/livebench_peer.py and importing nothing of
openqwq. A function that fails gives 0, as the official loop does, and its exception's name. What functions print is
dropped.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

_MODULES = {
    "aime": ("math.math_competitions", "aime_process_results"),
    "amc": ("math.math_competitions", "mathcontest_process_results"),
    "smc": ("math.math_competitions", "mathcontest_process_results"),
    "imo": ("math.olympiad", "proof_rearrangement_process_results"),
    "usamo": ("math.olympiad", "proof_rearrangement_process_results"),
    "amps": ("math.AMPS_Hard", "amps_hard_process_results"),
    "integrals_with_game": ("math.integrals_with_game", "integrals_with_game_process_results"),
    "web_of_lies_v2": ("reasoning.web_of_lies_v2", "web_of_lies_process_results"),
    "web_of_lies_v3": ("reasoning.web_of_lies_v3", "web_of_lies_v3_process_results"),
    "zebra_puzzle": ("reasoning.zebra_puzzle", "get_zebra_puzzle_evaluator"),
    "spatial": ("reasoning.spatial", "spatial_process_results"),
    "sudoku": ("reasoning.sudoku", "sudoku_process_results"),
    "theory_of_mind": ("reasoning.theory_of_mind", "theory_of_mind_process_results"),
    "logic_with_navigation": ("reasoning.logic_with_navigation", "logic_with_navigation_process_results"),
    "connections": ("writing.connections", "get_connections_puzzle_evaluator"),
    "typos": ("writing.typos", "typos_process_results"),
    "plot_unscrambling": ("writing.plot_unscrambling", "plot_unscrambling_process_results"),
    "cta": ("data_analysis.cta", "cta_process_results"),
    "tablejoin": ("data_analysis.tablejoin", "joinmap_process_results"),
    "consecutive_events": ("data_analysis.consecutive_events", "consecutive_events_process_results"),
    "tablereformat": ("data_analysis.tablereformat", "table_process_results"),
}


def official_score(row: Mapping[str, Any], answer: str) -> float:
    """The score of the official function for a question's row."""
    parts = str(row.get("subtask") or row["task"]).lower().split("_")
    name = "amc" if "amc" in parts[:2] else parts[0]
    name = name if name in _MODULES else str(row["task"])
    gold, asked, release = row["ground_truth"], row["turns"][0], row["livebench_release_date"]
    module, function = _MODULES[name]
    found: Callable[..., Any] = getattr(import_module(f"livebench.process_results.{module}.utils"), function)
    if name in ("amc", "smc"):
        return float(found(gold, answer, asked))
    if name in ("imo", "usamo"):
        return float(found(gold, answer, edit_distance=True))
    if name in ("zebra_puzzle", "connections"):
        return float(found(release)(gold, answer))
    if name == "tablejoin":
        return float(found(asked, gold, answer))
    if name == "tablereformat":
        return float(found(asked, gold, answer, "v2" if release >= "2025-04-25" else "v1"))
    return float(found(gold, answer))


def bound_simplification(seconds: float) -> None:
    """The official code gives each of sympy's simplifications, of which a wrong formula may need eight, a minute."""
    amps = import_module("livebench.process_results.math.AMPS_Hard.utils")
    unbounded = amps.run_with_timeout
    vars(amps)["run_with_timeout"] = lambda call, args, timeout: unbounded(call, args, min(timeout, seconds))


def main(checkout: str, seconds: float) -> None:
    sys.path.insert(0, checkout)
    bound_simplification(seconds)
    warnings.simplefilter("ignore")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            reply: dict[str, Any] = {"score": official_score(asked["row"], asked["answer"]), "problem": ""}
        except Exception as error:
            reply = {"score": 0.0, "problem": f"{type(error).__name__}: {error}"[:200]}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
