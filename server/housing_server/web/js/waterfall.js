// An explanation as a waterfall: from the mean price, field by field, to the price.

import { svg } from "./dom.js";
import { shortUsd, signed, usd, words } from "./format.js";

const LEFT = 140, RIGHT = 66, ROW = 30, BAR = 16;

// Returns the steps from the base to the price, the largest first; longitude and latitude are one, the place.
export function steps({ base_value: base, contributions }) {
  const place = contributions.filter(({ field }) => ["longitude", "latitude"].includes(field));
  const rest = contributions.filter((each) => !place.includes(each) && Math.round(each.contribution) !== 0);
  const all = [{ field: "place", contribution: place.reduce((sum, each) => sum + each.contribution, 0) }, ...rest];
  all.sort((one, other) => Math.abs(other.contribution) - Math.abs(one.contribution));
  let reached = base;
  return all.map(({ field, contribution }) => ({ field, contribution, from: reached, to: (reached += contribution) }));
}

function total(at, y, name, value) {
  return [
    svg("text", { x: LEFT - 10, y: y + 12, "text-anchor": "end", class: "strong" }, name),
    svg("rect", { class: "faint", x: at(0), width: at(value) - at(0), y, height: BAR, rx: 3 }),
    svg("text", { x: at(value) + 6, y: y + 12, class: "strong" }, usd(value)),
  ];
}

function bar(at, y, { field, contribution, from, to }) {
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  return [
    svg("text", { x: LEFT - 10, y: y + 12, "text-anchor": "end" }, words(field)),
    svg("rect", { class: contribution < 0 ? "down" : "up", x: at(low), width: Math.max(1.5, at(high) - at(low)), y, height: BAR, rx: 3 }),
    svg("text", { x: at(high) + 6, y: y + 12 }, signed(contribution)),
    svg("line", { class: "rule", x1: at(to), x2: at(to), y1: y + BAR, y2: y + ROW }),
  ];
}

// Returns the waterfall of an answer of Explain. width: of the place for it, in pixels.
export function waterfall(explanation, width) {
  const all = steps(explanation);
  const highest = Math.max(explanation.base_value, ...all.map(({ from, to }) => Math.max(from, to)));
  const at = (value) => LEFT + (Math.max(0, value) / highest) * (width - LEFT - RIGHT);
  const rows = [
    total(at, 0, "mean price", explanation.base_value),
    ...all.map((step, index) => bar(at, (index + 1) * ROW, step)),
    total(at, (all.length + 1) * ROW, "this price", explanation.median_house_value),
  ];
  const spoken = all.map(({ field, contribution }) => `${words(field)} ${signed(contribution)}`).join(", ");
  return svg("svg", {
    class: "chart", viewBox: `0 0 ${width} ${(all.length + 2) * ROW}`, role: "img",
    "aria-label": `From a mean price of ${shortUsd(explanation.base_value)}: ${spoken}; together ${usd(explanation.median_house_value)}`,
  }, rows.flat());
}
