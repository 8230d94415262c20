"""Scoring of a whole table: chunk by chunk, in bounded memory."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

import pyarrow as pa

from housing_server.errors import ScoringError, UnreadableTable
from housing_server.scoring.engine import Engine
from housing_server.scoring.parts import PartialOutput, write_csv
from housing_server.scoring.reading import STANDARD_STREAM, Source, chunks
from housing_server.scoring.scoring import RESULT_FIELDS, BadRows, ScoredChunk
from housing_server.system.memory import release_freed_memory

_EXAMPLES = 10

_Result = TypeVar("_Result")
_Summary = dict[str, Any]
"""What is kept of a finished chunk: fields of `ScoredChunk` without its table."""


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

    def add(self, chunk: _Summary) -> None:
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
    engine: Engine
    """What scores its chunks."""
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
        for count, (table, done) in enumerate(self._in_order(self._unless_finished(output)), 1):
            if table is None:
                tally.resumed += done["rows"]
            else:
                self._allow(done, tally)
                output.write(count - 1, table, done)
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
        for number, chunk in enumerate(self._in_order(map(self.engine.submit, self._chunks()))):
            done = _summary(chunk)
            self._allow(done, tally)
            write_csv(chunk.table, stream, header=number == 0)
            tally.add(done)
            self.progress(tally)
        return tally

    def _unless_finished(self, output: PartialOutput) -> Iterator[Callable[[], tuple[pa.Table | None, _Summary]]]:
        """Yield what returns a chunk with its results and their summary; None and the summary if it is finished."""
        for number, table in enumerate(self._chunks()):
            if (done := output.tally(number)) is not None:
                yield partial(_finished, done)
            else:
                yield partial(_awaited, self.engine.submit(table))

    def _in_order(self, calls: Iterator[Callable[[], _Result]]) -> Iterator[_Result]:
        """Yield the results of calls; more of them have begun than the engine can work on, so that it never waits."""
        begun: deque[Callable[[], _Result]] = deque()
        for call in calls:
            begun.append(call)
            while len(begun) > self.engine.ahead:
                yield begun.popleft()()
        while begun:
            yield begun.popleft()()

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

    def _allow(self, done: _Summary, tally: Tally) -> None:
        if done["bad"] and self.bad_rows is BadRows.FAIL:
            raise ScoringError(f"row {tally.rows + done['first'] + 1}: {done['example']}")


def _summary(chunk: ScoredChunk) -> _Summary:
    return {"rows": chunk.rows, "bad": chunk.bad, "first": chunk.first, "example": chunk.example}


def _finished(done: _Summary) -> tuple[None, _Summary]:
    return None, done


def _awaited(scored: Callable[[], ScoredChunk]) -> tuple[pa.Table, _Summary]:
    chunk = scored()
    return chunk.table, _summary(chunk)


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
