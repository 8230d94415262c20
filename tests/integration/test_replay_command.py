"""`housing replay` as it is typed, on a real registry and store."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from pyarrow import parquet

from housing_server.prediction_log.store import PredictionStore
from predictions_on_record import add, record
from registries import copied
from running import ROOT


def replayed(state_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in the repository."""
    command = [sys.executable, "-m", "housing_cli", "replay", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOUSING_STATE_DIR": str(state_dir), "HOME": str(state_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_logged_requests_are_replayed(state_dir: Path, tmp_path: Path) -> None:
    """Through a registered version, with the differences on the terminal and in files; others are not in them."""
    folder = tmp_path / "var"
    folder.mkdir()
    copied(state_dir, folder)
    store = PredictionStore.open(f"sqlite:///{folder}/predictions.db")
    now = datetime.now(UTC)
    # The small graph answers 50,000 USD, and 40,000 more for each unit of income.
    add(store, *(record(number, predicted_at=now, median_income=2.0) for number in range(10)), record(10))
    store.close()

    output = tmp_path / "differences"
    done = replayed(folder, "--model-version", "1", "--since", "24h", "--output", str(output), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] == 10
    assert found["quantiles"]["p50"] == 130_000 - 200_004.5
    assert {file.name for file in output.iterdir()} == {"replay.parquet", "map.png", "distribution.png"}
    assert parquet.read_table(output / "replay.parquet").num_rows == 10

    against = replayed(folder, "--model-version", "1", "--against", "1", "--limit", "3")
    assert against.returncode == 0, against.stderr
    assert "version 1 less version 1" in against.stdout
    assert "requests          3, " in against.stdout
    assert "largest           0 USD" in against.stdout
