"""URLs of SQLite files as SQLAlchemy and MLflow read them, whatever the path of the file holds."""

from pathlib import Path
from urllib.parse import unquote

_PREFIX = "sqlite:///"


def sqlite_uri(path: Path) -> str:
    """Make the URL of a file; what SQLAlchemy would read in another way in its path is encoded."""
    return _PREFIX + str(path.absolute()).replace("%", "%25").replace("?", "%3F")


def sqlite_path(uri: str) -> Path | None:
    """Find the file that a URL names; None when it is no URL of a SQLite file."""
    if not uri.startswith(_PREFIX):
        return None
    return Path(unquote(uri.removeprefix(_PREFIX).partition("?")[0]))
