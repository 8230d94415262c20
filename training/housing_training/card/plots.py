"""The pictures that are drawn for the card alone; the others are those of the evaluation."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from housing_training.card.card import Card
from housing_training.evaluation.calibration import Calibration
from housing_training.evaluation.slices import SliceFigures

_FEW_ROWS = 30
"""The RMSE of fewer rows is mostly chance: one of them would set the scale of all."""

_MARGIN = 0.02
"""Margin of the axis around the least and the greatest coverage."""


def draw_card(card: Card, folder: Path) -> None:
    """Draw a card's own pictures into a folder, as PNG files; none without intervals."""
    figures = {"slices": slices(card)}
    if card.calibration:
        figures["calibration"] = calibration(card.calibration, card.graph.coverage or 0.0)
    for name, figure in figures.items():
        figure.suptitle(card.candidate, fontsize=9)
        figure.savefig(folder / f"{name}.png", dpi=100, metadata={"Software": None})


def calibration(parts: Sequence[Calibration], promised: float) -> Figure:
    """Draw coverage, and width beside it, by fifth of the predictions."""
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    covered, width = figure.subplots(1, 2)
    names = [f"to {part.greatest / 1000:,.0f}k" for part in parts]
    shares = [part.coverage for part in parts]
    # Points and not bars: what matters is the distance from the line, which a scale from zero would hide.
    covered.plot(names, shares, "o")
    covered.axhline(promised, color="tab:red", linewidth=1, label="promised")
    covered.legend()
    least, greatest = min(*shares, promised), max(*shares, promised)
    covered.set(title="Held by the interval", xlabel="predicted price (USD)")
    covered.set_ylim(least - _MARGIN, min(greatest + _MARGIN, 1))
    covered.yaxis.set_major_formatter(PercentFormatter(1))
    width.bar(names, [part.mean_width for part in parts])
    width.set(title="Mean width", xlabel="predicted price (USD)")
    width.yaxis.set_major_formatter(EngFormatter("USD"))
    return figure


def slices(card: Card) -> Figure:
    """Draw the RMSE of each slice, beside that of all rows; the scale is that of slices with more than a few rows."""
    bars = [each for by, part in card.slices.items() for each in _bars(by, part)]
    figure = Figure(figsize=(8, 1 + 0.22 * len(bars)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(range(len(bars)), [rmse for _, rmse in bars])
    reliable = [each.rmse for part in card.slices.values() for each in part if each.rows >= _FEW_ROWS]
    limit = 1.1 * max([*reliable, card.figures["test_rmse"]])
    axes.set_xlim(0, limit)
    for place, (_, rmse) in enumerate(bars):
        if rmse > limit:
            axes.annotate(f"{rmse / 1000:,.0f}k →", (limit, place), ha="right", va="center", fontsize=7, color="white")
    axes.set_yticks(range(len(bars)), [label for label, _ in bars], fontsize=7)
    axes.axvline(card.figures["test_rmse"], color="tab:red", linewidth=1)
    axes.set(title="RMSE by slice; the line is that of all rows held out", ylim=(len(bars), -1))
    axes.xaxis.set_major_formatter(EngFormatter("USD"))
    axes.tick_params(axis="x", labelsize=7)
    return figure


def _bars(by: str, part: Sequence[SliceFigures]) -> list[tuple[str, float]]:
    """Label the bars of the slices that belong together, under a heading that has none."""
    return [(f"by {by}:", 0.0), *((f"{each.name} ({each.rows:,})", each.rmse) for each in part)]
