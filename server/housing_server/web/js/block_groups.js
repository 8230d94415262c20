// The sample of the census that the page has: columns, one after the other, as deploy/scripts/web_map.py packs them.

const COLUMNS = [
  ["median_income", Uint32Array, 10000], ["longitude", Int16Array, 100], ["latitude", Int16Array, 100],
  ["housing_median_age", Uint16Array, 1], ["total_rooms", Uint16Array, 1], ["total_bedrooms", Uint16Array, 1],
  ["population", Uint16Array, 1], ["households", Uint16Array, 1], ["median_house_value", Uint16Array, 0.01],
  ["ocean_proximity", Uint8Array, 1],
];
const ROW_BYTES = COLUMNS.reduce((sum, [, kind]) => sum + kind.BYTES_PER_ELEMENT, 0);
const LONGITUDE_SCALE = 0.8; // a degree of longitude in degrees of latitude, in the middle of the state

export class BlockGroups {
  constructor(buffer, proximities) {
    this.length = buffer.byteLength / ROW_BYTES;
    this.proximities = proximities;
    let offset = 0;
    for (const [name, Kind, scale] of COLUMNS) {
      this[name] = Array.from(new Kind(buffer, offset, this.length), (value) => value / scale);
      offset += this.length * Kind.BYTES_PER_ELEMENT;
    }
  }

  // Returns the index of the row that is nearest to a place.
  nearest(longitude, latitude) {
    let best = 0;
    let least = Infinity;
    for (let row = 0; row < this.length; row += 1) {
      const distance = Math.hypot((this.longitude[row] - longitude) * LONGITUDE_SCALE, this.latitude[row] - latitude);
      if (distance < least) [best, least] = [row, distance];
    }
    return best;
  }

  // Returns a row as a request.
  request(row) {
    const fields = COLUMNS.filter(([name]) => name !== "median_house_value").map(([name]) => [name, this[name][row]]);
    return { ...Object.fromEntries(fields), ocean_proximity: this.proximities[this.ocean_proximity[row]] };
  }
}

// Loads the sample. proximities: the contract's spellings, in their order.
export async function loadBlockGroups(proximities) {
  const response = await fetch("/web/block_groups.bin");
  return new BlockGroups(await response.arrayBuffer(), proximities);
}
