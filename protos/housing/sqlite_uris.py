"""URLs of SQLite files for SQLAlchemy and MLflow, for any path."""

from pathlib import Path
from urllib.parse import unquote

_PREFIX = "sqlite:///"


def sqlite_uri(path: Path) -> str:
    """Return the URL of a file; characters of its path that SQLAlchemy would interpret are encoded."""
    return _PREFIX + str(path.absolute()).replace("%", "%25").replace("?", "%3F")


def sqlite_path(uri: str) -> Path | None:
    """Return the file that a URL names; None if it is not the URL of a SQLite file."""
    if not uri.startswith(_PREFIX):
        return None
    return Path(unquote(uri.removeprefix(_PREFIX).partition("?")[0]))
