"""Training a network in NumPy: gradients, AdamW, and an average of the weights on the way.

It is a hundred lines instead of a framework of hundreds of megabytes. A network is trained on one thread of linear
algebra, so two are trained at once, each the same on each run. Other processors sum in another order; what differs is
in the last digits at first, and training spreads it: see docs/training.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from housing_training.params.schema import NetworkParams
from housing_training.student.network import Network, Single, sigmoid

WARM_UP = 0.15
"""Share of the steps in which the learning rate rises."""
START, END = 0.1, 0.001
"""Learning rate of the first and of the last step, as parts of the greatest."""
MOMENTUM, SCALING = 0.9, 0.99
"""How slowly AdamW forgets gradients, and their squares."""
LARGEST_GRADIENT = 1.0
"""Longer gradients are shortened to this length."""
TINY = 1e-8
"""Keeps AdamW from dividing by zero."""
PAIRS = 64
"""Rows of each step whose first output is compared at two values of the column that it should rise with."""

Kept = list[tuple[Single, Single, Single]]
"""Of each hidden layer: what it read, its sigmoids, and what it wrote; of the last layer what it read, three times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """What a network learns from."""

    columns: Single
    """What it reads, shape (n, columns)."""
    targets: Single
    """What it is to compute, shape (n, outputs)."""
    weights: Single
    """How much each squared error counts, shape (n, outputs), or (outputs,) for all rows alike."""

    def weights_of(self, rows: npt.NDArray[np.intp]) -> Single:
        """Return the weights of some rows, shape (m, outputs), or (outputs,) for all alike."""
        return self.weights if self.weights.ndim == 1 else self.weights[rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rising:
    """A column that the first output should rise with, whatever the other columns are."""

    column: int
    """Its number among those read."""
    steps: Single
    """Pairs of values of it, the lower one first, shape (steps, 2)."""


def train_network(
    params: NetworkParams,
    lessons: Lessons,
    rng: np.random.Generator,
    advance: Callable[[], object],
    rising: Rising | None = None,
) -> Network:
    """Train a network by stochastic gradient descent.

    Args:
        params: its shape, and how it is trained.
        lessons: what it learns from.
        rng: what all is drawn from.
        advance: called after each epoch.
        rising: what the first output should rise with; falls count `params.fall_weight` times their square.

    Returns:
        A network with the average of the weights.
    """
    network = Network.drawn((lessons.columns.shape[1], *params.hidden, lessons.targets.shape[1]), rng)
    descent, average = _Descent(network, params, rising, rng), network.weights.copy()
    steps = len(lessons.columns) // params.batch
    rates = learning_rates(params, steps * params.epochs).reshape(params.epochs, steps)
    for epoch in range(params.epochs):
        order = rng.permutation(len(lessons.columns))[: steps * params.batch].reshape(steps, params.batch)
        for rows, rate in zip(order, rates[epoch], strict=True):
            columns = _noisy(lessons.columns[rows], params.noise, rng)
            descent.step(columns, lessons.targets[rows], lessons.weights_of(rows), rate)
            average += np.float32(1 - params.averaging) * (network.weights - average)
        if epoch == 0:
            average[:] = network.weights
        advance()
    return Network(network.widths, average)


def learning_rates(params: NetworkParams, steps: int) -> npt.NDArray[np.float32]:
    """Return the learning rate of each step: up along a cosine, and down again."""
    up = round(WARM_UP * steps)
    rise = START + (1 - START) * (1 - np.cos(np.pi * np.arange(up) / max(up, 1))) / 2
    fall = END + (1 - END) * (1 + np.cos(np.pi * np.arange(steps - up) / max(steps - up, 1))) / 2
    return (params.learning_rate * np.concatenate([rise, fall])).astype(np.float32)


class _Descent:
    """AdamW (Loshchilov and Hutter 2019) with gradients of bounded length; offsets do not decay."""

    def __init__(
        self, network: Network, params: NetworkParams, rising: Rising | None, rng: np.random.Generator
    ) -> None:
        self._network, self._steps, self._rising, self._rng = network, 0, rising, rng
        self._fall_weight = np.float32(2 * params.fall_weight / PAIRS)
        self._gradient, self._decay = (network.like() for _ in range(2))
        self._mean, self._square = np.zeros_like(network.weights), np.zeros_like(network.weights)
        for matrix, _ in self._decay.layers:
            matrix[:] = params.weight_decay

    def step(self, columns: Single, targets: Single, weights: Single, rate: np.float32) -> None:
        """Move the network's weights against the gradient of the weighted squared error of some rows, and of falls."""
        higher, lower = self._falls(columns[:PAIRS])
        kept, outputs = _forward(self._network, np.concatenate([columns, higher, lower]))
        slopes, ends = np.zeros_like(outputs), (len(columns), len(columns) + len(higher))
        of_rows, of_higher, of_lower = (slice(*each) for each in zip((0, *ends), (*ends, len(outputs)), strict=True))
        slopes[of_rows] = (outputs[of_rows] - targets) * weights * np.float32(2 / len(columns))
        slopes[of_higher, 0] = (outputs[of_higher, 0] - outputs[of_lower, 0]) * self._fall_weight
        slopes[of_lower, 0] = -slopes[of_higher, 0]
        _backward(self._network, kept, slopes, self._gradient)
        self._move(_shortened(self._gradient.weights), rate)

    def _falls(self, columns: Single) -> tuple[Single, Single]:
        """Return rows at both ends of a step up along which the first output falls: where it falls from, and to."""
        if self._rising is None:
            return columns[:0], columns[:0]
        steps = self._rising.steps[self._rng.integers(0, len(self._rising.steps), len(columns))]
        before, after = columns.copy(), columns.copy()
        before[:, self._rising.column], after[:, self._rising.column] = steps.T
        falls = self._network(before)[:, 0] > self._network(after)[:, 0]
        return before[falls], after[falls]

    def _move(self, gradient: Single, rate: np.float32) -> None:
        self._steps += 1
        self._mean += np.float32(1 - MOMENTUM) * (gradient - self._mean)
        self._square += np.float32(1 - SCALING) * (gradient * gradient - self._square)
        size = np.sqrt(self._square * np.float32(1 / (1 - SCALING**self._steps))) + np.float32(TINY)
        update = self._mean * np.float32(1 / (1 - MOMENTUM**self._steps)) / size
        self._network.weights -= rate * (update + self._decay.weights * self._network.weights)


def _noisy(columns: Single, noise: float, rng: np.random.Generator) -> Single:
    if not noise:
        return columns
    return columns + np.float32(noise) * rng.standard_normal(columns.shape, np.float32)


def _shortened(gradient: Single) -> Single:
    length = float(np.sqrt(np.dot(gradient, gradient)))
    if length > LARGEST_GRADIENT:
        gradient *= np.float32(LARGEST_GRADIENT / length)
    return gradient


def _forward(network: Network, columns: Single) -> tuple[Kept, Single]:
    kept = []
    for matrix, offsets in network.layers[:-1]:
        written = columns @ matrix
        written += offsets
        gates = sigmoid(written)
        written *= gates
        kept.append((columns, gates, written))
        columns = written
    matrix, offsets = network.layers[-1]
    kept.append((columns, columns, columns))
    return kept, columns @ matrix + offsets


def _backward(network: Network, kept: Kept, errors: Single, gradient: Network) -> None:
    """Write the gradient of a loss from its derivatives by the outputs, shape (n, outputs)."""
    for at in range(len(kept) - 1, -1, -1):
        read, gates, written = kept[at]
        if at < len(kept) - 1:
            # The derivative of z s(z) is s + z s (1 - s), and z s is what was written.
            slope = np.subtract(1, gates)
            slope *= written
            slope += gates
            errors *= slope
        np.matmul(read.T, errors, out=gradient.layers[at][0])
        np.sum(errors, axis=0, out=gradient.layers[at][1])
        if at:
            errors = errors @ network.layers[at][0].T
