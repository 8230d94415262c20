"""What the prediction log costs: the same unary calls with the log as it comes, without it, and with a strict one."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from housing_benchmarks import names
from housing_benchmarks.registry import Registry
from housing_benchmarks.service import LogMode, running_service
from housing_benchmarks.service_trials import ServiceTrials
from housing_benchmarks.trials import Sample, measure

_OTHERS: dict[str, LogMode] = {names.LOG_OFF: "off", names.LOG_STRICT: "strict"}


def log_modes(ours: ServiceTrials, registry: Registry, folder: Path, *, workers: int, repeats: int) -> Iterator[Sample]:
    """Measure the service beside two that differ in their prediction log only.

    Args:
        ours: the service whose log is lenient.
        registry: where the others find their model.
        folder: where they keep what they keep.
        workers: their number, in each.
        repeats: turns.
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
        list(measure(trials[1:], repeats=1))  # to warm them
        yield from measure(trials, repeats)
