"""The fake service that clients and commands are tested against."""

from collections.abc import Iterator

import pytest

from unit.client.fake_prediction_service import FakePredictionService, serving


@pytest.fixture
def service() -> FakePredictionService:
    """Make a service that answers everything."""
    return FakePredictionService()


@pytest.fixture
def target(service: FakePredictionService) -> Iterator[str]:
    """Serve it, and tell where."""
    with serving(service) as address:
        yield address
