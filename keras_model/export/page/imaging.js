// Image processing: what Pillow and SciPy compute for `predict`, for arrays of width * height numbers,
// row by row. The loops over all pixels are written out, without a function call per pixel.

// To the nearest whole number, from a half to the even one, as Python and NumPy round.
function roundEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 ? below + 1 : below;
}

function transpose(values, width, height) {
  const result = new values.constructor(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) result[x * height + y] = values[y * width + x];
  }
  return result;
}

const FILTERS = {
  box: { support: 0.5, kernel: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, kernel: (x) => Math.max(0, 1 - Math.abs(x)) },
  lanczos: { support: 3, kernel: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

// Of bytes, Pillow's weights are whole numbers, and what both passes give is rounded to bytes. Other numbers
// are stored in single precision.
const BYTES = {
  weight: (share) => Math.trunc(share * 2 ** 22 + (share < 0 ? -0.5 : 0.5)),
  value: (sum) => Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22 + 0.5))),
};
const SINGLE = { weight: (share) => share, value: Math.fround };

// Resize with Pillow's filters: each new pixel is a weighted mean of the pixels around its position.
function resize(source, width, height, newWidth, newHeight, { support, kernel }, { weight, value } = SINGLE) {
  const resizeRows = (values, rows, length, newLength) => {
    if (length === newLength) return values;
    const scale = length / newLength;
    const stretch = Math.max(scale, 1);
    const result = new Float64Array(rows * newLength);
    for (let to = 0; to < newLength; to++) {
      const middle = (to + 0.5) * scale;
      const first = Math.max(0, Math.floor(middle - support * stretch + 0.5));
      const last = Math.min(length, Math.floor(middle + support * stretch + 0.5));
      const shares = Array.from({ length: last - first }, (_, at) => kernel((at + first - middle + 0.5) * (1 / stretch)));
      const whole = shares.reduce((sum, share) => sum + share, 0);
      const weights = shares.map((share) => weight(share / whole));
      for (let row = 0; row < rows; row++) {
        let sum = 0;
        for (let at = 0; at < weights.length; at++) sum += weights[at] * values[row * length + first + at];
        result[row * newLength + to] = value(sum);
      }
    }
    return result;
  };
  const resized = resizeRows(source, height, width, newWidth);
  const columns = resizeRows(transpose(resized, newWidth, height), newWidth, height, newHeight);
  return transpose(columns, newHeight, newWidth);
}

// The width and height of a picture whose longer side is made at most `side`.
function thumbnailSize(width, height, side) {
  const longer = Math.max(width, height);
  if (longer <= side) return [width, height];
  return [width, height].map((length) => Math.max(1, roundEven((side * length) / longer)));
}

// The largest value in a window of an odd `size` in a row, for each pixel: three comparisons per pixel (M.
// van Herk, 1992; J. Gil, M. Werman, 1993). There are blocks of `size` pixels; a window is the end of one
// and the start of the next.
function slide(values, width, height, size) {
  const result = new Float64Array(values.length);
  const reach = (size - 1) / 2;
  const blocks = Math.ceil((width + 2 * reach) / size);
  const row = new Float64Array(blocks * size).fill(-Infinity);
  const starts = new Float64Array(row.length);
  const ends = new Float64Array(row.length);
  for (let y = 0; y < height; y++) {
    row.set(values.subarray(y * width, (y + 1) * width), reach);
    for (let block = 0; block < row.length; block += size) {
      let most = -Infinity;
      for (let at = block; at < block + size; at++) {
        if (row[at] > most) most = row[at];
        starts[at] = most;
      }
      most = -Infinity;
      for (let at = block + size - 1; at >= block; at--) {
        if (row[at] > most) most = row[at];
        ends[at] = most;
      }
    }
    for (let x = 0, at = y * width; x < width; x++, at++) {
      const [a, b] = [ends[x], starts[x + size - 1]];
      result[at] = a > b ? a : b;
    }
  }
  return result;
}

function slideBoth(values, width, height, size) {
  const rows = slide(values, width, height, size);
  const columns = slide(transpose(rows, width, height), height, width, size);
  return transpose(columns, height, width);
}

function negate(values) {
  for (let at = 0; at < values.length; at++) values[at] = -values[at];
  return values;
}

// The closing of a picture by a square of an odd size: a dilation, then an erosion, which is a dilation of
// the negative. Around the picture, its edge goes on.
function closing(values, width, height, size) {
  const reach = (size - 1) / 2;
  const [wide, high] = [width + 2 * reach, height + 2 * reach];
  const padded = new Float64Array(wide * high);
  for (let y = 0; y < high; y++) {
    const from = Math.min(height - 1, Math.max(0, y - reach)) * width;
    for (let x = 0; x < wide; x++) padded[y * wide + x] = values[from + Math.min(width - 1, Math.max(0, x - reach))];
  }
  const closed = slideBoth(negate(slideBoth(padded, wide, high, size)), wide, high, size);
  const result = new Float64Array(values.length);
  for (let y = 0; y < height; y++) {
    const start = (y + reach) * wide + reach;
    result.set(closed.subarray(start, start + width), y * width);
  }
  return negate(result);
}

