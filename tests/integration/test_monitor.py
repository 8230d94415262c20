"""`housing monitor` beside a real service: shifted traffic, outcomes, and a service that is gone."""

import signal
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import grpc
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from prometheus_client.parser import text_string_to_metric_families

from housing.features import FEATURE_NAMES, FEATURES
from housing.graph import COVERAGE_PROPERTY, INTERVAL, INTERVAL_UPPER_OPEN, PRICE
from housing.rows import message_from_row
from housing.v1.model_profile_pb2 import ExpectedErrors
from housing.v1.model_service_pb2 import GetModelProfileRequest
from housing.v1.model_service_pb2_grpc import ModelServiceStub
from housing.v1.outcome_service_pb2 import RecordOutcomesRequest, TruePrice
from housing.v1.outcome_service_pb2_grpc import OutcomeServiceStub
from housing.v1.prediction_service_pb2 import BatchPredictRequest, Prediction
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing_retraining.triggers.degradation import Degradation, Tolerance, inspect_service
from housing_training.evaluation.expected_errors import expected_errors
from housing_training.evaluation.profile import model_profile
from registries import income_graph, log_graph, registry
from running import HousingCommand, Monitor, Service, port_of_nobody, running_monitor, running_service, wait_for

ROWS = 1000
INCOME = FEATURE_NAMES.index("median_income")


