"""Evaluating a candidate beside the champion on the held-out rows, with all gates."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from housing_retraining.comparison.compare import Answers, Comparison, compare
from housing_retraining.comparison.gates import Gate, Policy, judge
from housing_retraining.comparison.holdout import Holdout
from housing_retraining.comparison.models import answers, fetch, registered_as_made, trial
from housing_retraining.registry import RegisteredVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The rows held out, and both models' predictions."""

    holdout: Holdout
    """The rows."""
    candidate: Answers
    """The candidate's predictions."""
    champion: Answers
    """The champion's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The evaluation of a candidate."""

    candidate: RegisteredVersion
    """The candidate."""
    champion: RegisteredVersion | None
    """The served version; None without one."""
    gates: Sequence[Gate]
    """The gates."""
    comparison: Comparison | None
    """Both on the rows held out; None if the candidate cannot be loaded, or without a champion."""
    measured: Measured | None = None
    """The predictions behind it."""

    @property
    def refused_by(self) -> list[Gate]:
        """The gates that the candidate did not pass."""
        return [gate for gate in self.gates if not gate.passed]

    def evidence(self) -> dict[str, Any]:
        """Return it as JSON values."""
        compared = None if self.comparison is None else asdict(self.comparison)
        return {"gates": [asdict(gate) for gate in self.gates], "comparison": compared}


def judge_candidate(
    name: str, candidate: RegisteredVersion, champion: RegisteredVersion | None, work: Path, policy: Policy
) -> Found:
    """Evaluate a candidate with the gates; one that cannot be served is not compared.

    Args:
        name: the registered model.
        candidate: its new version.
        champion: the version that is served; None without one.
        work: the work directory of the retraining.
        policy: how strict gates are.

    Raises:
        NotComparable: either cannot be fetched or loaded.
    """
    files = fetch(name, candidate.version, work / "fetched")
    champion_files = fetch(name, champion.version, work / "fetched") if champion else None
    gates = [trial(files, champion_files, policy.latency_ratio)]
    comparison = measured = None
    if gates[0].passed:
        holdout = Holdout.read(work)
        answered = answers(files, holdout)
        gates.append(registered_as_made(work, answered, holdout))
        if champion_files is not None:
            served = answers(champion_files, holdout)
            measured = Measured(holdout=holdout, candidate=answered, champion=served)
            comparison = compare(holdout, answered, served, confidence=policy.confidence, slice_rows=policy.slice_rows)
            gates += judge(comparison, policy)
    return Found(candidate=candidate, champion=champion, gates=gates, comparison=comparison, measured=measured)
