"""Rendering of dashboards to Grafana's JSON."""

import json
from collections.abc import Iterator
from functools import singledispatch
from typing import Any, TypeAlias, TypeVar

from grafana_foundation_sdk.builders import bargauge, geomap, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import FrameGeometrySource, MapLayerOptions, ReduceDataOptions
from grafana_foundation_sdk.builders.dashboard import (
    AdHocVariable,
    AnnotationQuery,
    Dashboard,
    DashboardLink,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.dashboard import Row as RowPanel
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    BigValueTextMode,
    FrameGeometrySourceMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.geomap import TooltipMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from housing_monitoring.dashboards.board import Bars, Board, Event, Figure, Heatmap, Limits, Lines, Map, Panel
from housing_monitoring.dashboards.events import EVENTS

DATASOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
"""The data source that Grafana is provisioned with."""

_TAG = "housing"
_HEIGHT = 8
_FIGURE_HEIGHT = 5
_CALIFORNIA = (-119, 37, 5)
"""Longitude and latitude of the map's centre, in degrees, and its zoom level."""
_LETTERS = "ABCDEFGH"
"""Grafana's names of the queries of a panel."""

_Builder = TypeVar("_Builder", stat.Panel, timeseries.Panel, bargauge.Panel, heatmap.Panel, geomap.Panel)
_AnyBuilder: TypeAlias = stat.Panel | timeseries.Panel | bargauge.Panel | heatmap.Panel | geomap.Panel


def to_json(board: Board) -> str:
    """Render a dashboard as JSON, ending in a newline."""
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
        .tooltip(DashboardCursorSync.CROSSHAIR)
        # One variable for any label of any query, such as `instance` or `model_version`: Grafana adds it to each query.
        .with_variable(AdHocVariable("filters").label("Filters").datasource(DATASOURCE))
    )
    for event in EVENTS:
        dashboard.annotation(_annotation(event))
    for number, part in enumerate(_parts(board), start=1):
        if isinstance(part, RowPanel):
            dashboard.with_row(part.id(number))
        else:
            dashboard.with_panel(part.id(number))
    return json.dumps(_with_texts(JSONEncoder().encode(dashboard.build())), sort_keys=True, indent=2) + "\n"


def _with_texts(dashboard: str) -> dict[str, Any]:
    """Return a dashboard with the texts of its annotations, which the builders do not support."""
    content: dict[str, Any] = json.loads(dashboard)
    for annotation, event in zip(content["annotations"]["list"], EVENTS, strict=True):
        annotation |= {"titleFormat": event.name, "textFormat": event.text}
    return content


def _annotation(event: Event) -> AnnotationQuery:
    query = AnnotationQuery().name(event.name).datasource(DATASOURCE).expr(event.query)
    return query.enable(True).icon_color(event.color)


def _parts(board: Board) -> Iterator[RowPanel | _AnyBuilder]:
    for row in board.rows:
        yield RowPanel(row.title)
        yield from map(_render, row.panels)


@singledispatch
def _render(panel: Panel) -> _AnyBuilder:
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


@_render.register
def _(panel: Map) -> geomap.Panel:
    builder = _dressed(geomap.Panel(), panel).span(12).height(_HEIGHT)
    longitude, latitude, zoom = _CALIFORNIA
    builder.view(geomap.MapViewConfig().id("coords").lon(longitude).lat(latitude).zoom(zoom))
    where = FrameGeometrySource().mode(FrameGeometrySourceMode.COORDS).latitude("latitude").longitude("longitude")
    circles = {"style": {"size": {"field": "Value", "min": 4, "max": 24}, "opacity": 0.6}, "showLegend": True}
    builder.basemap(MapLayerOptions().type("default").name("Basemap"))
    builder.tooltip(geomap.TooltipOptions().mode(TooltipMode.DETAILS))
    builder.layers([MapLayerOptions().type("markers").name(panel.title).location(where).config(circles).tooltip(True)])
    query = _query(panel.query, "").instant().format(PromQueryFormat.TABLE)
    # Labels are text, but Grafana needs numbers for coordinates.
    conversions = [{"targetField": name, "destinationType": "number"} for name in ("latitude", "longitude")]
    builder.with_transformation(DataTransformerConfig("convertFieldType", options={"conversions": conversions}))
    return builder.with_target(query)


def _dressed(builder: _Builder, panel: Panel) -> _Builder:
    """Set the properties that all panels share."""
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
