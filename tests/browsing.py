"""A browser for tests of the pages, and the screenshots of them that documents show."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from running import PATIENCE, ROOT, tool

expect.set_options(timeout=PATIENCE * 1000)
_MILLISECONDS = PATIENCE * 1000
_OPTIONS = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage", "--force-color-profile=srgb"]


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run Debian's Chromium until the end of the block."""
    program = tool("chromium", "apt-get install chromium, or make tools")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def profile(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Create a browser profile until the end of the block: its pages share a cache."""
    options = {"viewport": {"width": 1280, "height": 860}} | options
    with browser.new_context(accept_downloads=True, **options) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield context


@contextmanager
def opened(context: BrowserContext, address: str) -> Iterator[Page]:
    """Open a page until the end of the block; check that it sent nothing to other hosts, and logged no problem."""
    page = context.new_page()
    page.set_default_timeout(_MILLISECONDS)
    problems: list[str] = []
    foreign: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    # The browser logs refusals of the service as well, and violations of the policy.
    page.on("console", lambda said: problems.append(said.text) if said.type in {"error", "warning"} else None)
    origin = "/".join(address.split("/")[:3])
    page.on(
        "request",
        lambda sent: None if sent.url.startswith((origin, "blob:", "data:")) else foreign.append(sent.url),
    )
    page.goto(address)
    try:
        yield page
    finally:
        page.close()
    assert not foreign, foreign
    assert not [each for each in problems if "Failed to load resource" not in each], problems


def picture(page: Page, name: str, height: int = 860) -> None:
    """Write a screenshot for the documents, from the top of the page, if they are being made: `make pictures`."""
    if os.environ.get("PICTURES"):
        clip: Any = {"x": 0, "y": 0, "width": 1280, "height": height}
        taken = Image.open(BytesIO(page.screenshot(full_page=True, clip=clip)))
        taken.convert("RGB").save(ROOT / f"docs/images/{name}.webp", "WEBP", quality=82, method=6)
