"""Output that is whole or not there: finished chunks are kept beside it, for a run that was stopped to go on with.

`OUT.partial/` holds a file for each finished chunk and `run.json`, which names what they were made from. When the last
one is done they are joined into one file, which then gets its final name.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from housing_server.errors import UnwritableOutput
from housing_server.scoring.reading import PARQUET_SUFFIXES

_RUN = "run.json"


class PartialOutput:
    """The output of a run, chunk by chunk."""

    def __init__(self, path: Path, run: Mapping[str, object], *, restart: bool = False) -> None:
        """Begin a run, or go on with it.

        Args:
            path: of the whole output.
            run: what it is made from; another run's chunks are of no use.
            restart: whether to begin anew in any case.

        Raises:
            UnwritableOutput: chunks of another run are there, or the folder is not writable.
        """
        self._path = path
        self._folder = path.with_name(f"{path.name}.partial")
        self._is_parquet = path.suffix.lower() in PARQUET_SUFFIXES
        try:
            self._begin(dict(run), restart)
        except OSError as error:
            raise UnwritableOutput(f"{self._folder} cannot be written: {error.strerror or error}") from error

    def tally(self, chunk: int) -> dict[str, Any] | None:
        """Return what `write` was given about a finished chunk; None if it is not finished."""
        try:
            found: dict[str, Any] = json.loads((self._folder / f"{chunk:06}.json").read_text("utf-8"))
        except FileNotFoundError:
            return None
        return found

    def write(self, chunk: int, table: pa.Table, tally: Mapping[str, object]) -> None:
        """Write a chunk; it is finished when its tally is there, which is written last.

        Raises:
            UnwritableOutput: the disk is full, for example.
        """
        try:
            part = self._folder / f"{chunk:06}.part"
            if self._is_parquet:
                pq.write_table(table, part, compression="zstd")
            else:
                with part.open("wb") as file:
                    write_csv(table, file, header=chunk == 0)
            _write_whole(self._folder / f"{chunk:06}.json", json.dumps(dict(tally)))
        except OSError as error:
            raise UnwritableOutput(f"{self._folder} cannot be written: {error.strerror or error}") from error

    def finish(self, chunks: int) -> None:
        """Join all chunks into the output, and remove them.

        Raises:
            UnwritableOutput: it cannot be written.
        """
        parts = [self._folder / f"{chunk:06}.part" for chunk in range(chunks)]
        whole = self._folder / "whole"
        try:
            if self._is_parquet:
                _join_parquet(parts, whole)
            else:
                _join(parts, whole)
            whole.replace(self._path)
            shutil.rmtree(self._folder)
        except OSError as error:
            raise UnwritableOutput(f"{self._path} cannot be written: {error.strerror or error}") from error

    def _begin(self, run: dict[str, object], restart: bool) -> None:
        described = json.dumps(run, sort_keys=True)
        record = self._folder / _RUN
        if restart:
            shutil.rmtree(self._folder, ignore_errors=True)
        if record.exists() and record.read_text("utf-8") != described:
            raise UnwritableOutput(
                f"{self._folder} was made from another input, by another model or with other options: "
                "remove it, or begin anew with --restart"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        _write_whole(record, described)


def write_csv(table: pa.Table, file: IO[bytes], *, header: bool) -> None:
    """Write a table as CSV."""
    pyarrow.csv.write_csv(table, file, pyarrow.csv.WriteOptions(include_header=header))


def _write_whole(path: Path, text: str) -> None:
    scratch = path.with_suffix(".new")
    scratch.write_text(text, "utf-8")
    scratch.replace(path)


def _join(parts: list[Path], whole: Path) -> None:
    with whole.open("wb") as output:
        for part in parts:
            with part.open("rb") as file:
                shutil.copyfileobj(file, output, 1 << 20)


def _join_parquet(parts: list[Path], whole: Path) -> None:
    with pq.ParquetWriter(whole, pq.read_schema(parts[0]), compression="zstd") as writer:
        for part in parts:
            writer.write_table(pq.read_table(part))
