"""Golden requests: replays the requests recorded with a model, and compares the answers."""

from pathlib import Path

import numpy as np

from housing.golden import FILE, GoldenRequests
from housing_server.core.model import PriceModel
from housing_server.errors import ModelRejected

TOLERANCE_USD = 5.0
"""The largest difference allowed. Training allows a graph to differ by 1 USD from its pipeline; another processor or
version of ONNX Runtime may round differently; a broken model is off by thousands."""


def read_golden(folder: Path) -> GoldenRequests | None:
    """Read the golden requests from a model's folder; None when it has none.

    Raises:
        ModelRejected: they cannot be read.
    """
    try:
        return GoldenRequests.from_json((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ModelRejected(f"{folder / FILE} cannot be read: {error}") from error


def replay(model: PriceModel, folder: Path) -> int:
    """Replay the golden requests of a model, as one batch.

    Returns:
        Their number; 0 when the model has none.

    Raises:
        ModelRejected: they cannot be read, or an answer differs from the recorded one.
    """
    golden = read_golden(folder)
    if golden is None:
        return 0
    expected = np.array(golden.prices)
    try:
        answered = model.estimate(np.array(golden.rows())).median_house_value
    except Exception as error:  # a model may raise anything; it cannot be served
        raise ModelRejected(f"version {model.description.version} fails on its golden requests: {error}") from error
    difference = np.abs(answered - expected)
    # Written so that NaN counts as different.
    if wrong := np.flatnonzero(~(difference <= TOLERANCE_USD)).tolist():
        raise ModelRejected(
            f"version {model.description.version} does not reproduce {len(wrong)} of its {len(expected)} golden "
            f"requests: it is off by {difference[wrong[0]]:,.2f} USD for number {wrong[0]}, "
            f"at most {TOLERANCE_USD} is allowed"
        )
    return len(expected)
