"""The results of the last check, as Prometheus metrics."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from housing_monitoring.drift import Drift
from housing_monitoring.estimated_error import Band, EstimatedError
from housing_monitoring.places import Place
from housing_monitoring.results import LiveQuality, Results, TrainingQuality

_VERSION = "model_version"
_CELL = ("latitude", "longitude")

_DRIFT: tuple[tuple[str, str, Callable[[Drift], float]], ...] = (
    ("psi", "Population stability index of a field's values in the window against training.", lambda of: of.psi),
    (
        "statistic",
        "Two-sample statistic: Kolmogorov-Smirnov for numbers, chi-square for text.",
        lambda of: of.statistic,
    ),
    ("p_value", "Probability of such a statistic without a shift.", lambda of: of.p_value),
)
_LIVE: tuple[tuple[str, str, Callable[[LiveQuality], float | None]], ...] = (
    ("outcomes", "Predictions with a known true price.", lambda of: of.outcomes),
    ("mean_absolute_error_usd", "Mean absolute error of those.", lambda of: of.mean_absolute_error),
    ("root_mean_squared_error_usd", "Root of their mean squared error.", lambda of: of.root_mean_squared_error),
    ("bias_usd", "Mean of answer minus true price.", lambda of: of.bias),
    ("interval_coverage_ratio", "Share of intervals that hold the true price.", lambda of: of.interval_coverage),
)
_TRAINING: tuple[tuple[str, str, Callable[[TrainingQuality], float | None]], ...] = (
    ("mean_absolute_error_usd", "Mean absolute error on rows held out.", lambda of: of.mean_absolute_error),
    ("root_mean_squared_error_usd", "Root of the mean squared error on them.", lambda of: of.root_mean_squared_error),
    ("interval_coverage_ratio", "Share of intervals that hold the true price.", lambda of: of.interval_coverage),
)

_ERRORS: tuple[tuple[str, str, Callable[[EstimatedError], Band]], ...] = (
    ("mean_absolute_error", "Expected mean absolute error of recent answers", lambda of: of.mean_absolute_error),
    ("root_mean_squared_error", "Expected root of their mean squared error", lambda of: of.root_mean_squared_error),
)
_BAND: tuple[tuple[str, str, Callable[[Band], float]], ...] = (
    ("", "", lambda of: of.value),
    ("_lower", ": lower end of the band that holds it with 95 %", lambda of: of.lower),
    ("_upper", ": upper end of that band", lambda of: of.upper),
)


class ResultsCollector(Collector):
    """Exposes the last results only: the series of a version that is no longer served disappear."""

    def __init__(self) -> None:
        self.results: Results | None = None
        """The results of the last check; None before the first."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield a gauge for each figure; an unknown one has no series."""
        results = self.results
        if results is None:
            return
        yield GaugeMetricFamily(
            "housing_drift_window_rows", "Predictions that are compared with training.", results.window_rows
        )
        yield GaugeMetricFamily(
            "housing_drift_last_run_timestamp_seconds", "Time of the last comparison.", results.looked_at
        )
        for name, text, of_field in _DRIFT:
            figures = ((drift.feature, of_field(drift)) for drift in results.drift)
            yield _family(f"housing_drift_{name}", text, "feature", figures)
        yield _family(
            "housing_drift_missing_ratio",
            "Share of predictions without a value of the field.",
            "feature",
            results.missing.items(),
        )
        yield from _map(results.places)
        for name, text, of_live in _LIVE:
            by_version = ((live.model_version, of_live(live)) for live in results.live)
            yield _family(f"housing_live_{name}", text, _VERSION, by_version)
        for name, text, of_training in _TRAINING:
            served = (results.training.model_version, of_training(results.training))
            yield _family(f"housing_training_{name}", text, _VERSION, [served])
        yield from _estimates(results)


def _estimates(results: Results) -> Iterator[GaugeMetricFamily]:
    """Yield the estimated errors, and how the estimate fared where true prices have come."""
    estimated, check = results.estimated, results.estimate_check
    version = results.training.model_version
    rows = estimated.rows if estimated else None
    yield _family("housing_estimated_rows", "Answers whose errors are estimated.", _VERSION, [(version, rows)])
    for name, text, of_error in _ERRORS:
        for suffix, what, of_band in _BAND:
            figure = of_band(of_error(estimated)) if estimated else None
            yield _family(f"housing_estimated_{name}{suffix}_usd", f"{text}{what}.", _VERSION, [(version, figure)])
    rows = check.estimated.rows if check else None
    yield _family(
        "housing_estimate_checked_rows",
        "Answers with a true price whose errors were estimated.",
        _VERSION,
        [(version, rows)],
    )
    for name, _, of_error in _ERRORS:
        realised: float | None = getattr(check, name) if check else None
        ratio = of_error(check.estimated).value / realised if check and realised else None
        text = "Estimated error of answers with a true price, as a multiple of their error."
        yield _family(f"housing_estimate_{name}_ratio", text, _VERSION, [(version, ratio)])
        within = float(of_error(check.estimated).holds(realised)) if check and realised is not None else None
        text = "Whether the error of answers with a true price is in the band of its estimate."
        yield _family(f"housing_estimate_{name}_in_band", text, _VERSION, [(version, within)])


def _map(places: Iterable[Place]) -> Iterator[GaugeMetricFamily]:
    counts = GaugeMetricFamily(
        "housing_window_predictions", "Predictions in the window, by cell of one degree.", labels=_CELL
    )
    values = GaugeMetricFamily(
        "housing_window_mean_predicted_value_usd", "Mean of their answers, by cell of one degree.", labels=_CELL
    )
    for place in places:
        cell = [f"{place.latitude:g}", f"{place.longitude:g}"]
        counts.add_metric(cell, place.predictions)
        values.add_metric(cell, place.mean_value)
    yield counts
    yield values


def _family(name: str, text: str, label: str, figures: Iterable[tuple[str, float | None]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value_of_label, figure in figures:
        if figure is not None:
            family.add_metric([value_of_label], figure)
    return family
