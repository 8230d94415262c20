"""The commands of `housing` with their arguments and options, from their own help."""

from collections.abc import Iterator

import click

from housing_cli.main import main

_HEAD = """# The `housing` command

Made from the command's own help: `housing COMMAND --help` prints the same.

"""


def command_line_page() -> str:
    """Return a section for each command."""
    root = main.make_context("housing", [], resilient_parsing=True, terminal_width=100)
    return _HEAD + "\n".join(_section(context) for context in _contexts(root))


def _contexts(context: click.Context) -> Iterator[click.Context]:
    """Yield the context of a command and of all below it; only its own context loads a command of another package."""
    yield context
    command = context.command
    if isinstance(command, click.Group):
        children = {name: command.get_command(context, name) for name in command.list_commands(context)}
        for name, child in children.items():
            if child is not None and not child.hidden:
                yield from _contexts(child.make_context(name, [], parent=context, resilient_parsing=True))


def _section(context: click.Context) -> str:
    return f"## {context.command_path}\n\n```text\n{context.get_help()}\n```\n"
