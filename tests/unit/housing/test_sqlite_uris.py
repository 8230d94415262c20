"""URLs of SQLite files."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from housing.sqlite_uris import sqlite_path, sqlite_uri

NAMES = ["plain", "with blanks", "50%", "a%20b", "what?", "a?b=c%3Fd", "#1", "ünïcode"]


@pytest.mark.parametrize("name", NAMES)
def test_any_path_can_be_named(tmp_path: Path, name: str) -> None:
    """SQLAlchemy makes the file where it should be, and we find it there."""
    folder = tmp_path / name
    folder.mkdir()
    uri = sqlite_uri(folder / "file.db")
    engine = create_engine(uri)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE things (id INTEGER)"))
    engine.dispose()
    assert (folder / "file.db").exists()
    assert sqlite_path(uri) == folder / "file.db"


def test_other_urls_name_no_file() -> None:
    """They are of servers."""
    assert sqlite_path("http://127.0.0.1:5000") is None
    assert sqlite_path("postgresql://somewhere/else") is None
