// Elements of the page, made in one expression, and maps of values as pictures.

const $ = (id) => document.getElementById(id);

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// Let the squares of a grid have rows of about the same length: as few as the least side allows.
function balanceRows(grid, side) {
  const gap = parseFloat(getComputedStyle(grid).columnGap);
  const count = grid.children.length;
  const fitting = Math.max(1, Math.floor((grid.clientWidth + gap) / (side + gap)));
  grid.style.setProperty("--columns", Math.ceil(count / Math.ceil(count / fitting)));
}

function keepBalanced(grid, side) {
  balanceRows(grid, side);
  new ResizeObserver(() => balanceRows(grid, side)).observe(grid);
}

// The color scales, from the style sheet: a pixel from paper to ink, and a value from negative over
// 0, which has the color of the page, to positive. Small values are raised, so that they are seen.
const SMALL_VALUES = 0.75; // the exponent
const scales = { grays: [], signed: [] };

function cssColor(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(`--scale-${name}`);
  return text.trim().match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16));
}

function readColors() {
  const [paper, ink, negative, zero, positive] =
    ["paper", "ink", "negative", "zero", "positive"].map(cssColor);
  const mix = (from, to, share) => from.map((channel, at) => channel + share * (to[at] - channel));
  scales.grays = Array.from({ length: 256 }, (_, value) => mix(paper, ink, value / 255));
  scales.signed = Array.from({ length: 511 }, (_, index) => {
    const value = (index - 255) / 255;
    return mix(zero, value > 0 ? positive : negative, Math.abs(value) ** SMALL_VALUES);
  });
}
readColors();

function paintMap(picture, height, width, colorOf) {
  if (picture.width !== width || picture.height !== height) Object.assign(picture, { width, height });
  const context = picture.getContext("2d");
  const image = context.createImageData(width, height);
  const rgba = image.data;
  for (let at = 0; at < width * height; at++) {
    const color = colorOf(at);
    rgba[4 * at] = color[0];
    rgba[4 * at + 1] = color[1];
    rgba[4 * at + 2] = color[2];
    rgba[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// Draw pixels from 0 (paper) to 255 (ink).
function drawPixels(picture, pixels, height, width) {
  paintMap(picture, height, width, (at) => scales.grays[Math.round(pixels[at])]);
}

const largestOf = (values) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);

// Draw values from `offset` on, of which `largest` has the last color of the scale.
function drawValues(picture, values, height, width, { offset = 0, largest = largestOf(values) } = {}) {
  const scale = 255 / largest;
  paintMap(picture, height, width, (at) => scales.signed[Math.round(scale * values[offset + at]) + 255]);
}
