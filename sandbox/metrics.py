"""The pool's counts as Prometheus text (exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter

from openqwq.sandbox.pool import SandboxPool
from openqwq.sandbox.worker_queue import QueueCounts


def prometheus_text(pool: SandboxPool) -> str:
    counts = pool.queue.counts
    lines = ["# TYPE sandbox_runs_total counter"]
    lines += [
        f'sandbox_runs_total{{verdict="{verdict}"}} {pool.verdicts[verdict]}' for verdict in ("pass", "fail", "error")
    ]
    for name, kind, value in (
        ("sandbox_queue_depth", "gauge", pool.queue.num_waiting),
        ("sandbox_queue_limit", "gauge", pool.queue.limit),
        ("sandbox_workers", "gauge", pool.num_workers),
        ("sandbox_worker_restarts_total", "counter", counts.restarts),
        ("sandbox_retries_total", "counter", counts.retries),
    ):
        lines += [f"# TYPE {name} {kind}", f"{name} {value}"]
    lines += ["# TYPE sandbox_isolation gauge", f'sandbox_isolation{{level="{pool.isolation}"}} 1']
    lines += _histogram("sandbox_wait_seconds", counts.wait_buckets, counts.wait_seconds)
    lines += _histogram("sandbox_run_seconds", counts.run_buckets, counts.run_seconds)
    return "\n".join(lines) + "\n"


def _histogram(name: str, buckets: Counter[float], total: list[float]) -> list[str]:
    lines = [f"# TYPE {name} histogram"]
    lines += [f'{name}_bucket{{le="{bound:g}"}} {buckets[bound]}' for bound in QueueCounts.BOUNDS]
    lines += [
        f'{name}_bucket{{le="+Inf"}} {total[1]:g}',
        f"{name}_sum {total[0]:.6f}",
        f"{name}_count {total[1]:g}",
    ]
    return lines
