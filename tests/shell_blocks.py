"""The shell commands that a document shows."""

import re
import shlex
from collections.abc import Iterator


def commands(text: str) -> Iterator[str]:
    """Yield the commands of the shell blocks of a document; one may go over several lines."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        waiting = ""
        for line in block.splitlines():
            waiting += f"{line}\n"
            if not line.endswith("\\") and _quotes_are_closed(waiting):
                if waiting.strip():  # a block within a list ends in blanks
                    yield waiting.strip()
                waiting = ""
        assert not waiting, f"a command that does not end: {waiting}"


def _quotes_are_closed(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True
