"""A network: what it computes, its gradients, and how it is trained."""

import numpy as np
import pytest

from housing_training.params.schema import NetworkParams
from housing_training.student.network import AT_ONCE, Network, sigmoid
from housing_training.student.network_training import (
    Lessons,
    Rising,
    _backward,
    _forward,
    learning_rates,
    train_network,
)

PARAMS = NetworkParams(hidden=(12, 8), epochs=30, batch=32, learning_rate=0.01, weight_decay=0.01, averaging=0.98)


def lessons(rows: int = 640) -> Lessons:
    """A smooth function of three columns, of which the second output counts little."""
    columns = np.random.default_rng(1).standard_normal((rows, 3)).astype(np.float32)
    targets = np.column_stack([np.sin(columns[:, 0]) + columns[:, 1], columns[:, 2] ** 2]).astype(np.float32)
    return Lessons(columns=columns, targets=targets, weights=np.array([1.0, 0.1], np.float32))


def test_a_network_computes_what_its_layers_say() -> None:
    """By hand: one hidden column with SiLU, and a straight line behind it."""
    network = Network((1, 1, 1), np.array([2.0, 1.0, 3.0, -1.0], np.float32))

    (price,) = network(np.array([[0.5]], np.float32))

    assert price == pytest.approx(3 * 2 / (1 + np.exp(-2)) - 1)


@pytest.mark.parametrize("count", [0, 1, AT_ONCE, AT_ONCE + 1])
def test_any_number_of_rows_is_computed(count: int) -> None:
    """Parts of what is asked are put together in order, and none is left out."""
    network = Network((1, 1, 1), np.array([2.0, 1.0, 3.0, -1.0], np.float32))
    rows = np.linspace(-1, 1, count, dtype=np.float32)[:, None]

    outputs = network(rows)

    assert outputs == pytest.approx(3 * (2 * rows + 1) / (1 + np.exp(-2 * rows - 1)) - 1, abs=1e-5)


def test_sigmoids_of_any_number_are_finite() -> None:
    """However far out, it is between 0 and 1."""
    assert sigmoid(np.array([-1e30, -90, 0, 90, 1e30], np.float32)) == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-6)


def test_gradients_are_slopes_of_the_error() -> None:
    """Each weight's derivative is how the error changes when that weight is moved a little."""
    rng, task = np.random.default_rng(2), lessons(16)
    network = Network.drawn((3, 5, 4, 2), rng)
    network.weights[:] = rng.normal(0, 0.5, len(network.weights))

    def error(weights: np.ndarray) -> float:
        outputs = Network(network.widths, weights.astype(np.float32))(task.columns).astype(np.float64)
        return float((task.weights * (outputs - task.targets) ** 2).sum())

    kept, outputs = _forward(network, task.columns)
    gradient = network.like()
    _backward(network, kept, 2 * task.weights * (outputs - task.targets), gradient)

    step, start = 1e-2, network.weights.astype(np.float64)
    slopes = [(error(start + step * way) - error(start - step * way)) / (2 * step) for way in np.eye(len(start))]
    assert gradient.weights == pytest.approx(np.array(slopes), rel=0.02, abs=0.02)


def test_training_learns_and_is_the_same_again() -> None:
    """Most of what there is to explain is explained, and the same seed gives the same weights."""
    task = lessons()

    first, second = (train_network(PARAMS, task, np.random.default_rng(3), lambda: None) for _ in range(2))

    errors = ((first(task.columns) - task.targets) ** 2).mean(axis=0)
    assert errors[0] < 0.05 * task.targets[:, 0].var()
    assert np.array_equal(first.weights, second.weights)


def test_rows_without_weight_teach_nothing() -> None:
    """Whatever is wanted of them, the network is the same."""
    task = lessons()
    weights = np.repeat([[1.0], [0.0]], len(task.columns) // 2, axis=0).astype(np.float32)
    wrong = np.where(weights > 0, task.targets, 1_000).astype(np.float32)

    first, second = (
        train_network(
            PARAMS, Lessons(columns=task.columns, targets=targets, weights=weights), np.random.default_rng(3), list
        )
        for targets in (task.targets, wrong)
    )

    assert np.array_equal(first.weights, second.weights)


def test_an_output_that_should_rise_with_a_column_hardly_falls() -> None:
    """Where lessons say that it falls, it is held level, and the other columns are learnt from all the same."""
    task = lessons()
    steps = np.linspace(-2, 2, 41, dtype=np.float32)
    rising = Rising(column=0, steps=np.column_stack([steps[:-1], steps[1:]]))
    params = PARAMS.model_copy(update={"fall_weight": 5_000.0})

    free, held = (
        train_network(params, task, np.random.default_rng(3), lambda: None, rising=each) for each in (None, rising)
    )

    def falls(network: Network) -> np.ndarray:
        rows = np.repeat(task.columns[:100, None], len(steps), axis=1)
        rows[..., rising.column] = steps
        prices, *_ = np.moveaxis(network(rows), -1, 0)
        fallen: np.ndarray = np.maximum(-np.diff(prices, axis=1), 0)
        return fallen

    assert falls(held).mean() < 0.2 * falls(free).mean()
    assert np.corrcoef(held(task.columns)[:, 0], task.columns[:, 1])[0, 1] > 0.7


def test_the_learning_rate_rises_and_falls() -> None:
    """From a tenth of the greatest up to it, and down to a thousandth."""
    rates = learning_rates(PARAMS, 1_000)

    assert rates.argmax() == 150
    assert (rates[0], rates.max()) == pytest.approx((0.001, 0.01))
    assert rates[-1] < 0.00002


def test_every_epoch_is_reported() -> None:
    """A progress bar can follow."""
    seen: list[int] = []

    train_network(PARAMS, lessons(64), np.random.default_rng(3), lambda: seen.append(1))

    assert len(seen) == PARAMS.epochs
