"""What a run has found: kept as JSON, from which tables and plots can be made again."""

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
"""Something about a sample, such as its throughput."""

Key = tuple[str, str]
"""Scenario and contestant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run."""

    date: str
    """When it began: ISO 8601, UTC."""
    commit: str
    """What was measured; with `+` behind it where files had changed."""
    load_average: float
    """Processes that wanted a processor just before, which should be about 0."""
    machine: Mapping[str, Any]
    """Where it ran."""
    workers: int
    """Workers of the service and of every other server."""
    other_cores: float = 0.0
    """Processors that programs which are no part of the run have kept busy meanwhile, on the average."""
    ready_seconds: Mapping[str, float] = field(default_factory=dict)
    """How long each server took to start, by contestant."""
    resident_bytes: Mapping[str, int] = field(default_factory=dict)
    """Memory of each process of the service at the end, by its name."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Peers that could not be measured, and why."""
    samples: Sequence[Sample] = ()
    """All that was measured."""

    def of(self, key: Key) -> list[Sample]:
        """Find the samples of a contestant in a scenario, in the order of their turns."""
        return [sample for sample in self.samples if (sample.scenario, sample.contestant) == key]

    def typical(self, key: Key, figure: Figure) -> float | None:
        """Return the median of a figure; None when it was not measured, or is NaN for all samples."""
        values = [value for value in map(figure, self.of(key)) if not math.isnan(value)]
        return median(values) if values else None

    def ratio(self, figure: Figure, of: Key, to: Key) -> float | None:
        """Return the median, over turns, of a figure's ratio within one turn; None when either was not measured."""
        base = {sample.repeat: figure(sample) for sample in self.of(to)}
        ratios = [figure(sample) / base[sample.repeat] for sample in self.of(of) if base.get(sample.repeat)]
        return median(ratios) if ratios else None

    def write(self, path: Path) -> None:
        """Write the run as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a run that was written."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(**data | {"samples": [Sample(**sample) for sample in data["samples"]]})
