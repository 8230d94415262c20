"""The card of a model: its data, its errors as a whole and in parts, its intended use and its limits.

It is written from measurements and holds nothing that changes from run to run, such as a time, a version or a commit;
MLflow records those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from housing.card import PICTURES
from housing_training.data.source import PUBLISHED
from housing_training.evaluation.behaviour import Behaviour
from housing_training.evaluation.calibration import Calibration
from housing_training.evaluation.largest_errors import LargestErrors
from housing_training.evaluation.slices import BY_INCOME, SliceFigures
from housing_training.evaluation.warning_reach import Reach
from housing_training.graph.interface import Interface
from housing_training.params.schema import MIXTURE, STUDENT, Params

TEMPLATE = "card.md.jinja"
"""The card's text, beside this module."""
KINDS = {
    "linear_regression": "Linear regression on engineered features.",
    "decision_tree": "One decision tree on engineered features.",
    "random_forest": "A random forest on engineered features.",
    "xgboost": "Gradient boosted trees (XGBoost) on engineered features.",
    MIXTURE: "Two ensembles of gradient boosted trees (XGBoost) and a gate between them. The local one looks at what\n"
    "neighbouring block groups cost, the regional one does not; the gate weighs them by how much of a hole in the\n"
    "data a place lies in. A third ensemble expects how far off the price is, and makes the interval from that.",
    STUDENT: "A small network that has learnt from the mixture of experts, and from a network beside it, what they\n"
    "answer for many rows that nobody has counted. It reads what is known about a place, such as what neighbouring\n"
    "block groups cost, from a table, and answers the price and the width of the interval as smooth functions.",
}
"""What the candidates are."""


EVALUATED = (MIXTURE, STUDENT)
"""The candidates that the spatial evaluation measures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """A table that rows came from."""

    name: str
    """What it is."""
    sha256: str
    """SHA-256 of its file."""
    rows: int
    """How many rows it has."""
    at_cap: int
    """How many of them have the highest price in the data."""
    missing: Mapping[str, int]
    """How many rows lack a field, by field; those that no row lacks are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFacts:
    """The graph's file."""

    sha256: str
    """SHA-256 of the file."""
    size: int
    """Its size in bytes."""
    interface: Interface
    """What it reads and answers."""
    coverage: float | None
    """The probability that its intervals promise; None if it has none."""
    warnings: Sequence[str]
    """Reasons of the warnings it may give."""
    compared: int
    """How many of its answers were compared with the pipeline's."""
    largest_difference_usd: float
    """By how much they differed at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The content of a card."""

    candidate: str
    """The candidate's name, such as `xgboost`."""
    best: str
    """Name of the candidate that is registered."""
    params: Params
    """The parameters of the run."""
    hyper_parameters: Mapping[str, Any]
    """The hyper-parameters of the candidate, under flat names."""
    figures: Mapping[str, float]
    """What was measured, by name; those of unseen areas are there only if they were measured for this very training."""
    comparison: Mapping[str, Mapping[str, float]]
    """What was measured of each candidate, best first."""
    tables: Sequence[TableFacts]
    """The table as fetched, the rows trained on, the rows held out."""
    cap: float
    """The highest price in the data, in USD."""
    graph: GraphFacts
    """What is served."""
    calibration: Sequence[Calibration]
    """The intervals of each fifth of the rows held out, by prediction; empty if there are none."""
    slices: Mapping[str, Sequence[SliceFigures]]
    """How good it is on parts of the rows held out, by what they were cut by."""
    behaviour: Behaviour | None
    """What its answers do when a request changes; None if it has no intervals."""
    teachers: Behaviour | None
    """The same of the model that it has learnt from; None if there is none."""
    largest_errors: LargestErrors | None
    """Its largest errors beside its teacher's; None if it has no teacher."""
    reach: Sequence[Reach]
    """Where the warning about places far from data is given; empty if there is none."""

    @property
    def published(self) -> bool:
        """Whether the rows are the published ones, about which something is known."""
        return self.params.fetch.source == PUBLISHED.name

    @property
    def source(self) -> str:
        """The source of the rows, without this machine's folders and without credentials in an address."""
        parts = urlsplit(self.params.fetch.source)
        return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else Path(parts.path).name

    @property
    def folds_of_all(self) -> float:
        """What part of all rows each fold of the cross-validation is learnt from."""
        return (1 - self.params.prepare.test_size) * (1 - 1 / self.params.train.folds)

    @property
    def poorest(self) -> SliceFigures:
        """The rows with the lowest incomes."""
        return self.slices[BY_INCOME][0]

    @property
    def richest(self) -> SliceFigures:
        """The rows with the highest incomes."""
        return self.slices[BY_INCOME][-1]

    @property
    def kind(self) -> str:
        """What kind of model it is."""
        return KINDS[self.candidate]


def render(card: Card) -> str:
    """Write the card: always the same text for the same content."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701 - Markdown, made of our own names and figures
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        usd="{:,.0f}".format, count="{:,}".format, percent="{:.1%}".format, fixed="{:.3f}".format
    )
    return environment.get_template(TEMPLATE).render(
        card=card, figures=card.figures, folder=PICTURES, published=PUBLISHED, evaluated=EVALUATED
    )
