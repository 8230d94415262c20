// Calls a second and their 99th percentile, from two readings of the metrics.

const HANDLED = /^grpc_server_handled_total\{[^}]*\} (\S+)/;
const BUCKET = /^grpc_server_handling_seconds_bucket\{[^}]*le="([^"]+)"[^}]*\} (\S+)/;

function read(text) {
  const reading = { calls: 0, buckets: new Map() };
  for (const line of text.split("\n")) {
    const handled = HANDLED.exec(line);
    const bucket = handled ? null : BUCKET.exec(line);
    if (handled) reading.calls += Number(handled[1]);
    if (bucket) reading.buckets.set(bucket[1], (reading.buckets.get(bucket[1]) ?? 0) + Number(bucket[2]));
  }
  return reading;
}

// Returns the quantile of a histogram of counts that include those of smaller buckets, in seconds; null without calls.
export function quantile(share, buckets) {
  const bound = (text) => (text === "+Inf" ? Infinity : Number(text));
  const sorted = [...buckets].map(([text, total]) => [bound(text), total]).sort((one, other) => one[0] - other[0]);
  const wanted = share * (sorted.at(-1)?.[1] ?? 0);
  if (!wanted) return null;
  const at = sorted.findIndex(([, total]) => total >= wanted);
  const [low, before] = at ? sorted[at - 1] : [0, 0];
  const [high, total] = sorted[at];
  return high === Infinity ? low : low + ((high - low) * (wanted - before)) / (total - before);
}

export class Rates {
  // Adds a reading; returns calls a second and the percentile in seconds since the one before, null if there was none.
  add(text, seconds) {
    const now = { ...read(text), seconds };
    const before = this.last;
    this.last = now;
    if (!before || seconds <= before.seconds || now.calls < before.calls) return { perSecond: null, p99: null };
    const grown = [...now.buckets].map(([bound, total]) => [bound, total - (before.buckets.get(bound) ?? 0)]);
    return { perSecond: (now.calls - before.calls) / (seconds - before.seconds), p99: quantile(0.99, grown) };
  }
}
