"""What can go wrong, as one tree.

RetrainingError
├── InvalidSettings      an environment variable holds a value that is not allowed
├── NoPipeline           there is no pipeline here to run
├── FileRefused          a file that was dropped cannot be taken
├── PipelineFailed       a stage of the pipeline ended with an error
├── LeaseLost            another process may retrain now
├── NotComparable        candidate or champion cannot be measured
├── NotPromoted          a version cannot become the champion
└── RegistryFailed       the model registry does not do what it is asked
"""


class RetrainingError(Exception):
    """Anything that this package raises on purpose; the message says what is wrong, and what to do, in one line."""


class InvalidSettings(RetrainingError):
    """An environment variable holds a value that is not allowed."""


class NoPipeline(RetrainingError):
    """There is no pipeline here to run."""


class FileRefused(RetrainingError):
    """A file that was dropped cannot be taken; nothing of it was."""


class PipelineFailed(RetrainingError):
    """A stage of the pipeline ended with an error."""


class LeaseLost(RetrainingError):
    """Another process may retrain now, since this one has given no sign of life."""


class NotComparable(RetrainingError):
    """Candidate or champion cannot be measured."""


class NotPromoted(RetrainingError):
    """A version cannot become the champion."""


class RegistryFailed(RetrainingError):
    """The model registry does not do what it is asked."""
