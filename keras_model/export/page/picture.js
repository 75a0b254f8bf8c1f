// Converting a picture of a digit to MNIST's format, in the same steps as `cli.py predict`: convert
// it to gray, with bright ink; subtract the brightness of the paper; separate ink from noise (Otsu,
// 1979); remove specks; crop; scale to fit 20×20; center in 28×28 by the center of mass.
//
// Pictures are arrays of width * height numbers, row by row. The loops over all pixels are written
// out, without a function call per pixel: they run for every movement of the pen.
//
// The constants of the steps are in `preparation`, which is a part of the page's data.

// Resize with Pillow's filters: each new pixel is a weighted mean of the pixels around its position.
function resize(source, width, height, newWidth, newHeight, kernel, support) {
  const resizeRows = (values, rows, length, newLength) => {
    const scale = length / newLength;
    const stretch = Math.max(scale, 1);
    const result = new Float64Array(rows * newLength);
    for (let to = 0; to < newLength; to++) {
      const center = (to + 0.5) * scale;
      const first = Math.max(0, Math.floor(center - support * stretch + 0.5));
      const last = Math.min(length, Math.floor(center + support * stretch + 0.5));
      const weights = [];
      let sum = 0;
      for (let from = first; from < last; from++) {
        const weight = kernel((from - center + 0.5) / stretch);
        weights.push(weight);
        sum += weight;
      }
      for (let row = 0; row < rows; row++) {
        let value = 0;
        for (let k = 0; k < weights.length; k++) value += weights[k] * values[row * length + first + k];
        result[row * newLength + to] = value / sum;
      }
    }
    return result;
  };
  const transpose = (values, rows, columns) => {
    const result = new Float64Array(values.length);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) result[x * rows + y] = values[y * columns + x];
    }
    return result;
  };
  const resized = resizeRows(source, height, width, newWidth);
  const columns = resizeRows(transpose(resized, height, newWidth), newWidth, height, newHeight);
  return transpose(columns, newWidth, newHeight);
}

const boxKernel = (x) => (x > -0.5 && x <= 0.5 ? 1 : 0);
const linearKernel = (x) => Math.max(0, 1 - Math.abs(x));
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const lanczosKernel = (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0);

// The largest value within `reach` pixels in both directions, of values from 0 up. Each value is
// written to its neighbors, so that the cost depends on the ink and not on the paper.
function maxFilter(values, width, height, reach) {
  const filterLines = (source, lines, length, lineStep, step) => {
    const result = source.slice();
    for (let line = 0; line < lines; line++) {
      for (let from = 0; from < length; from++) {
        const value = source[line * lineStep + from * step];
        if (value === 0) continue;
        const last = Math.min(length - 1, from + reach);
        for (let to = Math.max(0, from - reach); to <= last; to++) {
          const at = line * lineStep + to * step;
          if (result[at] < value) result[at] = value;
        }
      }
    }
    return result;
  };
  const rows = filterLines(values, height, width, width, 1);
  return filterLines(rows, width, height, 1, width);
}

// Like NumPy's percentile, of values from 0 up. Zeros are counted instead of sorted.
function percentile(values, share) {
  const sorted = new Float64Array(values.length);
  let count = 0;
  for (let at = 0; at < values.length; at++) {
    if (values[at] > 0) sorted[count++] = values[at];
  }
  sorted.subarray(0, count).sort();
  const zeros = values.length - count;
  const valueAt = (rank) => (rank < zeros ? 0 : sorted[rank - zeros]);
  const rank = share * (values.length - 1);
  const low = Math.floor(rank);
  const high = Math.min(low + 1, values.length - 1);
  return valueAt(low) + (rank - low) * (valueAt(high) - valueAt(low));
}

function edgeOf(values, width, height) {
  const edge = [];
  for (let x = 0; x < width; x++) edge.push(values[x], values[(height - 1) * width + x]);
  for (let y = 0; y < height; y++) edge.push(values[y * width], values[y * width + width - 1]);
  return edge;
}

