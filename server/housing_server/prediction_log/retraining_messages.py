"""Retrainings on record as messages of the contract."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from housing.v1 import retraining_service_pb2 as pb
from housing_server.prediction_log.records import timestamp
from housing_server.prediction_log.retrainings import Retraining

_FILES = "files"
"""The figure that counts new rows by file."""
_TRIGGER, _VERDICT, _STATE = "RETRAINING_TRIGGER_", "RETRAINING_VERDICT_", "STAGE_STATE_"


def message(found: Retraining, *, slices: bool = True) -> pb.Retraining:
    """Convert a retraining.

    Args:
        found: what is on record.
        slices: whether to include the slices of its comparison.
    """
    evidence = found.evidence
    compared = evidence.get("comparison")
    return pb.Retraining(
        retraining_id=found.retraining_id,
        trigger=trigger_value(found.trigger),
        trigger_figures=dict(_numbers({k: v for k, v in found.trigger_figures.items() if k != _FILES})),
        files=list(found.trigger_figures.get(_FILES, ())),
        reason=found.reason,
        requested_by=found.requested_by,
        requested_at=timestamp(found.requested_at_us),
        started_at=_time(found.started_at_us),
        finished_at=_time(found.finished_at_us),
        stage=found.stage,
        attempts=found.attempts,
        verdict=verdict_value(found.verdict) if found.verdict else pb.RETRAINING_VERDICT_UNSPECIFIED,
        verdict_reason=found.verdict_reason or "",
        data_sha256=found.data_sha256 or "",
        data_rows=found.data_rows or 0,
        new_rows=found.new_rows or 0,
        run_id=found.run_id or "",
        model_version=found.model_version or "",
        champion_version=found.champion_version or "",
        comparison=_comparison(compared, slices=slices) if compared else None,
        gates=[
            pb.RetrainingGate(name=gate["name"], passed=gate["passed"], detail=gate["detail"])
            for gate in evidence.get("gates", [])
        ],
        stages=map(_stage, evidence.get("stages", [])),
    )


def trigger_value(name: str) -> pb.RetrainingTrigger.ValueType:
    """Return the value of the enum for a trigger on record."""
    return pb.RetrainingTrigger.Value(_TRIGGER + name.upper())


def verdict_value(name: str) -> pb.RetrainingVerdict.ValueType:
    """Return the value of the enum for a verdict on record."""
    return pb.RetrainingVerdict.Value(_VERDICT + name.upper())


def trigger_name(value: pb.RetrainingTrigger.ValueType) -> str:
    """Return a trigger as it is on record."""
    return pb.RetrainingTrigger.Name(value).removeprefix(_TRIGGER).lower()


def verdict_name(value: pb.RetrainingVerdict.ValueType) -> str:
    """Return a verdict as it is on record."""
    return pb.RetrainingVerdict.Name(value).removeprefix(_VERDICT).lower()


def _numbers(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers among figures; those of a group are named by group and member."""
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + name, float(value)


def _comparison(found: Mapping[str, Any], *, slices: bool) -> pb.ModelComparison:
    return pb.ModelComparison(
        rows=found["rows"],
        new_rows=found["new_rows"],
        areas=found["areas"],
        candidate=_quality(found["candidate"]),
        champion=_quality(found["champion"]),
        random=_difference(found["random"]),
        by_area=_difference(found["by_area"]),
        slices=map(_slice, found["slices"]) if slices else (),
    )


def _quality(found: Mapping[str, Any]) -> pb.ModelQuality:
    coverage = found["coverage"]
    return pb.ModelQuality(
        root_mean_squared_error=found["rmse"],
        mean_absolute_error=found["mae"],
        interval_coverage=coverage,
        promised_coverage=None if coverage is None else found["promised"],
    )


def _difference(found: Mapping[str, Any]) -> pb.ErrorDifference:
    low, high = (found[end] if math.isfinite(found[end]) else None for end in ("low", "high"))
    return pb.ErrorDifference(root_mean_squared_error=found["rmse"], low=low, high=high)


def _slice(found: Mapping[str, Any]) -> pb.ComparedSlice:
    return pb.ComparedSlice(
        by=found["by"],
        name=found["name"],
        rows=found["rows"],
        candidate_root_mean_squared_error=found["candidate_rmse"],
        champion_root_mean_squared_error=found["champion_rmse"],
        difference=_difference(found["difference"]),
    )


def _stage(found: Mapping[str, Any]) -> pb.StageEvidence:
    return pb.StageEvidence(
        name=found["name"],
        state=pb.StageState.Value(_STATE + found["state"].upper()),
        started_at=_time(found["started_at_us"]),
        finished_at=_time(found["finished_at_us"]),
        figures=dict(_numbers(found["figures"])),
        reason=found["reason"],
    )


def _time(microseconds: int | None) -> Timestamp | None:
    return None if microseconds is None else timestamp(microseconds)
