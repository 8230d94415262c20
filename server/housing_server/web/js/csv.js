// A CSV file priced in batches: rows of text in, the same rows and their prices out.

import { patiently, post } from "./api.js";
import { el } from "./dom.js";
import { count } from "./format.js";

const BATCH_ROWS = 1000;
const MISSING = new Set(["", "?", "NA", "N/A", "NaN", "null", "None"]);
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

// Returns the rows of a CSV as lists of cells.
export function parse(text) {
  const rows = [[""]];
  let quoted = false;
  for (let at = text.startsWith("\ufeff") ? 1 : 0; at < text.length; at += 1) {
    const [sign, row] = [text[at], rows.at(-1)];
    if (sign === '"' && quoted && text[at + 1] === '"') row[row.length - 1] += text[(at += 1)];
    else if (sign === '"') quoted = !quoted;
    else if (sign === "," && !quoted) row.push("");
    else if (sign === "\n" && !quoted) rows.push([""]);
    else if (sign !== "\r" || quoted) row[row.length - 1] += sign;
  }
  return rows.filter((row) => row.length > 1 || row[0].trim());
}

const cell = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
export const write = (rows) => rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";

// Returns a row as a block group, and what is wrong with it before any service is asked.
function blockGroup(names, cells, schema) {
  const group = {};
  for (const [at, name] of names.entries()) {
    const text = (cells[at] ?? "").trim();
    const { enum: choices } = schema.properties[name] ?? { enum: [] };
    if (!schema.properties[name] || MISSING.has(text)) continue;
    if (!choices && !NUMBER.test(text)) return { problem: `${name}: must be a number` };
    group[name] = choices ? text : Number(text);
  }
  return { group };
}

function refusal(status) {
  const violations = (status.details ?? []).flatMap((each) => each.field_violations ?? []);
  return violations.map(({ field, description }) => `${field.replace(/^block_groups\[\d+\]\./, "")}: ${description}`).join("; ") || status.message;
}

async function price(rows) {
  const asked = rows.filter((row) => row.group);
  if (asked.length === 0) return;
  const body = { block_groups: asked.map((row) => row.group), partial_results: true };
  const answer = await patiently(() => post("/api/predict/batch", body));
  for (const { index, status } of answer.refusals ?? []) asked[index].problem = refusal(status);
  const predicted = asked.filter((row) => !row.problem);
  predicted.forEach((row, at) => { row.answer = answer.predictions[at]; });
}

const columns = ({ answer, problem }) => (answer
  ? [answer.median_house_value, answer.interval?.lower ?? "", answer.interval?.upper ?? "", answer.prediction_id, ""]
  : ["", "", "", "", problem]);

// Returns what is wrong with the first line of a CSV; empty when nothing is.
function headProblem(names, required) {
  const lacking = required.filter((name) => !names.includes(name));
  if (lacking.length === 0) return "";
  const [line] = names;
  if (/[\0\ufffd]/.test(names.join())) return "it is not a CSV in UTF-8";
  if (names.length === 1 && /[;\t|]/.test(line)) return "its cells must be separated by commas";
  return `its first line does not name ${lacking.join(", ")}`;
}

// Prices a CSV. onProgress(rows, all): called after each batch. Returns the new CSV, and how many rows were refused.
export async function priced(text, schema, onProgress) {
  const [head, ...lines] = parse(text);
  const names = (head ?? []).map((name) => name.trim());
  const wrong = headProblem(names, schema.required);
  if (wrong) throw new Error(wrong);
  const rows = lines.map((cells) => ({ cells, ...blockGroup(names, cells, schema) }));
  for (let from = 0; from < rows.length; from += BATCH_ROWS) {
    await price(rows.slice(from, from + BATCH_ROWS));
    onProgress(Math.min(from + BATCH_ROWS, rows.length), rows.length);
  }
  const added = ["predicted_value", "lower", "upper", "prediction_id", "error"];
  return { csv: write([[...head, ...added], ...rows.map((row) => [...row.cells, ...columns(row)])]), rows: rows.length, refused: rows.filter((row) => row.problem).length };
}

// Shows a place to drop files on.
export function csvDrop(place, schema) {
  const chosen = el("input", { type: "file", id: "csv-file", accept: ".csv,text/csv", class: "hidden", tabindex: "-1", "aria-label": "CSV file", onchange: () => chosen.files[0] && start(chosen.files[0]) });
  const progress = el("progress", { max: 1, value: 0, hidden: true, "aria-label": "Rows priced" });
  const said = el("p", { class: "note", role: "status", id: "csv-status" });
  const drop = el("div", { class: "drop" }, el("span", {}, "Drop a CSV here, or"), el("button", { type: "button", onclick: () => chosen.click() }, "Choose a file"), chosen);
  const stop = (event) => event.preventDefault();

  async function start(file) {
    [progress.hidden, progress.value] = [false, 0];
    said.textContent = `Reading ${file.name} \u2026`;
    try {
      const result = await priced(await file.text(), schema, (done, all) => {
        progress.value = done / all;
        said.textContent = `${count(done)} of ${count(all)} rows`;
      });
      const address = URL.createObjectURL(new Blob([result.csv], { type: "text/csv" }));
      const name = file.name.replace(/(\.csv)?$/i, "-priced.csv");
      said.replaceChildren(`${count(result.rows - result.refused)} rows priced, ${count(result.refused)} refused. `, el("a", { href: address, download: name, id: "csv-result" }, `Download ${name}`));
    } catch (problem) {
      said.textContent = `${file.name}: ${problem.message}`;
    }
    progress.hidden = true;
    chosen.value = "";
  }

  for (const kind of ["dragover", "dragleave", "drop"]) drop.addEventListener(kind, (event) => { stop(event); drop.classList.toggle("over", kind === "dragover"); });
  drop.addEventListener("drop", (event) => event.dataTransfer.files[0] && start(event.dataTransfer.files[0]));
  place.append(drop, progress, said);
}
