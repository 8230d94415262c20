"""Scoring on a Ray cluster: this process reads and writes the tables, and tasks of the cluster score their chunks.

Tables cross machines in Arrow's own format. A task whose process or machine dies runs again somewhere else, from the
same chunk; as only this process writes, and each chunk once, no row is lost or written twice.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import ray
from ray import exceptions

from housing_server.errors import ClusterUnavailable, ScoringFailed, ServingError
from housing_server.scoring.scoring import BadRows, ScoredChunk, Scorer
from housing_server.scoring.shipped import Loadable

_RETRIES = 3
"""How often a chunk is scored again after the process or the machine that scored it died."""
_LEAST_AHEAD = 4
_CONNECT_SECONDS = 10.0
_THIS_MACHINE = "local"
_LOOPBACK = "127.0.0.1"


@contextmanager
def ray_cluster(address: str | None, workers: int | None = None) -> Iterator[None]:
    """Connect to a Ray cluster.

    Args:
        address: host and port of its head; None starts one on this machine.
        workers: how many processes score in one that is started here; None for one a processor.

    Raises:
        ClusterUnavailable: it does not answer, or is of another version.
    """
    if address:
        _reach(address)
    with TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        own = {"_node_ip_address": _LOOPBACK, "include_dashboard": False, "_temp_dir": folder, "num_cpus": workers}
        options = {"address": address} if address else {"address": _THIS_MACHINE, **own}
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
        except Exception as error:  # Ray raises just that when it has not started within its 30 seconds
            place = f"the Ray cluster at {address}" if address else "a Ray cluster on this machine"
            raise ClusterUnavailable(f"{place} cannot be used: {_first_line(error)}") from error
        try:
            yield
        finally:
            ray.shutdown()


def _reach(address: str) -> None:
    """Raise `ClusterUnavailable` if nothing listens there: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS):
            pass
    except (OSError, ValueError) as error:
        raise ClusterUnavailable(f"the Ray cluster at {address} cannot be reached: {error}") from error


class RayEngine:
    """Scores chunks on the cluster that this process is connected to, as many at a time as it has processors."""

    def __init__(self, model: Loadable, bad_rows: BadRows, *, threads: int = 1) -> None:
        """Send a model to the cluster.

        Args:
            model: it is loaded once in each process of the cluster.
            bad_rows: what becomes of bad rows.
            threads: processors of one machine that each chunk is scored on.
        """
        self._threads = threads
        self._job = _Job(bad_rows=bad_rows, threads=threads, model=ray.put(model))
        self._task = ray.remote(num_cpus=threads, max_retries=_RETRIES)(_score)

    @property
    def ahead(self) -> int:
        """Two chunks for each that can be scored at a time: what is read while others are scored."""
        processors = int(ray.cluster_resources().get("CPU", 0))  # which may grow
        return max(_LEAST_AHEAD, 2 * processors // self._threads)

    def submit(self, table: pa.Table) -> Callable[[], ScoredChunk]:
        """Send a chunk to the cluster; return what waits for its results.

        The latter raises:
            ScoringFailed: it has failed there, or every process that scored it has died.
        """
        return partial(_result, self._task.remote(self._job, _packed(table)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What all tasks of a run have in common."""

    bad_rows: BadRows
    threads: int
    model: Any
    """Reference to a `Loadable` in the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packed:
    """A `ScoredChunk` on its way between processes."""

    table: pa.Buffer
    rows: int
    bad: int
    first: int
    example: str


_scorers: dict[Any, Scorer] = {}
"""In a process of the cluster: the scorer of the run that it works for. Ray keeps processes for one run only."""


def _score(job: _Job, table: pa.Buffer) -> _Packed:
    """Score a chunk, in a process of the cluster."""
    if (scorer := _scorers.get(job.model)) is None:
        scorer = Scorer(ray.get(job.model).load(), ThreadPoolExecutor(job.threads), job.bad_rows)
        _scorers[job.model] = scorer
    scored = scorer.score(_unpacked(table))
    return _Packed(
        table=_packed(scored.table), rows=scored.rows, bad=scored.bad, first=scored.first, example=scored.example
    )


def _result(reference: Any) -> ScoredChunk:
    try:
        packed: _Packed = ray.get(reference)
    except exceptions.RayTaskError as error:
        raise ScoringFailed(f"a process of the Ray cluster has failed: {_described(error)}") from error
    except exceptions.RayError as error:
        raise ScoringFailed(f"the Ray cluster has lost a chunk: {_first_line(error)}") from error
    return ScoredChunk(
        table=_unpacked(packed.table), rows=packed.rows, bad=packed.bad, first=packed.first, example=packed.example
    )


def _packed(table: pa.Table) -> pa.Buffer:
    """Return a table in Arrow's format for streams; of a slice only its own rows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _unpacked(buffer: pa.Buffer) -> pa.Table:
    with pa.ipc.open_stream(buffer) as reader:
        return reader.read_all()


def _described(error: exceptions.RayTaskError) -> str:
    cause = error.cause
    return str(cause) if isinstance(cause, ServingError) else f"{type(cause).__name__}: {_first_line(cause)}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
