"""Write the cards of the candidates."""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from tqdm import tqdm

from housing.card import FILE, PICTURES
from housing_training.card.card import Card, render
from housing_training.card.facts import CardWriter, Reports, Tables
from housing_training.card.plots import draw_card
from housing_training.evaluation.spatial_figures import figures_of
from housing_training.files import artifacts
from housing_training.files.provenance import file_sha256
from housing_training.params.schema import MIXTURE, STUDENT, Params

OF_THE_EVALUATION = ("predicted_vs_true", "feature_importance", "error_map")
"""Pictures that the evaluation has drawn."""


def run() -> None:
    """Write `CARDS` from all that is known of the candidates in `MODELS`."""
    params = Params.read(artifacts.PARAMS)
    reports = Reports(
        training=artifacts.read_json(artifacts.TRAINING_REPORT),
        comparison=artifacts.read_json(artifacts.COMPARISON),
        spatial=_spatial(params),
    )
    writer = CardWriter(params, Tables(raw=artifacts.RAW, train=artifacts.TRAIN, test=artifacts.TEST), reports)
    with ThreadPoolExecutor(1) as beside:
        # While a card's pictures are drawn, the facts of the next ones are gathered.
        cards = beside.map(lambda name: _card(writer, name, reports), reports.training)
        for card in tqdm(cards, desc="describe", unit="card", total=len(reports.training)):
            _write(card, artifacts.CARDS / card.candidate)
    click.echo(
        f"describe: {len(reports.training)} cards, such as {artifacts.CARDS / reports.comparison['best'] / 'card.md'}"
    )


def _card(writer: CardWriter, name: str, reports: Reports) -> Card:
    teacher = artifacts.MODELS / f"{MIXTURE}.onnx" if name == STUDENT and MIXTURE in reports.training else None
    return writer.card(name, artifacts.MODELS / f"{name}.onnx", teacher)


def _write(card: Card, folder: Path) -> None:
    pictures = folder / PICTURES
    pictures.mkdir(parents=True, exist_ok=True)
    for each in OF_THE_EVALUATION:
        shutil.copy(artifacts.PLOTS / card.candidate / f"{each}.png", pictures)
    draw_card(card, pictures)
    (folder / Path(FILE).name).write_text(render(card), encoding="utf-8")


def _spatial(params: Params) -> Mapping[str, Mapping[str, float]]:
    return figures_of(artifacts.read_json(artifacts.SPATIAL_EVALUATION), params.train, file_sha256(artifacts.TRAIN))
