// A digit's ink in MNIST's format: the steps of keras_model/handwriting/mnist_format.py. MNIST's digits
// are scaled to fit 20×20 pixels, and placed in 28×28 with their center of mass in the middle.

const SIDE = 28;

// The 784 pixels of a digit from the ink of its box, and the mask of its strokes.
function inMnistFormat(ink, mask, width, height) {
  const full = Math.max(1, quantile(ink.filter((_, at) => mask[at]), preparation.digit_full_ink));
  const near = dilate(mask, width, height, 1); // with the soft edge of the strokes
  const values = Float64Array.from(ink, (value, at) =>
    near[at] ? Math.min(255, Math.max(0, value * (255 / full))) : 0);
  return center(scaleDigit(values, mask, width, height));
}

// The digit with a longer side of 20 pixels, its strokes about as thick as MNIST's.
function scaleDigit(ink, strokes, inkWidth, inkHeight) {
  let [values, mask, width, height] = [ink, strokes, inkWidth, inkHeight];
  const missing = preparation.stroke_width * Math.max(width, height) - strokeWidth(mask, width, height);
  if (missing > 1) {
    const reach = missing / 2;
    const border = Math.ceil(reach) + 1;
    [values, mask] = [values, mask].map((array) => pad(array, width, height, border));
    [width, height] = [width + 2 * border, height + 2 * border];
    const distance = distanceFrom(mask, width, height);
    values = values.map((value, at) =>
      Math.max(value, 255 * Math.min(1, Math.max(0, reach + 0.5 - distance[at]))));
  }
  const scale = preparation.digit_size / Math.max(width, height);
  const [wide, high] = [width, height].map((length) => Math.max(1, roundEven(length * scale)));
  const small = resize(values.map(roundEven), width, height, wide, high, FILTERS.lanczos, BYTES);
  const largest = small.reduce((a, b) => Math.max(a, b), 1);
  return { values: small.map((value) => Math.min(255, value * (255 / largest))), width: wide, height: high };
}

// The mean width of the strokes: twice their area by the length of their outline.
function strokeWidth(mask, width, height) {
  let area = 0;
  let inner = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if (!mask[at]) continue;
      area += 1;
      const isInside = y > 0 && x > 0 && y < height - 1 && x < width - 1;
      if (isInside && mask[at - width] && mask[at + width] && mask[at - 1] && mask[at + 1]) inner += 1;
    }
  }
  return (2 * area) / Math.max(area - inner, 1);
}

// The digit in 28×28 with its center of mass in the middle.
function center({ values, width, height }) {
  let weight = 0;
  let sumX = 0;
  let sumY = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = values[y * width + x];
      weight += value;
      sumX += value * x;
      sumY += value * y;
    }
  }
  const offset = (mean, size) => Math.min(SIDE - size, Math.max(0, roundEven(SIDE / 2 - mean)));
  const top = offset(sumY / weight, height);
  const left = offset(sumX / weight, width);
  const pixels = new Uint8ClampedArray(SIDE * SIDE);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      pixels[(y + top) * SIDE + x + left] = roundEven(values[y * width + x]);
    }
  }
  return pixels;
}