const opening = (values, width, height, size) => negate(closing(negate(values.slice()), width, height, size));

// Of a window of size × size, the value that so large a share of the others is below, for each share;
// beyond the edge, the pixels there are repeated.
function rankFilter(values, width, height, size, shares) {
  const reach = (size - 1) / 2;
  const window = new Float64Array(size * size);
  const results = shares.map(() => new Float64Array(values.length));
  for (let place = 0; place < values.length; place++) {
    const [y, x] = [Math.floor(place / width), place % width];
    let at = 0;
    for (let v = y - reach; v <= y + reach; v++) {
      const row = Math.min(height - 1, Math.max(0, v)) * width;
      for (let u = x - reach; u <= x + reach; u++) window[at++] = values[row + Math.min(width - 1, Math.max(0, u))];
    }
    window.sort();
    shares.forEach((share, index) => {
      results[index][place] = window[Math.floor(share * at)];
    });
  }
  return results;
}

// The largest mean of 3×3 pixels; the edge is reflected.
function largestMean(values, width, height) {
  const sums = (source, lines, length) => {
    const result = new Float64Array(source.length);
    for (let line = 0; line < lines; line++) {
      const start = line * length;
      for (let at = 0; at < length; at++) {
        const before = source[start + Math.max(0, at - 1)];
        result[start + at] = before + source[start + at] + source[start + Math.min(length - 1, at + 1)];
      }
    }
    return result;
  };
  const rows = transpose(sums(values, height, width), width, height);
  return sums(rows, width, height).reduce((a, b) => Math.max(a, b), 0) / 9;
}

// NumPy's quantile of numbers, which are sorted here.
function quantile(numbers, share) {
  const sorted = Float64Array.from(numbers).sort();
  const rank = share * (sorted.length - 1);
  const low = Math.floor(rank);
  const [below, above] = [sorted[low], sorted[Math.min(low + 1, sorted.length - 1)]];
  const rest = rank - low;
  return rest < 0.5 ? below + (above - below) * rest : above - (above - below) * (1 - rest);
}

// The connected parts of a mask, with eight neighbors: the number of each pixel's part, from 1 on, and
// the parts' pixels, in order of their first ones.
function label(mask, width, height) {
  const numbers = new Int32Array(mask.length);
  const stack = new Int32Array(mask.length);
  const parts = [];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || numbers[start]) continue;
    const number = parts.length + 1;
    const pixels = [];
    let count = 1;
    stack[0] = start;
    numbers[start] = number;
    while (count) {
      const at = stack[--count];
      pixels.push(at);
      const y = Math.floor(at / width);
      const x = at - y * width;
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const next = v * width + u;
          if (mask[next] && !numbers[next]) {
            numbers[next] = number;
            stack[count++] = next;
          }
        }
      }
    }
    parts.push(pixels);
  }
  return { numbers, parts };
}

// A mask with `border` empty pixels around it.
function pad(values, width, height, border) {
  const wide = width + 2 * border;
  const result = new values.constructor(wide * (height + 2 * border));
  for (let y = 0; y < height; y++) {
    result.set(values.subarray(y * width, (y + 1) * width), (y + border) * wide + border);
  }
  return result;
}

// 1 for each pixel that has a pixel of the mask within `reach` rows and columns.
function dilate(mask, width, height, reach) {
  const spread = (source, lines, length) => {
    const result = new Uint8Array(source.length);
    for (let line = 0; line < lines; line++) {
      const start = line * length;
      for (let at = 0; at < length; at++) {
        if (source[start + at]) result.fill(1, start + Math.max(0, at - reach), start + Math.min(length, at + reach + 1));
      }
    }
    return result;
  };
  const rows = transpose(spread(mask, height, width), width, height);
  return transpose(spread(rows, width, height), height, width);
}

// The Euclidean distance of each pixel from the mask (P. Felzenszwalb, D. Huttenlocher, 2012).
function distanceFrom(mask, width, height) {
  const far = 1e12;
  const squares = (source, lines, length) => {
    const result = new Float64Array(source.length);
    const places = new Int32Array(length);
    const borders = new Float64Array(length + 1);
    for (let line = 0; line < lines; line++) {
      const f = source.subarray(line * length, (line + 1) * length);
      let last = 0;
      places[0] = 0;
      [borders[0], borders[1]] = [-Infinity, Infinity];
      for (let q = 1; q < length; q++) {
        let border;
        for (;;) {
          const p = places[last];
          border = (f[q] + q * q - f[p] - p * p) / (2 * (q - p));
          if (border > borders[last]) break;
          last -= 1;
        }
        places[++last] = q;
        [borders[last], borders[last + 1]] = [border, Infinity];
      }
      for (let q = 0, at = 0; q < length; q++) {
        while (borders[at + 1] < q) at += 1;
        result[line * length + q] = (q - places[at]) ** 2 + f[places[at]];
      }
    }
    return result;
  };
  const rows = squares(Float64Array.from(mask, (inside) => (inside ? 0 : far)), height, width);
  const columns = squares(transpose(rows, width, height), width, height);
  return transpose(columns, height, width).map(Math.sqrt);
}
