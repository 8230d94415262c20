"""What scores the chunks of a table: this machine, or whatever keeps to the same few methods."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import pyarrow as pa

from housing_server.scoring.scoring import ScoredChunk, Scorer


class Engine(Protocol):
    """Scores chunks; their results are asked for in the order in which they were submitted."""

    @property
    def ahead(self) -> int:
        """How many chunks should be submitted beyond the one whose result is waited for."""

    def submit(self, table: pa.Table) -> Callable[[], ScoredChunk]:
        """Return what waits for the results of a chunk; it raises `ScoringError` if there are none."""


class LocalEngine:
    """Scores on this machine, one chunk after the other; each is spread over threads."""

    ahead = 0

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def submit(self, table: pa.Table) -> Callable[[], ScoredChunk]:
        """Return what scores a chunk."""
        return partial(self._scorer.score, table)
