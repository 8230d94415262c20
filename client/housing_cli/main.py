"""The `housing` command."""

import os

import click

from housing.addresses import bypass_proxies
from housing_cli.plugins import DISTRIBUTION, PluginGroup

EXIT_CODES = """\b
Exit codes:
  0  done
  1  the service refused, failed or was not available; or rows of a file were refused
  2  usage error
"""


@click.group(cls=PluginGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=DISTRIBUTION)
def main() -> None:
    """House prices in California: train a model, serve it, call it."""
    bypass_proxies(os.environ)
