// The state of the service, and the alerts that fire.

import { get } from "./api.js";
import { el } from "./dom.js";
import { count, duration } from "./format.js";
import { repeat } from "./header.js";
import { alerts } from "./ops_alerts.js";

const SECONDS = 5, ALERT_SECONDS = 60;
const gibibytes = (bytes) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

const fact = (value, name) => el("div", { class: "fact" }, el("b", {}, value), el("span", {}, name));

async function showAlerts(place) {
  try {
    const firing = await alerts(await get("/health", { anyStatus: true }));
    place.replaceChildren(...(firing.length
      ? firing.map(([name, text]) => el("p", { class: "warning" }, el("b", {}, name), ` ${text}`))
      : [el("p", { class: "note" }, "Nothing needs attention.")]));
  } catch (problem) {
    place.replaceChildren(el("p", { class: "error" }, problem.message));
  }
}

async function showFacts(facts) {
  try {
    const health = await get("/health", { anyStatus: true });
    const { workers, resources, prediction_log: log } = health;
    facts.replaceChildren(
      fact(`v${health.model_version || "-"}`, health.model_name || "no model"),
      fact(`${workers.serving} of ${workers.configured}`, `workers serve, ${count(workers.restarts)} restarts`),
      fact(duration(health.uptime_seconds), "since start"),
      fact(`${resources.cpu_cores_used.toFixed(2)} of ${resources.cpu_cores}`, "processors"),
      fact(gibibytes(resources.memory_used_bytes), `memory of ${gibibytes(resources.memory_total_bytes)}`),
      fact(count(log.backlog_rows), log.enabled ? "predictions not in the store yet" : "the log is off"));
  } catch (problem) {
    facts.replaceChildren(el("p", { class: "error" }, problem.message));
  }
}

export function state(place) {
  const facts = el("div", { class: "facts" });
  const firing = el("div", { class: "tabbed", role: "status", id: "alerts" });
  place.append(firing, facts);
  repeat(SECONDS, () => showFacts(facts));
  repeat(ALERT_SECONDS, () => showAlerts(firing));
}
