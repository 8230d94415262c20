"""What the watcher carries for weeks: no library that only its children need."""

import subprocess
import sys

HEAVY = ("jinja2", "matplotlib", "mlflow", "onnxruntime", "pandas", "pandera", "pyarrow", "sklearn", "xgboost")
MODULES = "housing_retraining.commands.retrain, housing_retraining.commands.watching"
LOADED = f"import sys, {MODULES}; print(*sorted(set(sys.argv[1:]) & sys.modules.keys()))"


def test_watcher_imports_nothing_heavy() -> None:
    """Child processes read files, and train and evaluate models."""
    done = subprocess.run([sys.executable, "-c", LOADED, *HEAVY], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
