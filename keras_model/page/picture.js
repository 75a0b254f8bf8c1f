// A picture of a digit, brought to MNIST's form in the same steps as `cli.py predict`: grey, ink
// bright; the paper's shade subtracted; ink separated from noise (Otsu, 1979); specks left out;
// cropped, scaled to fit 20×20, centred in 28×28 by its centre of mass.

const WORKING_SIZE = 320; // pixels of the longer side that the digit is prepared at
const MIN_CONTRAST = 24; // of 255: less is paper
const THIN = 0.085; // strokes thinner than this share of the digit are thickened

// Resize with Pillow's filters: each result is a weighted mean of the source around its place.
function resize(source, width, height, newWidth, newHeight, kernel, support) {
  const along = (values, lines, length, newLength) => {
    const scale = length / newLength;
    const stretch = Math.max(scale, 1);
    const result = new Float64Array(lines * newLength);
    for (let to = 0; to < newLength; to++) {
      const centre = (to + 0.5) * scale;
      const first = Math.max(0, Math.floor(centre - support * stretch + 0.5));
      const last = Math.min(length, Math.floor(centre + support * stretch + 0.5));
      const weights = [];
      let sum = 0;
      for (let from = first; from < last; from++) {
        const weight = kernel((from - centre + 0.5) / stretch);
        weights.push(weight);
        sum += weight;
      }
      for (let line = 0; line < lines; line++) {
        let value = 0;
        for (let k = 0; k < weights.length; k++) value += weights[k] * values[line * length + first + k];
        result[line * newLength + to] = value / sum;
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
  const wide = along(source, height, width, newWidth);
  const tall = along(transpose(wide, height, newWidth), newWidth, height, newHeight);
  return transpose(tall, newWidth, newHeight);
}

const boxKernel = (x) => (x > -0.5 && x <= 0.5 ? 1 : 0);
const linearKernel = (x) => Math.max(0, 1 - Math.abs(x));
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const lanczosKernel = (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0);

// The largest (or smallest) value within `reach` pixels in both directions.
function extremeFilter(values, width, height, reach, pick) {
  const rows = new Float64Array(values.length);
  const result = new Float64Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let best = values[y * width + x];
      for (let u = Math.max(0, x - reach); u <= Math.min(width - 1, x + reach); u++) {
        best = pick(best, values[y * width + u]);
      }
      rows[y * width + x] = best;
    }
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let best = rows[y * width + x];
      for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++) {
        best = pick(best, rows[v * width + x]);
      }
      result[y * width + x] = best;
    }
  }
  return result;
}

// As NumPy's percentile, of values from 0 up. Most of a picture is paper: only the rest is sorted.
function percentile(values, share) {
  const sorted = new Float64Array(values).filter((value) => value > 0).sort();
  const zeros = values.length - sorted.length;
  const valueAt = (place) => (place < zeros ? 0 : sorted[place - zeros]);
  const at = share * (values.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, values.length - 1);
  return valueAt(low) + (at - low) * (valueAt(high) - valueAt(low));
}

// How much ink each pixel has, 0 to 255, whatever the shades of ink and paper; null for no ink.
function inkOf(grey, width, height) {
  let shade = new Float64Array(grey);
  const edgeOf = () => {
    const edge = [];
    for (let x = 0; x < width; x++) edge.push(shade[x], shade[(height - 1) * width + x]);
    for (let y = 0; y < height; y++) edge.push(shade[y * width], shade[y * width + width - 1]);
    return edge;
  };
  const largest = (values) => values.reduce((a, b) => (a > b ? a : b), -Infinity);
  const smallest = (values) => values.reduce((a, b) => (a < b ? a : b), Infinity);
  let paper = percentile(edgeOf(), 0.5);
  if (paper - smallest(shade) > largest(shade) - paper) {
    shade = shade.map((value) => 255 - value);
    paper = 255 - paper;
  }
  const edge = edgeOf();
  let light = () => paper;
  if (percentile(edge, 0.95) - percentile(edge, 0.05) > 12) {
    // Uneven light: the paper's shade at each place is the darkest around it, smoothed.
    let small = resize(shade, width, height, 32, 32, boxKernel, 0.5);
    small = extremeFilter(small, 32, 32, 4, Math.min);
    const blurred = resize(small, 32, 32, 8, 8, linearKernel, 1);
    const spread = resize(blurred, 8, 8, width, height, linearKernel, 1);
    light = (at) => spread[at];
  }
  const ink = shade.map((value, at) => Math.max(value - light(at), 0));
  const most = Math.max(
    ink.length > 5000 ? percentile(ink, 0.998) : largest(ink),
    0.6 * largest(ink),
  );
  if (!(most >= MIN_CONTRAST)) return null;
  return ink.map((value) => Math.min((value * 255) / most, 255));
}

// Otsu's threshold (IEEE Trans. SMC 9, 1979), which separates two shades best.
function threshold(ink) {
  const count = new Float64Array(256);
  for (const value of ink) count[Math.min(255, Math.floor(value))] += 1;
  const total = ink.length;
  let all = 0;
  for (let level = 0; level < 256; level++) all += level * count[level];
  let below = 0;
  let sum = 0;
  let best = -1;
  let chosen = 0;
  for (let level = 0; level < 256; level++) {
    below += count[level];
    sum += level * count[level];
    const above = total - below;
    if (!below || !above) continue;
    const between = below * above * (sum / below - (all - sum) / above) ** 2;
    if (between > best) {
      best = between;
      chosen = level;
    }
  }
  return chosen;
}

