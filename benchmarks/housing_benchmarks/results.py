"""The results of a run, stored as JSON; tables and plots can be rendered from it again."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self

from housing_benchmarks.trials import Sample

Figure = Callable[[Sample], float]
"""A quantity of a sample, such as its throughput."""

Key = tuple[str, str]
"""Scenario and contestant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run."""

    date: str
    """Start of the run: ISO 8601, UTC."""
    commit: str
    """Commit of the server, with `+` for uncommitted changes."""
    load_average: float
    """Load average just before, which should be about 0."""
    machine: Mapping[str, Any]
    """Facts about the machine."""
    workers: int
    """Workers of the service and of every other server."""
    other_cores: float = 0.0
    """Processors that other programs kept busy during the run, on average."""
    ready_seconds: Mapping[str, float] = field(default_factory=dict)
    """Start time of each server, by contestant."""
    resident_bytes: Mapping[str, int] = field(default_factory=dict)
    """Memory of each process of the service at the end, by name."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Peers that could not be measured, with the reason."""
    samples: Sequence[Sample] = ()
    """All measurements."""

    def of(self, key: Key) -> list[Sample]:
        """Return the samples of a contestant in a scenario, in order."""
        return [sample for sample in self.samples if (sample.scenario, sample.contestant) == key]

    def typical(self, key: Key, figure: Figure) -> float | None:
        """Return the median of a figure; None if it was not measured, or is NaN for all samples."""
        values = [value for value in map(figure, self.of(key)) if not math.isnan(value)]
        return median(values) if values else None

    def ratio(self, figure: Figure, of: Key, to: Key) -> float | None:
        """Return the median, over repetitions, of a figure's ratio within one; None if either was not measured."""
        base = {sample.repeat: figure(sample) for sample in self.of(to)}
        ratios = [figure(sample) / base[sample.repeat] for sample in self.of(of) if base.get(sample.repeat)]
        return median(ratios) if ratios else None

    def write(self, path: Path) -> None:
        """Write the run as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a run."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(**data | {"samples": [Sample(**sample) for sample in data["samples"]]})
