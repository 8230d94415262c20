"""The whole product: the champion that the pipeline has trained on the real data, the server and the real Envoy."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grpc
import httpx
import pandas as pd
import pytest

from housing.example import BERKELEY
from housing.features import FEATURE_NAMES
from running import ROOT, Service, running_gateway, running_service, transport_or_skip
from training_run import train_once


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What a user of the product can reach."""

    grpc_port: int
    """Port of the gRPC services."""
    metrics_port: int
    """Port of metrics, probes and the page."""
    gateway_port: int
    """Port of JSON, gRPC-Web and gRPC."""
    service: Service
    """The server."""


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of this checkout, with the champion in it; trained now if it never was."""
    train_once(tmp_path_factory)
    return ROOT / "var"


@pytest.fixture(scope="session")
def products(state_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Product]]:
    """Servers by transport, each started when it is first asked for, and running for the whole session.

    Only gRPC's own library needs a gateway. A server has a prediction log of its own, that nobody else fills.
    """
    with ExitStack() as stack:

        @cache
        def start(transport: str) -> Product:
            scratch = tmp_path_factory.mktemp("product")
            settings = {"workers": 2, "explainer": "on", "transport": transport_or_skip(transport)}
            service = stack.enter_context(running_service(scratch / "server", state_dir, **settings))
            return Product(
                grpc_port=service.grpc_port,
                metrics_port=service.metrics_port,
                gateway_port=service.gateway_port or stack.enter_context(running_gateway(service, scratch / "gateway")),
                service=service,
            )

        yield start


@pytest.fixture(scope="session")
def product(products: Callable[[str], Product]) -> Product:
    """The server as it runs by default, with workers inside Envoy."""
    return products("envoy")


@pytest.fixture(scope="module")
def http(product: Product) -> Iterator[httpx.Client]:
    """JSON over HTTP."""
    with httpx.Client(base_url=f"http://127.0.0.1:{product.gateway_port}", timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def channel(product: Product) -> Iterator[grpc.Channel]:
    """A connection to the server itself."""
    with grpc.insecure_channel(product.service.target) as opened:
        yield opened


@pytest.fixture(scope="session")
def census_rows(state_dir: Path) -> list[dict[str, float | str]]:
    """A thousand rows that the model was not trained on, as requests, in the table's order."""
    table = pd.read_parquet(state_dir.parent / "data/processed/test.parquet", columns=list(FEATURE_NAMES))
    return [{str(name): value for name, value in row.items()} for row in table.head(1000).to_dict("records")]


@pytest.fixture
def berkeley() -> dict[str, float | str]:
    """The request that the README shows."""
    return dict(BERKELEY)
