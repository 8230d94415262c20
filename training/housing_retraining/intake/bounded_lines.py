"""A binary file with a limit on line length, so that reading line by line cannot exhaust memory."""

import io
from typing import IO

MAX_LINE_BYTES = 1 << 20
"""The longest line: a table of ten columns needs far less."""


class BoundedLines(io.RawIOBase):
    """Passes bytes through, and raises OSError once a line is too long."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._line_bytes = 0

    def readable(self) -> bool:
        """Return True: it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the stubs name a private protocol
        """Read into a buffer, and return how many bytes.

        Raises:
            OSError: a line is too long, or the file cannot be read.
        """
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        newline = content.rfind(b"\n")
        self._line_bytes = self._line_bytes + len(content) if newline < 0 else len(content) - newline - 1
        if self._line_bytes > MAX_LINE_BYTES:
            raise OSError(f"a line is longer than {MAX_LINE_BYTES:,} bytes, so this is no table")
        return len(content)
