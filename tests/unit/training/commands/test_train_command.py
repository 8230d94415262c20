"""`housing train` before it runs anything, and what it asks of its surroundings."""

import hashlib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from housing_training.__main__ import main
from housing_training.commands.train import train
from housing_training.files.provenance import git_commit
from housing_training.params.schema import RegisterParams
from housing_training.registry.champion import has_champion
from housing_training.registry.tracking import artifact_location, quieten, tracking_uri
from running import ROOT

CHAMPION = RegisterParams(model_name="california-housing", alias="champion")


def test_outside_the_repository_it_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run anywhere else, the command ends with one line."""
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(train)

    assert result.exit_code == 1
    assert result.output == "Error: training/dvc.yaml not found: run this in the root of the repository\n"


def test_a_stage_reports_an_error_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that cannot run says why, without a traceback."""
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, ["fetch"])

    assert result.exit_code == 1
    assert result.output.startswith("Error: training/params.yaml cannot be read")
    assert result.output.count("\n") == 1


def test_the_default_store_is_under_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a setting, records go to var/mlflow.db and files beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    assert tracking_uri() == f"sqlite:///{tmp_path}/var/mlflow.db"
    assert artifact_location(tracking_uri()) == (tmp_path / "var/mlartifacts").as_uri()


def test_a_server_keeps_artifacts_where_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting wins, and a server decides itself where to put files."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")

    assert tracking_uri() == "http://mlflow:5000"
    assert artifact_location(tracking_uri()) is None


def test_quiet_settings_leave_the_users_own() -> None:
    """What the user has set for MLflow stays."""
    environment = {"MLFLOW_LOGGING_LEVEL": "DEBUG"}

    quieten(environment)

    assert environment["MLFLOW_LOGGING_LEVEL"] == "DEBUG"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_missing_or_foreign_database_has_no_champion(tmp_path: Path) -> None:
    """Neither no file nor a file that MLflow has not made is taken for a registry, and neither is created."""
    assert not has_champion(f"sqlite:///{tmp_path}/none.db", CHAMPION)
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "empty.db").touch()
    assert not has_champion(f"sqlite:///{tmp_path}/empty.db", CHAMPION)


def test_outside_a_checkout_the_environment_tells_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container gets its commit from a variable; without it the commit is empty, and no error is raised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_COMMIT", "abc123")
    assert git_commit() == "abc123"
    monkeypatch.delenv("GIT_COMMIT")
    assert git_commit() == ""


@pytest.mark.parametrize("folder", ["data", "training/spatial_evaluation"])
def test_the_lock_is_that_of_this_code(folder: str) -> None:
    """A lock in git speaks of the code and the parameters beside it: `housing train` brings it up to date."""
    lock = yaml.safe_load((ROOT / folder / "dvc.lock").read_text())["stages"]
    made = {out["path"] for stage in lock.values() for out in stage["outs"]}
    sources = {dep["path"]: dep["md5"] for stage in lock.values() for dep in stage["deps"]}
    params = yaml.safe_load((ROOT / "training/params.yaml").read_text())

    assert set(lock) == set(yaml.safe_load((ROOT / folder / "dvc.yaml").read_text())["stages"])
    for path in filter(lambda path: path.endswith(".py"), sources.keys() - made):
        assert hashlib.md5((ROOT / path).read_bytes()).hexdigest() == sources[path], path  # noqa: S324 - as DVC does
    for stage in lock.values():
        for section, values in stage["params"]["training/params.yaml"].items():
            assert values == params[section]
