"""The errors that a user can meet: one base class, one class per boundary. Messages name the fault and the remedy."""


class OpenqwqError(Exception):
    """Base class of the errors that a user sees as one line."""

    exit_status = 1


class RecipeError(OpenqwqError, ValueError):
    """The recipe, an override or the named data cannot be used. Raised before anything starts."""

    exit_status = 2


class DataError(RecipeError):
    """A data set lacks a column, a row is malformed, or a reference does not verify against itself."""


class RunFolderError(RecipeError):
    """The run folder belongs to another recipe, is in use, or may not be resumed."""


class ClusterError(OpenqwqError):
    """The cluster lacks the resources that the recipe asks for, or one of the run's processes is lost."""

    exit_status = 2


class WorkerLost(ClusterError):
    """A process of the run, or its machine, is gone. The run restarts the stage at its newest checkpoint."""

    exit_status = 1


class DeadlineExpired(ClusterError):
    """A process of the run does not answer within its deadline, although it is not known to be gone."""

    exit_status = 1


class ServiceError(OpenqwqError):
    """A service that the run starts itself, such as its sandbox, cannot be started on this machine."""

    exit_status = 2


class EngineError(OpenqwqError):
    """A rollout engine failed, or its weights differ from the trainer's."""


class EndpointError(OpenqwqError):
    """A chat server that is evaluated does not answer, or refuses every request."""


class CheckpointError(OpenqwqError):
    """A checkpoint is missing, incomplete or damaged."""


class VerifierFailures(OpenqwqError):
    """Too many verdicts are errors of a verifier, the sandbox or a service, so the step has too few real rewards."""


class Interrupted(OpenqwqError):
    """The run was asked to stop (Ctrl-C or SIGTERM) and has saved a checkpoint."""

    exit_status = 130
