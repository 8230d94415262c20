"""An application for the tests of this folder."""

import pytest

from asgi_application import Served


@pytest.fixture
def served() -> Served:
    """An application with a core of fakes."""
    return Served()
