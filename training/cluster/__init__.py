"""Everything that knows Ray: placement, actors, and the crew that drives them. No other folder imports ray."""

import os


def set_ray_defaults() -> None:
    """Environment that Ray reads when it is imported or started: quiet, private, and at normal priority."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's default, 15, starves workers on a shared machine
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads must not spin on cores that others share
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # A lost machine is noticed within seconds; with Ray's defaults it takes a quarter of a minute.
    os.environ.setdefault("RAY_health_check_initial_delay_ms", "1000")
    os.environ.setdefault("RAY_health_check_period_ms", "1000")
    os.environ.setdefault("RAY_health_check_timeout_ms", "3000")
    os.environ.setdefault("RAY_health_check_failure_threshold", "3")


set_ray_defaults()
