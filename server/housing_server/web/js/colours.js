// Colours of prices: from blue to yellow, by lightness as well, so that they can be told apart without seeing colours.

const STOPS = [[58, 76, 138], [44, 127, 142], [63, 174, 119], [169, 208, 74], [253, 210, 37]];

export const LOWEST = 50_000;
export const HIGHEST = 500_000;

// Returns the colour of a price as CSS has it.
export function colour(price) {
  const share = Math.min(1, Math.max(0, (price - LOWEST) / (HIGHEST - LOWEST))) * (STOPS.length - 1);
  const at = Math.min(STOPS.length - 2, Math.floor(share));
  const mixed = STOPS[at].map((low, part) => Math.round(low + (STOPS[at + 1][part] - low) * (share - at)));
  return `rgb(${mixed.join(" ")})`;
}
