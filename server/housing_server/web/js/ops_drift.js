// Drift: recent predictions on record beside the model's profile, bin by bin.

import { get } from "./api.js";
import { el, svg } from "./dom.js";
import { count, short, words } from "./format.js";

const ROWS = 1000; // the most that one call lists
const LEAST_ROWS = 50;
const CHANGED = 0.1, SHIFTED = 0.2; // as in the monitor's report
const WIDTH = 240, HEIGHT = 90;

// Returns the index of a value's bin: 0 below the first edge, k + 1 above the last.
export function bin(value, { edges, categories }) {
  if (categories.length) return categories.indexOf(value);
  if (value === edges.at(-1)) return edges.length - 1;
  const at = edges.findIndex((edge) => value < edge);
  return at < 0 ? edges.length : at;
}

const shares = (counts) => {
  const total = counts.reduce((sum, each) => sum + each, 0) || 1;
  return counts.map((each) => each / total);
};

// Returns the population stability index of two lists of counts, as the monitor computes it.
export function psi(expected, actual) {
  const total = (counts) => counts.reduce((sum, each) => sum + each, 0);
  const [trained, live] = [total(expected), total(actual)];
  return expected.reduce((sum, each, at) => {
    const p = (each + 0.5) / (trained + 0.5 * expected.length);
    const q = (actual[at] + p) / (live + 1);
    return sum + (q - p) * Math.log(q / p);
  }, 0);
}

function compared(distribution, values) {
  const counts = distribution.counts.map(() => 0);
  for (const value of values) {
    const at = bin(value, distribution);
    if (at >= 0) counts[at] += 1;
  }
  return { live: shares(counts), trained: shares(distribution.counts), index: psi(distribution.counts, counts) };
}

function figure(name, { live, trained, index }) {
  const most = Math.max(...live, ...trained);
  const step = WIDTH / live.length;
  const box = (share, at, left, kind) => svg("rect", { class: kind, x: at * step + left * step, width: step * 0.42, y: HEIGHT - (share / most) * HEIGHT, height: (share / most) * HEIGHT, rx: 1.5 });
  const verdict = index > SHIFTED ? ["poor", "shifted"] : index > CHANGED ? ["fair", "changed"] : ["good", "alike"];
  return el("figure", { class: "fact" },
    el("figcaption", {}, el("b", {}, words(name)), el("span", {}, el("span", { class: `dot ${verdict[0]}` }), `PSI ${short(index)}: ${verdict[1]}`)),
    svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${words(name)}: shares of training and of recent predictions by bin; PSI ${short(index)}` },
      trained.map((share, at) => box(share, at, 0.06, "faint")), live.map((share, at) => box(share, at, 0.5, "up"))));
}

// Returns each field of a profile with shares and stability index of recent predictions; fields without values are left out.
export function compare(profile, predictions) {
  const inputs = profile.inputs.map((each) => [each, predictions.map((one) => one.block_group[each.name]).filter((value) => value !== undefined)]);
  const all = [...inputs, [profile.median_house_value, predictions.map((one) => one.median_house_value)]];
  return all.filter(([, values]) => values.length).map(([distribution, values]) => [distribution.name || "median_house_value", compared(distribution, values)]);
}

export async function drift(place) {
  try {
    const [{ profile }, { predictions }] = await Promise.all([get("/api/model/profile"), get(`/api/logs/predictions?page_size=${ROWS}`)]);
    if (predictions.length < LEAST_ROWS) {
      place.append(el("p", { class: "note", id: "drift" }, `${count(predictions.length)} predictions on record: too few to compare, ${LEAST_ROWS} are needed.`));
      return;
    }
    place.append(
      el("p", { class: "note" }, `The last ${count(predictions.length)} predictions (dark) and training (light). The monitor watches more of them: its gauges and alerts are those that page.`),
      el("div", { class: "grid", id: "drift" }, compare(profile, predictions).map(([name, found]) => figure(name, found))));
  } catch (problem) {
    place.append(el("p", { class: "note" }, problem.message));
  }
}
