"""The real data and the candidates trained on it, shared by all model tests."""

from pathlib import Path

import pytest

from housing_training.params.schema import MIXTURE, STUDENT
from model.real_data import Data, Fitted, fitted_candidates
from training_run import train_once


@pytest.fixture(scope="session")
def data() -> Data:
    """The real data."""
    return Data()


@pytest.fixture(scope="session")
def candidates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fitted]:
    """All candidates by name, as `housing train` has made them; trained now if they never were."""
    train_once(tmp_path_factory)
    return fitted_candidates()


@pytest.fixture(scope="session")
def champion(candidates: dict[str, Fitted]) -> Fitted:
    """The candidate that wins: the student."""
    return candidates[STUDENT]


@pytest.fixture(scope="session")
def teacher(candidates: dict[str, Fitted]) -> Fitted:
    """The mixture of experts that it has learnt from."""
    return candidates[MIXTURE]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Extend the timeout of these tests: the first of them waits for the champion, minutes on a busy machine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(1_200))
