"""The real data, shared by all model tests."""

import pytest

from model.real_data import Data, Fitted


@pytest.fixture(scope="session")
def data() -> Data:
    """The real data."""
    return Data()


@pytest.fixture(scope="session")
def champion(data: Data) -> Fitted:
    """The candidate that wins: gradient boosting."""
    return data.fitted("xgboost")
