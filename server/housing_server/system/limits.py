"""Limits that the operating system puts on this process and on those it starts."""

import resource
from contextlib import suppress


def raise_open_files_limit() -> None:
    """Raise the limit of open files to the highest that is allowed; children inherit it.

    The usual limit of 1,024 dates from programs that wait with `select`, which nothing here does.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems refuse what they say they allow
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
