"""The pages in a real browser, before the real service."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Response, Route, expect

from browsing import opened, picture, profile, running_browser
from housing.features import FEATURE_NAMES
from housing_openapi.examples import EXAMPLES
from running import PATIENCE, Service, tool, wait_for

MOST_BYTES, MOST_BYTES_SENT = 180_000, 150_000
"""What a newcomer's browser loads for the page at `/`, at most."""

READY = {"/": "#why svg", "/docs": "#messages", "/ops": "#found *"}
"""What a page shows last, by its path."""


class Product(Protocol):
    """What these tests need of the running product."""

    gateway_port: int
    service: Service


@pytest.fixture(scope="module", name="browser")
def started_browser() -> Iterator[Browser]:
    """One browser for all tests."""
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module", name="context")
def shared_context(browser: Browser) -> Iterator[BrowserContext]:
    """One profile for all tests that need no profile of their own: its cache has the scripts and the map."""
    with profile(browser) as context:
        yield context


@pytest.fixture(scope="module", name="address")
def gateway_address(product: Product) -> str:
    """Where the pages are."""
    return f"http://127.0.0.1:{product.gateway_port}"


@pytest.fixture(name="page")
def start_page(context: BrowserContext, address: str) -> Iterator[Page]:
    """The page at `/`, with the price of the example."""
    with opened(context, f"{address}/") as page:
        expect(page.locator("#price")).to_be_visible()
        yield page


@pytest.fixture(scope="module", name="many_predictions")
def predictions_on_record(http: httpx.Client, census_rows: list[dict[str, Any]]) -> None:
    """A thousand predictions on record, with the true price of one."""
    answer = http.post("/api/predict/batch", json={"block_groups": census_rows}).raise_for_status().json()
    key = answer["predictions"][-1]["prediction_id"]
    wait_for(lambda: http.get(f"/api/logs/predictions/{key}").status_code == 200 or None, "predictions on record")


def dollars(text: str) -> float:
    """The number of a price as the page shows it."""
    return float(text.replace("$", "").replace(",", ""))


def test_a_click_on_the_map_is_priced_and_explained(page: Page, http: httpx.Client) -> None:
    """The nearest block group fills the form; what is shown is on record."""
    before = page.locator("#prediction-id").inner_text()
    size = page.locator("#map canvas").bounding_box()
    assert size is not None
    page.locator("#map canvas").click(position={"x": size["width"] * 0.6, "y": size["height"] * 0.79})
    expect(page.locator("#prediction-id")).not_to_have_text(before)
    key = page.locator("#prediction-id").inner_text()
    wait_for(lambda: http.get(f"/api/logs/predictions/{key}").status_code == 200 or None, "the prediction on record")
    logged = http.get(f"/api/logs/predictions/{key}").json()["prediction"]
    assert dollars(page.locator("#price").inner_text()) == round(logged["median_house_value"])
    assert page.input_value("#latitude") == str(logged["block_group"]["latitude"])
    price = re.escape(page.locator("#price").inner_text())
    expect(page.locator("#why svg")).to_have_attribute("aria-label", re.compile(f"together {price}$"))


def test_the_map_is_moved_by_keys(page: Page) -> None:
    """Arrow keys move the cross, and Enter chooses the place."""
    before = float(page.input_value("#latitude"))
    page.locator("#map canvas").focus()
    for key in ("Shift+ArrowUp", "Shift+ArrowUp", "Shift+ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#latitude")).not_to_have_value(str(before))
    assert float(page.input_value("#latitude")) > before


def test_what_the_service_refuses_is_shown_at_the_fields(page: Page) -> None:
    """In its own words; the corrected request is priced."""
    for name, value in (("latitude", "50"), ("total_rooms", "many"), ("median_income", "")):
        page.fill(f"#{name}", value)
    page.locator("#form .primary").click()
    expect(page.locator("#total_rooms-problem")).to_have_text("must be a number")  # of the wrong type: refused first
    page.fill("#total_rooms", "880")
    page.locator("#form .primary").click()
    expect(page.locator("#latitude-problem")).to_have_text(
        "must be greater than or equal to 32.5 and less than or equal to 42"
    )
    expect(page.locator("#median_income-problem")).to_be_visible()
    assert page.locator("#latitude").get_attribute("aria-invalid") == "true"
    assert page.evaluate("document.activeElement.id") == "latitude"
    expect(page.locator("#form-error")).to_contain_text("INVALID_REQUEST")
    picture(page, "errors")
    page.fill("#latitude", "37.88")
    page.fill("#median_income", "8.3252")
    page.locator("#form .primary").click()
    expect(page.locator("#price")).to_be_visible()
    expect(page.locator("#form-error")).to_be_hidden()


