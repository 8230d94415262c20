"""Prints the price that a Pipeline predicts for a row. `python price.py MODEL ROW.json`."""

import json
import sys
from pathlib import Path

import joblib
import pandas as pd

if __name__ == "__main__":
    row = json.loads(Path(sys.argv[2]).read_text("utf-8"))
    sys.stdout.write(f"{float(joblib.load(sys.argv[1]).predict(pd.DataFrame([row]))[0])}\n")
