"""Scoring of a whole table: chunk by chunk, in bounded memory."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from housing_server.errors import ScoringError, UnreadableTable
from housing_server.scoring.parts import PartialOutput, write_csv
from housing_server.scoring.reading import STANDARD_STREAM, Source, chunks
from housing_server.scoring.scoring import RESULT_FIELDS, BadRows, ScoredChunk, Scorer
from housing_server.system.memory import release_freed_memory

_EXAMPLES = 10


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has been done so far."""

    rows: int = 0
    """Rows read."""
    bad: int = 0
    """Those without a price."""
    resumed: int = 0
    """Rows of chunks that an earlier run has finished."""
    examples: list[str] = field(default_factory=list)
    """What is wrong with some of the bad rows."""

    def add(self, chunk: dict[str, Any]) -> None:
        """Add a chunk; its first bad row becomes an example."""
        if chunk["bad"] and len(self.examples) < _EXAMPLES:
            self.examples.append(f"row {self.rows + chunk['first'] + 1}: {chunk['example']}")
        self.rows += chunk["rows"]
        self.bad += chunk["bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A table that is scored."""

    source: Source
    """The input."""
    scorer: Scorer
    """The model."""
    chunk_rows: int
    """How many rows are scored at once, and lost when a run is stopped."""
    bad_rows: BadRows
    """What becomes of bad rows."""
    progress: Callable[[Tally], object]
    """Called after each chunk."""

    def to_file(self, output: PartialOutput) -> Tally:
        """Score the table into a file, going on where an earlier run was stopped.

        Raises:
            ScoringError: the input cannot be read, the output not written, or a row is bad and none may be.
        """
        tally, count = Tally(), 0
        for count, table in enumerate(self._chunks(), 1):
            if (done := output.tally(count - 1)) is not None:
                tally.resumed += done["rows"]
            else:
                scored = self._score(table, tally)
                done = _summary(scored)
                output.write(count - 1, scored.table, done)
            tally.add(done)
            self.progress(tally)
        output.finish(count)
        return tally

    def to_stream(self, stream: IO[bytes]) -> Tally:
        """Score the table into a stream, as CSV.

        Raises:
            ScoringError: the input cannot be read, or a row is bad and none may be.
        """
        tally = Tally()
        for number, table in enumerate(self._chunks()):
            scored = self._score(table, tally)
            write_csv(scored.table, stream, header=number == 0)
            tally.add(_summary(scored))
            self.progress(tally)
        return tally

    def _chunks(self) -> Iterator[pa.Table]:
        taken = sorted(set(self.source.schema.names) & set(RESULT_FIELDS.names))
        if taken:
            raise UnreadableTable(
                f"columns have the names of result columns: {', '.join(taken)}; rename or remove them"
            )
        empty = True
        for table in chunks(self.source, self.chunk_rows):
            empty = False
            yield table
            # Allocators keep what a chunk has freed, in more and more pieces.
            pa.default_memory_pool().release_unused()
            release_freed_memory()
        if empty:  # the output has a header all the same
            yield self.source.schema.empty_table()

    def _score(self, table: pa.Table, tally: Tally) -> ScoredChunk:
        scored = self.scorer.score(table)
        if scored.bad and self.bad_rows is BadRows.FAIL:
            raise ScoringError(f"row {tally.rows + scored.first + 1}: {scored.example}")
        return scored


def _summary(chunk: ScoredChunk) -> dict[str, Any]:
    return {"rows": chunk.rows, "bad": chunk.bad, "first": chunk.first, "example": chunk.example}


def identity(name: str) -> dict[str, object]:
    """Return what tells an input from others: its path, size and time of change."""
    if name == STANDARD_STREAM:
        return {"input": name}
    with suppress(OSError):
        status = Path(name).stat()
        return {"input": str(Path(name).absolute()), "bytes": status.st_size, "changed": status.st_mtime_ns}
    return {"input": name}


def standard_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Return standard input and output, as bytes."""
    return sys.stdin.buffer, sys.stdout.buffer
