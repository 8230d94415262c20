// The state of the service, and conditions that need somebody.

import { get } from "./api.js";
import { el } from "./dom.js";
import { count, duration } from "./format.js";

const SECONDS = 5;
const gibibytes = (bytes) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

const fact = (value, name) => el("div", { class: "fact" }, el("b", {}, value), el("span", {}, name));

// Returns what is wrong, for people: nothing when all is well.
export function conditions({ status, workers, resources, prediction_log: log }) {
  return [
    status === "SERVICE_STATUS_NOT_SERVING" && "Predictions are not served.",
    workers.serving < workers.configured && `${workers.configured - workers.serving} of ${workers.configured} workers do not serve.`,
    log.enabled && !log.store_up && "The store of the prediction log is not available.",
    log.problem && `Prediction log: ${log.problem}.`,
    log.backlog_rows > 10_000 && `${count(log.backlog_rows)} predictions wait for the store.`,
    resources.disk_used_bytes > 0.9 * resources.disk_total_bytes && "The disk is more than 90 % full.",
    resources.memory_used_bytes > 0.8 * resources.memory_total_bytes && "The service uses more than 80 % of the memory.",
  ].filter(Boolean);
}

async function show(facts, alerts) {
  try {
    const health = await get("/health", { anyStatus: true });
    const { workers, resources, prediction_log: log } = health;
    const wrong = conditions(health);
    alerts.replaceChildren(...(wrong.length ? wrong.map((text) => el("p", { class: "warning" }, text)) : [el("p", { class: "note" }, "Nothing needs attention.")]));
    facts.replaceChildren(
      fact(`v${health.model_version || "-"}`, health.model_name || "no model"),
      fact(`${workers.serving} of ${workers.configured}`, `workers serve, ${count(workers.restarts)} restarts`),
      fact(duration(health.uptime_seconds), "since start"),
      fact(`${resources.cpu_cores_used.toFixed(2)} of ${resources.cpu_cores}`, "processors"),
      fact(gibibytes(resources.memory_used_bytes), `memory of ${gibibytes(resources.memory_total_bytes)}`),
      fact(count(log.backlog_rows), log.enabled ? "predictions not in the store yet" : "the log is off"));
  } catch (problem) {
    alerts.replaceChildren(el("p", { class: "error" }, problem.message));
  }
}

export function state(place) {
  const facts = el("div", { class: "facts" });
  const alerts = el("div", { class: "tabbed", role: "status", id: "conditions" });
  place.append(alerts, facts);
  show(facts, alerts);
  setInterval(() => document.hidden || show(facts, alerts), SECONDS * 1000);
}
