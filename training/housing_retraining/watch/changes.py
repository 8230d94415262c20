"""Waiting for changes in a folder, which not every file system reports."""

import threading
from collections.abc import Iterator
from pathlib import Path

from watchfiles import watch


def changes(folder: Path, *, seconds: float, stop: threading.Event) -> Iterator[None]:
    """Yield at once, then whenever something has changed, and after `seconds` in any case, until stopped.

    Args:
        folder: the folder; where the system cannot watch it, it is polled.
        seconds: the longest pause.
        stop: ends this.
    """
    yield
    try:
        for _ in watch(
            folder, stop_event=stop, rust_timeout=round(seconds * 1000), yield_on_timeout=True, raise_interrupt=False
        ):
            yield
    except OSError:  # too many watches, or a folder that was removed
        while not stop.wait(seconds):
            yield
