"""Results of the prediction log: plain values without a message or a connection."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundingBox:
    """An area between two meridians and two parallels, inclusive."""

    west: float
    """Least longitude, in degrees east."""
    south: float
    """Least latitude, in degrees north."""
    east: float
    """Greatest longitude, in degrees east."""
    north: float
    """Greatest latitude, in degrees north."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionFilter:
    """A filter of predictions; None matches everything. Times must have a time zone."""

    start_time: datetime | None = None
    """Predicted at this time or later."""
    end_time: datetime | None = None
    """Predicted before this time."""
    model_version: str = ""
    """Predicted by this version of the model; empty for any."""
    min_median_house_value: float | None = None
    """With this price or a higher one, in 1990 USD."""
    max_median_house_value: float | None = None
    """With this price or a lower one, in 1990 USD."""
    bounding_box: BoundingBox | None = None
    """For block groups in this area."""
    has_outcome: bool | None = None
    """Whether the true price is known."""


EVERYTHING = PredictionFilter()
"""The filter that matches everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedInterval:
    """The prediction interval of a prediction on record."""

    lower: float
    """Lower bound, in 1990 USD."""
    upper: float
    """Upper bound, in 1990 USD."""
    upper_open: bool
    """Whether the true value may lie above the upper bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The true price of a prediction."""

    median_house_value: float
    """The true price, in 1990 USD."""
    recorded_at: datetime
    """When it was first recorded, in UTC."""
    revised_at: datetime | None
    """When it was last changed, in UTC; None if it never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPrediction:
    """One prediction on record."""

    prediction_id: str
    """Unique id of the prediction."""
    predicted_at: datetime
    """When it was made, in UTC."""
    method: str
    """Name of the method that was called, for example `Predict`."""
    model_name: str
    """Name of the registered model."""
    model_version: str
    """Version of that model."""
    block_group: Mapping[str, float | str]
    """The block group by field name; missing fields are absent."""
    median_house_value: float
    """The predicted price, in 1990 USD."""
    interval: LoggedInterval | None
    """The prediction interval; None when the model had none."""
    warnings: tuple[str, ...]
    """Reasons of its warnings, in UPPER_SNAKE_CASE."""
    latency_seconds: float
    """Time from the arrival of the block group to its answer."""
    peer: str
    """Peer address of the request."""
    request_id: str
    """Id of the request; empty when it had none."""
    trace_id: str
    """Id of the trace; empty without one."""
    outcome: Outcome | None
    """The true price; None while it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of a list of predictions."""

    predictions: tuple[LoggedPrediction, ...]
    """The predictions, the newest first."""
    next_page_token: str
    """Token of the next page; empty on the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStats:
    """Distribution of predicted prices."""

    count: int
    """Number of predictions."""
    mean: float
    """Mean price, in 1990 USD."""
    p5: float
    """5th percentile, in 1990 USD."""
    p50: float
    """Median, in 1990 USD."""
    p95: float
    """95th percentile, in 1990 USD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveError:
    """Errors of predictions with a known true price."""

    outcomes: int
    """Number of predictions whose true price is known."""
    mean_absolute_error: float
    """In 1990 USD."""
    root_mean_squared_error: float
    """In 1990 USD."""
    bias: float
    """Mean error, in 1990 USD: positive when predictions are too high."""
    interval_coverage: float | None
    """Share of the intervals that contain the true price; None without intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersionStats:
    """Statistics of a model version."""

    model_name: str
    """Name of the registered model."""
    model_version: str
    """Version of that model."""
    prices: PriceStats
    """Distribution of its predicted prices."""
    error: LiveError | None
    """Its errors; None while no true price is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodStats:
    """Statistics of a model version in an hour or a day."""

    start_time: datetime
    """Start of the hour or day, in UTC."""
    model_name: str
    """Name of the registered model."""
    model_version: str
    """Version of that model."""
    prices: PriceStats
    """Distribution of its predicted prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionStats:
    """Statistics of the predictions in a time range."""

    start_time: datetime
    """Start of the range, inclusive, in UTC."""
    end_time: datetime
    """End of the range, exclusive, in UTC."""
    model_versions: tuple[ModelVersionStats, ...]
    """Each version over the whole range."""
    periods: tuple[PeriodStats, ...]
    """Each version in each hour or day, in order of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedOutcome:
    """The result of recording an outcome."""

    prediction_id: str
    """The prediction's id."""
    result: str
    """`recorded`, `unchanged` or `revised`; otherwise `late` or `unknown`."""
