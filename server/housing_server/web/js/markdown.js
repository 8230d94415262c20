// The Markdown of model cards and comments, as elements: headings, paragraphs, lists, tables, code, bold and links.

import { el, table } from "./dom.js";

const TOKEN = /`([^`]+)`|\*\*([^*]+)\*\*|!\[([^\]]*)\]\([^)]*\)|\[([^\]]+)\]\(([^)\s]+)\)/g;

function spans(text) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(TOKEN)) {
    const [whole, code, bold, picture, link, address] = found;
    nodes.push(text.slice(end, found.index));
    if (code) nodes.push(el("code", {}, code));
    else if (bold) nodes.push(el("b", {}, bold));
    else if (link) nodes.push(/^(https?:|#|\/)/.test(address) ? el("a", { href: address, rel: "noreferrer" }, link) : link);
    else if (picture) nodes.push(el("span", { class: "note" }, `[picture: ${picture}]`));
    end = found.index + whole.length;
  }
  return [...nodes, text.slice(end)];
}

const cells = (line) => line.replace(/^\||\|$/g, "").split("|").map((cell) => spans(cell.trim()));

function block(text) {
  const lines = text.split("\n");
  const heading = /^(#{1,4}) (.*)/.exec(lines[0]);
  if (heading) {
    const rest = lines.slice(1).join("\n");
    return [el(`h${Math.min(heading[1].length + 1, 4)}`, {}, spans(heading[2])), ...(rest.trim() ? block(rest) : [])];
  }
  if (lines.length > 1 && /^\|?[\s:|-]+$/.test(lines[1])) {
    const names = lines[0].replace(/^\||\|$/g, "").split("|").map((name) => name.trim());
    return [table(names.join(", "), names, lines.slice(2).map(cells))];
  }
  if (/^[-*] /.test(lines[0])) {
    const items = text.split(/^[-*] /m).slice(1);
    return [el("ul", {}, items.map((item) => el("li", {}, spans(item.replaceAll(/\s+/g, " ")))))];
  }
  if (lines[0].startsWith("```")) return [el("pre", { tabindex: "0" }, lines.slice(1, lines.at(-1).startsWith("```") ? -1 : undefined).join("\n"))];
  return [el("p", {}, spans(lines.join(" ")))];
}

// Returns a text in Markdown as elements.
export const markdown = (text) => text.split(/\n\s*\n/).filter((part) => part.trim()).flatMap((part) => block(part.trim()));