def test_all_that_is_wrong_with_a_field_is_shown_at_it(page: Page) -> None:
    """A field can break several rules, and is counted once."""
    page.fill("#total_bedrooms", "99999")
    page.locator("#form .primary").click()
    expect(page.locator("#total_bedrooms-problem")).to_contain_text("; must be greater than or equal to 1 and less")
    expect(page.locator("#form-error")).to_contain_text("refused a field")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"longitude;latitude\n-118;34\n", "its cells must be separated by commas"),
        (b"PK\x03\x04\0\0", "it is not a CSV in UTF-8"),
        (b"longitude,lat\n-118,34\n", "its first line does not name latitude"),
    ],
)
def test_a_file_that_cannot_be_priced_is_refused_with_the_reason(page: Page, content: bytes, reason: str) -> None:
    """Another separator, no text at all, or columns that are missing."""
    file: Any = {"name": "blocks.csv", "mimeType": "text/csv", "buffer": content}
    page.set_input_files("#csv-file", files=[file])
    expect(page.locator("#csv-status")).to_contain_text(f"blocks.csv: {reason}")


def test_an_unusual_request_is_priced_with_a_warning(page: Page) -> None:
    """The warning names its field."""
    page.fill("#households", "400")
    page.locator("#form .primary").click()
    expect(page.locator("#answer .warning").first).to_contain_text("households: there are more households than people")


def test_the_slider_follows_the_curve_of_incomes(page: Page) -> None:
    """One batch call, then keys."""
    page.click("#income-button")
    expect(page.locator("#income-price")).to_contain_text("$85,000 a year")
    page.focus("#income-slider")
    page.keyboard.press("Home")
    expect(page.locator("#income-price")).to_contain_text("$5,000 a year")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#income-slider")).to_have_attribute("aria-valuetext", "$10,000 a year")


def test_the_request_is_shown_as_commands_that_work(page: Page, tmp_path: Path) -> None:
    """Each is copied, and run word by word; ghz is not at hand everywhere."""
    price = dollars(page.locator("#price").inner_text())
    for language in ("curl", "grpcurl", "Python", "ghz"):
        page.click(f"#tab-{language}")
        page.click("text=Copy")
        text = page.locator("#snippet").inner_text()
        page.wait_for_function("async text => (await navigator.clipboard.readText()) === text", arg=text)
        if language == "ghz":
            assert text.startswith("ghz --insecure --call housing.v1.PredictionService/Predict ")
            continue
        script = tmp_path / "script"
        script.write_text(text.replace("grpcurl", tool("grpcurl", "make tools"), 1) if language == "grpcurl" else text)
        command = [sys.executable if language == "Python" else "sh", str(script)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
        found = re.search(r"(?:edian_?[hH]ouse_?[vV]alue\": ?)?(\d{5,}\.\d+)", answer)
        assert found, answer
        assert float(found[1]) == pytest.approx(price, abs=1)


def test_a_dropped_csv_comes_back_priced(page: Page, census_rows: list[dict[str, Any]]) -> None:
    """In its order, with the columns that it had, and for each refused row the reason."""
    rows = [*census_rows[:1001], census_rows[0] | {"latitude": 50}, census_rows[0] | {"population": "many"}]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["name", *FEATURE_NAMES])
    writer.writerows([f'number "{index}", of many', *row.values()] for index, row in enumerate(rows))
    file: Any = {"name": "blocks.csv", "mimeType": "text/csv", "buffer": text.getvalue().encode()}
    page.set_input_files("#csv-file", files=[file])
    expect(page.locator("#csv-status")).to_contain_text(f"{len(rows) - 2:,} rows priced, 2 refused")
    with page.expect_download() as download:
        page.click("#csv-result")
    assert download.value.suggested_filename == "blocks-priced.csv"
    priced = list(csv.DictReader(Path(download.value.path()).read_text("utf-8").splitlines()))
    assert [row["name"] for row in priced] == [f'number "{index}", of many' for index in range(len(rows))]
    assert all(float(row["lower"]) < float(row["predicted_value"]) for row in priced[:-2])
    assert "latitude: must be" in priced[-2]["error"]
    assert priced[-1]["error"] == "population: must be a number"


def test_the_map_shows_predicted_prices_on_demand(page: Page) -> None:
    """By one batch call."""
    with page.expect_request("**/api/predict/batch") as asked:
        page.check("input[value=predicted]", force=True)
    assert len(json.loads(str(asked.value.post_data))["block_groups"]) == 4000
    expect(page.locator("#map-note")).to_contain_text("Prices of the served model for 4,000 block groups")


def test_the_model_card_is_shown(page: Page) -> None:
    """With its headings and tables."""
    page.click("#card")
    expect(page.locator("dialog h2", has_text="Model card: california-housing")).to_be_visible()
    assert page.locator("dialog table").count() > 0


