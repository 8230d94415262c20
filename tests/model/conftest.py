"""The real data, shared by all model tests."""

from pathlib import Path

import pytest

from housing_training.params.schema import MIXTURE, STUDENT
from model.real_data import Data, Fitted


@pytest.fixture(scope="session")
def data() -> Data:
    """The real data."""
    return Data()


@pytest.fixture(scope="session")
def champion(data: Data) -> Fitted:
    """The candidate that wins: the student."""
    return data.fitted(STUDENT)


@pytest.fixture(scope="session")
def teacher(data: Data) -> Fitted:
    """The mixture of experts that it has learnt from."""
    return data.fitted(MIXTURE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Extend the timeout of these tests: the first of them waits for the champion, minutes on a busy machine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(1_200))
