"""What a model's graph reads, answers and says of itself, by name: training writes such graphs, the server runs them.

N is the number of rows that are asked about.
"""

INPUT = "block_groups"
"""Rows: double, shape (N, 9), columns in `FEATURES` order, NaN for a field that was left out."""

PRICE = "median_house_value"
"""Prices in USD: double, shape (N,)."""
PROXIMITY = "ocean_proximity"
"""The code of `ocean_proximity` that was used, given or derived, if the graph has it: int64, shape (N,)."""
INTERVAL = "interval"
"""Lower and upper bound of the price in USD, if the graph has them: double, shape (N, 2)."""
INTERVAL_UPPER_OPEN = "interval_upper_open"
"""Whether the upper bound has reached the highest price there is data for, where there is one: bool, shape (N,)."""
WARNINGS = "warnings"
"""Which of the warnings that `WARNINGS_PROPERTY` describes apply, if the graph has any: bool, shape (N, warnings)."""

DIGEST_TAG = "graph_sha256"
"""The tag of a model's MLflow run that has the SHA-256 of its graph's file, as it was registered."""

FEATURES_PROPERTY = "features"
"""The names of the input's columns, joined by commas."""
COVERAGE_PROPERTY = "interval_coverage"
"""The probability that a price is within its interval, from 0 to 1."""
WARNINGS_PROPERTY = "warnings"
"""The warnings that the graph may give: a JSON list of objects with `reason`, `field` and `message`."""
