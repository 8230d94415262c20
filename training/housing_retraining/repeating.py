"""Calling a function repeatedly on its own thread, while the main thread is busy."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Repeating:
    """Calls a function until the end of the block, or until it returns False: `with Repeating(...)`."""

    def __init__(self, call: Callable[[], bool], *, seconds: float, name: str, at_once: bool = False) -> None:
        """Create it; nothing is called yet.

        Args:
            call: returns whether to continue.
            seconds: the pause before each call.
            name: of the thread.
            at_once: whether there is no pause before the first call.
        """
        self._call, self._seconds, self._at_once = call, seconds, at_once
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        pause = 0.0 if self._at_once else self._seconds
        while not self._ended.wait(pause) and self._call():
            pause = self._seconds

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
