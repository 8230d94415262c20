"""Rules about two fields, as rows are held to them."""

from housing.features import COLUMNS
from housing.rules import ORDER_RULES, UNUSUAL_RULES


def test_unusual_combination_is_warned_of() -> None:
    """More households than people gives the warning that the contract words."""
    (rule,) = UNUSUAL_RULES
    assert (rule.field, rule.exceeds) == (COLUMNS["households"], COLUMNS["population"])
    assert (rule.warning.reason, rule.warning.field) == ("HOUSEHOLDS_EXCEED_POPULATION", "households")


def test_bedrooms_are_bounded_by_rooms() -> None:
    """The one rule that refuses a combination."""
    (rule,) = ORDER_RULES
    assert (rule.field, rule.limit) == (COLUMNS["total_bedrooms"], COLUMNS["total_rooms"])
