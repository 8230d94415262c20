"""The site of the documents: what MkDocs itself does not check when `make lint` builds it."""

from pathlib import Path

import click
import pytest

from housing_cli.main import main as housing
from housing_site import summary
from housing_site.alerts import alerts_page
from housing_site.command_line import command_line_page
from housing_site.contract import contract_page
from housing_site.places import Links
from housing_site.rendering import loaded_from_elsewhere, plain_markdown, shallow_lists
from metric_names import rules
from running import tool


@pytest.mark.parametrize(
    ("document", "link", "place"),
    [
        ("README.md", "[a](docs/tutorial.md#start)", "[a](tutorial.md#start)"),
        ("README.md", "[![a](docs/images/page.webp)](docs/adr/)", "[![a](images/page.webp)](adr/README.md)"),
        ("docs/tutorial.md", "[a](../data/README.md#files)", "[a](data/README.md#files)"),
        ("docs/how-to/deploy.md", "[a](../../README.md#start)", "[a](../index.md#start)"),
        ("data/README.md", "[a](../docs/retraining.md)", "[a](../retraining.md)"),
        ("docs/models.md", "[a](#graphs) [b](https://example.org/x)", "[a](#graphs) [b](https://example.org/x)"),
        ("docs/models.md", "[a](missing.md)", "[a](missing.md)"),
    ],
)
def test_links_lead_to_the_pages_of_the_site(document: str, link: str, place: str) -> None:
    """Those that lead nowhere stay as they are, for MkDocs to report."""
    assert Links(document=document).rewritten(link) == place


@pytest.mark.parametrize(
    ("address", "shown"), [("", "a"), ("https://example.org/b", "[a](https://example.org/b/Makefile)")]
)
def test_links_to_sources_lead_to_the_repository_if_it_has_an_address(address: str, shown: str) -> None:
    """They are plain text otherwise."""
    assert Links(document="docs/models.md", source_address=address).rewritten("[a](../Makefile)") == shown


def test_markdown_that_is_not_rendered_is_found() -> None:
    """But not in code, nor in headings, which may begin with a number."""
    assert plain_markdown("<p>a\n- b\n2. c</p>") == ["- b", "2. c"]
    assert plain_markdown("<p>see [a](b)</p>") == ["see [a](b)"]
    assert plain_markdown("<h1>1. a</h1><ul><li>a - b</li></ul><pre>- a\n| b |</pre>") == []


def test_nested_lists_that_are_not_nested_here_are_found() -> None:
    """Four blanks nest an item, also within an item; code may be indented as it likes."""
    assert shallow_lists("- a\n  - b\n    - c\n   1. d\n") == ["  - ", "   1. "]
    assert shallow_lists("- a\n\n    - b\n\n```yaml\na:\n  - b\n```\n") == []


def test_what_a_page_loads_from_elsewhere_is_found() -> None:
    """Links for people, and the page's own address, load nothing."""
    foreign = ['<script async src="https://example.org/a.js">', "<link href=//example.org/a.css rel=stylesheet>"]
    own = ['<a href="https://example.org">', '<link rel="canonical" href="https://example.org">', '<img src="a.svg">']
    assert loaded_from_elsewhere("".join(foreign + own)) == foreign


def test_every_command_is_in_its_reference() -> None:
    """With its options."""
    page = command_line_page()
    for name in housing.list_commands(click.Context(housing)):
        assert f"\n## housing {name}\n" in page
    assert "\n## housing keys create\n" in page
    assert "--expires TIME" in page


def test_every_service_and_message_is_in_the_reference_of_the_contract() -> None:
    """Fields of messages link to their types; maps are spelled as such."""
    page = contract_page()
    assert "| `Predict` | [PredictRequest](#predictrequest) | [PredictResponse](#predictresponse) |" in page
    assert "| `metrics` | map of `string` to `double` |" in page
    assert "| `block_groups` | repeated [BlockGroup](#blockgroup) |" in page


def test_every_alert_is_in_the_reference() -> None:
    """With a link to its section of the runbook."""
    page = alerts_page()
    for name in (rule["alert"] for rule in rules() if "alert" in rule):
        assert f"| [{name}](../runbook.md#{name.lower()}) |" in page


@pytest.mark.external
def test_summary_is_one_printed_page(tmp_path: Path) -> None:
    """It holds text and picture, and is small enough to hand around."""
    tool("chromium", "apt-get install chromium, or make tools")
    summary.main(tmp_path / "overview.pdf")
    assert (tmp_path / "overview.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "overview.pdf").stat().st_size < 300_000
