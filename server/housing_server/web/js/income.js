// What if: the price of a block group at other incomes, by one batch call, and a slider along the curve.

import { post } from "./api.js";
import { chartWidth, el, svg } from "./dom.js";
import { shortUsd, usd } from "./format.js";

const INCOMES = Array.from({ length: 30 }, (_, at) => Math.round((0.5 + at * 0.5) * 10) / 10);
const HEIGHT = 220, LEFT = 44, BOTTOM = 26, TOP = 10, HIGHEST = 520_000;

const across = (income, width) => LEFT + ((income - INCOMES[0]) / (INCOMES.at(-1) - INCOMES[0])) * (width - LEFT - 16);
const up = (price) => TOP + (1 - Math.min(price, HIGHEST) / HIGHEST) * (HEIGHT - TOP - BOTTOM);
const path = (points) => points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

function chart(curve, spot, width) {
  const lower = curve.filter((each) => each.interval).map((each) => [across(each.income, width), up(each.interval.lower)]);
  const upper = curve.filter((each) => each.interval).map((each) => [across(each.income, width), up(each.interval.upper)]);
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": `Price by median income, from ${usd(curve[0].price)} to ${usd(curve.at(-1).price)}` },
    [0, 100_000, 200_000, 300_000, 400_000, 500_000].map((price) => [
      svg("line", { class: "rule", x1: LEFT, x2: width, y1: up(price), y2: up(price) }),
      svg("text", { x: LEFT - 6, y: up(price) + 4, "text-anchor": "end" }, shortUsd(price))]).flat(),
    [2.5, 5, 7.5, 10, 12.5, 15].map((income) => svg("text", { x: across(income, width), y: HEIGHT - 6, "text-anchor": "middle" }, shortUsd(income * 10_000))),
    lower.length ? svg("path", { class: "band", d: `${path([...lower, ...upper.reverse()])}Z` }) : null,
    svg("path", { class: "curve", d: path(curve.map((each) => [across(each.income, width), up(each.price)])) }),
    spot);
}

// Shows button, curve and slider. request(): returns the block group of the form.
export function whatIf(place, request) {
  const spot = svg("circle", { class: "spot", r: 6 });
  const said = el("output", { for: "income-slider", id: "income-price" });
  const slider = el("input", { id: "income-slider", type: "range", min: 0, max: INCOMES.length - 1, step: 1, oninput: () => move() });
  const figure = el("div");
  const rest = el("div", { hidden: true }, figure, el("label", { class: "label", for: "income-slider" }, "median income", said), slider);
  const button = el("button", { type: "button", id: "income-button", onclick: () => draw() }, "Draw the curve");
  const problem = el("div", { class: "error", role: "alert", hidden: true });
  let curve = [];
  let width = 0;

  function move() {
    const { income, price } = curve[slider.value];
    spot.setAttribute("cx", across(income, width));
    spot.setAttribute("cy", up(price));
    slider.setAttribute("aria-valuetext", `${usd(income * 10_000)} a year`);
    said.replaceChildren(`${usd(income * 10_000)} a year \u2192 `, el("b", {}, usd(price)));
  }

  async function draw() {
    try {
      const base = request();
      const { predictions } = await post("/api/predict/batch", { block_groups: INCOMES.map((income) => ({ ...base, median_income: income })) });
      curve = predictions.map((each, at) => ({ income: INCOMES[at], price: each.median_house_value, interval: each.interval }));
      const wanted = Number(base.median_income) || 3;
      slider.value = INCOMES.reduce((best, income, at) => (Math.abs(income - wanted) < Math.abs(INCOMES[best] - wanted) ? at : best), 0);
      width = chartWidth(place);
      figure.replaceChildren(chart(curve, spot, width));
      [rest.hidden, problem.hidden, button.textContent] = [false, true, "Draw it again"];
      move();
    } catch (raised) {
      problem.hidden = false;
      problem.textContent = raised.message;
    }
  }

  place.append(problem, rest, el("div", { class: "actions" }, button));
  return { fade: () => { if (!rest.hidden) button.textContent = "Draw it for this block group"; } };
}
