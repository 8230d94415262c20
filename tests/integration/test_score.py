"""`housing score` with a model from a real registry."""

import csv
import os
import subprocess
import sys
from pathlib import Path

from housing.example import BERKELEY
from running import ROOT


def test_file_is_scored_with_the_champion(state_dir: Path, tmp_path: Path) -> None:
    """Good rows have its price, a bad one has an error, and the exit code says that there was one."""
    with (tmp_path / "in.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(BERKELEY))
        writer.writeheader()
        writer.writerows([{**BERKELEY, "median_income": income} for income in (2, 600)])
    done = subprocess.run(
        [sys.executable, "-m", "housing_cli", "score", str(tmp_path / "in.csv"), str(tmp_path / "out.csv")],
        cwd=ROOT,
        env=os.environ | {"HOUSING_STATE_DIR": str(state_dir)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "2 rows: 1 scored, 1 bad" in done.stderr
    with (tmp_path / "out.csv").open(newline="") as file:
        good, bad = csv.DictReader(file)
    assert float(good["predicted_median_house_value"]) == 130_000
    assert (good["error"], bad["error"]) == ("", "median_income: is not an allowed value")
