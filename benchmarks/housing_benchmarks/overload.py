"""Overload: how many calls are still answered in time, and how fast the others are refused."""

from dataclasses import replace

from housing_benchmarks import names
from housing_benchmarks.ghz import GrpcLoad
from housing_benchmarks.load import CONNECTIONS
from housing_benchmarks.service_trials import ServiceTrials
from housing_benchmarks.trials import Trial

DEADLINE_SECONDS = 1.0
"""Deadline of calls under overload."""
_TIMES = {names.OVERLOADED: 5, names.STORMED: 50}
_BATCH_ROWS = 1_000
_BATCHES_IN_FLIGHT = 4
"""Enough batches to keep every worker busy."""


def overload(ours: ServiceTrials) -> list[Trial]:
    """Return trials of Predict at the saturating number of concurrent calls, and at multiples of it.

    Clients are impatient: they retry refused calls at once.
    """
    return _trials(ours, names.OVERLOAD, ours.load("Predict", names.SATURATED), rows=1)


def overload_of_batches(ours: ServiceTrials) -> list[Trial]:
    """Return the same trials with batches."""
    return _trials(ours, names.OVERLOAD_BATCHES, ours.batches(_BATCH_ROWS, _BATCHES_IN_FLIGHT), rows=_BATCH_ROWS)


def _trials(ours: ServiceTrials, scenario: str, peak: GrpcLoad, *, rows: int) -> list[Trial]:
    peak = replace(peak, seconds=2 * peak.seconds)  # reduces the weight of the calls that are pending at the end
    saturated = ours.trial(scenario, names.HOUSING, peak.run, rows=rows)
    # The client's view counts: a response after the deadline is no failure for the server.
    return [
        saturated,
        *(
            replace(saturated, contestant=name, drive=_overloaded(peak, times).run, failed=dict)
            for name, times in _TIMES.items()
        ),
    ]


def _overloaded(peak: GrpcLoad, times: int) -> GrpcLoad:
    return replace(peak, in_flight=times * peak.in_flight, connections=CONNECTIONS, deadline_seconds=DEADLINE_SECONDS)
