"""The background of a model's explanations, read from the model's folder."""

from pathlib import Path

from housing.background import FILE, Background
from housing_server.errors import ModelRejected


def read_background(folder: Path) -> Background | None:
    """Read the background from a model's folder; None when the model was registered without one.

    Raises:
        ModelRejected: it cannot be read, or does not contain block groups.
    """
    path = folder / FILE
    try:
        return Background.from_json(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ModelRejected(f"{path} cannot be read: {error}") from error
