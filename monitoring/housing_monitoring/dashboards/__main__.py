"""Writes all dashboards into a folder."""

import sys
from pathlib import Path

from housing_monitoring.dashboards import BOARDS
from housing_monitoring.dashboards.grafana import to_json


def main(arguments: list[str]) -> int:
    """Write the dashboards; return the exit code."""
    folder = Path(arguments[0]) if len(arguments) == 1 else None
    if folder is None or not folder.is_dir():
        sys.stderr.write("usage: python -m housing_monitoring.dashboards FOLDER, which must exist\n")
        return 2
    for board in BOARDS:
        (folder / board.file).write_text(to_json(board), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
