"""FastAPI, a pydantic model and a scikit-learn Pipeline. MODEL is the Pipeline."""

import os

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, Field

_MODEL = joblib.load(os.environ["MODEL"])

app = FastAPI()


class BlockGroup(BaseModel):
    """A block group, with the contract's fields and limits."""

    longitude: float = Field(ge=-124.6, le=-114.1)
    latitude: float = Field(ge=32.5, le=42)
    housing_median_age: float = Field(ge=0, le=100)
    total_rooms: float = Field(ge=1, le=100_000)
    total_bedrooms: float | None = Field(default=None, ge=1, le=50_000)
    population: float = Field(ge=1, le=100_000)
    households: float = Field(ge=1, le=50_000)
    median_income: float = Field(ge=0, le=20)
    ocean_proximity: str | None = None


class Prediction(BaseModel):
    """The answer."""

    median_house_value: float


@app.get("/ready")
def ready() -> str:
    """Report readiness."""
    return "ready"


@app.post("/predict")
def predict(block_group: BlockGroup) -> Prediction:
    """Predict one block group; FastAPI runs this on its threads."""
    price = _MODEL.predict(pd.DataFrame([block_group.model_dump()]))[0]
    return Prediction(median_house_value=float(price))
