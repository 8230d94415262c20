"""Which hyper-parameters of the mixture of experts and of its student are searched, and between what.

The numbers of trees are not: more of them, with a smaller learning rate, are nearly always a little better, and cost
size and latency, so they are a choice and no finding. For the same reason trees may not get deeper than here, and
neither the widths of networks nor how long they learn are searched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import optuna

Value = int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The range in which a hyper-parameter is searched."""

    low: Value
    """Least value."""
    high: Value
    """Greatest value."""
    log: bool = False
    """Whether ratios count rather than differences."""

    def including(self, value: Value) -> Self:
        """Return the range, widened to include a value."""
        return replace(self, low=min(self.low, value), high=max(self.high, value))

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        """Suggest a value."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return legible(trial.suggest_float(name, self.low, self.high, log=self.log))


def legible(value: Value) -> Value:
    """Round to three significant digits; integers stay as they are."""
    return value if isinstance(value, int) else float(f"{value:.3g}")


_TREES: Mapping[str, Range] = {
    "max_depth": Range(low=4, high=8),
    "learning_rate": Range(low=0.02, high=0.3, log=True),
    "min_child_weight": Range(low=1, high=30, log=True),
    "subsample": Range(low=0.3, high=1.0),
    "colsample_bytree": Range(low=0.2, high=0.9),
    "colsample_bynode": Range(low=0.2, high=0.9),
    "reg_lambda": Range(low=1.0, high=30.0, log=True),
}

SPACE: Mapping[str, Range] = {
    **{f"{expert}.{name}": each for expert in ("local", "regional") for name, each in _TREES.items()},
    "gate.midpoint": Range(low=1.5, high=8.0, log=True),
    "gate.steepness": Range(low=1.0, high=5.0),
    "holes.share": Range(low=0.25, high=1.0),
    "holes.weight": Range(low=0.05, high=1.0, log=True),
    "holes.nearest_km": Range(low=1.0, high=6.0, log=True),
    "holes.farthest_km": Range(low=20.0, high=60.0),
    "network.learning_rate": Range(low=0.001, high=0.01, log=True),
    "network.weight_decay": Range(low=0.001, high=0.1, log=True),
    "tutor.learning_rate": Range(low=0.0005, high=0.008, log=True),
    "tutor.weight_decay": Range(low=0.03, high=1.0, log=True),
    "tutor.noise": Range(low=0.0, high=0.3),
    "tutor_share": Range(low=0.0, high=1.0),
}
"""The ranges by flat name; what params.yaml does not set is not searched."""


def suggested(trial: optuna.Trial, stored: Mapping[str, Value]) -> dict[str, Value]:
    """Suggest new values for stored hyper-parameters, by flat name."""
    return {name: SPACE[name].including(value).suggest(trial, name) for name, value in stored.items()}