def test_the_page_is_light(browser: Browser, address: str) -> None:
    """All that it loads until it shows a price and its reasons, but the metrics, which grow with what was called."""
    loaded: list[Response] = []
    with profile(browser) as context, opened(context, f"{address}/web/icon.svg") as page:  # nothing is cached
        page.on("response", lambda response: loaded.extend([response]))
        page.goto(f"{address}/")
        expect(page.locator("#why svg")).to_be_visible()
        counted = [each for each in loaded if not each.url.endswith("/metrics")]
        sizes = {each.url: (len(each.body()), each.request.sizes()["responseBodySize"]) for each in counted}
    assert sum(whole for whole, _ in sizes.values()) < MOST_BYTES, sizes
    assert sum(sent for _, sent in sizes.values()) < MOST_BYTES_SENT, sizes


def test_status_is_live(page: Page) -> None:
    """State and version at once, rate and latency from two readings of the metrics."""
    expect(page.locator("#state")).to_contain_text("serving")
    expect(page.locator("#version")).to_contain_text("model v")
    expect(page.locator("#rate")).to_contain_text("calls/s")


def test_a_service_that_is_not_reachable_is_reported(browser: Browser, address: str) -> None:
    """The page stays, and says so at once; likewise when the service can be reached again."""
    with profile(browser) as context, opened(context, f"{address}/") as page:
        expect(page.locator("#price")).to_be_visible()
        context.set_offline(True)
        page.locator("#form .primary").click()
        expect(page.locator("#form-error")).to_contain_text("cannot be reached")
        expect(page.locator("#state")).to_contain_text("not reachable")
        context.set_offline(False)
        expect(page.locator("#state")).to_contain_text("serving")


def test_docs_show_every_operation_and_send_its_example(context: BrowserContext, address: str) -> None:
    """What is sent from the page is answered."""
    with opened(context, f"{address}/docs") as page:
        expect(page.locator(READY["/docs"]).first).to_be_visible()
        shown = page.locator("section[aria-label]").evaluate_all(
            "all => all.filter((each) => each.checkVisibility()).map((each) => each.ariaLabel)"
        )
        assert set(EXAMPLES) <= set(shown)
        section = page.locator("section[aria-label=Predict]")
        picture(page, "docs")
        section.locator("summary", has_text="Try it").click()
        section.get_by_role("button", name="Send").click()
        expect(section.get_by_role("status")).to_contain_text("200 OK")
        assert json.loads(section.locator("pre[aria-label=Answer]").inner_text())["median_house_value"] > 0
        expect(page.locator("#errors")).to_contain_text("GATEWAY_OVERLOADED")
        expect(page.locator("section[aria-label=PredictionService]")).to_contain_text("StreamPredict")


@pytest.mark.usefixtures("many_predictions")
def test_ops_finds_a_prediction_and_records_its_true_price(context: BrowserContext, address: str) -> None:
    """By price; its dialog has the request."""
    with opened(context, f"{address}/ops") as page:
        expect(page.locator("#alerts p").first).to_be_visible()
        expect(page.locator("#drift figure")).to_have_count(len(FEATURE_NAMES) + 1)
        picture(page, "ops", height=1400)
        page.fill("#min_median_house_value", "cheap")
        page.click("#search .primary")
        expect(page.locator("#found")).to_contain_text("INVALID_REQUEST")
        page.fill("#min_median_house_value", "300000")
        page.fill("#max_median_house_value", "400000")
        page.click("#search .primary")
        expect(page.locator("#found tbody tr").first).to_be_visible()
        assert all(
            300_000 <= dollars(text) <= 400_000
            for text in page.locator("#found tbody td:nth-child(3)").all_inner_texts()
        )
        page.locator("#found tbody button").first.click()
        page.fill("#true-price", "350000")
        page.locator("dialog .primary").click()
        expect(page.locator("dialog [role=status]")).to_have_text(re.compile("recorded|revised|on record already"))


def test_a_key_is_sent_and_kept_for_the_tab_alone(page: Page) -> None:
    """As a bearer token, with every call."""
    page.click("text=API key")
    page.fill("#key", "secret")
    with page.expect_request("**/api/predict") as asked:
        page.locator("#form .primary").click()
    assert asked.value.all_headers()["authorization"] == "Bearer secret"
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]


def answer_with(answers: dict[str, Any]) -> Callable[[Route], None]:
    """A handler that answers paths from a table, and leaves all others to the service."""

    def handle(route: Route) -> None:
        path = route.request.url.split("?")[0].partition("/api/")[2]
        if path in answers:
            route.fulfill(json=answers[path])
        else:
            route.continue_()

    return handle


