"""A version of a model, as the registry has it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVersion:
    """A version of a registered model."""

    version: str
    """Its number."""
    run_id: str
    """Id of the run that it was registered from; empty without one."""
    registered_at_us: int
    """When it was registered, in microseconds since the epoch."""
    test_rmse: float | None
    """The error on the test rows of its training, in USD; None where it is not on record."""
