"""What can go wrong in training.

TrainingError
├── ParameterError   params.yaml says something that training does not understand
├── FetchError       the raw table cannot be had
├── TableError       the raw table breaks the schema
├── ParityError      a compiled graph answers otherwise than the pipeline it was compiled from
├── RegistryError    MLflow cannot be reached or refuses
└── TuningError      better hyper-parameters cannot be searched now
"""


class TrainingError(Exception):
    """Anything a person can put right; its text is one line that says what to do."""


class ParameterError(TrainingError):
    """params.yaml says something that training does not understand."""


class FetchError(TrainingError):
    """The raw table cannot be had."""


class TableError(TrainingError):
    """The raw table breaks the schema."""


class ParityError(TrainingError):
    """A compiled graph answers otherwise than the pipeline it was compiled from."""


class RegistryError(TrainingError):
    """MLflow cannot be reached or refuses."""


class TuningError(TrainingError):
    """Better hyper-parameters cannot be searched now."""
