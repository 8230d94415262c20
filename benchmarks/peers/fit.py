"""Fits the model that peers serve: a plain scikit-learn Pipeline. `python fit.py TABLE.csv FOLDER`.

Run in each peer's own environment. One XGBoost model without feature engineering, the same for all peers, and lighter
than the champion's graph: the service's advantage is not its model.
"""

import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBRegressor

_LABEL, _PRICE = "ocean_proximity", "median_house_value"


def fit(table: pd.DataFrame) -> Pipeline:
    """Fit on a table with the contract's columns and the price."""
    numbers = [name for name in table.columns if name not in (_LABEL, _PRICE)]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            ("label", OneHotEncoder(handle_unknown="ignore"), [_LABEL]),
        ]
    )
    # One thread, as for the service: its workers provide the parallelism.
    boosting = XGBRegressor(n_estimators=400, max_depth=7, learning_rate=0.06, subsample=0.8, random_state=42, n_jobs=1)
    return make_pipeline(columns, boosting).fit(table[[*numbers, _LABEL]], table[_PRICE])


if __name__ == "__main__":
    joblib.dump(fit(pd.read_csv(sys.argv[1])), Path(sys.argv[2]) / "model.joblib")
