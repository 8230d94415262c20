"""Tables that fit the terminal."""

import shutil
import sys

_CUT = "..."


def fitted(text: str) -> str:
    """Return text with lines cut to the width of the terminal; unchanged where a file or another program reads it."""
    if not sys.stdout.isatty():
        return text
    columns = shutil.get_terminal_size().columns
    return "\n".join(_cut(line, columns) for line in text.split("\n"))


def _cut(line: str, columns: int) -> str:
    return line if len(line) <= columns else line[: max(0, columns - len(_CUT))] + _CUT
