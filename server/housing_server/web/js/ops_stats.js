// Predictions and errors by model version, and predictions by day.

import { get } from "./api.js";
import { chartWidth, el, svg, table } from "./dom.js";
import { count, percent, short, usd } from "./format.js";

const HEIGHT = 110, DAYS = 30, DAY = 86_400_000;

function days(periods) {
  const totals = new Map();
  for (const { start_time: start, prices } of periods) totals.set(start.slice(0, 10), (totals.get(start.slice(0, 10)) ?? 0) + prices.count);
  const today = Math.floor(Date.now() / DAY);
  return Array.from({ length: DAYS }, (_, at) => new Date((today - DAYS + 1 + at) * DAY).toISOString().slice(0, 10)).map((day) => [day, totals.get(day) ?? 0]);
}

function bars(periods, width) {
  const all = days(periods);
  const most = Math.max(1, ...all.map(([, total]) => total));
  const step = width / DAYS;
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${HEIGHT + 20}`, role: "img", "aria-label": `Predictions a day: ${all.filter(([, total]) => total).map(([day, total]) => `${day} ${count(total)}`).join(", ") || "none"}` },
    all.map(([, total], at) => svg("rect", { class: total ? "up" : "faint", x: at * step + 2, width: step - 4, y: HEIGHT - Math.max(1, (total / most) * (HEIGHT - 18)), height: Math.max(1, (total / most) * (HEIGHT - 18)), rx: 2 })),
    svg("text", { x: 0, y: HEIGHT + 16 }, all[0][0]),
    svg("text", { x: width, y: HEIGHT + 16, "text-anchor": "end" }, all.at(-1)[0]),
    svg("text", { x: width, y: 10, "text-anchor": "end" }, `most: ${short(most)} a day`));
}

const row = ({ model_name: name, model_version: version, prices, error }) => [
  `${name} v${version}`, count(prices.count), usd(prices.mean), `${usd(prices.p5)} to ${usd(prices.p95)}`,
  error ? count(error.outcomes) : "0", error ? usd(error.root_mean_squared_error) : "", error ? usd(error.bias) : "",
  error?.interval_coverage === undefined ? "" : percent(error.interval_coverage)];

export async function stats(place) {
  try {
    const { model_versions: versions, periods } = await get("/api/logs/predictions/stats?period=STATS_PERIOD_DAY");
    const heads = ["Model", "Predictions#", "Mean#", "5 to 95 %#", "True prices#", "RMSE#", "Bias#", "In interval#"];
    place.append(versions.length ? table("Predictions by version", heads, versions.map(row)) : el("p", { class: "note" }, "None yet."), bars(periods, chartWidth(place, 1200)));
  } catch (problem) {
    place.append(el("p", { class: "error" }, problem.message));
  }
}
