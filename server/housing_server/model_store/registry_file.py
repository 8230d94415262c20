"""The file of a SQLite registry, without MLflow."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

_PATIENCE_SECONDS = 10.0
"""How long an access waits for others."""


@contextmanager
def opened(path: Path, mode: Literal["ro", "rw"] = "ro") -> Iterator[sqlite3.Connection]:
    """Open a registry that exists, to read it or to change it; raises sqlite3.Error when that is not possible."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    with closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE_SECONDS)) as database:
        yield database
