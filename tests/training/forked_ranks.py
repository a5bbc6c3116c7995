"""Ranks of a trainer group as fresh processes that need not import torch again.

A process that has imported the programs of the ranks, and nothing else has happened in it, is forked once a rank:
importing torch, transformers, trl and deepspeed takes eight CPU seconds, the cases themselves one or two.
"""

from __future__ import annotations

import json
import multiprocessing
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.training.small_updates import free_port

Program = Callable[[Mapping[str, Any], int, int, int, str], Mapping[str, Any]]
"""A case, this rank, the number of ranks, the port of the rendezvous, the model's folder -> what the rank found."""
IMPORTED = ["tests.training.backends.zero_rank", "tests.training.supervised.supervised_rank", "deepspeed", "peft",
            "trl.trainer.sft_trainer", "trl.trainer.reward_trainer"]  # fmt: skip
DEADLINE_SECONDS = 900.0
"""Guards only against ranks that hang."""


def group(
    program: Program, cases: Sequence[Mapping[str, Any]], ranks: int, folder: str = "data/tiny/base"
) -> list[list[dict[str, Any]]]:
    """What each rank of a fresh group returns for the cases, [ranks][cases]."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    port, deadline = free_port(), time.monotonic() + DEADLINE_SECONDS
    with TemporaryDirectory() as place:
        files = [Path(place, str(rank)) for rank in range(ranks)]
        started = [
            context.Process(target=_rank, args=(program, list(cases), rank, ranks, port, folder, str(files[rank])))
            for rank in range(ranks)
        ]
        try:
            for process in started:
                process.start()
            for process in started:
                process.join(max(0.0, deadline - time.monotonic()))
        finally:
            for process in started:
                process.kill()
        texts = [file.read_text() if file.exists() else "" for file in files]
    assert [process.exitcode for process in started] == [0] * ranks, "\n".join(texts)[-2000:]
    return [json.loads(text) for text in texts]


def _rank(
    program: Program, cases: list[Mapping[str, Any]], rank: int, ranks: int, port: int, folder: str, file: str
) -> None:
    """Writes what the program returns, or the traceback of its error, to the file."""
    try:
        Path(file).write_text(json.dumps([program(case, rank, ranks, port, folder) for case in cases]))
    except BaseException:
        Path(file).write_text(traceback.format_exc())
        raise