def block_groups(count: int, *, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """Made-up block groups, float64, shape (count, 9), with incomes from 1 to 10, multiplied by `scale`."""
    random = np.random.default_rng(seed)
    columns = {
        "longitude": random.uniform(-124, -115, count),
        "latitude": random.uniform(33, 41, count),
        "total_bedrooms": random.uniform(1, 9, count),
        "median_income": random.uniform(1, 10, count) * scale,
        "ocean_proximity": random.integers(0, 5, count).astype(float),
    }
    return np.column_stack([columns.get(each.name, random.uniform(10, 50, count)) for each in FEATURES])


def prices(rows: np.ndarray) -> np.ndarray:
    """What the small graph answers, in USD."""
    return np.asarray(50_000 + 40_000 * rows[:, INCOME])


def errors(rows: np.ndarray, *, seed: int) -> np.ndarray:
    """Draw errors of the small graph's answers, in USD: a tenth of a price, as its intervals say."""
    return np.asarray(np.random.default_rng(seed).normal(0, 0.1, len(rows)) * prices(rows))


def graph_with_intervals() -> onnx.ModelProto:
    """Make the small graph with intervals of a fifth of the price to both sides."""
    model = income_graph()
    constants = {"below": 0.8, "above": 1.2}
    model.graph.initializer.extend(
        helper.make_tensor(*(name, TensorProto.DOUBLE, [], [value])) for name, value in constants.items()
    )
    model.graph.node.extend(
        [
            helper.make_node("Mul", ["prices", "below"], ["lower"]),
            helper.make_node("Mul", ["prices", "above"], ["upper"]),
            helper.make_node("Concat", ["lower", "upper"], [INTERVAL], axis=1),
            helper.make_node("Less", ["median_house_value", "zero"], [INTERVAL_UPPER_OPEN]),
        ]
    )
    model.graph.output.append(helper.make_tensor_value_info(INTERVAL, TensorProto.DOUBLE, ["N", 2]))
    model.graph.output.append(helper.make_tensor_value_info(INTERVAL_UPPER_OPEN, TensorProto.BOOL, ["N"]))
    helper.set_model_props(model, {"features": ",".join(FEATURE_NAMES), COVERAGE_PROPERTY: "0.95"})
    return model


def measured_errors(rows: np.ndarray) -> ExpectedErrors | None:
    """Measure the errors to expect, as training does on rows held out."""
    predicted = prices(rows)
    bounds, is_open = np.outer(predicted, [0.8, 1.2]), np.zeros(len(rows), dtype=bool)
    answer = {PRICE: predicted, INTERVAL: bounds, INTERVAL_UPPER_OPEN: is_open}
    return expected_errors(answer, predicted + errors(rows, seed=8), [])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose small graph has intervals and a profile."""
    held_out = block_groups(5_000, seed=1)
    profile = model_profile(block_groups(20_000), prices(held_out), measured_errors(held_out))
    state_dir = registry(tmp_path_factory.mktemp("state"), lambda: log_graph(graph_with_intervals(), profile=profile))
    with running_service(state_dir, workers=2) as running:
        yield running


@pytest.fixture
def monitor(service: Service, tmp_path: Path) -> Iterator[Monitor]:
    """A monitor of it, with a window of a thousand predictions."""
    with running_monitor(service.grpc_port, tmp_path, drift_window_rows=ROWS) as running:
        yield running


def ask(service: Service, rows: np.ndarray) -> list[Prediction]:
    """Predict a batch."""
    request = BatchPredictRequest(block_groups=[message_from_row(row) for row in rows.tolist()])
    with grpc.insecure_channel(service.target) as channel:
        return list(PredictionServiceStub(channel).BatchPredict(request, timeout=60).predictions)


def metrics(monitor: Monitor) -> dict[str, float]:
    """Read the monitor's metrics, each under its name and the value of its label, if it has one."""
    with urllib.request.urlopen(f"http://127.0.0.1:{monitor.port}/metrics", timeout=60) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


def wait_until(monitor: Monitor, name: str, value: float) -> dict[str, float]:
    """Wait until a metric has a value; return all of that moment."""

    def look() -> dict[str, float] | None:
        seen = metrics(monitor)
        return seen if seen.get(name) == value else None

    return wait_for(look, f"{name} = {value}")


def shifted(seen: dict[str, float]) -> set[str]:
    """Name the fields whose index is above the threshold."""
    return {name.partition(" ")[2] for name, value in seen.items() if "drift_psi" in name and value > 0.2}


def test_service_answers_with_the_profile_of_its_model(service: Service) -> None:
    """What was registered beside the graph comes back through the registry, the worker and the wire."""
    with grpc.insecure_channel(service.target) as channel:
        answer = ModelServiceStub(channel).GetModelProfile(GetModelProfileRequest(), timeout=60)
    assert (answer.model_name, answer.model_version) == ("california-housing", "1")
    held_out = block_groups(5_000, seed=1)
    assert answer.profile == model_profile(block_groups(20_000), prices(held_out), measured_errors(held_out))


def test_shifted_traffic_raises_drift_and_unshifted_does_not(service: Service, monitor: Monitor) -> None:
    """The window follows the traffic: like training, then with other incomes, and so other prices, and back."""
    ask(service, block_groups(ROWS, seed=2))
    seen = wait_until(monitor, "housing_drift_window_rows", ROWS)
    assert shifted(seen) == set()
    assert len([name for name in seen if name.startswith("housing_drift_psi")]) == len(FEATURES) + 1
    ask(service, block_groups(ROWS, seed=3, scale=1.5))
    event = monitor.command.wait_for("drift begins", 2)
    assert event["level"] == "warning"
    assert shifted(metrics(monitor)) == {"median_income", "median_house_value"}
    ask(service, block_groups(ROWS, seed=4))
    monitor.command.wait_for("drift ends", 2)
    assert shifted(metrics(monitor)) == set()


def test_outcomes_become_live_errors(service: Service, monitor: Monitor) -> None:
    """True prices 5,000 USD below the answers are a bias and an error of as much."""
    outcomes = [
        TruePrice(prediction_id=each.prediction_id, median_house_value=each.median_house_value - 5_000)
        for each in ask(service, block_groups(20, seed=5))
    ]
    wait_for(lambda: record(service, outcomes) or None, "all outcomes recorded")
    seen = wait_until(monitor, "housing_live_outcomes 1", 20)
    assert seen["housing_live_bias_usd 1"] == pytest.approx(5_000)
    assert seen["housing_live_mean_absolute_error_usd 1"] == pytest.approx(5_000)
    assert seen["housing_live_root_mean_squared_error_usd 1"] == pytest.approx(5_000)
    assert seen["housing_training_root_mean_squared_error_usd 1"] == 50_000


def test_estimated_error_moves_with_the_inputs_and_holds_when_true_prices_come(
    service: Service, monitor: Monitor
) -> None:
    """Dearer homes without a single true price raise it; once the prices are known it proves right within its band."""
    estimate = "housing_estimated_mean_absolute_error"

    def ask_window(rows: np.ndarray) -> tuple[list[Prediction], dict[str, float]]:
        """Ask for a whole window; return the answers, and the figures once the estimate is about right."""
        answers, size = ask(service, rows), float(np.abs(errors(rows, seed=12)).mean())

        def look() -> dict[str, float] | None:
            seen = metrics(monitor)
            return seen if abs(seen.get(f"{estimate}_usd 1", 0) / size - 1) < 0.1 else None

        return answers, wait_for(look, f"an estimate of about {size:,.0f} USD")

    rows = block_groups(ROWS, seed=9)
    rows[:, INCOME] = 1 + rows[:, INCOME] / 2.5  # the poorer half of what training knows
    _, before = ask_window(rows)
    rows[:, INCOME] += 4
    answers, after = ask_window(rows)
    assert after[f"{estimate}_lower_usd 1"] > 1.5 * before[f"{estimate}_upper_usd 1"]

    outcomes = [
        TruePrice(prediction_id=each.prediction_id, median_house_value=each.median_house_value + error)
        for each, error in zip(answers, errors(rows, seed=11).tolist(), strict=True)
    ]
    wait_for(lambda: record(service, outcomes) or None, "all outcomes recorded")

    def checked() -> dict[str, float] | None:
        seen = metrics(monitor)
        return seen if seen.get("housing_estimate_checked_rows 1", 0) >= ROWS else None

    seen = wait_for(checked, "the estimate beside the true prices")
    assert seen["housing_estimate_mean_absolute_error_in_band 1"] == 1
    assert seen["housing_estimate_mean_absolute_error_ratio 1"] == pytest.approx(1, abs=0.1)
    assert seen["housing_live_mean_absolute_error_usd 1"] > 0


def record(service: Service, outcomes: list[TruePrice]) -> bool:
    """Record outcomes; return whether the log knew all of their predictions."""
    request = RecordOutcomesRequest(outcomes=outcomes)
    with grpc.insecure_channel(service.target) as channel:
        answer = OutcomeServiceStub(channel).RecordOutcomes(request, timeout=60)
    return all(each.result in {1, 2} for each in answer.outcomes)


def test_bad_outcomes_are_a_reason_to_retrain(service: Service) -> None:
    """As the watcher asks the service: few of them are none yet, then the live error is, with its figures."""
    tolerance = Tolerance(error_factor=1.3, coverage_shortfall=0.9, drift_psi=99, minimum_outcomes=2 * ROWS)
    trigger = Degradation(inspect_service(service.target), tolerance, cooldown_seconds=0)
    assert trigger.look() is None
    for seed in (13, 14):
        outcomes = [
            TruePrice(prediction_id=each.prediction_id, median_house_value=each.median_house_value + 200_000)
            for each in ask(service, block_groups(ROWS, seed=seed))
        ]
        wait_for(partial(lambda known: record(service, known) or None, outcomes), "all outcomes recorded")
    fired = trigger.look()
    assert fired is not None
    assert fired.reason.startswith("the live RMSE is ")
    assert fired.figures["training_rmse"] == 50_000
    assert fired.figures["outcomes"] >= 2 * ROWS


def test_report_is_written(service: Service, tmp_path: Path) -> None:
    """`housing drift-report` compares what is on record."""
    ask(service, block_groups(ROWS, seed=6, scale=1.5))
    output = tmp_path / "report.html"
    environment = {"HOUSING_GRPC_PORT": str(service.grpc_port), "HOUSING_DRIFT_WINDOW_ROWS": str(ROWS)}

    def write() -> bool | None:
        with HousingCommand("drift-report", "--output", str(output), environment=environment) as command:
            assert command.exit_code() == 0, command.errors
        return "Shifted: median_income, median_house_value" in output.read_text("utf-8") or None

    assert wait_for(write, "all rows on record")


def test_a_service_that_is_gone_is_watched_on(tmp_path: Path) -> None:
    """Each look that fails is counted and logged in one line, and SIGTERM still ends the monitor cleanly."""
    with port_of_nobody() as port, running_monitor(port, tmp_path) as monitor:
        event = monitor.command.wait_for("check failed", 3)
        assert "is it running" in event["reason"]
        assert metrics(monitor)["housing_monitor_failures_total"] >= 3
        monitor.command.send(signal.SIGTERM)
        assert monitor.command.exit_code() == 0
        assert monitor.command.errors == ""


def test_metrics_outlive_a_restart(service: Service, tmp_path: Path) -> None:
    """A monitor that starts again shows the last results, also while the service does not answer."""
    ask(service, block_groups(ROWS, seed=7))
    with running_monitor(service.grpc_port, tmp_path, drift_window_rows=ROWS) as first:
        before = wait_until(first, "housing_drift_window_rows", ROWS)
    with port_of_nobody() as port, running_monitor(port, tmp_path) as second:
        after = metrics(second)
    kept = {name for name in before if name.startswith(("housing_drift", "housing_live", "housing_training"))}
    assert kept <= after.keys()
