"""Files of the served model that somebody has deleted."""

import asyncio
from pathlib import Path

import pytest

from housing_server.errors import RegistryUnavailable
from housing_server.model_store.checksums import write_checksums
from housing_server.model_store.restoring import ModelRestorer
from supervision_fakes import Surroundings


class Source:
    """A registry that has the files, or is down."""

    down = False

    async def restore(self, folder: Path) -> None:
        """Write the files."""
        if self.down:
            raise RegistryUnavailable("the registry is down")
        await asyncio.to_thread(write_model, folder)


def write_model(folder: Path) -> None:
    """Write the files of a model."""
    folder.mkdir(exist_ok=True)
    (folder / "model.onnx").write_text("graph")
    write_checksums(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the served model."""
    write_model(tmp_path / "1-a")
    return tmp_path / "1-a"


async def test_deleted_files_are_fetched_again(folder: Path) -> None:
    """Whichever of them; as long as all are there nothing is done."""
    around = Surroundings()
    restorer = ModelRestorer(Source(), around.log)
    assert await restorer.restore()  # nothing is served yet
    restorer.served = folder
    for name in ("model.onnx", "SHA256SUMS"):
        assert await restorer.restore()
        (folder / name).unlink()
        assert await restorer.restore()
        assert (folder / name).exists()
    assert around.events("info") == ["the served model was fetched again"] * 2


async def test_registry_that_is_down_is_logged_and_asked_again(folder: Path) -> None:
    """Workers that run go on serving."""
    around, source = Surroundings(), Source()
    restorer = ModelRestorer(source, around.log)
    restorer.served = folder
    (folder / "model.onnx").unlink()
    source.down = True
    assert not await restorer.restore()
    assert "the served model cannot be fetched; workers cannot be restarted" in around.events("error")
    source.down = False
    assert await restorer.restore()
