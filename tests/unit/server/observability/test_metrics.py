"""What workers count."""

import numpy as np
import pytest
from google.rpc import code_pb2
from prometheus_client import CollectorRegistry

from housing.features import FEATURES
from housing_server.core.answers import Answers
from housing_server.core.callers import RunTimes
from housing_server.core.calls import Method
from housing_server.core.model import Estimates
from housing_server.errors import FieldViolation, InvalidRequest, ModelFailed
from housing_server.observability.call_metrics import CallMetrics
from housing_server.observability.metrics import WorkerMetrics
from serving_fakes import CALLER, IncomeModel

TIMES = RunTimes(queue=0.001, inference=0.002, append=0.003)


def answers(estimates: Estimates) -> Answers:
    """Answers with these estimates."""
    count = len(estimates.median_house_value)
    return Answers.of(
        IncomeModel(),
        np.zeros((count, len(FEATURES))),
        estimates,
        prediction_ids=[""] * count,
        predicted_at=0,
        latency_seconds=[0.0],
        callers=[CALLER],
    )


def test_predictions_are_counted_by_version_and_their_values_by_label() -> None:
    """Five dollars here, seven there, and a row without a label."""
    registry = CollectorRegistry()
    estimates = Estimates(
        median_house_value=np.array([5.0, 7.0, 9.0]), ocean_proximity=np.array([1, 1, -1], dtype=np.int64)
    )
    WorkerMetrics(registry).predicted(answers(estimates), TIMES)
    value = registry.get_sample_value
    assert value("housing_predictions_total", {"model_version": "7"}) == 3
    assert value("housing_predicted_value_usd_sum", {"ocean_proximity": "INLAND"}) == 12
    assert value("housing_predicted_value_usd_count", {"ocean_proximity": "unknown"}) == 1
    assert value("housing_batch_rows_sum") == 3
    assert value("housing_queue_seconds_sum") == 0.001
    assert value("housing_inference_seconds_sum") == 0.002
    assert value("housing_prediction_log_append_seconds_sum") == 0.003


@pytest.mark.parametrize("repeats", [1, 100])
def test_prices_fall_into_buckets_whose_bounds_belong_to_them(repeats: int) -> None:
    """A price of exactly 100,000 is among those of at most 100,000, be they few or many."""
    registry = CollectorRegistry()
    prices = np.array([1.0, 100_000.0, 100_000.5, 600_000.0])
    many = np.tile(prices, repeats)
    estimates = Estimates(median_house_value=many, ocean_proximity=np.zeros(len(many), dtype=np.int64))
    WorkerMetrics(registry).predicted(answers(estimates), TIMES)
    bounds = {"50000.0": 1, "100000.0": 2, "150000.0": 3, "500000.0": 3, "+Inf": 4}
    for bound, count in bounds.items():
        labels = {"ocean_proximity": "<1H OCEAN", "le": bound}
        assert registry.get_sample_value("housing_predicted_value_usd_bucket", labels) == count * repeats
    total = registry.get_sample_value("housing_predicted_value_usd_sum", {"ocean_proximity": "<1H OCEAN"})
    assert total == many.sum()


def test_refusals_are_counted_by_field_and_rule_not_by_row() -> None:
    """Labels are bounded: a batch's index is no part of them."""
    registry = CollectorRegistry()
    violations = [
        FieldViolation(field=f"block_groups[{row}].latitude", rule="required", description="") for row in range(5)
    ]
    WorkerMetrics(registry).refused(InvalidRequest(violations))
    labels = {"field": "latitude", "rule": "required"}
    assert registry.get_sample_value("housing_validation_failures_total", labels) == 5


def test_rows_are_counted_that_the_model_had_no_answer_to() -> None:
    """And refusals of the same kind together."""
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    metrics.failed(ModelFailed("it divided by zero"), 3)
    metrics.refused(InvalidRequest([FieldViolation(field="latitude", rule="required", description="")]), 1_000)
    assert registry.get_sample_value("housing_model_failures_total") == 3
    labels = {"field": "latitude", "rule": "required"}
    assert registry.get_sample_value("housing_validation_failures_total", labels) == 1_000


def test_calls_are_counted_by_method_and_code() -> None:
    """The names are those that gRPC dashboards know."""
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    method = Method(kind="unary", service="s.S", name="M")
    labels = {"grpc_type": "unary", "grpc_service": "s.S", "grpc_method": "M"}
    metrics.call_started(method)
    metrics.call_ended(method, code_pb2.NOT_FOUND, 0.5)
    value = registry.get_sample_value
    assert value("grpc_server_started_total", labels) == 1
    assert value("grpc_server_handled_total", labels | {"grpc_code": "NOT_FOUND"}) == 1
    assert value("grpc_server_handling_seconds_sum", labels) == 0.5


def test_calls_that_succeed_together_are_counted_as_one_by_one() -> None:
    """In the same counter, and in the bucket of each."""
    one_by_one, together = CollectorRegistry(), CollectorRegistry()
    method = Method(kind="unary", service="s.S", name="M")
    seconds = [0.0003, 0.0004, 0.002, 0.0021, 100.0]
    counted_alone = CallMetrics(one_by_one)
    for each in seconds:
        counted_alone.call_ended(method, code_pb2.OK, each)
    CallMetrics(together).calls_succeeded(method, seconds)

    def samples(registry: CollectorRegistry) -> dict[object, float]:
        found = [sample for family in registry.collect() for sample in family.samples]
        return {(each.name, *each.labels.items()): each.value for each in found if not each.name.endswith("_created")}

    assert samples(together) == pytest.approx(samples(one_by_one))
