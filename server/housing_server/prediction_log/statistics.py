"""Statistics of the predictions on record: counts, distributions of prices, and errors."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import ColumnElement, Connection, RowMapping, case, func, or_, select

from housing.v1 import prediction_log_service_pb2 as pb
from housing_server.prediction_log.records import from_timestamp, timestamp
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.tables import outcomes, predictions

_HOUR_US = 3600 * 1_000_000
_DAY_US = 24 * _HOUR_US

_PERIODS_US = {pb.STATS_PERIOD_HOUR: _HOUR_US, pb.STATS_PERIOD_DAY: _DAY_US}
_DEFAULT_RANGES_US = {pb.STATS_PERIOD_HOUR: _DAY_US, pb.STATS_PERIOD_DAY: 30 * _DAY_US}

_PERCENTILES = (5, 50, 95)
_ROWS_AT_ONCE = 10_000

_Model = tuple[str, str]
"""Name and version of a model."""
_Group = tuple[int, str, str]
"""Start of a period, in microseconds since the epoch, and a model's name and version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """The predictions to include."""

    start_us: int
    """Start, inclusive, in microseconds since the epoch."""
    end_us: int
    """End, exclusive, in microseconds since the epoch."""
    period_us: int
    """Length of each period, in microseconds."""
    model_version: str
    """Version of the model; empty for any."""

    def conditions(self, time: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
        """Yield the range as conditions on a column with the time of a prediction."""
        yield time >= self.start_us
        yield time < self.end_us
        if self.model_version:
            yield predictions.c.model_version == self.model_version


def get_prediction_stats(
    store: PredictionStore, request: pb.GetPredictionStatsRequest, *, now_us: int
) -> pb.GetPredictionStatsResponse:
    """Compute statistics of predictions.

    Raises:
        PredictionLogUnavailable: the store is not available.
    """
    wanted = _range(request, now_us)
    with store.reading() as connection:
        periods = {} if request.errors_only else _prices(connection, wanted)
        errors = {(row["model_name"], row["model_version"]): _error(row) for row in _errors(connection, wanted)}
    versions = {model: _price_stats(prices) for model, prices in _by_model(periods).items()}
    return pb.GetPredictionStatsResponse(
        start_time=timestamp(wanted.start_us),
        end_time=timestamp(wanted.end_us),
        model_versions=[
            pb.ModelVersionStats(
                model_name=model[0], model_version=model[1], prices=versions.get(model), error=errors.get(model)
            )
            for model in sorted({**versions, **errors})
        ],
        periods=[
            pb.PeriodStats(
                start_time=timestamp(start), model_name=name, model_version=version, prices=_price_stats(prices)
            )
            for (start, name, version), prices in sorted(periods.items())
        ],
    )


def _range(request: pb.GetPredictionStatsRequest, now_us: int) -> _Range:
    period = request.period or pb.STATS_PERIOD_HOUR
    end = from_timestamp(request.end_time) if request.HasField("end_time") else now_us
    start = from_timestamp(request.start_time) if request.HasField("start_time") else end - _DEFAULT_RANGES_US[period]
    return _Range(
        start_us=max(start, 0), end_us=end, period_us=_PERIODS_US[period], model_version=request.model_version
    )


def _prices(connection: Connection, wanted: _Range) -> dict[_Group, array[float]]:
    """Return the prices of each version in each period.

    SQLite has no percentiles, and ranking rows in SQL takes it ten times longer than returning them.
    """
    of = predictions.c
    columns = (of.predicted_at_us, of.model_name, of.model_version, of.median_house_value)
    statement = select(*columns).where(*wanted.conditions(of.predicted_at_us))
    found: defaultdict[_Group, array[float]] = defaultdict(lambda: array("d"))
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(statement)
    for chunk in rows.partitions():
        for at, name, version, price in chunk:
            found[at - at % wanted.period_us, name, version].append(price)
    return found


def _by_model(periods: Mapping[_Group, array[float]]) -> dict[_Model, array[float]]:
    """Merge the prices of all periods."""
    found: defaultdict[_Model, array[float]] = defaultdict(lambda: array("d"))
    for (_, name, version), prices in periods.items():
        found[name, version].extend(prices)
    return found


def _errors(connection: Connection, wanted: _Range) -> Iterator[RowMapping]:
    """Query the errors of each version, where true prices are known."""
    true, of = outcomes.c.median_house_value, predictions.c
    error = of.median_house_value - true
    held = (true >= of.interval_lower) & or_(true <= of.interval_upper, of.interval_upper_open)
    statement = (
        select(
            of.model_name,
            of.model_version,
            func.count().label("outcomes"),
            func.avg(func.abs(error)).label("mean_absolute_error"),
            func.avg(error * error).label("mean_squared_error"),
            func.avg(error).label("bias"),
            func.avg(case((of.interval_lower.is_(None), None), (held, 1.0), else_=0.0)).label("interval_coverage"),
        )
        .join_from(outcomes, predictions, outcomes.c.prediction_id == of.prediction_id)
        .where(*wanted.conditions(outcomes.c.predicted_at_us))
        .group_by(of.model_name, of.model_version)
    )
    return iter(connection.execute(statement).mappings())


def _price_stats(prices: array[float]) -> pb.PriceStats:
    """Compute statistics of prices; a percentile is the nearest rank, so it is one of them."""
    values = np.frombuffer(prices)
    p5, p50, p95 = np.percentile(values, _PERCENTILES, method="inverted_cdf").tolist()
    return pb.PriceStats(count=len(values), mean=float(values.mean()), p5=p5, p50=p50, p95=p95)


def _error(row: RowMapping) -> pb.LiveError:
    return pb.LiveError(
        outcomes=row["outcomes"],
        mean_absolute_error=row["mean_absolute_error"],
        root_mean_squared_error=math.sqrt(row["mean_squared_error"]),
        bias=row["bias"],
        interval_coverage=row["interval_coverage"],
    )
