"""Answers that wait to be sent are bounded, in all and for each connection."""

import pytest

from housing_server.core.byte_budget import ByteBudget
from housing_server.errors import Overloaded

SLOW, OTHER = "ipv4:127.0.0.1:1", "ipv4:127.0.0.1:2"


@pytest.fixture
def budget() -> ByteBudget:
    """A hundred bytes, of which one connection may take forty."""
    return ByteBudget(100, peer_share=0.4)


def test_connection_that_does_not_read_leaves_room_for_others(budget: ByteBudget) -> None:
    """It is refused beyond its share, and others are answered."""
    budget.hold(SLOW, 40)
    with pytest.raises(Overloaded):
        budget.hold(SLOW, 1)
    with pytest.raises(Overloaded):
        budget.check(SLOW)
    budget.check(OTHER)
    budget.hold(OTHER, 40)
    assert budget.held == 80


def test_budget_bounds_all_connections_together(budget: ByteBudget) -> None:
    """A refused answer counts for nothing, and one that was sent makes room."""
    for peer in ("a", "b"):
        budget.hold(peer, 40)
    with pytest.raises(Overloaded):
        budget.hold("c", 21)
    budget.hold("c", 20)
    with pytest.raises(Overloaded):
        budget.check("d")
    budget.release("a", 40)
    budget.check("d")
    budget.hold("d", 40)


def test_first_answer_of_a_connection_fits_whatever_its_size(budget: ByteBudget) -> None:
    """Or a small budget would refuse it for ever; alone it may even be larger than the budget."""
    budget.hold(SLOW, 50)
    budget.release(SLOW, 50)
    budget.hold(SLOW, 200)
    budget.release(SLOW, 200)
    assert budget.held == 0
    budget.check(SLOW)
