"""Cuts off what no process loads from the compiled modules in a folder: symbols for debuggers, and tables for linkers.

Some wheels ship them, and they were a fifteenth of the server's image. Everything that is loaded is in the segments of
an ELF file, and the rest behind them. The program for this, `strip`, is not in Python's image, and would have to be
fetched from Debian's mirror.
"""

import struct
import sys
from pathlib import Path

_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
"""Of ELF with 64 bits, little-endian, as on amd64 and arm64."""
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTIONS_AT, _SECTION_COUNT_AT = 40, 60
"""Where the header says where the table of sections is, and how long it is: after the cut there is none."""


def loaded_bytes(file: bytes) -> int | None:
    """Return where the last segment ends; None if it is no such file."""
    if file[:6] != b"\x7fELF\x02\x01":
        return None
    _, _, _, _, start, _, _, header_size, size, count, *_ = _HEADER.unpack_from(file)
    segments = [_SEGMENT.unpack_from(file, start + number * size) for number in range(count)]
    ends = [offset + length for _, _, offset, _, _, length, *_ in segments]
    return int(max(header_size, start + count * size, *ends))


def strip(path: Path) -> int:
    """Cut a module; return by how many bytes."""
    file = path.read_bytes()
    end = loaded_bytes(file)
    if end is None or end >= len(file):
        return 0
    cut = bytearray(file[:end])
    struct.pack_into("<Q", cut, _SECTIONS_AT, 0)
    struct.pack_into("<HH", cut, _SECTION_COUNT_AT, 0, 0)
    path.write_bytes(cut)
    return len(file) - end


def main(folder: Path) -> None:
    """Cut every module, and write how much less there is."""
    saved = sum(map(strip, folder.rglob("*.so")))
    print(f"{saved / 1e6:.0f} MB less in compiled modules")  # noqa: T201 - this program's output


if __name__ == "__main__":
    main(Path(sys.argv[1]))
