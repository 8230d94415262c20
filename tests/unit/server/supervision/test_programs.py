"""The programs that are started by name."""

from importlib.util import find_spec

import pytest

from housing_server.supervision.programs import PROGRAMS


@pytest.mark.parametrize("name", [*PROGRAMS, "housing_server.model_store.mlflow_fetch", "housing_server.models.trial"])
def test_program_is_importable(name: str) -> None:
    """A module that was moved is missed here, not by the first service that is started."""
    assert find_spec(name) is not None
