"""A model as something that can be sent to another machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from housing_server.core.model import PriceModel
from housing_server.models.loading import load_model


class Loadable(Protocol):
    """A model that can be sent to another process."""

    def load(self) -> PriceModel:
        """Return the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedModel:
    """The files of a fetched model, which the receiver checks and loads as a server would."""

    files: dict[str, bytes]
    """Contents by path within the model's folder."""
    allow_pyfunc: bool
    """Whether models that run code of their own when loaded are allowed."""

    @classmethod
    def of(cls, folder: Path, *, allow_pyfunc: bool) -> ShippedModel:
        """Read a fetched model."""
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return cls(files=files, allow_pyfunc=allow_pyfunc)

    def load(self) -> PriceModel:
        """Return the model, loaded and checked.

        Raises:
            ModelRejected: its files are damaged, or do not fit this installation.
        """
        with TemporaryDirectory(prefix="housing-model-") as name:
            for relative, content in self.files.items():
                path = Path(name) / relative
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            return load_model(Path(name), allow_pyfunc=self.allow_pyfunc).predictor
