"""The demo's parts: its document, the shell that it types into, and the pictures that it makes."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demo.boards import BOARDS, Span, draw_board
from demo.cast import draw_cast, read_cast, shorten, write_cast
from demo.scene import CALLS, NEW, SOLD
from demo.shell import CommandFailed, Event, Shell
from demo.units import written
from demo.walk import DASHBOARDS, DOCUMENT, FILMED, FIRST_CALL, LAST_LOOK, RESULTS, UNTIL, sections
from observability import Found

MOST_BYTES = 2_000_000
"""What the films may weigh together."""


def test_what_is_recorded_is_in_the_document() -> None:
    """Scenes, waits and files of the walk are those of its text."""
    walk = dict(sections())
    assert {*FILMED, FIRST_CALL, LAST_LOOK} <= set(walk)
    assert all(any(command.startswith(start) for below in walk.values() for command in below) for start in UNTIL)
    for name in (CALLS, NEW, SOLD):
        assert any(name in command for below in walk.values() for command in below), name


def test_films_and_pictures_are_there_and_small() -> None:
    """What the documents show was made, and can be kept in a repository."""
    shown = [RESULTS / name for name in ("terminal.webp", "browser.webp", "terminal.cast")]
    assert all(path.name in DOCUMENT.read_text("utf-8") for path in shown)
    assert sum(path.stat().st_size for path in shown) < MOST_BYTES
    assert {path.stem for path in DASHBOARDS.glob("*.webp")} == {path.stem for path in BOARDS.glob("*.json")}


@pytest.fixture(name="shell")
def running_shell(tmp_path: Path) -> Any:
    """A shell in an empty folder."""
    with Shell(tmp_path, os.environ) as shell:
        yield shell


def test_a_shell_records_what_is_typed_and_answered(shell: Shell) -> None:
    """A command of several lines, and one in the background that is waited for."""
    shell.run("printf '%s-%s\\n' one \\\n  two")
    shell.run("(read -r line < /dev/zero & sleep 0.1; echo rea''dy) &", until="ready")
    assert "one-two" in "".join(event.text for event in shell.events)


def test_a_command_that_fails_ends_the_walk(shell: Shell) -> None:
    """A film of failures is made of nothing."""
    with pytest.raises(CommandFailed, match="exit code 1"):
        shell.run("false")


def test_waits_are_shortened() -> None:
    """Between two prompts no more than so many seconds pass, and order and text stay."""
    prompt = "\x1b]133;D;0\x07$ "
    events = [Event(at=at, text=text) for at, text in ((0, prompt), (5, "a"), (500, "b"), (600, prompt), (601, "c"))]
    shown = shorten(events, 2.0)
    assert [event.text for event in shown] == [event.text for event in events]
    assert [event.at for event in shown] == sorted(event.at for event in shown)
    assert shown[-1].at < 6


def test_a_film_of_a_terminal_is_a_file_for_players_and_a_picture_that_moves(tmp_path: Path) -> None:
    """The file can be read again; the picture has a frame for each change."""
    events = [Event(at=0, text="one\r\n"), Event(at=1, text="\x1b[31mtwo"), Event(at=2, text="\x1b[H\x1b[2Jthree")]
    write_cast(tmp_path / "film.cast", "a film", events)
    assert json.loads((tmp_path / "film.cast").read_text("utf-8").splitlines()[0])["version"] == 2
    assert read_cast(tmp_path / "film.cast") == events
    draw_cast(tmp_path / "film.webp", events)
    with Image.open(tmp_path / "film.webp") as film:
        assert getattr(film, "n_frames") == len(events)  # noqa: B009 - of pictures that move only


class AnyPrometheus:
    """Finds two series for every query, or none."""

    def __init__(self, count: int) -> None:
        self._count = count

    def ask_between(self, _query: str, start: float, end: float, _step: float) -> list[Found]:
        """Return series with the labels of buckets and places."""
        labels = [
            {"le": "1e5", "latitude": "37", "longitude": "-122"},
            {"le": "+Inf", "latitude": "34", "longitude": "-118"},
        ]
        return [
            Found(labels=each, times=[start, end], values=[1.0 + number, 2.0 + number])
            for number, each in enumerate(labels[: self._count])
        ]


@pytest.mark.parametrize("count", [0, 2])
def test_every_panel_is_drawn(count: int, tmp_path: Path) -> None:
    """Of each kind and unit that a dashboard has, with data and without."""
    prometheus: Any = AnyPrometheus(count)
    panels = [panel for path in BOARDS.glob("*.json") for panel in json.loads(path.read_text("utf-8"))["panels"]]
    kinds = {(each["type"], each.get("fieldConfig", {}).get("defaults", {}).get("unit")): each for each in panels}
    board = {"title": "all", "panels": [*kinds.values()]}
    draw_board(board, prometheus, Span(start=0, end=60), tmp_path / "board.webp")
    assert (tmp_path / "board.webp").stat().st_size > 1000


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1234.0, None, "1.23k"),
        (0.25, "percentunit", "25 %"),
        (-45_000.0, "currencyUSD", "-$45k"),
        (0.0123, "s", "12.3 ms"),
        (3 * 2.0**30, "bytes", "3 GiB"),
        (0.0, "s", "0 µs"),
    ],
)
def test_values_have_units(value: float, unit: str | None, text: str) -> None:
    """As Grafana writes them."""
    assert written(value, unit) == text
