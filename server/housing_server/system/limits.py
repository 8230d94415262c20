"""Limits of the operating system on this process and its children."""

import resource
from contextlib import suppress


def raise_open_files_limit() -> None:
    """Raise the limit of open files to the maximum; children inherit it.

    The usual limit of 1,024 is meant for programs that use `select`, which nothing here does.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems refuse even their stated maximum
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
