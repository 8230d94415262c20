"""One retraining, from the rows to the verdict."""

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from housing_retraining.comparison.report import FILE as REPORT
from housing_retraining.data_versions.base import open_rows
from housing_retraining.data_versions.row_table import RowTable
from housing_retraining.data_versions.version import DataVersion, read_version, write_version
from housing_retraining.errors import LeaseLost, RetrainingError
from housing_retraining.registry import CHALLENGER, CHAMPION, RegisteredVersion
from housing_retraining.runs.pipeline import PipelineProcess
from housing_retraining.runs.work_directory import make_work_directory
from housing_retraining.settings import RetrainingSettings
from housing_retraining.stages.challenge import challenge
from housing_retraining.stages.record import PART, StageRecord
from housing_retraining.stages.stage import Stage, StageContext
from housing_server.errors import ServingError
from housing_server.prediction_log.retrainings import Retraining, RetrainingRecords, Verdict
from housing_server.prediction_log.store import PredictionStore
from housing_training.errors import TrainingError
from housing_training.files import artifacts
from housing_training.params.schema import Params


class Registry(Protocol):
    """The model registry."""

    def named(self, alias: str) -> RegisteredVersion | None:
        """Return the version that an alias names; None without one."""

    def log_json(self, run_id: str, content: dict[str, object], path: str) -> None:
        """Put a file on record with the run of a version."""

    def log_text(self, run_id: str, content: str, path: str) -> None:
        """Put a file on record with the run of a version."""


