"""What Ray's errors mean to a run: a process is gone and its work is done again, or the work itself failed. Each is one
line with its cause, and for memory with what to lower. Pure."""

import re

from ray.exceptions import (
    ActorPlacementGroupRemoved,
    ActorUnschedulableError,
    AsyncioActorExit,
    AuthenticationError,
    LocalRayletDiedError,
    NodeDiedError,
    ObjectLostError,
    ObjectRefStreamEndOfStreamError,
    ObjectStoreFullError,
    OutOfDiskError,
    OutOfMemoryError,
    PendingCallsLimitExceeded,
    PlasmaObjectNotAvailable,
    RayActorError,
    RayChannelError,
    RayDirectTransportError,
    RayError,
    RaySystemError,
    RayTaskError,
    RpcError,
    RuntimeEnvSetupError,
    StreamingGeneratorReplayInconsistentError,
    TaskCancelledError,
    TaskPlacementGroupRemoved,
    TaskUnschedulableError,
    WorkerCrashedError,
)

from openqwq.training.errors import ClusterError, OpenqwqError, WorkerLost
from openqwq.training.run_folder.failures import is_out_of_memory

LOST = (
    RayActorError,  # an actor died or cannot be reached; one whose __init__ raised is a fault of the program
    ObjectLostError,  # a result was on a lost machine, or its owner died
    OutOfMemoryError,  # Ray killed the worker because its machine ran short of memory
    NodeDiedError,
    WorkerCrashedError,
    LocalRayletDiedError,
    ActorUnschedulableError,  # its bundle was on a lost machine
    RuntimeEnvSetupError,  # the machine cannot prepare a process, for example because its disk is full
    ObjectStoreFullError,
    OutOfDiskError,
)
"""A worker, its machine or its data is gone. The work itself did not fail."""
DISTURBED = (
    RaySystemError,  # a broken pipe, a lost connection within Ray
    StreamingGeneratorReplayInconsistentError,
    RpcError,  # between a process and the head
    PlasmaObjectNotAvailable,
    ObjectRefStreamEndOfStreamError,
    TaskCancelledError,  # nobody of the run cancels
    AsyncioActorExit,
    PendingCallsLimitExceeded,
    ActorPlacementGroupRemoved,  # by whoever rules the cluster
    TaskPlacementGroupRemoved,
    TaskUnschedulableError,
    RayChannelError,
    RayDirectTransportError,
)
"""Ray itself failed. New workers may work; where they do not, the bound of restarts ends the run."""
MEMORY_WORDS = re.compile(r"low on memory|out of memory|OUT_OF_MEMORY|memory monitor|cannot allocate memory", re.I)
SHOWN = 400
"""Characters of Ray's words."""
TAKES_LESS = {
    "rollout": "lower cluster.rollout.workers, sampling.max_batch or sampling.max_new_tokens",
    "reward": "lower sandbox.workers or cluster.reward_model.workers",
    "evaluation": "lower cluster.rollout.workers or evaluation.sampling.max_batch",
}
TRAINER_TAKES_LESS = "lower micro_batch_tokens, set gradient_checkpointing, or lower cluster.rollout.workers"
REMEDIES: dict[type[BaseException], str] = {
    ObjectStoreFullError: "give cluster.object_store_mb more (in a container also --shm-size), or lower async_depth",
    OutOfDiskError: "make room on the disk of Ray's temporary folder (RAY_TMPDIR)",
    RuntimeEnvSetupError: "look at the disk and the Python environment of that machine",
    AuthenticationError: "all machines need the token of the head (docs/running_on_a_cluster.md, Tokens)",
}


def cause_of(error: BaseException) -> BaseException:
    """The error that was raised first. A call whose argument is the result of a failed call fails with its error."""
    while isinstance(error, RayTaskError) and error.cause is not None:
        error = error.cause
    return error


def meaning(error: BaseException, what: str) -> OpenqwqError:
    """The error of this project that an error of Ray, met while waiting for `what`, is.

    It is WorkerLost where a process, its machine, its data or Ray itself is gone; an error of this project that a
    worker raised, unchanged; else a ClusterError. `GetTimeoutError` is the caller's, who knows the deadline.
    """
    cause = cause_of(error)
    if isinstance(cause, OpenqwqError):
        return cause
    is_lost = isinstance(cause, (*LOST, *DISTURBED)) and not getattr(cause, "actor_init_failed", False)
    words = f"{_words(cause)}{_remedy(cause, what)}"
    if is_lost:
        return WorkerLost(f"{what} is lost ({type(cause).__name__}): {words}")
    return ClusterError(f"{what} failed: {type(cause).__name__}: {words}")


def _remedy(cause: BaseException, what: str) -> str:
    """What to do, in words behind a semicolon; nothing where the cause itself says it."""
    for kind, words in REMEDIES.items():
        if isinstance(cause, kind):
            return f"; {words}"
    is_memory = isinstance(cause, OutOfMemoryError) or is_out_of_memory(cause)
    if is_memory or (isinstance(cause, RayError) and MEMORY_WORDS.search(str(cause))):
        return f"; {takes_less(what)}"
    return ""


def takes_less(what: str) -> str:
    """What to lower where memory is short. `what`: the process or the work that ran short."""
    for name, words in TAKES_LESS.items():
        if name in what or (name == "rollout" and "engine" in what):
            return words
    return TRAINER_TAKES_LESS


def _words(cause: BaseException) -> str:
    """The cause on one line. Of a remote traceback it is the last line that names the error."""
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    if len(lines) > 1 and any("Traceback" in line or line.startswith('File "') for line in lines):
        lines = lines[-1:]
    return " ".join(" ".join(lines).split())[:SHOWN] or "Ray says no more"
