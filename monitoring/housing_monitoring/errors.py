"""What can go wrong, as one tree.

MonitoringError
├── InvalidSettings       an environment variable holds a value that is not allowed
├── PortInUse             the port for the metrics is taken
├── ServiceFailed         the service does not answer, or answers with an error
├── ForeignProfile        the model's profile is of another contract than ours
└── NothingToCompare      there is nothing to report on
"""


class MonitoringError(Exception):
    """Anything that this package raises on purpose; the message says what to do, in one line."""


class InvalidSettings(MonitoringError):
    """An environment variable holds a value that is not allowed."""


class PortInUse(MonitoringError):
    """The port for the metrics is taken."""


class ServiceFailed(MonitoringError):
    """The service does not answer, or answers with an error."""


class ForeignProfile(MonitoringError):
    """The profile of the model has other fields than this contract."""


class NothingToCompare(MonitoringError):
    """There are no predictions on record, or the model has no profile."""
