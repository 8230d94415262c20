"""The cost of the prediction log: the same unary calls with the default mode, with none, and with a strict log."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from housing_benchmarks import names
from housing_benchmarks.processes import wait_until_idle
from housing_benchmarks.registry import Registry
from housing_benchmarks.service import LogMode, running_service
from housing_benchmarks.service_trials import ServiceTrials
from housing_benchmarks.trials import Sample, measure

_OTHERS: dict[str, LogMode] = {names.LOG_OFF: "off", names.LOG_STRICT: "strict"}
_IDLE_SECONDS = 120.0


def log_modes(ours: ServiceTrials, registry: Registry, folder: Path, *, workers: int, repeats: int) -> Iterator[Sample]:
    """Measure the service against two that differ only in the mode of the prediction log.

    Args:
        ours: the service with a lenient log.
        registry: the registry of the others' model.
        folder: folder of the others' state.
        workers: number of workers of each.
        repeats: number of repetitions.
    """
    with ExitStack() as stack:
        services = {
            name: stack.enter_context(running_service(registry, folder, workers, mode))
            for name, mode in _OTHERS.items()
        }
        trials = [
            ours.saturated(names.PREDICTION_LOG),
            *(replace(ours, service=each).saturated(names.PREDICTION_LOG, name) for name, each in services.items()),
        ]
        wait_until_idle(trials[0].usage, patience=_IDLE_SECONDS)  # what an overload has left is not the log's
        list(measure(trials[1:], repeats=1))  # warm-up
        yield from measure(trials, repeats)
