"""Running the stages of a challenger, one after the other."""

from collections.abc import Sequence
from dataclasses import replace

from housing_retraining.stages.record import StageRecord
from housing_retraining.stages.stage import Stage, StageContext, StageResult


def challenge(stages: Sequence[Stage], context: StageContext, record: StageRecord) -> tuple[str, StageResult]:
    """Run stages until one refuses the challenger; return name and result of the last one.

    Stages completed before a crash do not run again.

    Raises:
        LeaseLost: another process may retrain now.
    """
    name, result = "none", StageResult(state="passed", reason="there is no stage")
    for stage in stages:
        context.check()
        name = stage.name
        if (before := record.ended(name)) is not None:
            result = before
            continue
        result = stage.run(replace(context, started_at_us=record.begin(name)))
        context.check()
        record.end(result)
        context.echo(f"stage {name} {result.state}: {result.reason}\n")
        if result.state == "refused":
            break
    return name, result
