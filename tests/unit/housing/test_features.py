"""The fields of a block group, as the contract's descriptor has them."""

from housing.features import FEATURE_NAMES, FEATURES


def test_features_are_the_dataset_columns_in_order() -> None:
    """Names and order are what models are trained on: a change is a new contract."""
    assert FEATURE_NAMES == (
        "longitude",
        "latitude",
        "housing_median_age",
        "total_rooms",
        "total_bedrooms",
        "population",
        "households",
        "median_income",
        "ocean_proximity",
    )


def test_features_tell_unit_presence_bounds_and_choices() -> None:
    """A number has a unit and both bounds, a text its spellings; two fields may be left out."""
    for feature in FEATURES:
        bounded = feature.minimum is not None and feature.maximum is not None
        assert bounded != bool(feature.choices)
        assert bounded == bool(feature.unit)
    assert {feature.name for feature in FEATURES if not feature.required} == {"total_bedrooms", "ocean_proximity"}
    assert FEATURES[-1].choices == ("<1H OCEAN", "INLAND", "NEAR OCEAN", "NEAR BAY", "ISLAND")
