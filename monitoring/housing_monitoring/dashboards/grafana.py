"""Dashboards as Grafana reads them from files."""

from collections.abc import Iterator
from functools import singledispatch
from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions
from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, ThresholdsConfig
from grafana_foundation_sdk.builders.dashboard import Row as RowPanel
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, BigValueTextMode, VizOrientation
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from housing_monitoring.dashboards.board import Bars, Board, Figure, Heatmap, Limits, Lines, Panel

DATASOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
"""The data source that Grafana is provisioned with."""

_TAG = "housing"
_HEIGHT = 8
_FIGURE_HEIGHT = 5
_LETTERS = "ABCDEFGH"
"""How Grafana names the queries of a panel."""

_Builder = TypeVar("_Builder", stat.Panel, timeseries.Panel, bargauge.Panel, heatmap.Panel)


def to_json(board: Board) -> str:
    """Render a dashboard, ending in a newline."""
    dashboard = (
        Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([_TAG])
        .link(DashboardLink("The others").type(DashboardLinkType.DASHBOARDS).tags([_TAG]).keep_time(True))
        .editable()
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
    )
    for number, part in enumerate(_parts(board), start=1):
        if isinstance(part, RowPanel):
            dashboard.with_row(part.id(number))
        else:
            dashboard.with_panel(part.id(number))
    return JSONEncoder(sort_keys=True, indent=2).encode(dashboard.build()) + "\n"


def _parts(
    board: Board,
) -> Iterator[RowPanel | stat.Panel | timeseries.Panel | bargauge.Panel | heatmap.Panel]:
    for row in board.rows:
        yield RowPanel(row.title)
        yield from map(_render, row.panels)


@singledispatch
def _render(panel: Panel) -> stat.Panel | timeseries.Panel | bargauge.Panel | heatmap.Panel:
    raise NotImplementedError(type(panel))


@_render.register
def _(panel: Figure) -> stat.Panel:
    builder = _dressed(stat.Panel(), panel).span(6).height(_FIGURE_HEIGHT)
    builder.graph_mode(BigValueGraphMode.NONE).reduce_options(_last_value()).no_value("nothing yet")
    if panel.legend:
        builder.text_mode(BigValueTextMode.NAME)
    if panel.up_or_down:
        up, down = ValueMappingResult(text="up", color="green"), ValueMappingResult(text="down", color="red")
        builder.mappings([ValueMap({"1": up, "0": down})])
    return builder.with_target(_query(panel.query, panel.legend or panel.title).instant())


@_render.register
def _(panel: Lines) -> timeseries.Panel:
    builder = _dressed(timeseries.Panel(), panel).span(24 if panel.wide else 12).height(_HEIGHT)
    if panel.from_zero:
        builder.min(0)
    for letter, (legend, query) in zip(_LETTERS, panel.series, strict=False):
        builder.with_target(_query(query, legend).ref_id(letter))
    return builder


@_render.register
def _(panel: Bars) -> bargauge.Panel:
    builder = _dressed(bargauge.Panel(), panel).span(12).height(_HEIGHT)
    builder.min(0).orientation(VizOrientation.HORIZONTAL).reduce_options(_last_value())
    query = _query(panel.query, panel.legend).instant()
    return builder.with_target(query.format(PromQueryFormat.HEATMAP) if panel.buckets else query)


@_render.register
def _(panel: Heatmap) -> heatmap.Panel:
    builder = _dressed(heatmap.Panel(), panel).span(12).height(_HEIGHT)
    builder.y_axis(heatmap.YAxisConfig().unit(panel.unit))
    return builder.with_target(_query(panel.query, "{{le}}").format(PromQueryFormat.HEATMAP))


def _dressed(builder: _Builder, panel: Panel) -> _Builder:
    """Set what all kinds of panels have."""
    builder.title(panel.title).description(panel.description).datasource(DATASOURCE).unit(panel.unit)
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    if panel.limits is not None:
        builder.thresholds(_thresholds(panel.limits))
    return builder


def _thresholds(limits: Limits) -> ThresholdsConfig:
    steps = [Threshold(None, "green"), Threshold(limits.orange, "orange"), Threshold(limits.red, "red")]
    if limits.red < limits.orange:
        steps = [Threshold(None, "red"), Threshold(limits.red, "orange"), Threshold(limits.orange, "green")]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _last_value() -> ReduceDataOptions:
    return ReduceDataOptions().calcs(["lastNotNull"])


def _query(expression: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id("A").expr(expression).legend_format(legend).datasource(DATASOURCE)