// How much ink each pixel has, 0 to 255, for dark or bright ink on any paper; null without ink.
function inkOf(gray, width, height) {
  let brightness = gray;
  let edge = edgeOf(brightness, width, height);
  let paper = percentile(edge, 0.5);
  let [darkest, brightest] = [Infinity, -Infinity];
  for (let at = 0; at < gray.length; at++) {
    if (gray[at] < darkest) darkest = gray[at];
    if (gray[at] > brightest) brightest = gray[at];
  }
  if (paper - darkest > brightest - paper) {
    brightness = gray.map((value) => 255 - value); // dark ink: invert the picture
    edge = edge.map((value) => 255 - value);
    paper = 255 - paper;
  }
  let papers = null; // of each pixel, in uneven light
  if (percentile(edge, 0.95) - percentile(edge, 0.05) > preparation.uneven_light) {
    // The paper is as bright as the darkest pixel in the area around it, smoothed.
    const small = resize(brightness, width, height, 32, 32, boxKernel, 0.5);
    const dark = maxFilter(small.map((value) => 255 - value), 32, 32, 4).map((value) => 255 - value);
    const blurred = resize(dark, 32, 32, 8, 8, linearKernel, 1);
    papers = resize(blurred, 8, 8, width, height, linearKernel, 1);
  }
  const ink = new Float64Array(gray.length);
  let largest = 0;
  for (let at = 0; at < ink.length; at++) {
    const value = brightness[at] - (papers ? papers[at] : paper);
    if (value > 0) ink[at] = value;
    if (value > largest) largest = value;
  }
  const isLarge = ink.length > preparation.few_pixels;
  const usual = isLarge ? percentile(ink, preparation.full_ink) : largest;
  const full = Math.max(usual, preparation.min_full_ink * largest);
  if (!(full >= preparation.min_contrast)) return null;
  for (let at = 0; at < ink.length; at++) {
    if (ink[at] > 0) ink[at] = Math.min((ink[at] * 255) / full, 255);
  }
  return ink;
}

// Otsu's threshold (IEEE Trans. SMC 9, 1979), which separates ink from paper best.
function threshold(ink) {
  const histogram = new Float64Array(256);
  for (let at = 0; at < ink.length; at++) histogram[Math.floor(ink[at])] += 1;
  const total = ink.length;
  let sum = 0;
  for (let level = 0; level < 256; level++) sum += level * histogram[level];
  let below = 0;
  let sumBelow = 0;
  let best = -1;
  let bestLevel = 0;
  for (let level = 0; level < 256; level++) {
    below += histogram[level];
    sumBelow += level * histogram[level];
    const above = total - below;
    if (!below || !above) continue;
    const variance = below * above * (sumBelow / below - (sum - sumBelow) / above) ** 2;
    if (variance > best) {
      best = variance;
      bestLevel = level;
    }
  }
  return bestLevel;
}

// 1 where there is more ink than the level, else 0.
function maskOf(ink, level) {
  const mask = new Uint8Array(ink.length);
  for (let at = 0; at < ink.length; at++) {
    if (ink[at] > level) mask[at] = 1;
  }
  return mask;
}

// The mask without its small connected parts, which are specks of dust or noise.
function removeSpecks(mask, width, height) {
  const parts = new Int32Array(mask.length);
  const sizes = [0];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || parts[start]) continue;
    const number = sizes.length;
    let size = 0;
    const stack = [start];
    parts[start] = number;
    while (stack.length) {
      const at = stack.pop();
      size += 1;
      const y = Math.floor(at / width);
      const x = at % width;
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const next = v * width + u;
          if (mask[next] && !parts[next]) {
            parts[next] = number;
            stack.push(next);
          }
        }
      }
    }
    sizes.push(size);
  }
  const minSize = Math.max(...sizes) * preparation.speck;
  const result = mask.slice();
  for (let at = 0; at < mask.length; at++) {
    if (mask[at] && sizes[parts[at]] < minSize) result[at] = 0;
  }
  return result;
}

// The bounding box of a mask; bottom and right are exclusive.
function boundsOf(mask, width, height) {
  let [top, bottom, left, right] = [height, 0, width, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!mask[y * width + x]) continue;
      if (y < top) top = y;
      if (y >= bottom) bottom = y + 1;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
    }
  }
  return { top, bottom, left, right };
}

function enlarge({ top, bottom, left, right }, margin, width, height) {
  return {
    top: Math.max(0, top - margin),
    bottom: Math.min(height, bottom + margin),
    left: Math.max(0, left - margin),
    right: Math.min(width, right + margin),
  };
}

