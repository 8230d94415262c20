"""Which URLs can be the store's."""

from pathlib import Path

import pytest

from housing.sqlite_uris import sqlite_uri
from housing_server.errors import InvalidSettings
from housing_server.prediction_log.engine import open_engine
from housing_server.prediction_log.store import PredictionStore


@pytest.mark.parametrize(
    "url",
    [
        "",
        "predictions.db",
        "/var/predictions.db",
        "mysql://user:s3cret@host/database",
        "sqlite+aiosqlite:///predictions.db",
        "sqlite://",
        "sqlite:///:memory:",
        "https://user:s3cret@host/database",
        "postgresql://user:s3cret@host:port/database",
    ],
)
def test_url_that_cannot_be_the_store_is_refused_in_one_line(url: str) -> None:
    """The line names the setting and repeats no password."""
    with pytest.raises(InvalidSettings, match=r"\AHOUSING_PREDICTION_LOG: .+\Z") as raised:
        open_engine(url)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_may_be_spelt_as_usual(scheme: str) -> None:
    """Which driver is used need not be known."""
    assert open_engine(f"{scheme}://host/database").url.drivername == "postgresql+psycopg"


def test_folder_of_the_file_is_made(tmp_path: Path) -> None:
    """A first start finds no folder."""
    path = tmp_path / "state/log/predictions.db"
    PredictionStore.open(f"sqlite:///{path}").close()
    assert path.exists()


@pytest.mark.parametrize("name", ["with blanks", "50%", "a%20b", "what?", "a?b=c", "#1"])
def test_file_may_lie_in_any_folder(tmp_path: Path, name: str) -> None:
    """Nothing in its path is read as a part of the URL."""
    path = tmp_path / name / "predictions.db"
    PredictionStore.open(sqlite_uri(path)).close()
    assert path.exists()
