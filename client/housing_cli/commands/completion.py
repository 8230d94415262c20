"""`housing completion`."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "fish", "zsh")
"""The shells that click completes for."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script by which a shell completes commands and options.

    For bash, add `source <(housing completion bash)` to ~/.bashrc; for zsh, the same with zsh to ~/.zshrc; for fish,
    write it to ~/.config/fish/completions/housing.fish.
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell  # noqa: S101 - for the type checker: click knows each of them
    click.echo(kind(context.find_root().command, {}, "housing", "_HOUSING_COMPLETE").source())
