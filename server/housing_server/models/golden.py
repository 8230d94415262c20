"""Asking a loaded model again what it was asked when it was made."""

from pathlib import Path

import numpy as np

from housing.golden import FILE, GoldenRequests
from housing_server.core.model import PriceModel
from housing_server.errors import ModelRejected

TOLERANCE_USD = 5.0
"""The most that an answer may differ. Training lets a graph differ by 1 USD from its pipeline; another processor or
another ONNX Runtime may round the last bits otherwise; a model that is broken is off by thousands."""


def read_golden(folder: Path) -> GoldenRequests | None:
    """Read the golden requests in a model's folder; None when it came without.

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
    """Replay the golden requests in a model's folder, as one batch.

    Returns:
        How many there are; 0 when the model came without.

    Raises:
        ModelRejected: they cannot be read, or an answer is not the one on record.
    """
    golden = read_golden(folder)
    if golden is None:
        return 0
    expected = np.array(golden.prices)
    try:
        answered = model.estimate(np.array(golden.rows())).median_house_value
    except Exception as error:  # whatever a foreign model raises, it cannot be served
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
