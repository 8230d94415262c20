"""The pages that are made from the code when the site is built."""

from collections.abc import Callable, Mapping

from housing_site.alerts import alerts_page
from housing_site.command_line import command_line_page
from housing_site.contract import contract_page

MADE_PAGES: Mapping[str, Callable[[], str]] = {
    "reference/alerts.md": alerts_page,
    "reference/command-line.md": command_line_page,
    "reference/contract.md": contract_page,
}
"""What makes a page, by its place on the site."""
