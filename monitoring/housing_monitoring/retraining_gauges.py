"""Retrainings and changes of the champion, as the service has them on record, as Prometheus metrics."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from housing_client import Model, Retraining, RetrainingStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What is on record."""

    status: RetrainingStatus
    """The state of retrainings."""
    model: Model
    """The served model."""


class RetrainingCollector(Collector):
    """Exposes what was last read; nothing while it is not known."""

    def __init__(self) -> None:
        self.records: Records | None = None
        """What was last read; None before, and since a read that failed."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges; an unknown figure has no series."""
        if self.records is None:
            return
        status = self.records.status
        yield from _present(status)
        counts = GaugeMetricFamily(
            "housing_retrainings_on_record", "Retrainings with a verdict.", labels=["trigger", "verdict"]
        )
        for each in status.finished:
            counts.add_metric([each.trigger, each.verdict], each.count)
        yield counts
        yield from _last(status.last_finished)
        yield from _compared(status.last_compared)
        yield from _champion(self.records)


def _present(status: RetrainingStatus) -> Iterator[GaugeMetricFamily]:
    watchers, running = status.watchers, status.running
    yield _gauge("housing_retraining_watchers", "Watchers seen in the last day.", len(watchers))
    alive = sum(each.alive for each in watchers)
    yield _gauge("housing_retraining_watchers_alive", "Watchers that have reported in the last two minutes.", alive)
    troubled = sum(bool(each.problem) for each in watchers)
    yield _gauge("housing_retraining_watchers_failing", "Watchers whose last piece of work failed.", troubled)
    pending = sum(each.pending_rows for each in watchers)
    yield _gauge("housing_retraining_pending_rows", "Accepted rows that no retraining has tried.", pending)
    yield _gauge("housing_retraining_waiting", "Retrainings that wait.", status.waiting)
    since = status.waiting_since.timestamp() if status.waiting_since else None
    text = "When the oldest retraining that waits was requested."
    yield _gauge("housing_retraining_waiting_since_timestamp_seconds", text, since)
    text = "Retrainings that were begun and have no verdict."
    yield _gauge("housing_retraining_running", text, 0 if running is None else 1)
    yield _gauge("housing_retraining_lease_held", "Whether a process holds the lease to retrain.", status.lease_held)
    started = running.started_at.timestamp() if running is not None and running.started_at else None
    yield _gauge("housing_retraining_running_since_timestamp_seconds", "When the one that runs was begun.", started)


def _last(finished: Retraining | None) -> Iterator[GaugeMetricFamily]:
    if finished is None or finished.finished_at is None:
        return
    labels = {"trigger": finished.trigger, "verdict": finished.verdict}
    ended = finished.finished_at.timestamp()
    yield _gauge("housing_retraining_last_finished_timestamp_seconds", "When the last retraining ended.", ended, labels)
    if finished.started_at is not None:
        seconds = ended - finished.started_at.timestamp()
        yield _gauge("housing_retraining_last_duration_seconds", "How long the last retraining took.", seconds)


def _compared(compared: Retraining | None) -> Iterator[GaugeMetricFamily]:
    """Yield the last comparison, and the figures of the stages of its challenger."""
    found = compared.comparison if compared is not None else None
    if compared is None or found is None:
        return
    errors = GaugeMetricFamily(
        "housing_retraining_root_mean_squared_error_usd",
        "Error of the last candidate, and of the champion beside it, on the rows held out.",
        labels=["model", "model_version"],
    )
    errors.add_metric(["candidate", compared.model_version], found.candidate.root_mean_squared_error)
    errors.add_metric(["champion", compared.champion_version], found.champion.root_mean_squared_error)
    yield errors
    text = "The difference between both, negative when the candidate is better."
    yield _gauge("housing_retraining_error_difference_usd", text, found.random.root_mean_squared_error)
    for name, value, end in (("low", found.random.low, "Lower"), ("high", found.random.high, "Upper")):
        yield _gauge(f"housing_retraining_error_difference_{name}_usd", f"{end} end of its interval.", value)
    stages = GaugeMetricFamily(
        "housing_retraining_stage_figure", "What the stages of that candidate measured.", labels=["stage", "figure"]
    )
    for stage in compared.stages:
        for name, value in stage.figures.items():
            stages.add_metric([stage.name, name], value)
    yield stages


def _champion(records: Records) -> Iterator[GaugeMetricFamily]:
    status, trained = records.status, records.model.trained_at
    version = {"model_version": records.model.version}
    text = "When the training of the served model began."
    yield _gauge(
        "housing_champion_trained_timestamp_seconds",
        text,
        trained.timestamp() if trained is not None else None,
        version,
    )
    yield _gauge("housing_champion_promotions", "Promotions on record.", status.promotions)
    yield _gauge("housing_champion_rollbacks", "Rollbacks on record.", status.rollbacks)
    last = status.last_rollback_at.timestamp() if status.last_rollback_at else None
    yield _gauge("housing_champion_last_rollback_timestamp_seconds", "When the champion was last rolled back.", last)


def _gauge(name: str, text: str, value: float | None, labels: dict[str, str] | None = None) -> GaugeMetricFamily:
    """Return a gauge of one series; of none when the value is not known."""
    named: Iterable[str] = labels or {}
    family = GaugeMetricFamily(name, text, labels=list(named))
    if value is not None:
        family.add_metric(list((labels or {}).values()), value)
    return family
