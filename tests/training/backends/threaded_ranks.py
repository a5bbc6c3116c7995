"""Several ranks as threads of this process, over torch's own process group of threads: collectives in milliseconds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch.testing._internal.distributed.multi_threaded_pg import (
    ProcessLocalGroup,
    _install_threaded_pg,
    _uninstall_threaded_pg,
)


def on_ranks(world_size: int, function: Callable[[int], Any]) -> list[Any]:
    """What `function(rank)` returns on each rank; the first error of a rank is raised."""
    results: list[Any] = [None] * world_size
    errors: list[BaseException] = []
    world = _install_threaded_pg()
    torch._C._distributed_c10d._set_thread_isolation_mode(True)
    store = dist.HashStore()

    def run(rank: int) -> None:
        try:
            dist.init_process_group(backend="threaded", rank=rank, world_size=world_size, store=store)
            results[rank] = function(rank)
        except BaseException as error:
            errors.append(error)
            ProcessLocalGroup.exception_handle(error)
        finally:
            if dist.is_initialized():
                dist.destroy_process_group()

    threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(world_size)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert world is not None and not any(thread.is_alive() for thread in threads)
    finally:
        torch._C._distributed_c10d._set_thread_isolation_mode(False)
        _uninstall_threaded_pg()
    if errors:
        raise errors[0]
    return results
