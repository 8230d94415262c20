"""What holds for all tests: where they run, in which order, and that what they start can be interrupted."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from housing.addresses import bypass_proxies

# No library reports its use to its makers.
os.environ.update(ORT_DISABLE_TELEMETRY="1", MLFLOW_DISABLE_TELEMETRY="true")
bypass_proxies(os.environ)  # what tests start listens on this machine
# A shell that runs tests in the background has them ignore Ctrl-C, and so would every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
# An example that takes long on a busy machine is no fault.
hypothesis.settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any-machine")


@pytest.fixture(autouse=True)
def own_registry() -> Iterator[None]:
    """MLflow hands its setting on to children by a variable: those of later tests must not find this registry."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    yield
    if before is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    else:
        os.environ["MLFLOW_TRACKING_URI"] = before


_SLOWEST_FIRST = ("e2e", "model", "integration", "unit")
"""The folders of tests: what takes longest begins first, so that the processes end at about the same time."""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their number: compressed ones hold the time, and all processes must find the same ids."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order tests by their folders."""
    here = Path(__file__).parent
    items.sort(key=lambda item: _SLOWEST_FIRST.index(item.path.relative_to(here).parts[0]))
