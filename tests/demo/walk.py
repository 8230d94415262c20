"""The walk through the product that the documents show: `python -m demo.walk` does all of it, and records it.

Its commands are those of docs/demo.md, word by word.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Page, expect

from browsing import opened, profile, running_browser
from demo.boards import Span, draw_boards
from demo.cast import draw_cast, moved, shorten, write_cast
from demo.film import Film
from demo.scene import ENVIRONMENT, make_scene
from demo.shell import Event, Shell
from housing.addresses import bypass_proxies
from housing.ports import GATEWAY_PORT, METRICS_PORT, MONITOR_PORT
from observability import running_prometheus
from running import ROOT
from shell_blocks import commands

PAGE = f"http://127.0.0.1:{GATEWAY_PORT}"
DOCUMENT = ROOT / "docs/demo.md"
RESULTS = ROOT / "docs/demo"
DASHBOARDS = ROOT / "docs/images/dashboards"
TOOLS = ROOT / ".tools/bin"
WATCHED = {"housing": METRICS_PORT, "housing-monitor": MONITOR_PORT, "housing-gateway": GATEWAY_PORT}
"""Ports that Prometheus looks at, by the name of the job."""
LONGEST_SECONDS = 9.0
"""How long a command takes in the film, at most."""

UNTIL = {".venv/bin/housing up": "Ready."}
"""What commands in the background are waited for, by how they begin."""


def sections() -> Iterator[tuple[str, list[str]]]:
    """Yield the headings of the document, each with the commands below it."""
    for heading, text in re.findall(
        r"^## (.*?)\n(.*?)(?=^## |\Z)", DOCUMENT.read_text("utf-8"), re.DOTALL | re.MULTILINE
    ):
        yield heading, list(commands(text))


def look_at_the_page(page: Page, film: Film) -> None:
    """Predict, break and mend a request."""
    expect(page.locator("#price")).to_be_visible()
    expect(page.locator("#why svg")).to_be_visible()
    film.shoot(page, "A block group in Berkeley, its price, and the interval that holds nine of ten true prices")
    before = page.locator("#prediction-id").inner_text()
    size = page.locator("#map canvas").bounding_box()
    assert size is not None
    page.locator("#map canvas").click(position={"x": size["width"] * 0.6, "y": size["height"] * 0.79})
    expect(page.locator("#prediction-id")).not_to_have_text(before)
    film.shoot(page, "A click on the map: the nearest block group fills the form")
    page.check("input[value=predicted]", force=True)
    expect(page.locator("#map-note")).to_contain_text("Prices of the served model")
    film.shoot(page, "The map in the prices of the model: 4,000 block groups, one call")
    break_and_mend(page, film)
    explain(page, film)


def break_and_mend(page: Page, film: Film) -> None:
    """Ask for what cannot be, and correct it."""
    before = {name: page.input_value(name) for name in ("#latitude", "#median_income")}
    page.fill("#latitude", "50")
    page.fill("#median_income", "")
    page.locator("#form .primary").click()
    expect(page.locator("#latitude-problem")).to_be_visible()
    film.shoot(page, "An impossible request: the service says why, at its fields", 3.5)
    for name, value in before.items():
        page.fill(name, value)
    page.locator("#form .primary").click()
    expect(page.locator("#form-error")).to_be_hidden()
    expect(page.locator("#price")).to_be_visible()
    film.shoot(page, "Corrected")


def explain(page: Page, film: Film) -> None:
    """Show reasons, the curve of incomes, and the request as commands."""
    page.click("#income-button")
    expect(page.locator("#income-price")).to_be_visible()
    page.locator("#income").scroll_into_view_if_needed()
    for key in ("Home", *["PageUp"] * 4):
        page.locator("#income-slider").press(key)
        film.shoot(page, "What each field adds to the price, and the price at other incomes", 0.9)
    for language in ("curl", "grpcurl", "ghz", "Python"):
        page.click(f"#tab-{language}")
        page.locator("#snippets").evaluate("each => each.closest('section').scrollIntoView({block: 'end'})")
        film.shoot(page, f"The same request, as {language}", 1.2)


def look_at_operations(page: Page, film: Film) -> None:
    """Show what happened."""
    page.goto(f"{PAGE}/ops")
    for place, caption in {
        "#alerts": "Operations: the alerts that fire, the state of the service, predictions by version",
        "#drift figure": "What was asked, beside what the model was trained on: the south is new to it",
        "#found": "Every answer is on record, with its request",
        "#models-shown": "Version 2 was promoted by the retraining, and rolled back by hand",
        "#retrainings": "The retraining: trigger, verdict, and every stage",
    }.items():
        expect(page.locator(place).first).not_to_be_empty()
        expect(page.locator("#predictions-by-version tbody tr").first).to_be_visible()
        page.locator(place).first.evaluate("each => each.closest('section').scrollIntoView()")
        film.shoot(page, caption, 3.0)


FIRST_CALL, LAST_LOOK = "Call it over gRPC", "Look back"
"""The sections between which the service runs: what the dashboards show."""

FILMED: dict[str, Callable[[Page, Film], None]] = {
    "Look at the page": look_at_the_page,
    LAST_LOOK: look_at_operations,
}
"""What the browser does, by the section of the document: before its commands."""


def main() -> None:
    """Walk in a new folder, and write both films and the pictures of the dashboards."""
    bypass_proxies(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "california-housing"
        root.mkdir()
        make_scene(root)
        environment = os.environ | ENVIRONMENT | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}", "LOGNAME": "ann"}
        film = Film()
        with running_prometheus(Path(folder) / "prometheus", WATCHED) as prometheus:
            with Shell(root, environment) as shell:
                span = walk(shell, film)
            draw_boards(prometheus, span, DASHBOARDS)
    write_films(moved(shell.events, root), film)


def walk(shell: Shell, film: Film) -> Span:
    """Go through the document; return when the service ran."""
    begun: dict[str, float] = {}
    with running_browser() as browser:
        for heading, commands_below in sections():
            print(heading, file=sys.stderr)  # noqa: T201 - whoever waits wants to know
            if scene := FILMED.get(heading):
                with profile(browser, color_scheme="light") as context, opened(context, f"{PAGE}/") as page:
                    scene(page, film)
            begun[heading] = time.time()
            for command in commands_below:
                shell.run(command, until=next((text for start, text in UNTIL.items() if command.startswith(start)), ""))
                shell.pause(1.5)
    return Span(start=begun[FIRST_CALL], end=begun[LAST_LOOK])


def write_films(shown: list[Event], film: Film) -> None:
    """Write what was recorded beside the document."""
    events = shorten(shown, LONGEST_SECONDS)
    RESULTS.mkdir(exist_ok=True)
    write_cast(RESULTS / "terminal.cast", "California house prices: train, serve, drift, retrain, roll back", events)
    draw_cast(RESULTS / "terminal.webp", events)
    film.save(RESULTS / "browser.webp")


if __name__ == "__main__":
    main()
