// Alerts: the rules of monitoring/prometheus/rules that the service's own answers can judge, under the same names.

import { get } from "./api.js";
import { compare } from "./ops_drift.js";
import { count, duration, percent, short, words } from "./format.js";

const DRIFTED = 0.2, DRIFT_ROWS = 500;
const ERROR_RATIO = 1.25, COVERAGE = 0.85, OUTCOMES = 200;
const BACKLOG_ROWS = 1000, DISK_SHARE = 0.95;
const ROLLED_BACK_SECONDS = 3600, OLD_DAYS = 90, STUCK_SECONDS = 21_600;

const since = (moment) => (moment ? (Date.now() - Date.parse(moment)) / 1000 : Infinity);
const age = (moment) => (moment ? since(moment) : 0);

// Returns alerts of the state of the service.
export function ofState({ workers, resources, prediction_log: log }) {
  const missing = workers.configured - workers.serving;
  return [
    workers.serving === 0 && ["NoWorkerServing", "Predictions are not served."],
    workers.serving > 0 && missing > 0 && ["WorkersMissing", `${missing} of ${workers.configured} workers do not serve.`],
    log.enabled && !log.store_up && ["PredictionLogStoreDown", `The store of the prediction log is not available${log.problem ? `: ${log.problem}` : ""}.`],
    log.backlog_rows > BACKLOG_ROWS && ["PredictionLogBehind", `${count(log.backlog_rows)} predictions wait for the store.`],
    resources.disk_used_bytes > DISK_SHARE * resources.disk_total_bytes && ["DiskAlmostFull", `The disk is more than ${percent(DISK_SHARE)} full.`],
  ].filter(Boolean);
}

// Returns alerts of the served version's live errors, beside those of training.
export function ofErrors({ version, metrics, trained_at: trained }, versions) {
  const error = versions.find((each) => each.model_version === version)?.error;
  const known = (error?.outcomes ?? 0) >= OUTCOMES;
  const ratio = known && metrics.test_rmse ? error.root_mean_squared_error / metrics.test_rmse : 0;
  const days = age(trained) / 86_400;
  return [
    ratio > ERROR_RATIO && ["LiveErrorAboveTraining", `Version ${version} errs ${short(ratio)} times as much as in training.`],
    known && error.interval_coverage < COVERAGE && ["IntervalCoverageBelowTarget", `${percent(error.interval_coverage)} of the intervals of version ${version} contain the true price.`],
    days > OLD_DAYS && ["ChampionTooOld", `The model was trained ${Math.round(days)} days ago.`],
  ].filter(Boolean);
}

// Returns alerts of fields that are no longer distributed as in training.
export function ofDrift(profile, predictions) {
  if (predictions.length < DRIFT_ROWS) return [];
  const shifted = compare(profile, predictions).filter(([, { index }]) => index > DRIFTED).map(([name]) => words(name));
  return shifted.length ? [["ModelDrift", `No longer distributed as in training: ${shifted.join(", ")}.`]] : [];
}

// Returns alerts of retraining.
export function ofRetraining({ watchers, running, lease_held: held, waiting_since: waiting, last_finished: last, last_rollback_at: rolledBack }) {
  const stuck = (running && !held) || age(running?.started_at) > STUCK_SECONDS || age(waiting) > STUCK_SECONDS;
  return [
    last?.verdict === "RETRAINING_VERDICT_FAILED" && ["RetrainingFailed", `The last retraining failed: ${last.verdict_reason}.`],
    stuck && ["RetrainingStuck", "A retraining does not get on."],
    watchers.length > 0 && !watchers.some((each) => each.alive) && ["RetrainingWatcherDown", "Nobody watches for what calls for a retraining."],
    since(rolledBack) < ROLLED_BACK_SECONDS && ["ChampionRolledBack", `The champion was rolled back ${duration(since(rolledBack))} ago.`],
  ].filter(Boolean);
}

// Returns all alerts that can be judged; what cannot be read, such as without a key for it, is left out.
export async function alerts(health) {
  const parts = await Promise.allSettled([
    Promise.all([get("/api/model"), get("/api/logs/predictions/stats?period=STATS_PERIOD_DAY")]).then(([{ model }, { model_versions: versions }]) => ofErrors(model, versions)),
    Promise.all([get("/api/model/profile"), get("/api/logs/predictions?page_size=1000")]).then(([{ profile }, { predictions }]) => ofDrift(profile, predictions)),
    get("/api/retraining/status").then(ofRetraining),
  ]);
  return [...ofState(health), ...parts.flatMap((each) => each.value ?? [])];
}
