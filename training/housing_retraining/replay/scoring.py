"""Scoring logged requests with a model: shared by replays, gates and shadows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from housing_server.core.answers import warnings_of
from housing_server.core.isolation import estimate_each
from housing_server.core.model import Estimates, PriceModel
from housing_server.prediction_log.logged_requests import LoggedRequests, ModelAnswers


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """n logged requests, with two answers to each."""

    logged: LoggedRequests
    """The requests, with what was answered."""
    reference: ModelAnswers
    """The answers to compare with: those on record, or another version's."""
    answers: ModelAnswers
    """The answers of the replayed version; the price is NaN where it failed."""


def replay(pages: Iterable[LoggedRequests], model: PriceModel, against: PriceModel | None = None) -> Iterator[Replayed]:
    """Replay logged requests through a model, page by page.

    Args:
        pages: logged requests with their answers.
        model: the model.
        against: a model to compare with; None compares with the answers on record.
    """
    for logged in pages:
        reference = logged.answers if against is None else score(against, logged)
        yield Replayed(logged=logged, reference=reference, answers=score(model, logged))


def score(model: PriceModel, logged: LoggedRequests) -> ModelAnswers:
    """Return a model's answers to logged requests, as the server makes them; NaN where it fails on a row."""
    estimated = estimate_each(model, logged.rows)
    answered = np.ones(len(logged), dtype=np.bool_)
    answered[list(estimated.failures)] = False
    prices, bounds = np.full(len(logged), np.nan), np.full((len(logged), 2), np.nan)
    upper_open, warnings = np.zeros(len(logged), dtype=np.bool_), np.full(len(logged), "", dtype=object)
    if estimated.estimates is not None:
        prices[answered] = estimated.estimates.median_house_value
        warnings[answered] = _warnings(model, logged.rows[answered], estimated.estimates)
        if (interval := estimated.estimates.interval) is not None:
            bounds[answered], upper_open[answered] = interval.bounds, interval.upper_open
    return ModelAnswers(prices=prices, bounds=bounds, upper_open=upper_open, warnings=tuple(warnings))


def _warnings(model: PriceModel, rows: np.ndarray, estimates: Estimates) -> list[str]:
    found = warnings_of(model, rows, estimates)
    return [" ".join(warning.reason for warning in found.get(row, ())) for row in range(len(rows))]
