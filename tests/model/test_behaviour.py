"""What the champion's answers do when a request changes."""

import numpy as np
import pytest

from housing.features import FEATURES
from housing_training.candidates.recipes import recipe
from housing_training.data.rows import column, replaced
from housing_training.graph.compilation import compile_pipeline
from housing_training.metrics.prices import Metrics
from housing_training.params.schema import MIXTURE
from model.real_data import Data, Fitted


def test_richer_block_groups_are_dearer(data: Data, champion: Fitted) -> None:
    """With 20,000 USD more income a year, nine block groups in ten are worth more, and the average 20,000 USD more."""
    incomes = data.test_rows[:, column("median_income")]
    more = champion.graph.predict(replaced(data.test_rows, median_income=incomes + 2.0))
    growth = more - champion.graph.predict(data.test_rows)

    assert np.mean(growth > 0) > 0.9
    assert np.mean(growth) > 20_000


def test_the_coast_is_dearer_than_the_valley(champion: Fitted) -> None:
    """The same block group is worth more in Santa Monica than in Fresno."""
    row = np.array([[-118.49, 34.02, 30.0, 2_000.0, 400.0, 1_000.0, 380.0, 5.0, np.nan]])
    inland = replaced(row, longitude=-119.79, latitude=36.74)

    assert champion.graph.predict(row)[0] > champion.graph.predict(inland)[0] + 50_000


def test_the_first_block_group_of_the_data_is_priced_sensibly(champion: Fitted) -> None:
    """The best-known request of all, Berkeley's, is answered near its true 452,600 USD."""
    row = np.array([[-122.23, 37.88, 41.0, 880.0, 129.0, 322.0, 126.0, 8.3252, 3.0]])

    assert 300_000 < champion.graph.predict(row)[0] < 520_000


def test_leaving_the_bedrooms_out_costs_little(data: Data, champion: Fitted) -> None:
    """Estimated bedrooms raise the error by less than a tenth."""
    whole = Metrics.of(data.test_prices, champion.graph.predict(data.test_rows))
    without = Metrics.of(data.test_prices, champion.graph.predict(replaced(data.test_rows, total_bedrooms=np.nan)))

    assert without.rmse < 1.1 * whole.rmse


def test_leaving_the_proximity_out_changes_nothing(data: Data, champion: Fitted) -> None:
    """The data's own labels were derived by the rule that is in the graph: saying them or not is the same."""
    left_out = replaced(data.test_rows, ocean_proximity=np.nan)

    assert np.array_equal(champion.graph.predict(left_out), champion.graph.predict(data.test_rows))
    assert np.array_equal(champion.graph.proximity(left_out), data.test_rows[:, column("ocean_proximity")])


def test_the_given_proximity_is_reported_back(data: Data, champion: Fitted) -> None:
    """The answer holds the label that was used: the caller's own if there was one."""
    assert set(champion.graph.proximity(replaced(data.test_rows[:5], ocean_proximity=4.0))) == {4}


@pytest.mark.parametrize("side", ["minimum", "maximum"])
def test_every_corner_of_the_contract_gets_a_price(data: Data, champion: Fitted, side: str) -> None:
    """Any one field at its limit still gives a price within those learnt from."""
    bounded = [feature for feature in FEATURES if not feature.choices]
    variants = [replaced(data.test_rows[:50], **{feature.name: getattr(feature, side)}) for feature in bounded]

    prices = champion.graph.predict(np.concatenate(variants))

    assert ((prices >= data.prices.min()) & (prices <= data.prices.max())).all()


def test_answers_do_not_depend_on_the_batch(data: Data, champion: Fitted) -> None:
    """A row is worth the same to the dollar alone, in a batch, and in the same batch backwards."""
    rows = data.test_rows[:300]
    batch = champion.graph.predict(rows)

    # Matrix products of one row and of many add up in another order.
    assert champion.graph.predict(rows[::-1])[::-1] == pytest.approx(batch, abs=1)
    assert np.concatenate([champion.graph.predict(row[None, :]) for row in rows]) == pytest.approx(batch, abs=1)


def test_prices_hardly_fall_with_income(data: Data, champion: Fitted) -> None:
    """In steps of 2,500 USD a year from the least income to the greatest, few prices fall, and none by much."""
    incomes = np.arange(0.5, 15.01, 0.25)
    along = np.stack([champion.graph.predict(replaced(data.test_rows, median_income=each)) for each in incomes])

    falls = np.maximum(-np.diff(along, axis=0), 0).max(axis=0)

    assert np.mean(falls > 1_000) < 0.5
    assert falls.max() < 40_000


def test_the_teacher_never_falls_with_income(data: Data, teacher: Fitted) -> None:
    """Both experts are held to it."""
    incomes = np.arange(0.5, 15.01, 0.5)
    along = np.stack([teacher.graph.predict(replaced(data.test_rows, median_income=each)) for each in incomes])

    assert np.diff(along, axis=0).min() > -1


def test_neighbouring_cells_differ_no_more_than_the_teachers(data: Data, champion: Fitted, teacher: Fitted) -> None:
    """A step of 0.01 degree moves the student's prices by no more at the median, and at worst."""
    moved = replaced(data.test_rows, longitude=data.test_rows[:, column("longitude")] + 0.01)

    def jumps(fitted: Fitted) -> np.ndarray:
        return np.abs(fitted.graph.predict(moved) - fitted.graph.predict(data.test_rows))

    own, teachers = jumps(champion), jumps(teacher)
    assert np.median(own) < np.median(teachers)
    assert own.max() < 1.1 * teachers.max()


def test_training_again_gives_the_same_graph(data: Data) -> None:
    """Fitting and compiling twice, on part of the rows, gives the same bytes: a model can be made again."""
    part = data.rows[:3_000], data.prices[:3_000]

    first, second = (
        compile_pipeline(recipe(MIXTURE, data.params.train).fit(*part, lambda: None).pipeline) for _ in range(2)
    )

    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
