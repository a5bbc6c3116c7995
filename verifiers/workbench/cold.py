"""What makes a check slow once: modules that it imports and processes that it starts."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Loaded:
    """What this process has loaded and started. Example: Loaded(412, frozenset({"2301"}))."""

    num_modules: int
    children: frozenset[str]
    """Process ids; empty where the kernel does not list them."""

    @staticmethod
    def now() -> Loaded:
        children: set[str] = set()
        with contextlib.suppress(OSError):
            for task in os.listdir("/proc/self/task"):
                with contextlib.suppress(OSError):
                    children.update(Path(f"/proc/self/task/{task}/children").read_text().split())
        return Loaded(len(sys.modules), frozenset(children))

    def has_more_than(self, before: Loaded) -> bool:
        """True when something was loaded since, or a process was started that still runs: a worker and no tool."""
        return self.num_modules > before.num_modules or bool(self.children - before.children)
