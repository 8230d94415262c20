"""The record of answers, as the client returns it: plain values that hold no message and no connection."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundingBox:
    """An area between two meridians and two parallels, its borders included."""

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
    """Which predictions to list; None lets everything pass. Times are aware."""

    start_time: datetime | None = None
    """Answered at this time or later."""
    end_time: datetime | None = None
    """Answered before this time."""
    model_version: str = ""
    """Answered by this version of the model; empty for any."""
    min_median_house_value: float | None = None
    """Of this price or a higher one, in 1990 USD."""
    max_median_house_value: float | None = None
    """Of this price or a lower one, in 1990 USD."""
    bounding_box: BoundingBox | None = None
    """For block groups in this area."""
    has_outcome: bool | None = None
    """Whether the true price is known."""


EVERYTHING = PredictionFilter()
"""The filter that lets everything pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedInterval:
    """The interval of an answer."""

    lower: float
    """Lower bound, in 1990 USD."""
    upper: float
    """Upper bound, in 1990 USD."""
    upper_open: bool
    """Whether the true value may lie above the upper bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a prediction turned out to be worth."""

    median_house_value: float
    """The true price, in 1990 USD."""
    recorded_at: datetime
    """When it was recorded first; UTC."""
    revised_at: datetime | None
    """When another value took its place, UTC; None when none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPrediction:
    """One answer, as it went on record."""

    prediction_id: str
    """Identifies it for good."""
    predicted_at: datetime
    """When it was answered; UTC."""
    method: str
    """Name of the method that answered it, for example `Predict`."""
    model_name: str
    """Name of the registered model."""
    model_version: str
    """Version of that model."""
    block_group: Mapping[str, float | str]
    """The block group by field name; fields that were left out are absent."""
    median_house_value: float
    """The answer, in 1990 USD."""
    interval: LoggedInterval | None
    """The answer's interval; None when the model knew none."""
    warnings: tuple[str, ...]
    """Reasons of the warnings it carried, in UPPER_SNAKE_CASE."""
    latency_seconds: float
    """From the arrival of the block group to its answer."""
    peer: str
    """Address that the request came from."""
    request_id: str
    """Id of the request; empty when it had none."""
    trace_id: str
    """Id of the trace it was part of; empty when it was part of none."""
    outcome: Outcome | None
    """The true price; None while it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Part of a list of predictions."""

    predictions: tuple[LoggedPrediction, ...]
    """The predictions, the newest first."""
    next_page_token: str
    """What stands for the next page; empty on the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStats:
    """How predicted prices are spread."""

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
    """How far predictions were from the true prices."""

    outcomes: int
    """Number of predictions whose true price is known."""
    mean_absolute_error: float
    """In 1990 USD."""
    root_mean_squared_error: float
    """In 1990 USD."""
    bias: float
    """Mean error, in 1990 USD: positive when predictions are too high."""
    interval_coverage: float | None
    """Share of the intervals that hold the true price; None when there were no intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersionStats:
    """What a version of a model answered."""

    model_name: str
    """Name of the registered model."""
    model_version: str
    """Version of that model."""
    prices: PriceStats
    """The prices it answered with."""
    error: LiveError | None
    """How far off these were; None while no true price is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodStats:
    """What a version of a model answered in an hour or a day."""

    start_time: datetime
    """Start of the hour or day; UTC."""
    model_name: str
    """Name of the registered model."""
    model_version: str
    """Version of that model."""
    prices: PriceStats
    """The prices it answered with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionStats:
    """Statistics of the predictions in a range of time."""

    start_time: datetime
    """From when on they were counted; UTC."""
    end_time: datetime
    """Before when they were counted; UTC."""
    model_versions: tuple[ModelVersionStats, ...]
    """Each version over the whole range."""
    periods: tuple[PeriodStats, ...]
    """Each version in each hour or day, in the order of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedOutcome:
    """What became of an outcome."""

    prediction_id: str
    """The prediction's id."""
    result: str
    """`recorded`, `unchanged`, `revised`, or, when it was not recorded, `late` or `unknown`."""
