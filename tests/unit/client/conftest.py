"""The fake service that clients and commands are tested against."""

from collections.abc import Iterator

import pytest

from unit.client.fake_prediction_log import FakePredictionLog, serving_log
from unit.client.fake_prediction_service import FakePredictionService, serving


@pytest.fixture
def service() -> FakePredictionService:
    """Make a service that answers everything."""
    return FakePredictionService()


@pytest.fixture
def target(service: FakePredictionService) -> Iterator[str]:
    """Serve it, and yield its address."""
    with serving(service) as address:
        yield address


@pytest.fixture
def log() -> FakePredictionLog:
    """Make a prediction log that holds nothing."""
    return FakePredictionLog()


@pytest.fixture
def log_target(log: FakePredictionLog) -> Iterator[str]:
    """Serve it, and yield its address."""
    with serving_log(log) as address:
        yield address
