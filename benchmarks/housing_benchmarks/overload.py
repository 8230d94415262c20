"""More load than the service can take: how much of it is still answered in time, and how soon the rest hears no."""

from dataclasses import replace

from housing_benchmarks import names
from housing_benchmarks.ghz import GrpcLoad
from housing_benchmarks.load import CONNECTIONS
from housing_benchmarks.service_trials import ServiceTrials
from housing_benchmarks.trials import Trial

DEADLINE_SECONDS = 1.0
"""How long callers wait under overload."""
_TIMES = {names.OVERLOADED: 5, names.STORMED: 50}
_BATCH_ROWS = 1_000
_BATCHES_IN_FLIGHT = 4
"""As many batches as keep every worker busy."""


def overload(ours: ServiceTrials) -> list[Trial]:
    """Call Predict with as many calls at a time as keep every worker busy, and with many times as many.

    Callers are impatient: who is refused calls again at once.
    """
    return _trials(ours, names.OVERLOAD, ours.load("Predict", names.SATURATED), rows=1)


def overload_of_batches(ours: ServiceTrials) -> list[Trial]:
    """Send batches likewise."""
    return _trials(ours, names.OVERLOAD_BATCHES, ours.batches(_BATCH_ROWS, _BATCHES_IN_FLIGHT), rows=_BATCH_ROWS)


def _trials(ours: ServiceTrials, scenario: str, peak: GrpcLoad, *, rows: int) -> list[Trial]:
    peak = replace(peak, seconds=2 * peak.seconds)  # so that the calls that wait at the end weigh less
    saturated = ours.trial(scenario, names.HOUSING, peak.run, rows=rows)
    # The callers' view counts: an answer that came too late was no failure to the server.
    return [
        saturated,
        *(
            replace(saturated, contestant=name, drive=_overloaded(peak, times).run, failed=dict)
            for name, times in _TIMES.items()
        ),
    ]


def _overloaded(peak: GrpcLoad, times: int) -> GrpcLoad:
    return replace(peak, in_flight=times * peak.in_flight, connections=CONNECTIONS, deadline_seconds=DEADLINE_SECONDS)