def test_ops_promotes_a_version_with_a_reason(context: BrowserContext, address: str, http: httpx.Client) -> None:
    """Where the service has routes for that: the panels follow the API's document; changes of canaries are listed."""
    contract = http.get("/openapi.json").json()
    contract["paths"] |= {"/api/models": {}, "/api/retraining": {}}
    versions = [
        {"version": str(number), "aliases": ["champion"] if number == 2 else [], "objection": ""} for number in (3, 2)
    ]
    answers = {
        "models": {"versions": versions, "champion_version": "2"},
        "models/changes": {
            "changes": [
                {"kind": "MODEL_CHANGE_KIND_CANARY_SHARE", "from_version": "3", "from_share": 0.1}
                | {"to_version": "3", "to_share": 0.5, "changed_at": "", "changed_by": "ana", "reason": "a look"}
            ]
        },
        "models/3:promote": {"change": {"to_version": "3"}},
        "retraining": {
            "retrainings": [
                {"retraining_id": "r", "trigger": "RETRAINING_TRIGGER_NEW_DATA", "stage": "train", "requested_at": ""}
            ]
        },
    }
    with opened(context, f"{address}/web/icon.svg") as page:
        page.route("**/openapi.json", lambda route: route.fulfill(json=contract))
        page.route("**/api/**", answer_with(answers))
        page.goto(f"{address}/ops")
        expect(page.locator("#retrainings")).to_contain_text("new data")
        expect(page.locator("#models-shown")).to_contain_text("v3 (10 %) \u2192 v3 (50 %)")
        page.locator("#models-shown").get_by_role("button", name="Promote").click()
        page.fill("#reason", "better at the coast")
        with page.expect_request("**/api/models/3:promote") as asked:
            page.locator("dialog .primary").click()
        assert json.loads(str(asked.value.post_data)) == {"reason": "better at the coast", "champion_version": "2"}
        expect(page.locator("#models-said")).to_contain_text("Version 3 is the champion")


def test_ops_shows_the_alerts_that_fire(context: BrowserContext, address: str, http: httpx.Client) -> None:
    """By what the service's own calls answer, under the names of Prometheus' rules."""
    health = http.get("/health").json()
    health["prediction_log"] |= {"enabled": True, "store_up": False, "problem": "disk full"}
    model = http.get("/api/model").json()["model"]
    error = {"outcomes": 200, "root_mean_squared_error": 2 * model["metrics"]["test_rmse"], "interval_coverage": 0.8}
    profile = http.get("/api/model/profile").json()
    inland = {each["name"]: (each["edges"] or [0])[0] for each in profile["profile"]["inputs"]} | {
        "ocean_proximity": "INLAND"
    }
    failed = {"verdict": "RETRAINING_VERDICT_FAILED", "verdict_reason": "no rows"}
    answers = {
        "logs/predictions/stats": {
            "model_versions": [{"model_version": model["version"], "error": error}],
            "periods": [],
        },
        "logs/predictions": {"predictions": [{"block_group": inland, "median_house_value": 1}] * 500},
        "retraining/status": {"watchers": [{"alive": False}], "lease_held": False, "last_finished": failed},
    }
    with opened(context, f"{address}/web/icon.svg") as page:
        page.route("**/health", lambda route: route.fulfill(json=health))
        page.route("**/api/**", answer_with(answers))
        page.goto(f"{address}/ops")
        expect(page.locator("#alerts")).to_contain_text("disk full")
        assert page.locator("#alerts b").all_inner_texts() == [
            *("PredictionLogStoreDown", "LiveErrorAboveTraining", "IntervalCoverageBelowTarget", "ModelDrift"),
            *("RetrainingFailed", "RetrainingWatcherDown"),
        ]


def check_with_axe(page: Page, options: dict[str, Any] | None = None) -> None:
    """Compare a page with axe's rules; of operations, rows and figures that look alike the first are enough."""
    page.evaluate(
        "document.querySelectorAll('.list > :nth-child(n+4):nth-last-child(n+9), tbody > :nth-child(n+4), "
        "figure:nth-of-type(n+4)').forEach(each => each.remove())"
    )
    found = Axe().run(page, options={"resultTypes": ["violations"]} | (options or {}))  # others in less detail
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("path", READY)
def test_page_is_accessible_and_fits_a_phone(path: str, context: BrowserContext, address: str) -> None:
    """Without violations that axe finds, in the colours for light and for dark; nothing scrolls sideways on a phone."""
    with opened(context, f"{address}{path}") as page:
        expect(page.locator(READY[path]).first).to_be_visible()
        if path == "/":
            page.click("#income-button")
            expect(page.locator("#income svg")).to_be_visible()
            picture(page, "page", height=1410)
        check_with_axe(page)
        page.emulate_media(color_scheme="dark")
        if path == "/":
            check_with_axe(page, {"runOnly": ["color-contrast"]})
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
