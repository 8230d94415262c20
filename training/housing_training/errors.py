"""Errors of training.

TrainingError
├── ParameterError   params.yaml is missing, malformed or holds an unknown value
├── FetchError       the raw table is not available
├── TableError       the raw table breaks the schema
├── ParityError      a compiled graph and its pipeline answer differently
├── RegistryError    MLflow is not reachable or refuses
└── TuningError      hyper-parameters cannot be searched now, since another search is running
"""


class TrainingError(Exception):
    """An error that a person can fix; its text says how."""


class ParameterError(TrainingError):
    """params.yaml is missing, malformed or holds an unknown value."""


class FetchError(TrainingError):
    """The raw table is not available."""


class TableError(TrainingError):
    """The raw table breaks the schema."""


class ParityError(TrainingError):
    """A compiled graph and its pipeline answer differently."""


class RegistryError(TrainingError):
    """MLflow is not reachable or refuses."""


class TuningError(TrainingError):
    """Hyper-parameters cannot be searched now, since another search is running."""
