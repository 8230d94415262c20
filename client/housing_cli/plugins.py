"""Commands provided by other packages, imported only when they run.

A command is an entry point of the group `housing.commands`, such as

    train = "housing_training.commands.train:train [training]"

where the brackets name the extras it requires. Its help is the function's docstring, read from the source without
importing it: listing all commands imports none.
"""

import ast
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import click

GROUP = "housing.commands"
DISTRIBUTION = "california-housing"


class PluginCommand(click.Command):
    """Stands in for a command until it runs."""

    def __init__(self, entry_point: EntryPoint) -> None:
        super().__init__(entry_point.name, help=_docstring(entry_point))
        self._entry_point = entry_point

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Import the real command, and create its context.

        Raises:
            ClickException: a required package is not installed.
        """
        try:
            command = cast(click.Command, self._entry_point.load())
        except ModuleNotFoundError as error:
            raise missing_package(self._entry_point, error) from error
        return command.make_context(info_name, args, parent, **extra)


class PluginGroup(click.Group):
    """A command whose subcommands are entry points, of a group that `entry_points_in` names."""

    def __init__(self, *arguments: Any, entry_points_in: str = GROUP, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._group = entry_points_in

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """Return the names of all commands, in alphabetical order."""
        return sorted(entry_points(group=self._group).names)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click passes it
        cmd_name: str,
    ) -> click.Command | None:
        """Return a command without importing it."""
        found = entry_points(group=self._group, name=cmd_name)
        return PluginCommand(found[cmd_name]) if found else None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that the arguments name.

        Raises:
            ClickException: a package that it imports while it runs is not installed, a file cannot be accessed, or text
                cannot be encoded.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader has gone: the command ends silently
        except UnicodeEncodeError as error:
            raise click.ClickException(f"{error.object[:80]!r} cannot be written as {error.encoding}") from error
        except OSError as error:
            raise click.ClickException(": ".join(filter(None, (_file(error), error.strerror or str(error))))) from error
        except ModuleNotFoundError as error:
            entry_point = entry_points(group=self._group)[str(ctx.invoked_subcommand)]
            raise missing_package(entry_point, error) from error


def missing_package(entry_point: EntryPoint, error: ModuleNotFoundError) -> click.ClickException:
    """Return an error that names what to install for a command."""
    extras = f"[{','.join(entry_point.extras)}]" if entry_point.extras else ""
    return click.ClickException(
        f"`housing {entry_point.name}` requires the package {error.name!r}, which is not installed. "
        f"Install it from the checkout with: pip install '.{extras}' (make install installs everything)"
    )


def _file(error: OSError) -> str:
    return str(error.filename) if error.filename is not None else ""


def _docstring(entry_point: EntryPoint) -> str | None:
    try:
        spec = find_spec(entry_point.module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        return "(not installed)"
    module = ast.parse(Path(spec.origin).read_text("utf-8"))
    functions = (node for node in module.body if isinstance(node, ast.FunctionDef))
    return next((ast.get_docstring(found) for found in functions if found.name == entry_point.attr), None)
