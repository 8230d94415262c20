"""`housing score --engine ray` on a cluster of several processes."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from housing.example import BERKELEY
from housing.features import COLUMNS
from housing.v1.model_service_pb2 import Model
from housing_server.core.model import Estimates, Rows, given_labels
from housing_server.errors import ClusterUnavailable, ModelRejected, ScoringFailed
from housing_server.scoring.engines import own_cluster
from housing_server.scoring.job import Job, identity
from housing_server.scoring.parts import PartialOutput
from housing_server.scoring.reading import open_source
from housing_server.scoring.scoring import BadRows
from housing_server.scoring.shipped import Loadable
from running import ROOT, missing

ROWS = 2_000
CHUNK = 100
ATTEMPTS = 3
INCOMES = np.linspace(1, 10, ROWS)


class DeadlyModel:
    """A model that kills the process which it runs in, once, when it is to price a certain income."""

    description = Model(name="homes", version="7", run_id="abc")
    inline = True
    interval_coverage = 0.9
    warnings = ()

    def __init__(self, killed: Path) -> None:
        self._killed = killed

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate prices: 10,000 USD for each unit of income."""
        income = rows[:, COLUMNS["median_income"]]
        if (income == INCOMES[ROWS // 2]).any() and not self._killed.exists():
            self._killed.write_text(str(os.getpid()), "utf-8")
            os.kill(os.getpid(), signal.SIGKILL)
        return Estimates(median_house_value=10_000 * income, ocean_proximity=given_labels(rows), interval=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What is sent to the cluster: how to get a model there."""

    killed: Path

    def load(self) -> DeadlyModel:
        """Return the model."""
        return DeadlyModel(self.killed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A model that cannot be loaded there."""

    def load(self) -> DeadlyModel:
        """Fail."""
        raise ModelRejected("its files are damaged")


@pytest.fixture(scope="module")
def cluster() -> Iterator[ModuleType]:
    """Ray, connected to a cluster of this machine: two processes that score, and those that manage them."""
    if find_spec("ray") is None:
        missing("ray is missing: pip install '.[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own_cluster().items():
            patch.setenv(name, value)
        import ray  # noqa: PLC0415 - after its settings

        from housing_server.scoring.ray_engine import ray_cluster  # noqa: PLC0415 - imports it

        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the cluster cannot import tests
        with ExitStack() as stack:
            _start(lambda: stack.enter_context(ray_cluster(None, workers=2)))
            yield ray


def _start(start: Callable[[], None]) -> None:
    """Start a cluster. Ray gives up after 30 seconds, which no setting changes, and a busy machine may need more."""
    for _ in range(ATTEMPTS):
        with suppress(ClusterUnavailable):
            start()
            return
    missing(f"this machine is too busy: Ray has not started in {ATTEMPTS} attempts")


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A file of block groups, each with another income."""
    columns = {name: [value] * ROWS for name, value in BERKELEY.items()}
    path = tmp_path / "in.csv"
    pyarrow.csv.write_csv(pa.table(columns | {"median_income": INCOMES}), path)
    return str(path)


def job(source: str, model: Loadable) -> Job:
    """A job for the cluster."""
    from housing_server.scoring.ray_engine import RayEngine  # noqa: PLC0415 - imports Ray, after its settings

    return Job(
        source=open_source(source, io.BytesIO(), print),
        engine=RayEngine(model, BadRows.KEEP),
        chunk_rows=CHUNK,
        bad_rows=BadRows.KEEP,
        progress=lambda _: None,
    )


@pytest.mark.usefixtures("cluster")
def test_rows_of_a_killed_worker_are_scored_by_another(source: str, tmp_path: Path) -> None:
    """None is lost and none is there twice: the output is what a run without accidents gives."""
    killed, output = tmp_path / "killed", tmp_path / "out.csv"
    tally = job(source, Sent(killed=killed)).to_file(PartialOutput(output, identity(source)))
    assert killed.exists()
    assert (tally.rows, tally.bad) == (ROWS, 0)
    scored = pyarrow.csv.read_csv(output)
    assert scored["median_income"].to_numpy() == pytest.approx(INCOMES)
    assert scored["predicted_median_house_value"].to_numpy() == pytest.approx(10_000 * INCOMES)


@pytest.mark.usefixtures("cluster")
def test_model_that_the_cluster_cannot_load(source: str, tmp_path: Path) -> None:
    """Ends the run with its reason; finished chunks would be kept."""
    with pytest.raises(ScoringFailed, match="its files are damaged"):
        job(source, Damaged()).to_file(PartialOutput(tmp_path / "out.csv", identity(source)))
    assert not (tmp_path / "out.csv").exists()


def test_command_scores_on_a_cluster_as_on_this_machine(
    source: str, state_dir: Path, tmp_path: Path, cluster: ModuleType
) -> None:
    """It sends the registered model's files to the cluster, and the output is the same."""
    environment = os.environ | {"HOUSING_STATE_DIR": str(state_dir)}
    written = {}
    for engine, address in (("local", ""), ("ray", cluster.get_runtime_context().gcs_address)):
        output = tmp_path / f"{engine}.csv"
        command = [sys.executable, "-m", "housing_cli", "score", source, str(output), "--engine", engine]
        done = subprocess.run(
            [*command, "--chunk-rows", str(CHUNK)],
            cwd=ROOT,
            env=environment | {"RAY_ADDRESS": address},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        written[engine] = output.read_bytes()
    assert written["ray"] == written["local"]


@pytest.mark.usefixtures("cluster")
def test_cluster_that_does_not_answer() -> None:
    """Is reported at once, not after Ray's minutes of trying."""
    from housing_server.scoring.ray_engine import ray_cluster  # noqa: PLC0415 - imports Ray, after its settings

    with pytest.raises(ClusterUnavailable, match="cannot be reached"), ray_cluster("127.0.0.1:1"):
        pass
