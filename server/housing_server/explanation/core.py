"""Validate, explain, answer: the explanation service without a transport. Messages in, messages out."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from functools import partial
from typing import Protocol

import numpy as np

from housing.features import FEATURE_NAMES
from housing.rows import row_from_message
from housing.v1.explanation_service_pb2 import Contribution, ExplainRequest, ExplainResponse
from housing_server.core.admission import Admission
from housing_server.core.answers import interval_of, warnings_of
from housing_server.core.callers import Caller
from housing_server.core.isolation import sound_rows
from housing_server.core.model import Rows
from housing_server.core.run_clock import RunClock
from housing_server.core.validation import RequestValidator
from housing_server.errors import ExplanationNotAvailable, InvalidRequest, ModelFailed, ModelNotLoaded
from housing_server.explanation.model import Explained, ExplainedModel


class ExplanationObserver(Protocol):
    """Counts refused requests."""

    def refused(self, error: InvalidRequest) -> None:
        """Count a request that broke rules of the contract."""


class ExplanationCore:
    """Explains prices with the loaded model, on one event loop."""

    def __init__(
        self, observer: ExplanationObserver, admission: Admission, thread: Executor, clock: RunClock | None = None
    ) -> None:
        """Create a core without a model.

        Args:
            observer: counts refused requests.
            admission: bounds the work in flight.
            thread: executor of the model's runs, one at a time.
            clock: times the runs in flight.
        """
        self.model: ExplainedModel | None = None
        """The model to explain."""
        self.problem: str | None = None
        """Why there is no model; None before the first was loaded."""
        self._observer = observer
        self._admission = admission
        self._thread = thread
        self._clock = clock or RunClock()
        self._validator = RequestValidator()

    async def explain(self, request: ExplainRequest, caller: Caller) -> ExplainResponse:
        """Predict the price of one block group, and explain it field by field.

        Raises:
            InvalidRequest: the request breaks a rule of the contract.
            ModelNotLoaded: no model is loaded yet.
            ExplanationNotAvailable: the model cannot be explained.
            ModelFailed: the model failed on the block group.
            Overloaded: there is too much work in flight.
        """
        self._check(request)
        model = self._loaded_model()
        rows = np.array([row_from_message(request.block_group)])
        with self._admission.admit(1, seconds_left=caller.seconds_left()):
            explain = partial(_explained, model)
            running = asyncio.get_running_loop().run_in_executor(self._thread, self._clock.run, explain, rows)
            explained = await running
        return response(explained)

    def _check(self, request: ExplainRequest) -> None:
        try:
            self._validator.check(request)
        except InvalidRequest as error:
            self._observer.refused(error)
            raise

    def _loaded_model(self) -> ExplainedModel:
        if self.model is not None:
            return self.model
        if self.problem is not None:
            raise ExplanationNotAvailable(self.problem)
        raise ModelNotLoaded


def _explained(model: ExplainedModel, rows: Rows) -> Explained:
    """Explain rows, and check the outputs of the model.

    Raises:
        ModelFailed: it failed, or an output is not sound.
    """
    try:
        explained = model.explain(rows)
        sound = sound_rows(explained.estimates, len(rows), len(explained.model.warnings)) is None
        finite = np.isfinite(explained.attribution.contributions).all()
    except Exception as error:  # a model may raise anything
        raise ModelFailed(f"{type(error).__name__}: {error}") from error
    if not (sound and finite):
        raise ModelFailed("its price, its interval or a contribution is not finite")
    return explained


def response(explained: Explained) -> ExplainResponse:
    """Convert the explanation of the first row to a response."""
    attribution, model, estimates = explained.attribution, explained.model, explained.estimates
    return ExplainResponse(
        median_house_value=estimates.median_house_value[0],
        interval=interval_of(model, estimates, 0),
        base_value=attribution.base_value,
        contributions=[
            Contribution(field=name, contribution=usd)
            for name, usd in zip(FEATURE_NAMES, attribution.contributions[0].tolist(), strict=True)
        ],
        unbounded_value=float(estimates.median_house_value[0]),
        model_name=model.description.name,
        model_version=model.description.version,
        warnings=warnings_of(model, explained.rows, estimates).get(0),
    )
