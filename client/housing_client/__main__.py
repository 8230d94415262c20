"""`python -m housing_client` is the `housing` command."""

from housing_client.cli import main

main(prog_name="housing")
