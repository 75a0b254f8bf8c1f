// Elements of the page, made in one expression, and maps of values as pictures.

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const GRAYS = Array.from({ length: 256 }, (_, value) => [value, value, value]);

// Colors of values from -1 to 1 in steps of 1/255: blue for negative, black for 0, orange for
// positive. Color-blind people can distinguish them.
const SIGNED_COLORS = Array.from({ length: 511 }, (_, index) => {
  const value = (index - 255) / 255;
  const color = value > 0 ? [255, 170, 60] : [70, 150, 255];
  return color.map((channel) => channel * Math.abs(value) ** 0.7);
});

// Draw a map of values from `offset` on, each in the color at 255 * value / scale + zero.
function drawMap(picture, values, height, width, colors, { offset = 0, scale = 255, zero = 0 } = {}) {
  if (picture.width !== width || picture.height !== height) Object.assign(picture, { width, height });
  const context = picture.getContext("2d");
  const image = context.createImageData(width, height);
  const rgba = image.data;
  for (let at = 0; at < width * height; at++) {
    const color = colors[Math.round((255 * values[offset + at]) / scale) + zero];
    rgba[4 * at] = color[0];
    rgba[4 * at + 1] = color[1];
    rgba[4 * at + 2] = color[2];
    rgba[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
