"""The card of a model: what it tells, and that it tells what was measured."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from housing_training.card.card import Card, render
from housing_training.card.facts import CardWriter, Reports, Tables
from housing_training.card.plots import draw_card
from housing_training.data.preparation import fill_ocean_proximity
from housing_training.evaluation.comparison import compare
from housing_training.evaluation.largest_errors import COUNT
from housing_training.experts.mixture import MixturePipeline
from housing_training.files.provenance import file_sha256
from housing_training.graph.compilation import compile_pipeline
from housing_training.graph.model import GraphModel
from housing_training.params.schema import MIXTURE, Params, TrainParams

CV = {"cv_rmse": 41_234.5, "cv_mae": 26_543.2, "cv_mape": 0.14321, "cv_r2": 0.87654}
SPATIAL = {
    "spatial_cv_rmse": 55_419.35,
    "spatial_cv_mae": 37_991.83,
    "spatial_cv_mape": 0.20896,
    "spatial_cv_r2": 0.76063,
    "spatial_cv_rmse_without_neighbours": 56_686.23,
    "spatial_interval_coverage": 0.84297,
    "spatial_interval_coverage_least": 0.72626,
    "spatial_interval_mean_width": 132_229.89,
    "spatial_offset_cv_rmse": 56_604.33,
    "spatial_offset_cv_rmse_without_neighbours": 57_055.5,
    "test_rmse_mean_of_seeds": 38_672.56,
    "test_rmse_largest_of_seeds": 38_762.1,
    "test_rmse_of_fewer_rows_mean_of_seeds": 39_876.5,
}
SECTIONS = [
    "What it is for",
    "Data",
    "How good it is",
    "Intervals",
    "Where and for whom it errs",
    "Limits",
    "How it is served",
    "How it was made",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, made_up: pd.DataFrame, mixture: MixturePipeline) -> Path:
    """The files of a run: tables, and the graph of the quick mixture."""
    path = tmp_path_factory.mktemp("run")
    made_up.to_parquet(path / "raw.parquet", index=False)
    complete = fill_ocean_proximity(made_up)
    complete.head(240).to_parquet(path / "train.parquet", index=False)
    complete.tail(60).to_parquet(path / "test.parquet", index=False)
    (path / "graph.onnx").write_bytes(compile_pipeline(mixture).SerializeToString(deterministic=True))
    return path


@pytest.fixture(scope="module")
def comparison(folder: Path) -> dict[str, Any]:
    """What the evaluation says about it."""
    graph = GraphModel((folder / "graph.onnx").read_bytes())
    return compare({MIXTURE: graph}, pd.read_parquet(folder / "test.parquet"), {MIXTURE: CV})


def write(
    folder: Path,
    comparison: dict[str, Any],
    train: TrainParams,
    spatial: dict[str, float] | None = None,
    teacher: Path | None = None,
) -> Card:
    """Describe the quick mixture, as if it had learnt from a teacher."""
    params = Params.model_validate(
        {
            "fetch": {"source": "https://me:secret@example.org/some/housing.csv?token=secret"},
            "prepare": {"test_size": 0.2, "seed": 42},
            "train": train.model_dump(),
            "register": {"model_name": "california-housing", "alias": "champion"},
        }
    )
    reports = Reports(
        training={MIXTURE: {**CV, "parity": {"answers": 900, "largest_difference_usd": 0.06}}},
        comparison=comparison,
        spatial={MIXTURE: spatial} if spatial else {},
    )
    tables = Tables(raw=folder / "raw.parquet", train=folder / "train.parquet", test=folder / "test.parquet")
    return CardWriter(params, tables, reports).card(MIXTURE, folder / "graph.onnx", teacher)


@pytest.fixture(scope="module")
def card(folder: Path, comparison: dict[str, Any], mixture_params: TrainParams) -> Card:
    """Its card, with figures of unseen areas."""
    return write(folder, comparison, mixture_params, SPATIAL)


@pytest.fixture(scope="module")
def text(card: Card) -> str:
    """Its text."""
    return render(card)


def cells(text: str, name: str) -> list[str]:
    """The first row of a table that begins with a name, without that name."""
    (row,) = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", text, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


def test_every_section_is_there_in_order(text: str) -> None:
    """People find what they look for in every card."""
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS


def test_figures_are_those_of_the_evaluation(text: str, comparison: dict[str, Any]) -> None:
    """Errors on random folds, on the rows held out and in unseen areas are what was measured, and so is coverage."""
    measured = comparison["candidates"][MIXTURE] | SPATIAL
    for name, prefix in {
        "random folds, mean": "cv",
        "the rows held out": "test",
        "areas never seen, mean of folds": "spatial_cv",
    }.items():
        assert cells(text, name) == [
            f"{measured[f'{prefix}_rmse']:,.0f}",
            f"{measured[f'{prefix}_mae']:,.0f}",
            f"{measured[f'{prefix}_mape']:.1%}",
            f"{measured[f'{prefix}_r2']:.3f}",
        ]
    assert f"it holds {measured['interval_coverage']:.1%}; its mean width is" in text
    assert f"{measured['interval_mean_width']:,.0f} USD." in text
    fifths = re.findall(r"^\| [\d,]+ to [\d,]+ \| \d+ \| ([\d.]+%) \|", text, re.MULTILINE)
    assert fifths == [f"{measured[f'interval_coverage_fifth_{part}']:.1%}" for part in range(1, 6)]


def test_limits_are_measured(card: Card, text: str) -> None:
    """What the answers do when a request changes, how far the warning reaches, and the error with fewer rows."""
    assert card.behaviour is not None
    assert f"{card.behaviour.largest_step:,.0f} USD at most." in text
    assert "Trained on 40.0% of all rows" in text
    assert f"{SPATIAL['test_rmse_of_fewer_rows_mean_of_seeds']:,.0f} USD in the mean of several draws" in text
    shares = [float(share) for share in re.findall(r"^  \| [\d]+ .* \| [\d,]+ \| ([\d.]+)% \|$", text, re.MULTILINE)]
    assert len(shares) == len(card.reach)
    assert shares[-1] > shares[0]
    assert "; its teacher's" not in text


def test_a_student_is_described_beside_its_teacher(
    folder: Path, comparison: dict[str, Any], mixture_params: TrainParams
) -> None:
    """Its largest errors row by row, its falls and its jumps."""
    card = write(folder, comparison, mixture_params, SPATIAL, folder / "graph.onnx")
    text = render(card)

    assert card.teachers == card.behaviour
    assert card.largest_errors is not None
    errors = [abs(each.answered - each.true) for each in card.largest_errors.rows]
    assert errors == sorted(errors, reverse=True)
    assert len(errors) == COUNT
    assert card.largest_errors.mean == card.largest_errors.teachers_own == card.largest_errors.teachers_there
    assert len(re.findall(r"^\| -1\d\d\.\d\d \| [34]\d\.\d\d \|.* \| (?:yes|no) \|$", text, re.MULTILINE)) == COUNT
    assert "; its teacher's by " in text


def test_tables_are_named_by_their_hashes(text: str, folder: Path) -> None:
    """Rows, rows at the highest price and SHA-256 of the three tables are there."""
    for name, file, rows in (("as fetched", "raw", 300), ("trained on", "train", 240), ("held out", "test", 60)):
        counted, _, sha256 = cells(text, name)
        assert (counted, sha256) == (str(rows), f"`{file_sha256(folder / f'{file}.parquet')}`")
    assert "`ocean_proximity` in 300 rows" in text


def test_graph_is_described_as_it_is(text: str, folder: Path) -> None:
    """Its hash, its input and every output with what it means."""
    graph = GraphModel((folder / "graph.onnx").read_bytes())
    assert file_sha256(folder / "graph.onnx") in text
    assert re.findall(r"^\| output \| `(\w+)` \| \w+ \| \(N.*?\) \| \w", text, re.MULTILINE) == list(graph.outputs)
    assert re.findall(r"^\| input \| `(\w+)` \| double \| \(N, 9\) \| \w", text, re.MULTILINE) == ["block_groups"]


def test_own_data_are_not_taken_for_the_published_ones(text: str) -> None:
    """Of somebody's CSV no origin or licence is claimed, and what an address hides stays hidden."""
    assert "Rows of `https://example.org/some/housing.csv`" in text
    assert "origin and licence are not known" in text
    assert "public domain" not in text
    assert "secret" not in text


def test_what_was_not_measured_is_not_on_the_card(
    folder: Path, comparison: dict[str, Any], mixture_params: TrainParams
) -> None:
    """Without an evaluation of unseen areas the card says so, and holds no figure of them."""
    text = render(write(folder, comparison, mixture_params))

    assert "**Areas never seen** have not been measured" in text
    assert "`housing train --evaluate-spatially` measures it." in text
    assert "areas never seen, mean of folds" not in text


def test_same_facts_give_the_same_files(
    folder: Path, comparison: dict[str, Any], mixture_params: TrainParams, text: str, tmp_path: Path
) -> None:
    """Text and pictures are the same bytes when all is gathered once more, so that DVC sees no change."""
    pictures = []
    for name in ("first", "second"):
        again = write(folder, comparison, mixture_params, SPATIAL)
        assert render(again) == text
        (tmp_path / name).mkdir()
        draw_card(again, tmp_path / name)
        pictures.append({each.name: each.read_bytes() for each in sorted((tmp_path / name).iterdir())})
    assert list(pictures[0]) == ["calibration.png", "slices.png"]
    assert pictures[0] == pictures[1]
