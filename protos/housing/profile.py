"""The profile of a model: its file, and the binning of values.

Training and monitoring count with the same `tally`, so that they cannot disagree.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Iterable

from google.protobuf import json_format

from housing.v1.model_profile_pb2 import Distribution, ModelProfile

FILE = "extra_files/profile.json"
"""Its path in a model's folder: MLflow's `log_model(extra_files=...)` puts files there."""


def tally(distribution: Distribution, values: Iterable[float]) -> list[int]:
    """Count values by the bins of a distribution.

    Args:
        distribution: defines the bins; its own counts are ignored.
        values: as in rows: NaN, which is in no bin, for a missing field; codes for a text field.

    Returns:
        A count per bin, in the order of `Distribution.counts`.
    """
    edges = list(distribution.edges)
    counts = [0] * (len(edges) + 1 if edges else len(distribution.categories))
    for value in values:
        if not math.isnan(value):
            counts[_bin(edges, value) if edges else int(value)] += 1
    return counts


def _bin(edges: list[float], value: float) -> int:
    # The maximum of the training data is the last edge, and belongs to the last bin.
    return bisect_right(edges, value) - (value == edges[-1])


def profile_to_json(profile: ModelProfile) -> str:
    """Return the content of the file, deterministically."""
    content = json_format.MessageToDict(profile, preserving_proto_field_name=True)
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def profile_from_json(text: str) -> ModelProfile:
    """Parse the output of `profile_to_json`.

    Raises:
        ValueError: the text is something else.
    """
    try:
        return json_format.Parse(text, ModelProfile())
    except json_format.ParseError as error:
        raise ValueError(f"not a model profile: {error}") from error
