"""The site of the documents: what MkDocs itself does not check when `make lint` builds it."""

from pathlib import Path

import click
import pytest

from housing_cli.main import main as housing
from housing_site import summary
from housing_site.alerts import alerts_page
from housing_site.command_line import command_line_page
from housing_site.contract import contract_page
from housing_site.places import Links, lists_without_a_blank_line
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


def test_lists_and_tables_within_paragraphs_are_found() -> None:
    """But not those after a blank line, a heading or another item, nor in code."""
    assert lists_without_a_blank_line("a\n- b\n- c\n\n| a |\n") == [2]
    assert lists_without_a_blank_line("# a\n- b\n  c\n- d\n\n```\na\n- b\n```\n") == []
    assert lists_without_a_blank_line("a\n| b |\n") == [2]


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
