"""Saves the Pipeline as an MLflow model, with its signature. `python save.py TABLE.csv FOLDER`."""

import shutil
import sys
from pathlib import Path

import joblib
import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature

if __name__ == "__main__":
    folder = Path(sys.argv[2])
    pipeline = joblib.load(folder / "model.joblib")
    table = pd.read_csv(sys.argv[1])[list(pipeline.feature_names_in_)].head(100)
    shutil.rmtree(folder / "model", ignore_errors=True)  # an earlier run's
    mlflow.sklearn.save_model(
        pipeline,
        folder / "model",
        signature=infer_signature(table, pipeline.predict(table)),
        serialization_format="cloudpickle",
    )
