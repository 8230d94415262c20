// Writes numbers and times for people.

const DOLLARS = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });

export const usd = (value) => DOLLARS.format(value);
export const signed = (value) => (value < 0 ? "\u2212" : "+") + usd(Math.abs(value));
export const short = (value) => SHORT.format(value);
export const shortUsd = (value) => "$" + short(value).toLowerCase();
export const percent = (share) => `${Math.round(share * 1000) / 10} %`;
export const count = (value) => value.toLocaleString("en-US");
export const time = (text) => (text ? text.replace("T", " ").replace(/(\.\d+)?Z$/, "") : "");
export const words = (name) => name.replaceAll("_", " ");

// Returns seconds in the largest unit that leaves a number of at least one.
export function duration(seconds) {
  const unit = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1], ["ms", 0.001]].find(([, size]) => seconds >= size);
  return unit ? `${Number((seconds / unit[1]).toPrecision(2))} ${unit[0]}` : "0 ms";
}
