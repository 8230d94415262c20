"""`python -m housing_cli` is the `housing` command."""

from housing_cli.main import main

main(prog_name="housing")
