// Makes elements: text is always text, so nothing that a server answers can become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// Returns an HTML element: el("a", { href: "/" }, "Home").
export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

// Returns an SVG element.
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

// Returns a text with `code` between backticks as a list of nodes.
export const inline = (text) => text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? el("code", {}, part) : part));

// Returns the width of a chart in a place, in pixels: text in it is then as large as other text.
export const chartWidth = (place, most = 640) => Math.round(Math.max(280, Math.min(most, place.clientWidth)));

// Returns a table that scrolls by itself on narrow screens. heads: names of columns; those that end in # hold numbers.
export function table(caption, heads, rows) {
  const kind = heads.map((head) => (head.endsWith("#") ? "number" : null));
  const cells = (tag, row, more) => el("tr", {}, row.map((cell, at) => el(tag, { class: kind[at], ...more }, cell ?? "")));
  return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    el("table", {}, el("caption", { class: "hidden" }, caption),
      el("thead", {}, cells("th", heads.map((head) => head.replace(/#$/, "")), { scope: "col" })),
      el("tbody", {}, rows.map((row) => cells("td", row, {})))));
}
