"""What the watcher carries for weeks: no library that only its children need."""

import subprocess
import sys

HEAVY = ("matplotlib", "mlflow", "onnxruntime", "pandas", "pandera", "sklearn", "xgboost")
LOADED = "import sys, housing_retraining.commands.watching; print(*sorted(set(sys.argv[1:]) & sys.modules.keys()))"


def test_watcher_imports_nothing_heavy() -> None:
    """Files are read, and models trained and measured, by processes that end."""
    done = subprocess.run([sys.executable, "-c", LOADED, *HEAVY], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
