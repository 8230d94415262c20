"""Print the summary of the architecture on one page: `python -m housing_site.summary FILE`."""

import re
import shutil
import sys
import tempfile
from pathlib import Path

import markdown
from playwright.sync_api import sync_playwright

from housing_site.places import ROOT

_STYLE = """
body { font: 9.5pt/1.35 system-ui, 'DejaVu Sans', sans-serif; color: #1d211f; margin: 0; }
h1 { font-size: 16pt; margin: 0 0 6pt; } p { margin: 5pt 0; } img { width: 100%; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 0.5pt solid #b9b5a8; padding: 2pt 4pt; text-align: left; }
"""


class SummaryTooLongError(Exception):
    """The summary needs more than one page."""


def main(target: Path) -> None:
    """Write the page as PDF.

    Raises:
        SummaryTooLongError: there would be more than one page.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    printed = _printed(_page((ROOT / "docs/overview.md").read_text("utf-8")))
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    if pages != 1:
        raise SummaryTooLongError(f"docs/overview.md takes {pages} pages")
    target.write_bytes(printed)


def _page(text: str) -> str:
    without_links = re.sub(r"(?<!!)\[([^\]]*)\]\([^)]*\)", r"\1", text)
    body = markdown.markdown(without_links, extensions=["tables"])
    return f'<!doctype html><html lang="en"><title>Summary</title><style>{_STYLE}</style><body>{body}</body></html>'


def _printed(page: str) -> bytes:
    """Return what Chromium prints; pictures are found beside the document."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        shutil.copytree(ROOT / "docs/images", Path(folder) / "images")
        (Path(folder) / "page.html").write_text(page, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        opened = browser.new_page()
        opened.goto((Path(folder) / "page.html").as_uri())
        margin = dict.fromkeys(("top", "bottom", "left", "right"), "14mm")
        printed = opened.pdf(format="A4", print_background=True, margin=margin)  # type: ignore[arg-type]
        browser.close()
    return printed


if __name__ == "__main__":
    main(Path(sys.argv[1]))
