"""Retrainings as text."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from housing_server.prediction_log.retrainings import Retraining

_SECOND_US = 1_000_000
_REASON = 300
"""The most characters of a stage's reason; JSON has all of it."""


def title() -> str:
    """Return the header of a list."""
    return f"{'ID':36}  {'REQUESTED (UTC)':16}  {'TRIGGER':11}  {'VERDICT':9}  {'VERSION':>7}  REASON"


def line(retraining: Retraining) -> str:
    """Return a retraining as a line of a list."""
    state = retraining.verdict or retraining.stage
    reason = retraining.verdict_reason or retraining.reason
    asked, version = moment(retraining.requested_at_us)[:16], retraining.model_version or "-"
    return f"{retraining.retraining_id}  {asked}  {retraining.trigger:11}  {state:9}  {version:>7}  {reason[:100]}"


def details(retraining: Retraining) -> str:
    """Return a retraining in detail."""
    figures = ", ".join(f"{name} {value}" for name, value in retraining.trigger_figures.items())
    rows = [
        ("retraining", retraining.retraining_id),
        ("trigger", retraining.trigger + (f" ({figures})" if figures else "")),
        ("reason", retraining.reason),
        ("requested by", f"{retraining.requested_by}, {moment(retraining.requested_at_us)} UTC"),
        ("begun", _begun(retraining)),
        ("stage", retraining.stage),
        ("data", _data(retraining)),
        ("candidate", _version(retraining.model_version) + (f", run {retraining.run_id}" if retraining.run_id else "")),
        ("champion", _version(retraining.champion_version)),
        ("report", str(retraining.evidence.get("report", ""))),
        ("verdict", ": ".join(filter(None, (retraining.verdict, retraining.verdict_reason)))),
    ]
    text = [f"{name:13}{value}" for name, value in rows if value]
    evidence = retraining.evidence
    return "\n".join([*text, *_comparison(evidence), *_gates(evidence), *_stages(evidence)])


def _comparison(evidence: Mapping[str, Any]) -> list[str]:
    found = evidence.get("comparison")
    if not found:
        return []
    head = ["", f"{found['rows']:,} rows held out, {found['new_rows']:,} of them new, in {found['areas']} areas"]
    head.append(f"{'':40}{'candidate':>12}{'champion':>12}{'difference':>12}{'interval':>22}")
    random, area = found["random"], found["by_area"]
    mine, theirs = found["candidate"], found["champion"]
    head.append(_row("RMSE (USD)", mine["rmse"], theirs["rmse"], random))
    head.append(_row("  areas resampled", mine["rmse"], theirs["rmse"], area))
    head.append(f"{'MAE (USD)':40}{mine['mae']:12,.0f}{theirs['mae']:12,.0f}{mine['mae'] - theirs['mae']:12,.0f}")
    if mine["coverage"] is not None and theirs["coverage"] is not None:
        head.append(f"{'coverage':40}{mine['coverage']:12.3f}{theirs['coverage']:12.3f}")
    parts = [
        _row(f"{each['by']} {each['name']}"[:38], each["candidate_rmse"], each["champion_rmse"], each["difference"])
        for each in found["slices"]
    ]
    return [*head, *parts]


def _row(name: str, mine: float, theirs: float, difference: Mapping[str, float]) -> str:
    chance = f"{difference['low']:,.0f} to {difference['high']:,.0f}"
    return f"{name:40}{mine:12,.0f}{theirs:12,.0f}{difference['rmse']:12,.0f}{chance:>22}"


def _gates(evidence: Mapping[str, Any]) -> list[str]:
    gates = evidence.get("gates", [])
    return [
        "",
        *(f"{'passed' if gate['passed'] else 'NOT PASSED':12}{gate['name']}: {gate['detail']}" for gate in gates),
    ]


def _stages(evidence: Mapping[str, Any]) -> list[str]:
    stages = evidence.get("stages", [])
    return ["", *(_stage(stage) for stage in stages)] if stages else []


def _stage(stage: Mapping[str, Any]) -> str:
    ended = stage["finished_at_us"]
    took = "" if ended is None else f" ({(ended - stage['started_at_us']) / _SECOND_US:,.0f} s)"
    return f"stage {stage['name']} {stage['state']}{took}: {stage['reason'][:_REASON]}".rstrip(": ")


def _begun(retraining: Retraining) -> str:
    if retraining.started_at_us is None:
        return ""
    attempts = f", {retraining.attempts} attempts" if retraining.attempts > 1 else ""
    if retraining.finished_at_us is None:
        return f"{moment(retraining.started_at_us)} UTC{attempts}"
    seconds = (retraining.finished_at_us - retraining.started_at_us) / _SECOND_US
    return f"{moment(retraining.started_at_us)} UTC, {seconds:,.0f} s{attempts}"


def _data(retraining: Retraining) -> str:
    if retraining.data_sha256 is None:
        return ""
    return f"{retraining.data_rows:,} rows, {retraining.new_rows:,} of them new, SHA-256 {retraining.data_sha256}"


def _version(version: str | None) -> str:
    return f"version {version}" if version else ""


def moment(microseconds: int) -> str:
    """Return a time in UTC, to the second."""
    return datetime.fromtimestamp(microseconds / _SECOND_US, UTC).isoformat(sep=" ", timespec="seconds")[:19]
