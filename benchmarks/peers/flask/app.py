"""Flask and a scikit-learn Pipeline, like the first version of many such services. MODEL is the Pipeline."""

import os

import joblib
import pandas as pd
from flask import Flask, Response, jsonify, request

_MODEL = joblib.load(os.environ["MODEL"])

app = Flask(__name__)


@app.get("/ready")
def ready() -> str:
    """Report readiness."""
    return "ready"


@app.post("/predict")
def predict() -> Response:
    """Predict one block group."""
    price = _MODEL.predict(pd.DataFrame([request.get_json()]))[0]
    return jsonify(median_house_value=float(price))
