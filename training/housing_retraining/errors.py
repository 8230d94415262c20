"""The errors, as one tree.

RetrainingError
├── InvalidSettings      an environment variable holds a value that is not allowed
├── NoPipeline           there is no pipeline here to run
├── FileRefused          a dropped file is rejected
├── PipelineFailed       a stage of the pipeline ended with an error
├── LeaseLost            another process may retrain now
├── NotComparable        candidate or champion cannot be measured
├── NotPromoted          a version cannot become the champion
└── RegistryFailed       the model registry is not available, or refuses a change
"""


class RetrainingError(Exception):
    """Anything that this package raises on purpose; the message says what is wrong, and what to do, in one line."""


class InvalidSettings(RetrainingError):
    """An environment variable holds a value that is not allowed."""


class NoPipeline(RetrainingError):
    """There is no pipeline here to run."""


class FileRefused(RetrainingError):
    """A dropped file is rejected; none of its rows was added."""


class PipelineFailed(RetrainingError):
    """A stage of the pipeline ended with an error."""


class LeaseLost(RetrainingError):
    """Another process may retrain now, since this one has not renewed the lease in time."""


class NotComparable(RetrainingError):
    """Candidate or champion cannot be measured."""


class NotPromoted(RetrainingError):
    """A version cannot become the champion."""


class RegistryFailed(RetrainingError):
    """The model registry is not available, or refuses a change."""
