"""What all tests share: one thread, no network, no telemetry, and the same hypothesis examples every time."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from hypothesis import settings

settings.register_profile("seeded", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("seeded")
