"""Services for the integration tests: real processes that serve a small model from a real registry."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from fronts import front_stub, running_front  # noqa: F401 - fixtures
from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.v1.block_group_pb2 import BlockGroup
from housing_server.prediction_log.store import PredictionStore
from model_versions import folder, versions  # noqa: F401 - fixtures
from postgres import postgres  # noqa: F401 - a fixture
from recorded_services import serve  # noqa: F401 - a fixture
from registries import make_income_registry, shared_registry
from running import Service, running_service


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with a registry whose champion is a small graph with a card."""
    return shared_registry(tmp_path_factory, "income", make_income_registry)


@pytest.fixture(scope="module")
def service(state_dir: Path) -> Iterator[Service]:
    """A service with two workers."""
    with running_service(state_dir, workers=2) as running:
        yield running


@pytest.fixture
def channel(service: Service) -> Iterator[grpc.Channel]:
    """A connection to the service."""
    with grpc.insecure_channel(service.target) as opened:
        yield opened


@pytest.fixture(scope="session")
def block_group() -> BlockGroup:
    """A valid block group, whose price is 383,008 USD by the small graph."""
    return message_from_mapping(BERKELEY)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/predictions.db"
    return str(request.getfixturevalue("postgres").create_database("log"))


@pytest.fixture
def store(store_url: str) -> Iterator[PredictionStore]:
    """A store of predictions that holds none."""
    opened = PredictionStore.open(store_url)
    yield opened
    opened.close()
