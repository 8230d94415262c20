// The map: California's outline, block groups as dots, and a cross at the chosen place.

import { colour } from "./colours.js";
import { el } from "./dom.js";

const WEST = -124.9, EAST = -113.8, SOUTH = 32.1, NORTH = 42.4;
const STEP_DEGREES = 0.05;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class MapView {
  // place: element to fill. onChoose(longitude, latitude): called when a place has been chosen.
  constructor(place, outline, blockGroups, onChoose) {
    Object.assign(this, { outline, blockGroups, onChoose, prices: blockGroups.median_house_value, cross: null });
    this.canvas = el("canvas", {
      tabindex: "0", role: "application", "aria-roledescription": "map",
      "aria-label": "Map of California with block groups coloured by price. Arrow keys move the cross, Enter chooses the place.",
      onclick: (event) => this.#choose(event), onkeydown: (event) => this.#move(event),
    });
    place.append(this.canvas);
    new ResizeObserver(() => this.draw()).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  show(prices) {
    this.prices = prices;
    this.draw();
  }

  mark(longitude, latitude) {
    this.cross = [longitude, latitude];
    this.draw();
  }

  // Returns the place of a point of the canvas in degrees, and the other way round.
  place(x, y) {
    return [WEST + (x / this.canvas.clientWidth) * (EAST - WEST), NORTH - (y / this.canvas.clientHeight) * (NORTH - SOUTH)];
  }

  point([longitude, latitude]) {
    return [((longitude - WEST) / (EAST - WEST)) * this.canvas.clientWidth, ((NORTH - latitude) / (NORTH - SOUTH)) * this.canvas.clientHeight];
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const scale = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * scale, height: height * scale });
    const paint = this.canvas.getContext("2d");
    paint.scale(scale, scale);
    const style = getComputedStyle(this.canvas);
    const of = (name) => style.getPropertyValue(name).trim();
    this.#area(paint, this.outline.land, of("--land"), of("--line"));
    for (const water of this.outline.waters) this.#area(paint, water, of("--sea"), of("--line"));
    this.#dots(paint, Math.max(1.6, width / 300));
    if (this.cross) this.#drawCross(paint, of("--text"), of("--panel"));
  }

  #area(paint, line, inside, edge) {
    paint.beginPath();
    line.forEach((corner, at) => paint[at ? "lineTo" : "moveTo"](...this.point(corner)));
    paint.closePath();
    Object.assign(paint, { fillStyle: inside, strokeStyle: edge, lineWidth: 1, lineJoin: "round" });
    paint.fill();
    paint.stroke();
  }

  #dots(paint, radius) {
    const { longitude, latitude, length } = this.blockGroups;
    for (let row = 0; row < length; row += 1) {
      const [x, y] = this.point([longitude[row], latitude[row]]);
      paint.fillStyle = colour(this.prices[row]);
      paint.beginPath();
      paint.arc(x, y, radius, 0, 7);
      paint.fill();
    }
  }

  #drawCross(paint, ink, halo) {
    const [x, y] = this.point(this.cross);
    for (const [style, width] of [[halo, 5], [ink, 2]]) {
      Object.assign(paint, { strokeStyle: style, lineWidth: width, lineCap: "round" });
      paint.beginPath();
      paint.arc(x, y, 7, 0, 7);
      for (const [dx, dy] of Object.values(ARROWS)) {
        paint.moveTo(x + dx * 7, y + dy * 7);
        paint.lineTo(x + dx * 13, y + dy * 13);
      }
      paint.stroke();
    }
  }

  #choose(event) {
    this.mark(...this.place(event.offsetX, event.offsetY));
    this.onChoose(...this.cross);
  }

  #move(event) {
    const step = ARROWS[event.key];
    if (step) {
      const [longitude, latitude] = this.cross ?? [-119.5, 37];
      const size = STEP_DEGREES * (event.shiftKey ? 10 : 2);
      this.mark(Math.min(EAST, Math.max(WEST, longitude + step[0] * size)), Math.min(NORTH, Math.max(SOUTH, latitude + step[1] * size)));
      event.preventDefault();
    } else if (event.key === "Enter" && this.cross) {
      this.onChoose(...this.cross);
    }
  }
}
