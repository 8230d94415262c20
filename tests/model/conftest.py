"""The real data, shared by all model tests."""

import pytest

from housing_training.params import MIXTURE
from model.real_data import Data, Fitted


@pytest.fixture(scope="session")
def data() -> Data:
    """The real data."""
    return Data()


@pytest.fixture(scope="session")
def champion(data: Data) -> Fitted:
    """The candidate that wins: the mixture of experts."""
    return data.fitted(MIXTURE)