// The mask without its small parts, which are specks of dust or noise.
function withoutSpecks(mask, width, height) {
  const parts = new Int32Array(mask.length);
  const sizes = [0];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || parts[start]) continue;
    const number = sizes.length;
    let size = 0;
    const waiting = [start];
    parts[start] = number;
    while (waiting.length) {
      const at = waiting.pop();
      size += 1;
      const y = Math.floor(at / width);
      const x = at % width;
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const next = v * width + u;
          if (mask[next] && !parts[next]) {
            parts[next] = number;
            waiting.push(next);
          }
        }
      }
    }
    sizes.push(size);
  }
  const least = Math.max(...sizes) * 0.04;
  return mask.map((inked, at) => (inked && sizes[parts[at]] >= least ? 1 : 0));
}

function boundsOf(mask, width, height) {
  let [top, bottom, left, right] = [height, 0, width, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!mask[y * width + x]) continue;
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
    }
  }
  return { top, bottom, left, right };
}

function crop(values, width, { top, bottom, left, right }) {
  const result = new Float64Array((bottom - top) * (right - left));
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      result[(y - top) * (right - left) + x - left] = values[y * width + x];
    }
  }
  return result;
}

function shrink(grey, width, height, size) {
  if (Math.max(width, height) <= size) return { grey, width, height };
  const scale = size / Math.max(width, height);
  const newWidth = Math.max(1, Math.round(width * scale));
  const newHeight = Math.max(1, Math.round(height * scale));
  const small = resize(grey, width, height, newWidth, newHeight, boxKernel, 0.5);
  return { grey: small.map(Math.round), width: newWidth, height: newHeight };
}

// The surroundings of the ink on a page that is larger than the working size.
function surroundings(grey, width, height) {
  const ink = inkOf(grey, width, height);
  if (!ink) return null;
  const level = threshold(ink);
  const mask = withoutSpecks(ink.map((value) => (value > level ? 1 : 0)), width, height);
  const { top, bottom, left, right } = boundsOf(mask, width, height);
  const margin = 4 + Math.floor(Math.max(bottom - top, right - left) / 3);
  return {
    top: Math.max(0, top - margin),
    bottom: Math.min(height, bottom + margin),
    left: Math.max(0, left - margin),
    right: Math.min(width, right + margin),
  };
}

// A grey picture of any size, row by row, 0 to 255, as 784 numbers in MNIST's form; null if there
// is no ink on it.
function prepare(grey, width, height) {
  let picture = { grey: new Float64Array(grey), width, height };
  if (Math.max(width, height) > WORKING_SIZE) {
    const box = surroundings(picture.grey, width, height);
    if (!box) return null;
    picture = {
      grey: crop(picture.grey, width, box),
      width: box.right - box.left,
      height: box.bottom - box.top,
    };
  }
  picture = shrink(picture.grey, picture.width, picture.height, WORKING_SIZE);
  const found = inkOf(picture.grey, picture.width, picture.height);
  if (!found) return null;
  const level = threshold(found);
  const mask = withoutSpecks(
    found.map((value) => (value > level ? 1 : 0)), picture.width, picture.height,
  );
  // The soft edge of a stroke, which the mask misses, belongs to it.
  const near = extremeFilter(mask, picture.width, picture.height, 4, Math.max);
  const ink = found.map((value, at) => (near[at] ? value : 0));
  const box = boundsOf(ink.map((value) => (value > 64 ? 1 : 0)), picture.width, picture.height);
  const scaled = scaleDigit(
    crop(ink, picture.width, box), crop(mask, picture.width, box),
    box.right - box.left, box.bottom - box.top,
  );
  return centre(scaled);
}

// The digit with its longer side 20, its strokes as wide as MNIST's.
function scaleDigit(ink, mask, width, height) {
  let area = 0;
  let inner = 0;
  const at = (y, x) => (y < 0 || x < 0 || y >= height || x >= width ? 0 : mask[y * width + x]);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!at(y, x)) continue;
      area += 1;
      if (at(y - 1, x) && at(y + 1, x) && at(y, x - 1) && at(y, x + 1)) inner += 1;
    }
  }
  const stroke = (2 * area) / Math.max(area - inner, 1); // a stroke has an outline on either side
  const longer = Math.max(width, height);
  let picture = ink.map(Math.round);
  if (stroke < THIN * longer) {
    const wider = 2 * Math.floor(Math.round(THIN * longer - stroke) / 2) + 1;
    const border = Math.floor(wider / 2);
    const padded = new Float64Array((width + 2 * border) * (height + 2 * border));
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        padded[(y + border) * (width + 2 * border) + x + border] = picture[y * width + x];
      }
    }
    width += 2 * border;
    height += 2 * border;
    picture = extremeFilter(padded, width, height, Math.floor(Math.max(3, wider) / 2), Math.max);
  }
  const scale = 20 / Math.max(width, height);
  const newWidth = Math.max(1, Math.round(width * scale));
  const newHeight = Math.max(1, Math.round(height * scale));
  const small = resize(picture, width, height, newWidth, newHeight, lanczosKernel, 3).map((value) =>
    Math.min(255, Math.max(0, Math.round(value))),
  );
  const most = Math.max(1, ...small);
  return {
    values: small.map((value) => Math.min(255, (value * 255) / most)),
    width: newWidth,
    height: newHeight,
  };
}

// The digit in 28×28 with its centre of mass in the middle.
function centre({ values, width, height }) {
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
  const place = (offset, size) => Math.min(28 - size, Math.max(0, Math.round(14 - offset)));
  const top = place(sumY / weight, height);
  const left = place(sumX / weight, width);
  const pixels = new Uint8ClampedArray(784);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      pixels[(y + top) * 28 + x + left] = Math.round(values[y * width + x]);
    }
  }
  return pixels;
}
