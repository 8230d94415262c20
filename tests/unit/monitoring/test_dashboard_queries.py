"""The dashboards' files, their queries, and the names they rest on."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from housing_monitoring.dashboards import BOARDS
from housing_monitoring.dashboards.__main__ import main
from housing_monitoring.dashboards.board import Board, Event
from housing_monitoring.dashboards.events import EVENTS
from housing_monitoring.dashboards.grafana import to_json
from metric_names import known_names, names_in
from running import ROOT

MONITORING = ROOT / "monitoring"
BY_FILE: dict[str, dict[str, Any]] = {board.file: json.loads(to_json(board)) for board in BOARDS}
PANELS = {
    f"{file}: {panel['title']}": panel
    for file, board in BY_FILE.items()
    for panel in board["panels"]
    if panel["type"] != "row"
}
QUERIES = sorted({target["expr"] for panel in PANELS.values() for target in panel["targets"]})


@pytest.fixture(scope="module", name="known")
def names_that_there_are(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all series that there can be."""
    return known_names(tmp_path_factory.mktemp("state"))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.file)
def test_file_is_what_the_code_builds(board: Board) -> None:
    """The JSON that Grafana reads was written by the code as it is now."""
    committed = (MONITORING / "grafana/dashboards" / board.file).read_text("utf-8")
    written_by = "run python -m housing_monitoring.dashboards monitoring/grafana/dashboards"
    assert committed == to_json(board), written_by


def test_no_file_is_left_over() -> None:
    """Grafana reads no dashboard that the code does not know."""
    assert {path.name for path in (MONITORING / "grafana/dashboards").iterdir()} == set(BY_FILE)


def test_command_writes_all_files(tmp_path: Path) -> None:
    """The command writes each dashboard."""
    assert main([str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(BY_FILE)


def test_command_without_a_folder_says_how_to_call_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is missing ends the command with a line that says so."""
    assert main([]) == main([str(tmp_path / "missing")]) == 2
    assert capsys.readouterr().err.count("FOLDER, which must exist\n") == 2


def test_first_dashboard_begins_with_the_eight_panels() -> None:
    """What every operator asks first is on the home page, at the top."""
    titles = [panel["title"] for panel in BY_FILE[BOARDS[0].file]["panels"]]
    assert titles[:9] == [
        "Predictions",
        "Prediction volume",
        "Mean predicted value",
        "p95 response time",
        "Error rate",
        "Predictions over time",
        "Predicted values through time",
        "Predicted value distribution",
        "Geography",
    ]


@pytest.mark.parametrize("name", PANELS)
def test_panel_says_what_it_shows(name: str) -> None:
    """Each panel has a description, a query, and a data source."""
    panel = PANELS[name]
    assert panel["description"].endswith(".")
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@pytest.mark.parametrize("file", BY_FILE)
def test_panels_do_not_overlap(file: str) -> None:
    """No two panels cover the same cell of Grafana's grid, none leaves its 24 columns, and each has an id."""
    panels = BY_FILE[file]["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("query", QUERIES)
def test_query_asks_for_exported_metrics(query: str, known: set[str]) -> None:
    """Each query is valid PromQL and names only metrics that there are."""
    names = names_in(query)
    assert names
    assert names <= known


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
@pytest.mark.parametrize("file", BY_FILE)
def test_events_are_marked_on_every_dashboard(file: str, event: Event, known: set[str]) -> None:
    """Each event asks for metrics that there are, and says in words what happened."""
    marked = {each["name"]: each for each in BY_FILE[file]["annotations"]["list"]}
    assert marked[event.name]["expr"] == event.query
    assert marked[event.name]["textFormat"] == event.text
    assert names_in(event.query) <= known


@pytest.mark.parametrize("file", BY_FILE)
def test_dashboard_can_be_narrowed_and_read_across(file: str) -> None:
    """One filter holds for every panel, and the cursor stands at one moment in all of them."""
    assert [each["type"] for each in BY_FILE[file]["templating"]["list"]] == ["adhoc"]
    assert BY_FILE[file]["graphTooltip"] == 1


def test_map_knows_where_its_circles_are() -> None:
    """The labels that hold coordinates are made numbers, and the query keeps them."""
    panel = PANELS["california-housing.json: Geography"]
    (layer,), (conversion,) = panel["options"]["layers"], panel["transformations"]
    converted = [each["targetField"] for each in conversion["options"]["conversions"]]
    assert [layer["location"][name] for name in ("latitude", "longitude")] == converted == ["latitude", "longitude"]
    assert "by (latitude, longitude)" in panel["targets"][0]["expr"]


def test_colours_turn_from_good_to_bad() -> None:
    """Where high values are bad they end red, and where low ones are they begin so."""
    high = PANELS["california-housing-model.json: Live error against training"]
    low = PANELS["california-housing-model.json: Interval coverage"]
    steps = [
        [(step["value"], step["color"]) for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        for panel in (high, low)
    ]
    assert steps == [
        [(None, "green"), (1.1, "orange"), (1.25, "red")],
        [(None, "red"), (0.85, "orange"), (0.9, "green")],
    ]


def test_home_page_is_there() -> None:
    """Grafana's home page in containers is the first dashboard."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    home = compose["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"/etc/grafana/dashboards/{BOARDS[0].file}"


def test_data_source_is_provisioned() -> None:
    """Panels ask the data source that Grafana is provisioned with, which knows how often Prometheus scrapes."""
    provisioned = yaml.safe_load((MONITORING / "grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8"))
    scraping = yaml.safe_load((MONITORING / "prometheus/prometheus.yml").read_text("utf-8"))
    source = cast("dict[str, Any]", provisioned["datasources"][0])
    assert {panel["datasource"]["uid"] for panel in PANELS.values()} == {source["uid"]}
    assert source["jsonData"]["timeInterval"] == scraping["global"]["scrape_interval"]
