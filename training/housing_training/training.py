"""Cross-validating, fitting and compiling the candidates."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from sklearn.model_selection import KFold
from tqdm import tqdm

from housing.golden import GoldenRequests
from housing_training.candidates import build_candidate
from housing_training.golden import golden_requests
from housing_training.graph import compile_pipeline
from housing_training.metrics import Metrics
from housing_training.params import TrainParams
from housing_training.parity import check_parity
from housing_training.pipeline import PricePipeline

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
    with tqdm(total=len(params.candidates) * (params.folds + 2), unit="step", desc="train") as progress:
        for name in params.candidates:
            progress.set_description(name)
            folds = []
            for fold in cross_validate(name, rows, prices, params):
                folds.append(fold)
                progress.update()
            pipeline = PricePipeline.fit(_build(name, params), rows, prices)
            progress.update()
            model = compile_pipeline(pipeline)
            parity = check_parity(model, pipeline, np.concatenate([rows, unseen]))
            progress.update()
            yield Trained(
                name=name,
                model=model,
                golden=golden_requests(pipeline, unseen),
                report=Metrics.mean(folds).named("cv") | {"parity": asdict(parity)},
            )


def cross_validate(name: str, rows: Rows, prices: Rows, params: TrainParams) -> Iterator[Metrics]:
    """Fit a candidate on all folds but one and measure it on that one, for each fold in turn."""
    folds = KFold(params.folds, shuffle=True, random_state=params.seed)
    for fitted, held_out in folds.split(rows):
        pipeline = PricePipeline.fit(_build(name, params), rows[fitted], prices[fitted])
        yield Metrics.of(prices[held_out], pipeline.predict(rows[held_out]))


def _build(name: str, params: TrainParams) -> Any:
    return build_candidate(name, params.candidates[name], params.seed)
