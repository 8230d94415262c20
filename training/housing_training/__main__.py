"""Run one stage of the pipeline: `python -m housing_training <stage>`, from the root of the repository."""

import importlib
import os
import signal

import click

from housing.addresses import bypass_proxies
from housing.tether import end_with_parent
from housing_training.errors import TrainingError
from housing_training.registry.tracking import quieten

STAGES = ("fetch", "prepare", "evaluate-spatially", "train", "evaluate", "describe", "register")
"""The stages, in order."""


@click.command()
@click.argument("stage", type=click.Choice(STAGES))
def main(stage: str) -> None:
    """Run one stage of the training pipeline; `housing train` runs all those that are out of date."""
    quieten(os.environ)
    bypass_proxies(os.environ)
    end_with_parent(signal.SIGTERM)  # nothing reads a stage's results once DVC has exited
    try:
        # Imported by name, so that no stage waits for the libraries of another.
        importlib.import_module(f"housing_training.stages.{stage.replace('-', '_')}").run()
    except TrainingError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main(prog_name="python -m housing_training")  # pylint: disable=no-value-for-parameter  # click reads it
