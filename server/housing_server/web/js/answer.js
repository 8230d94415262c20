// The price with its interval and warnings.

import { chartWidth, el, svg } from "./dom.js";
import { percent, shortUsd, time, usd, words } from "./format.js";

const HIGHEST = 550_000;

function interval({ lower, upper, upper_open: open, coverage }, price, width) {
  const at = (value) => (Math.min(value, HIGHEST) / HIGHEST) * width;
  const end = open ? width : at(upper);
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} 46`, role: "img", "aria-label": `${percent(coverage)} interval: ${usd(lower)} to ${open ? "more than " : ""}${usd(upper)}` },
    svg("line", { class: "rule", x1: 0, x2: width, y1: 14, y2: 14 }),
    svg("rect", { class: "band", x: at(lower), width: end - at(lower), y: 6, height: 16, rx: 8 }),
    svg("circle", { class: "spot", cx: at(price), cy: 14, r: 7 }),
    svg("text", { x: at(lower) + 8, y: 40, "text-anchor": at(lower) < 50 ? "start" : "end" }, shortUsd(lower)),
    svg("text", { x: end, y: 40, "text-anchor": "end" }, open ? `over ${shortUsd(upper)}` : shortUsd(upper)));
}

// Shows an answer of Predict. truth: the census's price of the unchanged block group, if there is one.
export function showAnswer(place, answer, truth) {
  const { interval: within } = answer;
  const range = within && `${percent(within.coverage)} of such intervals contain the true value: ${usd(within.lower)} to ${within.upper_open ? "over " : ""}${usd(within.upper)}.`;
  place.replaceChildren(
    el("div", { class: "price", id: "price" }, usd(answer.median_house_value)),
    ...(within ? [interval(within, answer.median_house_value, chartWidth(place))] : []),
    el("p", { class: "note" }, range ?? "This model has no interval.", truth ? ` The census says ${truth >= 500_000 ? "over $500,000" : usd(truth)}.` : ""),
    ...answer.warnings.map((warning) => el("p", { class: "warning" }, el("b", {}, words(warning.field)), `: ${warning.message}`)),
    el("p", { class: "note" }, "Model ", el("b", {}, `v${answer.model_version}`), `, ${time(answer.predicted_at)}, on record as `, el("code", { id: "prediction-id" }, answer.prediction_id)));
}
