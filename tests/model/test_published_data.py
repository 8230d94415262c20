"""The published table as it arrives, and its split."""

import hashlib
from pathlib import Path

import pytest
import yaml
from sklearn.model_selection import train_test_split

from housing_training.data.table import TARGET
from housing_training.files import artifacts
from housing_training.geography.proximity import CHOICES
from model.real_data import Data
from running import ROOT


def test_the_table_is_the_published_one(data: Data) -> None:
    """It has the 20,640 rows of the census, the well-known first one at the top, and 965 capped prices."""
    first = data.raw.iloc[0].drop("ocean_proximity").tolist()

    assert len(data.raw) == 20_640
    assert first == [-122.23, 37.88, 41, 880, 129, 322, 126, 8.3252, 452_600]
    assert (data.raw[TARGET] == 500_001).sum() == 965
    assert (data.raw["households"] > data.raw["population"]).sum() == 3


def test_counts_are_whole(data: Data) -> None:
    """Multiplying averages out has left no fractions, and no bedroom outside a room."""
    counts = data.raw[["total_rooms", "total_bedrooms", "population", "households"]]

    assert (counts == counts.round()).all(axis=None)
    assert (counts >= 1).all(axis=None)
    assert (counts["total_bedrooms"] <= counts["total_rooms"]).all()


def test_the_rows_held_out_are_those_of_scikit_learn(data: Data) -> None:
    """Anybody who splits the published table with seed 42 holds out the same 4,128 rows, in the same order."""
    _, expected = train_test_split(data.raw, test_size=0.2, random_state=42)

    columns = data.raw.columns.drop("ocean_proximity")
    assert len(data.test) == 4_128
    assert data.test[columns].equals(expected[columns].reset_index(drop=True))


def test_labels_are_derived_in_the_published_proportions(data: Data) -> None:
    """The published labels are 44, 32, 13, 11 and 0 percent; the rule's shares are within four percent of them."""
    labels = data.train["ocean_proximity"].value_counts(normalize=True)
    published = {"<1H OCEAN": 0.443, "INLAND": 0.317, "NEAR OCEAN": 0.129, "NEAR BAY": 0.111, "ISLAND": 0.0002}

    assert set(published) == set(CHOICES)
    for choice, share in published.items():
        assert abs(labels[choice] - share) < 0.04, choice


@pytest.mark.parametrize("name", ["RAW", "TRAIN", "TEST"])
def test_the_lock_names_these_very_tables(data: Data, name: str, tmp_path: Path) -> None:
    """The files that the lock has hashes of are those that anybody gets from the same source, on any machine."""
    lock = yaml.safe_load((ROOT / "data/dvc.lock").read_text())
    outs = {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
    table = {"RAW": data.raw, "TRAIN": data.train, "TEST": data.test}[name]

    artifacts.write_table(table, tmp_path / "table.parquet")

    written = hashlib.md5((tmp_path / "table.parquet").read_bytes()).hexdigest()  # noqa: S324 - as DVC does
    assert written == outs[str(getattr(artifacts, name))]
