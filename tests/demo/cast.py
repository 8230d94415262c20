"""What a terminal showed, as a file that players read (asciicast, version 2), and as an animated picture."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import pyte
from PIL import Image, ImageDraw, ImageFont

from demo.shell import COLUMNS, LINES, Event

FONT = Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSansMono.ttf"
"""A font that is there wherever matplotlib is."""

_IDLE_SECONDS = 1.2
_SHOWN_SECONDS = 0.15
"""Two pictures are at least so far apart."""
_LAST_SECONDS = 6.0
_BACKGROUND, _FOREGROUND = "#16191d", "#d5dae1"
_COLOURS = {
    "red": "#f2777a",
    "green": "#8bd49c",
    "brown": "#ffcc66",
    "blue": "#6cb6ff",
    "magenta": "#d8a0df",
    "cyan": "#7fd1d1",
    "black": "#5c6370",
}
_SIZE, _WIDTH, _HEIGHT, _MARGIN = 12, 7, 15, 10
"""Size of the font, of a character, and of the margin, in pixels."""


def shorten(events: Sequence[Event], longest: float) -> list[Event]:
    """Return events whose pauses are cut, and whose every command is sped up to take a number of seconds at most.

    Args:
        events: as they happened.
        longest: seconds between two prompts.
    """
    steps = [min(_IDLE_SECONDS, later - earlier) for earlier, later in pairwise([0.0, *(event.at for event in events)])]
    prompts = [number + 1 for number, event in enumerate(events) if "\x1b]133;D;" in event.text]
    now, shown = 0.0, list[Event]()
    for first, last in pairwise([0, *prompts, len(events)]):
        factor = min(1.0, longest / max(sum(steps[first:last]), 1e-9))
        for event, step in zip(events[first:last], steps[first:last], strict=True):
            now += step * factor
            shown.append(Event(at=round(now, 3), text=event.text))
    return shown


def moved(events: Iterable[Event], folder: Path) -> list[Event]:
    """Return events as they would be in a home folder: which temporary one it was interests nobody."""
    home = f"/home/ann/{folder.name}"
    return [Event(at=event.at, text=event.text.replace(str(folder), home)) for event in events]


def write_cast(path: Path, title: str, events: Iterable[Event]) -> None:
    """Write events as an asciicast."""
    header = {"version": 2, "width": COLUMNS, "height": LINES, "title": title, "env": {"TERM": "xterm-256color"}}
    lines = [header, *([event.at, "o", event.text] for event in events)]
    path.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines), "utf-8")


def read_cast(path: Path) -> list[Event]:
    """Read the events of an asciicast."""
    _, *lines = path.read_text("utf-8").splitlines()
    return [Event(at=at, text=text) for at, kind, text in map(json.loads, lines) if kind == "o"]


def draw_cast(path: Path, events: Sequence[Event]) -> None:
    """Write events as an animated picture (WebP)."""
    frames, seconds = zip(*_frames(events), strict=True)
    frames[0].save(
        path,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=[round(each * 1000) for each in seconds],
        loop=0,
        lossless=True,
        quality=60,
        method=4,
        minimize_size=True,
    )


def _frames(events: Sequence[Event]) -> Iterator[tuple[Image.Image, float]]:
    """Yield what is to be seen, and for how many seconds."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.Stream(screen)
    font = ImageFont.truetype(str(FONT), _SIZE)
    shown_at = 0.0
    for event, following in pairwise([*events, Event(at=events[-1].at + _LAST_SECONDS, text="")]):
        stream.feed(event.text)
        if following.at - shown_at >= _SHOWN_SECONDS:
            yield _picture(screen, font), following.at - shown_at
            shown_at = following.at


def _picture(screen: pyte.Screen, font: ImageFont.FreeTypeFont) -> Image.Image:
    size = COLUMNS * _WIDTH + 2 * _MARGIN, LINES * _HEIGHT + 2 * _MARGIN
    image = Image.new("RGB", size, _BACKGROUND)
    draw = ImageDraw.Draw(image)
    for line in range(LINES):
        cells = screen.buffer[line]
        for column in range(COLUMNS):
            cell = cells[column]
            if cell.data.strip():
                place = _MARGIN + column * _WIDTH, _MARGIN + line * _HEIGHT
                draw.text(place, cell.data, fill=_COLOURS.get(cell.fg, _FOREGROUND), font=font)
    return image
