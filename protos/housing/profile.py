"""The profile that is kept with a model: its file, and how values fall into its bins.

Training counts with `tally` and so does whoever watches the service, so that the two cannot disagree.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Iterable

from google.protobuf import json_format

from housing.v1.model_profile_pb2 import Distribution, ModelProfile

FILE = "extra_files/profile.json"
"""Where it is in a model's folder: MLflow's `log_model(extra_files=...)` puts files there."""


def tally(distribution: Distribution, values: Iterable[float]) -> list[int]:
    """Count values by the bins of a distribution.

    Args:
        distribution: tells the bins; its own counts are not read.
        values: as rows hold them: NaN, which is in no bin, where a field was left out; codes for a text field.

    Returns:
        A count for each bin, in the order of `Distribution.counts`.
    """
    edges = list(distribution.edges)
    counts = [0] * (len(edges) + 1 if edges else len(distribution.categories))
    for value in values:
        if not math.isnan(value):
            counts[_bin(edges, value) if edges else int(value)] += 1
    return counts


def _bin(edges: list[float], value: float) -> int:
    # The greatest value seen in training is an edge, and inside.
    return bisect_right(edges, value) - (value == edges[-1])


def profile_to_json(profile: ModelProfile) -> str:
    """Write the file: always the same text for the same content."""
    content = json_format.MessageToDict(profile, preserving_proto_field_name=True)
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def profile_from_json(text: str) -> ModelProfile:
    """Read what `profile_to_json` wrote.

    Raises:
        ValueError: the text is something else.
    """
    try:
        return json_format.Parse(text, ModelProfile())
    except json_format.ParseError as error:
        raise ValueError(f"no profile of a model: {error}") from error
