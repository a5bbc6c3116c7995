"""Everything that uses Ray: placement, actors, and the worker group that calls them. No other folder imports ray.
Independent of what a stage is."""

import os


def set_ray_defaults() -> None:
    """Set what Ray reads from the environment at its import or start: no statistics sent, normal priority, and quick
    notice of lost machines."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's default, 15, starves workers on a shared machine
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads must not spin on shared cores
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray notices a lost machine within seconds; with its defaults it takes a quarter of a minute.
    os.environ.setdefault("RAY_health_check_initial_delay_ms", "1000")
    os.environ.setdefault("RAY_health_check_period_ms", "1000")
    os.environ.setdefault("RAY_health_check_timeout_ms", "3000")
    os.environ.setdefault("RAY_health_check_failure_threshold", "3")


set_ray_defaults()
