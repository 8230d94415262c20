"""Cross-validating, fitting and compiling the candidates."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from tqdm import tqdm

from housing.golden import GoldenRequests
from housing_training.explanation import explanation_files
from housing_training.golden import golden_requests
from housing_training.graph import compile_pipeline
from housing_training.params import TrainParams
from housing_training.parity import check_parity
from housing_training.recipes import recipes

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A candidate that is ready to be evaluated."""

    name: str
    """The candidate's name."""
    model: onnx.ModelProto
    """Its graph, fitted on all training rows."""
    golden: GoldenRequests
    """What servers ask it again before they serve it."""
    explanation: Mapping[str, bytes]
    """What explanations need beside the graph, by name of file."""
    report: Mapping[str, Any]
    """Cross-validated metrics, and what the parity check found."""


def train(rows: Rows, prices: Rows, unseen: Rows, params: TrainParams) -> Iterator[Trained]:
    """Train each candidate, with a progress bar.

    Args:
        rows: what is learnt from, shape (n, 9).
        prices: their prices in USD, shape (n,).
        unseen: more rows, shape (m, 9), of which nothing is learnt: graphs are checked on them too.
        params: what to train.

    Raises:
        ParameterError: a candidate or one of its hyper-parameters is unknown.
        ParityError: a graph answers otherwise than the pipeline it was compiled from.
    """
    candidates = recipes(params)
    steps = sum(each.steps + 2 for each in candidates.values())
    with tqdm(total=steps, desc="train", unit="step") as progress:
        for name, each in candidates.items():
            progress.set_description(name)
            fitted = each.fit(rows, prices, progress.update)
            model = compile_pipeline(fitted.pipeline)
            progress.update()
            parity = check_parity(model, fitted.pipeline, np.concatenate([rows, unseen]))
            progress.update()
            yield Trained(
                name=name,
                model=model,
                golden=golden_requests(fitted.pipeline, unseen),
                explanation=explanation_files(fitted.pipeline, rows),
                report=fitted.cross_validated.named("cv") | {"parity": asdict(parity)},
            )