class RetrainingRun:
    """Runs retrainings, one after the other, in the repository that is the working directory."""

    def __init__(  # noqa: PLR0913 - most are keyword-only, or stores
        self,
        settings: RetrainingSettings,
        store: PredictionStore,
        registry: Registry,
        stages: Sequence[Stage],
        *,
        tracking_uri: str,
        echo: Callable[[str], object],
    ) -> None:
        """Create it; nothing runs yet.

        Args:
            settings: the settings.
            store: where each step goes on record.
            registry: where candidates go.
            stages: what a candidate must pass; the last one promotes it.
            tracking_uri: the registry's address, for the pipeline.
            echo: called with lines for people to read.
        """
        self._settings, self._registry, self._stages = settings, registry, stages
        self._records = RetrainingRecords(store)
        self._environment = _environment(settings, tracking_uri)
        self._when_idle = settings.retraining_niceness > 0
        self._echo = echo
        self._pipeline: PipelineProcess | None = None
        self._lost = False

    def run(self, retraining: Retraining) -> Verdict:
        """Run a retraining, or resume one after a crash; record and return its verdict.

        Raises:
            LeaseLost: another process may retrain now; nothing more is put on record.
        """
        self._records.begin(retraining.retraining_id)
        try:
            verdict, reason = self._verdict(retraining)
        except (RetrainingError, TrainingError, ServingError, OSError) as error:
            self._check_lease()
            verdict, reason = "failed", " ".join(str(error).split())
        except Exception as error:  # pylint: disable=broad-exception-caught  # any error ends in a verdict
            self._echo(traceback.format_exc())
            verdict, reason = "failed", f"{type(error).__name__}: {' '.join(str(error).split())}"
        self._records.finish(retraining.retraining_id, verdict, reason)
        self._echo(f"{verdict}: {reason}\n")
        return verdict

    def stop(self) -> None:
        """Stop the retraining, from another thread, because the lease is lost."""
        self._lost = True
        if self._pipeline is not None:
            self._pipeline.stop()

    def _verdict(self, retraining: Retraining) -> tuple[Verdict, str]:
        work = self.work_directory(retraining)
        params = Params.read(artifacts.PARAMS)
        rows = open_rows(self._settings.folder, params)
        version = self._prepare(retraining, work, rows, params)
        self._run_pipeline(retraining, work)
        if (done := self._promoted_before()) is not None:
            rows.settle("used", up_to=version.last_row)
            return "promoted", f"version {done.version} is the champion: a crash came between that and the record of it"
        context = self._context(retraining, work, version, params.register_.model_name)
        name, result = challenge(self._stages, context, self._stage_record(context, retraining))
        self._log_evidence(context)
        if result.state == "refused":
            rows.settle("set_aside" if result.blames_data else "tried", up_to=version.last_row)
            return "refused", f"{name}: {result.reason}"
        rows.settle("used", up_to=version.last_row)
        return "promoted", result.reason

    def work_directory(self, retraining: Retraining) -> Path:
        """Return where a retraining works."""
        return self._settings.folder / "work" / retraining.retraining_id

    def _prepare(self, retraining: Retraining, work: Path, rows: RowTable, params: Params) -> DataVersion:
        self._enter(retraining, "data")
        version = read_version(work) or write_version(rows, work, params.prepare)
        make_work_directory(Path(), work, data_sha256=version.sha256, alias=CHALLENGER)
        self._records.add(
            retraining.retraining_id,
            data_sha256=version.sha256,
            data_rows=version.rows,
            new_rows=version.new_rows,
        )
        self._echo(f"data: {version.rows:,} rows, {version.new_rows:,} of them new\n")
        return version

    def _run_pipeline(self, retraining: Retraining, work: Path) -> None:
        self._pipeline = PipelineProcess(work, self._environment, when_idle=self._when_idle)
        with (work / "pipeline.log").open("a", buffering=1, encoding="utf-8") as log:

            def show(line: str) -> None:
                log.write(line)
                self._echo(line)

            self._check_lease()
            self._pipeline.run(lambda stage: self._records.enter(retraining.retraining_id, stage), show)
        self._check_lease()

    def _promoted_before(self) -> RegisteredVersion | None:
        """Return the candidate if it is the champion already; None otherwise."""
        candidate, champion = self._registry.named(CHALLENGER), self._registry.named(CHAMPION)
        return candidate if candidate is not None and candidate == champion else None

    def _context(self, retraining: Retraining, work: Path, data: DataVersion, name: str) -> StageContext:
        candidate, champion = self._registry.named(CHALLENGER), self._registry.named(CHAMPION)
        if candidate is None:
            raise RetrainingError("the pipeline has registered nothing")
        self._records.add(
            retraining.retraining_id,
            model_version=candidate.version,
            run_id=candidate.run_id,
            champion_version=champion.version if champion else None,
        )
        return StageContext(
            retraining_id=retraining.retraining_id,
            requested_by=retraining.requested_by,
            model_name=name,
            candidate=candidate,
            champion=champion,
            data_sha256=data.sha256,
            work=work,
            started_at_us=0,
            check=self._check_lease,
            echo=self._echo,
        )

    def _stage_record(self, context: StageContext, before: Retraining) -> StageRecord:
        """Continue the stages of an attempt that crashed, if it compared the same two versions."""
        champion = context.champion.version if context.champion else None
        same = (before.model_version, before.champion_version) == (context.candidate.version, champion)
        entries = list(before.evidence.get(PART, [])) if same else []
        return StageRecord(self._records, context.retraining_id, entries)

    def _log_evidence(self, context: StageContext) -> None:
        """Log the evidence with the candidate's run as well."""
        found = self._records.get(context.retraining_id)
        evidence = found.evidence if found else {}
        content = {"retraining_id": context.retraining_id, **evidence}
        self._registry.log_json(context.candidate.run_id, content, "retraining.json")
        if (report := context.work / REPORT).exists():
            self._registry.log_text(context.candidate.run_id, report.read_text(encoding="utf-8"), REPORT)

    def _enter(self, retraining: Retraining, stage: str) -> None:
        self._check_lease()
        self._records.enter(retraining.retraining_id, stage)

    def _check_lease(self) -> None:
        if self._lost:
            raise LeaseLost("another process may retrain now, since this one has given no sign of life")


def _environment(settings: RetrainingSettings, tracking_uri: str) -> dict[str, str]:
    """Return the pipeline's own environment variables: its registry, and the number of threads."""
    threads = str(settings.retraining_threads)
    libraries = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {"MLFLOW_TRACKING_URI": tracking_uri} | dict.fromkeys(libraries, threads)
