"""The errors a user can meet: one base, one class per boundary. Each says what is wrong and what to do."""


class OpenqwqError(Exception):
    """Base of every error that is shown to a user as one line."""

    exit_status = 1


class RecipeError(OpenqwqError, ValueError):
    """The recipe, an override or the data it names cannot be used. Raised before anything starts."""

    exit_status = 2


class DataError(RecipeError):
    """A data set lacks a column, a row is malformed, or a reference does not verify against itself."""


class RunFolderError(RecipeError):
    """The run folder belongs to another recipe, is in use, or may not be resumed."""


class ClusterError(OpenqwqError):
    """The cluster cannot place what the recipe asks for, or one of its processes is lost."""

    exit_status = 2


class WorkerLost(ClusterError):
    """A process of the run, or its machine, is gone. The run begins the stage again at its newest checkpoint."""

    exit_status = 1


class DeadlineExpired(ClusterError):
    """A process of the run does not answer, and nothing says that it is gone."""

    exit_status = 1


class ServiceError(OpenqwqError):
    """A service that the run starts itself, such as its sandbox, cannot be started here."""

    exit_status = 2


class EngineError(OpenqwqError):
    """A rollout engine failed, or its weights do not agree with the trainer's."""


class BackendError(OpenqwqError):
    """The trainer failed, for example on a loss that is not finite."""


class CheckpointError(OpenqwqError):
    """A checkpoint is missing, incomplete or damaged."""


class VerifierFailures(OpenqwqError):
    """Too many verdicts are errors of a verifier, the sandbox or a service: rewards would be guesses."""


class Interrupted(OpenqwqError):
    """The run was asked to stop (Ctrl-C or SIGTERM) and has saved a checkpoint."""

    exit_status = 130
