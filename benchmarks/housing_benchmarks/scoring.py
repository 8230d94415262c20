"""Scoring of files: rows a second by engine and by number of workers, and memory meanwhile."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

from housing.features import FEATURE_NAMES
from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.processes import HOUSING, Server, usage_of
from housing_benchmarks.programs import ROOT, last_lines
from housing_benchmarks.registry import Registry, find_registry

_ROWS = ROOT / "data/processed/test.parquet"
_LOOK_SECONDS = 0.25
_SUMMARY = re.compile(r"([\d,]+) scored, 0 bad; ([\d,]+) rows a second")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One run of `housing score`."""

    engine: str
    workers: int
    """Threads of this machine's engine, processes of Ray's."""
    rows: int
    """How many have a price."""
    rows_a_second: float
    """From the first read to the whole output, without the start of the engine."""
    seconds: float
    """With it."""
    cpu_seconds: float
    """Of all its processes that lived to the end of it."""
    rss_bytes: Sequence[int]
    """The most that its processes held in the first and in the second half of the run; shared pages count for each."""


def score(rows: int, engines: Sequence[str], workers: Sequence[int]) -> Iterator[Scored]:
    """Score a Parquet file of so many rows by each engine with each number of workers.

    Raises:
        BenchmarkError: there is no data or no model, or the command fails.
    """
    registry = find_registry()
    with TemporaryDirectory(prefix="housing-scoring-") as name:
        source = Path(name) / "in.parquet"
        _write(source, rows)
        for engine in engines:
            for count in workers:
                yield _score(engine, count, source, registry)


def _score(engine: str, workers: int, source: Path, registry: Registry) -> Scored:
    output, log = source.with_name("out.parquet"), source.with_name("log")
    option = "--workers" if engine == "ray" else "--threads"
    command = [*HOUSING, "score", str(source), str(output), "--engine", engine, option, str(workers), "--restart"]
    began = time.monotonic()
    held, cpu_seconds = _watched(command, registry, log)
    text = log.read_text("utf-8", "replace")
    if (summary := _SUMMARY.search(text)) is None:
        raise BenchmarkError(f"housing score has failed: {last_lines(text)}")
    return Scored(
        engine=engine,
        workers=workers,
        rows=_number(summary[1]),
        rows_a_second=_number(summary[2]),
        seconds=time.monotonic() - began,
        cpu_seconds=cpu_seconds,
        rss_bytes=[max(held[: len(held) // 2 + 1]), max(held[len(held) // 2 :])],
    )


def _watched(command: Sequence[str], registry: Registry, log: Path) -> tuple[list[int], float]:
    """Run a command; return the resident bytes of its processes at each look, and their processor seconds."""
    held, cpu_seconds = [0], 0.0
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, env=os.environ | registry.environment, stderr=errors) as process,
    ):
        server = Server(pid=process.pid, log=log, ready_seconds=0)
        while process.poll() is None:
            usage = usage_of([server])
            held.append(usage.rss_bytes)
            cpu_seconds = max(cpu_seconds, usage.cpu_seconds)
            time.sleep(_LOOK_SECONDS)
    return held, cpu_seconds


def _write(path: Path, rows: int) -> None:
    """Write a table of so many rows: those of the test table, again and again."""
    table = pq.read_table(_ROWS, columns=list(FEATURE_NAMES))
    with pq.ParquetWriter(path, table.schema) as writer:
        for start in range(0, rows, len(table)):
            writer.write_table(table.slice(0, rows - start))


def _number(text: str) -> int:
    return int(text.replace(",", ""))
