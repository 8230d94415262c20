"""A small network in NumPy: matrix products with SiLU between them, all in float32."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Self

import numpy as np
import numpy.typing as npt

Single = npt.NDArray[np.float32]

LARGEST_EXPONENT = np.float32(88.0)
"""A greater one has no exponential in float32."""
AT_ONCE = 4096
"""Rows whose outputs are computed at once: few enough for the processor's cache, whatever the number of rows."""


class Network:
    """Weights of a network, all in one vector, and what they compute."""

    def __init__(self, widths: tuple[int, ...], weights: Single) -> None:
        self.widths = widths
        """Columns read, of each hidden layer, and written."""
        self.weights = weights
        """All matrices and offsets, one after the other."""
        self.layers = list(_layers(widths, weights))
        """A matrix, shape (columns in, columns out), and offsets, shape (columns out,), of each layer: views."""

    @classmethod
    def drawn(cls, widths: tuple[int, ...], rng: np.random.Generator) -> Self:
        """Draw a network to begin with."""
        count = sum((below + 1) * above for below, above in pairwise(widths))
        network = cls(widths, np.zeros(count, np.float32))
        for matrix, offsets in network.layers:
            matrix[:] = rng.standard_normal(matrix.shape) * np.sqrt(2 / len(matrix))
            offsets[:] = 0.1 * rng.standard_normal(offsets.shape)
        network.layers[-1][0][:] *= 0.1
        network.layers[-1][1][:] = 0
        return network

    def like(self) -> "Network":
        """Return a network of the same shape, all of whose weights are 0."""
        return Network(self.widths, np.zeros_like(self.weights))

    def __call__(self, columns: Single) -> Single:
        """Compute the outputs of rows, shape (n, columns): shape (n, outputs)."""
        parts = range(0, max(len(columns), 1), AT_ONCE)
        return np.concatenate([self._outputs(columns[at : at + AT_ONCE]) for at in parts])

    def _outputs(self, columns: Single) -> Single:
        for matrix, offsets in self.layers[:-1]:
            columns = columns @ matrix + offsets
            columns = columns * sigmoid(columns)
        matrix, offsets = self.layers[-1]
        outputs: Single = columns @ matrix + offsets
        return outputs


def _layers(widths: tuple[int, ...], weights: Single) -> Iterator[tuple[Single, Single]]:
    at = 0
    for below, above in pairwise(widths):
        matrix, offsets = weights[at : at + below * above], weights[at + below * above : at + (below + 1) * above]
        yield matrix.reshape(below, above), offsets
        at += (below + 1) * above


def sigmoid(values: Single) -> Single:
    """Compute 1 / (1 + exp(-value)) of each value."""
    result: Single = np.negative(values)
    np.minimum(result, LARGEST_EXPONENT, out=result)
    np.exp(result, out=result)
    result += 1
    np.reciprocal(result, out=result)
    return result
