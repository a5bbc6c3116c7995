"""The counts of a server as Prometheus text (exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from openqwq.sandbox.connections import Intake
from openqwq.sandbox.gate import Gate
from openqwq.sandbox.jobs import LANGUAGES, MODES
from openqwq.sandbox.pool import SandboxPool
from openqwq.sandbox.worker_queue import QueueCounts

Kind = Literal["counter", "gauge"]
Labels = Mapping[str, object]


def prometheus_text(pool: SandboxPool, gate: Gate | None = None, intake: Intake | None = None) -> str:
    """All metrics of a pool, and of the service around it where there is one."""
    lines = _of_pool(pool)
    if gate is not None:
        lines += _of_gate(gate)
    if intake is not None:
        lines += _of_intake(intake)
    return "\n".join(lines) + "\n"


def _of_pool(pool: SandboxPool) -> list[str]:
    counts, queue = pool.queue.counts, pool.queue
    verdicts: list[tuple[Labels, int]] = [
        ({"verdict": name}, pool.verdicts[name]) for name in ("pass", "fail", "error")
    ]
    jobs: list[tuple[Labels, int]] = [
        ({"language": language, "mode": mode, "verdict": verdict}, count)
        for (language, mode, verdict), count in sorted(pool.jobs.items())
        if language in LANGUAGES and mode in MODES
    ]
    tests: list[tuple[Labels, int]] = [({"status": status}, count) for status, count in sorted(pool.tests.items())]
    return [
        *_metric("sandbox_runs_total", "counter", "Jobs that were answered, by verdict.", verdicts),
        *_metric("sandbox_jobs_total", "counter", "Jobs that were answered, by language, mode and verdict.", jobs),
        *_metric("sandbox_tests_total", "counter", "Tests of answered jobs, by how they ended.", tests),
        *_metric("sandbox_raw_runs_total", "counter", "Programs run for their output (/run_code).", pool.num_raw_runs),
        *_metric("sandbox_queue_depth", "gauge", "Jobs that wait for a worker.", queue.num_waiting),
        *_metric("sandbox_queue_limit", "gauge", "Jobs that may wait before 429 is answered.", queue.limit),
        *_metric("sandbox_workers", "gauge", "Programs that run at the same time at most.", pool.num_workers),
        *_metric("sandbox_workers_busy", "gauge", "Workers that run a program now.", queue.num_running),
        *_metric("sandbox_worker_restarts_total", "counter", "Workers that were lost or stuck.", counts.restarts),
        *_metric("sandbox_retries_total", "counter", "Jobs run again after a lost worker.", counts.retries),
        *_metric(
            "sandbox_isolation", "gauge", "The level at which programs run, decided by attacks.",
            [({"level": pool.isolation}, 1)],
        ),
        *_histogram(
            "sandbox_wait_seconds", "Seconds that jobs waited for a worker.", counts.wait_buckets, counts.wait_seconds
        ),
        *_histogram(
            "sandbox_run_seconds", "Seconds that jobs had a worker.", counts.run_buckets, counts.run_seconds
        ),
    ]  # fmt: skip


def _of_gate(gate: Gate) -> list[str]:
    requests: list[tuple[Labels, int]] = [
        ({"path": path, "status": status}, count) for (path, status), count in sorted(gate.requests.items())
    ]
    return [
        *_metric("sandbox_requests_total", "counter", "Requests answered, by path and HTTP status.", requests),
        *_metric("sandbox_requests_under_way", "gauge", "Requests with jobs not answered yet.", gate.num_under_way),
        *_metric("sandbox_draining", "gauge", "1 once the server is about to end.", int(gate.is_draining)),
    ]


def _of_intake(intake: Intake) -> list[str]:
    dropped: list[tuple[Labels, int]] = [
        ({"reason": reason}, count) for reason, count in sorted(intake.dropped.items())
    ]
    return [
        *_metric("sandbox_connections", "gauge", "Open connections.", intake.num_connections),
        *_metric("sandbox_connections_limit", "gauge", "Connections open at most.", intake.max_connections),
        *_metric("sandbox_connections_dropped_total", "counter", "Connections closed by the server.", dropped),
        *_metric("sandbox_request_bytes", "gauge", "Bytes of requests not answered yet.", intake.num_bytes),
        *_metric("sandbox_request_bytes_limit", "gauge", "The most of them before 429.", intake.max_bytes),
    ]


def _metric(name: str, kind: Kind, words: str, values: int | Iterable[tuple[Labels, int]]) -> list[str]:
    """One metric: its help, its type, and a line for each of its values."""
    pairs = [({}, values)] if isinstance(values, int) else values
    lines = [f"{name}{_labels(labels)} {value}" for labels, value in pairs]
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}", *lines]


def _labels(labels: Labels) -> str:
    """Names and values; all values are words of this program, never of a request."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""


def _histogram(name: str, words: str, buckets: Counter[float], total: list[float]) -> list[str]:
    lines = [f"# HELP {name} {words}", f"# TYPE {name} histogram"]
    lines += [f'{name}_bucket{{le="{bound:g}"}} {buckets[bound]}' for bound in QueueCounts.BOUNDS]
    lines += [
        f'{name}_bucket{{le="+Inf"}} {total[1]:g}',
        f"{name}_sum {total[0]:.6f}",
        f"{name}_count {total[1]:g}",
    ]
    return lines
