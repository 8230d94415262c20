"""Gathering the facts of a card from tables, graphs and reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd

from housing.graph import COVERAGE_PROPERTY, INTERVAL, PRICE
from housing_training.card.card import Card, GraphFacts, TableFacts
from housing_training.data.table import TARGET, prices_from_frame, rows_from_frame
from housing_training.evaluation.behaviour import Behaviour
from housing_training.evaluation.calibration import calibration_by_fifth
from housing_training.evaluation.largest_errors import LargestErrors
from housing_training.evaluation.slices import Answers, measure_slices
from housing_training.evaluation.warning_reach import warning_reach
from housing_training.files.provenance import file_sha256
from housing_training.graph.interface import interface_of, properties_of
from housing_training.graph.model import GraphModel
from housing_training.params.names import flat
from housing_training.params.schema import Params


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The files of the tables."""

    raw: Path
    """As fetched."""
    train: Path
    """The rows trained on."""
    test: Path
    """The rows held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """What was measured before."""

    training: Mapping[str, Any]
    """By candidate: cross-validated metrics, and what the parity check found."""
    comparison: Mapping[str, Any]
    """`best`, and under `candidates` the figures of each by name, best first."""
    spatial: Mapping[str, Mapping[str, float]]
    """Figures of unseen areas by candidate, as far as they were measured for this very training."""


class CardWriter:
    """Gathers facts for the cards of all candidates of one run."""

    def __init__(self, params: Params, tables: Tables, reports: Reports) -> None:
        self._params, self._reports = params, reports
        self._behaviours = cache(self._behaviour)  # a teacher's is asked for twice
        train, test = pd.read_parquet(tables.train), pd.read_parquet(tables.test)
        self._train_rows, self._train_prices = rows_from_frame(train), prices_from_frame(train)
        self._test_rows, self._test_prices = rows_from_frame(test), prices_from_frame(test)
        self._cap = float(prices_from_frame(train).max())
        self._tables = [
            _table_facts("as fetched", tables.raw, pd.read_parquet(tables.raw), self._cap),
            _table_facts("trained on", tables.train, train, self._cap),
            _table_facts("held out", tables.test, test, self._cap),
        ]

    def card(self, candidate: str, graph: Path, teacher: Path | None = None) -> Card:
        """Describe a candidate whose graph is in a file, beside the graph that it has learnt from, if any."""
        model = GraphModel(graph.read_bytes())
        answers = self._answers(model)
        comparison = self._reports.comparison
        return Card(
            candidate=candidate,
            best=comparison["best"],
            params=self._params,
            hyper_parameters=flat(self._params.train.candidates[candidate]),
            figures={**comparison["candidates"][candidate], **self._reports.spatial.get(candidate, {})},
            comparison=comparison["candidates"],
            tables=self._tables,
            cap=self._cap,
            graph=_graph_facts(graph, self._reports.training[candidate]["parity"]),
            calibration=calibration_by_fifth(answers),
            slices=measure_slices(self._test_rows, answers, self._train_rows, self._cap),
            behaviour=self._behaviours(graph),
            teachers=self._behaviours(teacher) if teacher else None,
            largest_errors=self._largest_errors(model, teacher) if teacher else None,
            reach=warning_reach(model, self._train_rows),
        )

    def _behaviour(self, graph: Path) -> Behaviour | None:
        model = GraphModel(graph.read_bytes())
        if INTERVAL not in model.outputs:
            return None
        return Behaviour.of(model, (self._test_rows, self._test_prices), (self._train_rows, self._train_prices))

    def _largest_errors(self, model: GraphModel, teacher: Path) -> LargestErrors:
        return LargestErrors.of(model, GraphModel(teacher.read_bytes()), self._test_rows, self._test_prices)

    def _answers(self, model: GraphModel) -> Answers:
        answer = model.answer(self._test_rows)
        return Answers(prices=self._test_prices, predicted=answer[PRICE], bounds=answer.get(INTERVAL))


def _table_facts(name: str, file: Path, table: pd.DataFrame, cap: float) -> TableFacts:
    missing = table.isna().sum()
    return TableFacts(
        name=name,
        sha256=file_sha256(file),
        rows=len(table),
        at_cap=int(np.sum(table[TARGET] >= cap)),
        missing={str(column): int(rows) for column, rows in missing.items() if rows},
    )


def _graph_facts(file: Path, parity: Mapping[str, Any]) -> GraphFacts:
    graph = onnx.load(file)
    properties = properties_of(graph)
    coverage = properties.get(COVERAGE_PROPERTY)
    return GraphFacts(
        sha256=file_sha256(file),
        size=file.stat().st_size,
        interface=interface_of(graph),
        coverage=None if coverage is None else float(coverage),
        warnings=list(dict.fromkeys(each["reason"] for each in GraphModel(graph).warnings)),
        compared=parity["answers"],
        largest_difference_usd=parity["largest_difference_usd"],
    )
