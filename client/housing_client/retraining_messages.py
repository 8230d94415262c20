"""Conversions between messages of retrainings and plain values."""

from datetime import datetime
from typing import Literal

from google.protobuf.message import Message

from housing.v1 import retraining_service_pb2 as pb
from housing_client.retraining import (
    ComparedSlice,
    ErrorDifference,
    ModelComparison,
    ModelQuality,
    Retraining,
    RetrainingCount,
    RetrainingFilter,
    RetrainingGate,
    RetrainingPage,
    RetrainingStatus,
    RetrainingWatcher,
    StageEvidence,
)
from housing_client.times import moment_of, timestamp

_TRIGGER, _VERDICT, _STATE = "RETRAINING_TRIGGER_", "RETRAINING_VERDICT_", "STAGE_STATE_"


def start_request(reason: str, requested_by: str, retraining_id: str) -> pb.StartRetrainingRequest:
    """Create the request of StartRetraining."""
    return pb.StartRetrainingRequest(reason=reason, requested_by=requested_by, retraining_id=retraining_id)


def list_request(wanted: RetrainingFilter, page_size: int) -> pb.ListRetrainingsRequest:
    """Create the request for the first page of ListRetrainings.

    Raises:
        ValueError: a time has no time zone, or a trigger or verdict is unknown.
    """
    return pb.ListRetrainingsRequest(
        start_time=timestamp(wanted.start_time),
        end_time=timestamp(wanted.end_time),
        trigger=pb.RetrainingTrigger.Value(_TRIGGER + (wanted.trigger or "unspecified").upper()),
        verdict=pb.RetrainingVerdict.Value(_VERDICT + (wanted.verdict or "unspecified").upper()),
        finished=wanted.finished,
        model_version=wanted.model_version,
        page_size=page_size,
    )


def get_request(retraining_id: str) -> pb.GetRetrainingRequest:
    """Create the request of GetRetraining."""
    return pb.GetRetrainingRequest(retraining_id=retraining_id)


def page(response: pb.ListRetrainingsResponse) -> RetrainingPage:
    """Convert the response of ListRetrainings."""
    return RetrainingPage(
        retrainings=tuple(map(retraining, response.retrainings)), next_page_token=response.next_page_token
    )


def found_retraining(response: pb.GetRetrainingResponse | pb.StartRetrainingResponse) -> Retraining:
    """Convert the response of GetRetraining or StartRetraining."""
    return retraining(response.retraining)


def retraining_status(response: pb.GetRetrainingStatusResponse) -> RetrainingStatus:
    """Convert the response of GetRetrainingStatus."""

    def optional(name: Literal["running", "last_finished", "last_compared"]) -> Retraining | None:
        return retraining(getattr(response, name)) if response.HasField(name) else None

    return RetrainingStatus(
        watchers=tuple(map(_watcher, response.watchers)),
        waiting=response.waiting,
        waiting_since=_moment(response, "waiting_since"),
        running=optional("running"),
        lease_held=response.lease_held,
        last_finished=optional("last_finished"),
        last_compared=optional("last_compared"),
        finished=tuple(map(_count, response.finished)),
        promotions=response.promotions,
        rollbacks=response.rollbacks,
        last_rollback_at=_moment(response, "last_rollback_at"),
    )


def retraining(found: pb.Retraining) -> Retraining:
    """Convert a retraining."""
    return Retraining(
        retraining_id=found.retraining_id,
        trigger=_name(pb.RetrainingTrigger.Name(found.trigger), _TRIGGER),
        trigger_figures=dict(found.trigger_figures),
        files=tuple(found.files),
        reason=found.reason,
        requested_by=found.requested_by,
        requested_at=moment_of(found.requested_at),
        started_at=_moment(found, "started_at"),
        finished_at=_moment(found, "finished_at"),
        stage=found.stage,
        attempts=found.attempts,
        verdict=_name(pb.RetrainingVerdict.Name(found.verdict), _VERDICT),
        verdict_reason=found.verdict_reason,
        data_sha256=found.data_sha256,
        data_rows=found.data_rows,
        new_rows=found.new_rows,
        run_id=found.run_id,
        model_version=found.model_version,
        champion_version=found.champion_version,
        comparison=_comparison(found.comparison) if found.HasField("comparison") else None,
        gates=tuple(RetrainingGate(name=each.name, passed=each.passed, detail=each.detail) for each in found.gates),
        stages=tuple(map(_stage, found.stages)),
    )


def _comparison(found: pb.ModelComparison) -> ModelComparison:
    return ModelComparison(
        rows=found.rows,
        new_rows=found.new_rows,
        areas=found.areas,
        candidate=_quality(found.candidate),
        champion=_quality(found.champion),
        random=_difference(found.random),
        by_area=_difference(found.by_area),
        slices=tuple(map(_slice, found.slices)),
    )


def _quality(found: pb.ModelQuality) -> ModelQuality:
    return ModelQuality(
        root_mean_squared_error=found.root_mean_squared_error,
        mean_absolute_error=found.mean_absolute_error,
        interval_coverage=found.interval_coverage if found.HasField("interval_coverage") else None,
        promised_coverage=found.promised_coverage if found.HasField("promised_coverage") else None,
    )


def _difference(found: pb.ErrorDifference) -> ErrorDifference:
    return ErrorDifference(
        root_mean_squared_error=found.root_mean_squared_error,
        low=found.low if found.HasField("low") else None,
        high=found.high if found.HasField("high") else None,
    )


def _slice(found: pb.ComparedSlice) -> ComparedSlice:
    return ComparedSlice(
        by=found.by,
        name=found.name,
        rows=found.rows,
        candidate_root_mean_squared_error=found.candidate_root_mean_squared_error,
        champion_root_mean_squared_error=found.champion_root_mean_squared_error,
        difference=_difference(found.difference),
    )


def _stage(found: pb.StageEvidence) -> StageEvidence:
    return StageEvidence(
        name=found.name,
        state=_name(pb.StageState.Name(found.state), _STATE),
        started_at=_moment(found, "started_at"),
        finished_at=_moment(found, "finished_at"),
        figures=dict(found.figures),
        reason=found.reason,
    )


def _watcher(found: pb.RetrainingWatcher) -> RetrainingWatcher:
    return RetrainingWatcher(
        process=found.process,
        seen_at=moment_of(found.seen_at),
        alive=found.alive,
        pending_rows=found.pending_rows,
        problem=found.problem,
    )


def _count(found: pb.RetrainingCount) -> RetrainingCount:
    return RetrainingCount(
        trigger=_name(pb.RetrainingTrigger.Name(found.trigger), _TRIGGER),
        verdict=_name(pb.RetrainingVerdict.Name(found.verdict), _VERDICT),
        count=found.count,
    )


def _moment(message: Message, name: str) -> datetime | None:
    return moment_of(getattr(message, name)) if message.HasField(name) else None


def _name(value: str, prefix: str) -> str:
    """Return the name of an enum's value in lower case; empty for the unspecified one."""
    name = value.removeprefix(prefix).lower()
    return "" if name == "unspecified" else name