function crop(values, width, { top, bottom, left, right }) {
  const result = new values.constructor((bottom - top) * (right - left));
  for (let y = top; y < bottom; y++) {
    result.set(values.subarray(y * width + left, y * width + right), (y - top) * (right - left));
  }
  return result;
}

function shrink(gray, width, height, size) {
  if (Math.max(width, height) <= size) return { gray, width, height };
  const scale = size / Math.max(width, height);
  const newWidth = Math.max(1, Math.round(width * scale));
  const newHeight = Math.max(1, Math.round(height * scale));
  const small = resize(gray, width, height, newWidth, newHeight, boxKernel, 0.5);
  return { gray: small.map(Math.round), width: newWidth, height: newHeight };
}

// The box of the ink on a picture that is larger than the working size, with a margin.
function findDigit(gray, width, height) {
  const ink = inkOf(gray, width, height);
  if (!ink) return null;
  const mask = removeSpecks(maskOf(ink, threshold(ink)), width, height);
  const box = boundsOf(mask, width, height);
  const longer = Math.max(box.bottom - box.top, box.right - box.left);
  return enlarge(box, 4 + Math.floor(longer / 3), width, height);
}

// A gray picture of any size, 0 to 255, as 784 numbers in MNIST's format; null without ink.
function prepare(pixels, width, height) {
  let gray = Float64Array.from(pixels);
  if (Math.max(width, height) > preparation.working_size) {
    const box = findDigit(gray, width, height);
    if (!box) return null;
    gray = crop(gray, width, box);
    [width, height] = [box.right - box.left, box.bottom - box.top];
  }
  ({ gray, width, height } = shrink(gray, width, height, preparation.working_size));
  let ink = inkOf(gray, width, height);
  if (!ink) return null;
  let mask = removeSpecks(maskOf(ink, threshold(ink)), width, height);
  // Keep the soft edges of the strokes, which are below the threshold, but not the specks.
  const area = enlarge(boundsOf(mask, width, height), preparation.soft_edge, width, height);
  [ink, mask] = [crop(ink, width, area), crop(mask, width, area)];
  [width, height] = [area.right - area.left, area.bottom - area.top];
  const near = maxFilter(mask, width, height, preparation.soft_edge);
  for (let at = 0; at < ink.length; at++) {
    if (!near[at]) ink[at] = 0;
  }
  const box = boundsOf(maskOf(ink, preparation.min_edge_ink), width, height);
  [ink, mask] = [crop(ink, width, box), crop(mask, width, box)];
  return center(scaleDigit(ink, mask, box.right - box.left, box.bottom - box.top));
}

// The digit with a longer side of 20 pixels and strokes about as thick as MNIST's.
function scaleDigit(ink, mask, width, height) {
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
  const thickness = (2 * area) / Math.max(area - inner, 1); // a stroke has an outline on both sides
  const longer = Math.max(width, height);
  let picture = ink.map(Math.round);
  if (thickness < preparation.thin * longer) {
    const window = 2 * Math.floor(Math.round(preparation.thin * longer - thickness) / 2) + 1;
    const border = Math.floor(window / 2);
    const padded = new Float64Array((width + 2 * border) * (height + 2 * border));
    for (let y = 0; y < height; y++) {
      const row = picture.subarray(y * width, (y + 1) * width);
      padded.set(row, (y + border) * (width + 2 * border) + border);
    }
    width += 2 * border;
    height += 2 * border;
    picture = maxFilter(padded, width, height, Math.floor(Math.max(3, window) / 2));
  }
  const scale = preparation.digit_size / Math.max(width, height);
  const newWidth = Math.max(1, Math.round(width * scale));
  const newHeight = Math.max(1, Math.round(height * scale));
  const small = resize(picture, width, height, newWidth, newHeight, lanczosKernel, 3).map((value) =>
    Math.min(255, Math.max(0, Math.round(value))),
  );
  const largest = Math.max(1, ...small);
  return {
    values: small.map((value) => Math.min(255, (value * 255) / largest)),
    width: newWidth,
    height: newHeight,
  };
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
  const offset = (mean, size) => Math.min(28 - size, Math.max(0, Math.round(14 - mean)));
  const top = offset(sumY / weight, height);
  const left = offset(sumX / weight, width);
  const pixels = new Uint8ClampedArray(784);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      pixels[(y + top) * 28 + x + left] = Math.round(values[y * width + x]);
    }
  }
  return pixels;
}
