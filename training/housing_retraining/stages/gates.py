"""The stage *gates*: the challenger beside the champion, on held-out rows and on the latest requests."""

from collections.abc import Callable
from dataclasses import replace

from housing_retraining.comparison.gates import Gate, Policy
from housing_retraining.comparison.judging import Found, judge_candidate
from housing_retraining.comparison.report import write_report
from housing_retraining.stages.stage import StageContext, StageResult
from housing_server.prediction_log.retrainings import RetrainingRecords

SeenInTraffic = Callable[[StageContext, Found], Gate]
"""Replays the latest requests, and returns the gate."""


class Gates:
    """Judges a challenger before it sees live traffic."""

    name = "gates"

    def __init__(self, records: RetrainingRecords, policy: Policy, seen_in_traffic: SeenInTraffic) -> None:
        """Create it; nothing is judged yet.

        Args:
            records: records the comparison.
            policy: how strict gates are.
            seen_in_traffic: the gate that replays the latest requests.
        """
        self._records, self._policy, self._seen_in_traffic = records, policy, seen_in_traffic

    def run(self, context: StageContext) -> StageResult:
        """Judge the challenger with all gates.

        Raises:
            NotComparable: challenger or champion cannot be fetched or loaded.
        """
        found = judge_candidate(context.model_name, context.candidate, context.champion, context.work, self._policy)
        if found.comparison is not None:
            found = replace(found, gates=[*found.gates, self._seen_in_traffic(context, found)])
        self._records.add_evidence(context.retraining_id, **found.evidence())
        if found.measured is not None:
            report = write_report(found, found.measured, context.work)
            self._records.add_evidence(context.retraining_id, report=str(report))
        for gate in found.gates:
            context.echo(f"{'passed' if gate.passed else 'NOT PASSED'}  {gate.name}: {gate.detail}\n")
        return _result(found)


def _result(found: Found) -> StageResult:
    blocking = found.refused_by
    figures = _figures(found)
    if blocking:
        reason = "; ".join(f"{gate.name}: {gate.detail}" for gate in blocking)
        blamed = any(gate.blames_data for gate in blocking)
        return StageResult(state="refused", reason=reason, figures=figures, blames_data=blamed)
    return StageResult(state="passed", reason=_why_passed(found), figures=figures)


def _why_passed(found: Found) -> str:
    version = f"version {found.candidate.version}"
    if found.comparison is None:
        return f"{version} is the first: there is no champion to compare it with"
    better = next(gate for gate in found.gates if gate.name == "better")
    return f"{version} passed {len(found.gates)} gates; {better.detail}"


def _figures(found: Found) -> dict[str, float]:
    passed = sum(gate.passed for gate in found.gates)
    figures: dict[str, float] = {"gates": len(found.gates), "gates_passed": passed}
    if (compared := found.comparison) is None:
        return figures
    return figures | {
        "candidate_rmse": compared.candidate.rmse,
        "champion_rmse": compared.champion.rmse,
        "rmse_difference": compared.random.rmse,
        "rmse_difference_low": compared.random.low,
        "rmse_difference_high": compared.random.high,
        "rows": compared.rows,
    }
