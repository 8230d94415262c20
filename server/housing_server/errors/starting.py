"""Errors that end a program: the message is for its operator, or for the owner of a file."""

from housing_server.errors.base import ServingError


class StartError(ServingError):
    """The service cannot start; the message says what to do, in one line."""


class InvalidSettings(StartError):
    """An environment variable holds a value that is not allowed."""


class InvalidKeys(StartError):
    """A file of keys or identities cannot be used."""


class PortInUse(StartError):
    """A port that the service needs is not available."""


class RegistryUnavailable(StartError):
    """The model registry is not available."""


class ModelNotFound(StartError):
    """The registry has no such model, version or alias."""


class ModelRejected(StartError):
    """The model's files cannot be served under this contract."""


class ModelNotAllowed(ModelRejected):
    """The server is not configured to load models of this kind."""

    def __init__(self, message: str, folder_name: str) -> None:
        """Refuse a model.

        Args:
            message: what to do.
            folder_name: name of its folder, which identifies the version.
        """
        super().__init__(message)
        self.folder_name = folder_name


class ScoringError(ServingError):
    """A file cannot be scored; the message says what to do, in one line."""


class UnreadableTable(ScoringError):
    """The input is not a table of block groups, or cannot be read to its end."""


class UnwritableOutput(ScoringError):
    """The output cannot be written, or what is there is of another run."""


class ClusterUnavailable(ScoringError):
    """The machines that are to score it cannot be reached."""


class ScoringFailed(ScoringError):
    """They have failed."""
