"""The errors of this package, as one tree.

MonitoringError
├── InvalidSettings       an environment variable holds a value that is not allowed
├── PortInUse             the port for the metrics is not available
├── ServiceFailed         the service is not available, or returns an error
├── ForeignProfile        the model's profile belongs to another contract
└── NothingToCompare      there is nothing to report on
"""


class MonitoringError(Exception):
    """Base of all errors that this package raises on purpose; the message says what to do, in one line."""


class InvalidSettings(MonitoringError):
    """An environment variable holds a value that is not allowed."""


class PortInUse(MonitoringError):
    """The port for the metrics is not available."""


class ServiceFailed(MonitoringError):
    """The service is not available, or returns an error."""


class ForeignProfile(MonitoringError):
    """The model's profile has other fields than this contract."""


class NothingToCompare(MonitoringError):
    """There are no predictions on record, or the model has no profile."""
