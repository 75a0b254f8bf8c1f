// The connected parts of the ink that can be digits or pieces of them: the steps of
// keras_model/handwriting/parts.py. A part has a box, whose ends are exclusive, the pixels of it in a
// mask of that size, and its amount of ink, the sum of the squares.

function digitParts(ink) {
  const { width, height, values } = ink;
  const mask = strokesOf(ink);
  const lines = linesOf(mask, width, height);
  for (let at = 0; at < mask.length; at++) {
    if (lines[at]) mask[at] = 0;
  }
  const alone = partsOf(mask, values, width, height).filter((part) => isAlone(part, ink));
  const isInside = (part) =>
    part.top > 0 && part.left > 0 && part.bottom < height && part.right < width;
  const large = withoutSpecks(alone);
  const parts = withoutFrames(withoutRules(large));
  const inside = parts.filter(isInside);
  const chosen = withoutSpecks(withoutPale(inside.length ? inside : parts));
  if (!chosen.length) return chosen;
  if (strokeShare(chosen, Math.max(...chosen.map(({ size }) => size))) >= preparation.thin) return chosen;
  return [...chosen, ...alone.filter((part) => !large.includes(part) && isInside(part))];
}

// How wide the largest part's strokes are, as a share of a size, the longer side of the largest digit as
// far as it is joined. Thin ones break.
function strokeShare(parts, size) {
  const largest = parts.reduce((one, other) => (other.size > one.size ? other : one));
  return strokeWidth(largest.mask, largest.width, largest.height) / size;
}

// The pixels of each part. Of many parts, as of a picture of noise, those with the most ink.
function largestParts(mask, values, width, height) {
  const { parts } = label(mask, width, height);
  if (parts.length <= preparation.most_parts) return parts;
  const amounts = parts.map((pixels) => pixels.reduce((sum, at) => sum + values[at] ** 2, 0));
  const order = [...parts.keys()].sort((a, b) => amounts[b] - amounts[a]);
  const chosen = new Set(order.slice(0, preparation.most_parts));
  return parts.filter((_, number) => chosen.has(number));
}

function partsOf(mask, values, width, height) {
  return largestParts(mask, values, width, height).map((pixels) => {
    let [top, left, bottom, right, amount] = [height, width, 0, 0, 0];
    for (const at of pixels) {
      const y = Math.floor(at / width);
      const x = at - y * width;
      if (y < top) top = y;
      if (y >= bottom) bottom = y + 1;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      amount += values[at] ** 2;
    }
    const own = new Uint8Array((bottom - top) * (right - left));
    for (const at of pixels) own[(Math.floor(at / width) - top) * (right - left) + (at % width) - left] = 1;
    return {
      top, left, bottom, right, amount, mask: own,
      height: bottom - top, width: right - left, size: Math.max(bottom - top, right - left),
    };
  });
}

// Where ink is, with as sharp an edge for a pale part as for a dark one.
function strokesOf({ values, least, width, height }) {
  const mask = new Uint8Array(values.length);
  for (let at = 0; at < mask.length; at++) {
    if (values[at] > least) mask[at] = 1;
  }
  const strokes = new Uint8Array(values.length);
  for (const pixels of largestParts(mask, values, width, height)) {
    const edge = preparation.edge * quantile(pixels.map((at) => values[at]), preparation.full_ink);
    for (const at of pixels) {
      if (values[at] > edge) strokes[at] = 1;
    }
  }
  return strokes;
}

// Whether there is paper around a part; else it is the end of something larger. The pixels around it,
// behind the soft edge of a stroke, are unlike its own.
function isAlone(part, { plane, width, height }) {
  const reach = preparation.soft_edge + 1;
  const mask = pad(part.mask, part.width, part.height, reach);
  const [wide, high] = [part.width + 2 * reach, part.height + 2 * reach];
  const [near, nearer] = [reach, reach - 1].map((distance) => dilate(mask, wide, high, distance));
  const [own, outer] = [[], []];
  for (let v = 0; v < high; v++) {
    const y = v + part.top - reach;
    if (y < 0 || y >= height) continue;
    for (let u = 0; u < wide; u++) {
      const x = u + part.left - reach;
      if (x < 0 || x >= width) continue;
      const at = v * wide + u;
      if (mask[at]) own.push(plane[y * width + x]);
      else if (near[at] && !nearer[at]) outer.push(plane[y * width + x]);
    }
  }
  if (!outer.length) return true;
  const middle = quantile(own, 0.5);
  const differences = preparation.surroundings.map((share) => Math.abs(quantile(outer, share) - middle));
  const contrast = Math.max(...differences);
  const alike = outer.filter((value) => Math.abs(value - middle) < preparation.alike * contrast);
  return alike.length / outer.length < preparation.attached;
}

function withoutSpecks(parts) {
  const amount = parts.reduce((most, part) => Math.max(most, part.amount), 0);
  const size = parts.reduce((most, part) => Math.max(most, part.size), 0);
  return parts.filter((part) =>
    part.amount >= preparation.speck * amount && part.size >= preparation.speck_size * size);
}

// Leave out what is pale beside the part with the most ink, as the grain of a table.
function withoutPale(parts) {
  if (!parts.length) return parts;
  const strength = ({ amount, mask }) => Math.sqrt(amount / mask.reduce((sum, inside) => sum + inside, 0));
  const most = parts.reduce((one, other) => (other.amount > one.amount ? other : one));
  const least = preparation.pale * strength(most);
  return parts.filter((part) => strength(part) >= least);
}

// Leave out a form's printed line, which is flat, and long beside all others.
function withoutRules(parts) {
  if (parts.length < 2) return parts;
  const longest = parts.reduce((one, other) => (other.width > one.width ? other : one));
  const others = parts.filter((part) => part !== longest);
  const size = Math.max(...others.map((part) => part.size));
  const isFlat = longest.height <= preparation.rule_height * longest.width;
  return isFlat && longest.width > preparation.rule * size ? others : parts;
}

// Leave out the boxes and circles around other parts.
function withoutFrames(parts) {
  const encloses = (frame, part) =>
    frame.top < part.top && frame.left < part.left &&
    frame.bottom > part.bottom && frame.right > part.right &&
    part.height >= preparation.frame * frame.height;
  return parts.filter((frame) => !parts.some((part) => encloses(frame, part)));
}

// The pixels of straight, thin, nearly horizontal or vertical lines that reach an edge. They are found
// by the Hough transform (Duda and Hart, 1972) of thin pixels, of few slopes.
function linesOf(mask, width, height) {
  const widest = Math.max(3, roundEven(preparation.line_width * Math.min(width, height)));
  const lines = horizontalLines(mask, width, height, widest);
  const vertical = horizontalLines(transpose(mask, width, height), height, width, widest);
  transpose(vertical, height, width).forEach((isLine, at) => {
    if (isLine) lines[at] = 1;
  });
  return lines;
}

function horizontalLines(mask, width, height, widest) {
  const lines = new Uint8Array(mask.length);
  const thin = thinPixels(mask, width, height, widest);
  if (!thin.length) return lines;
  const edge = Math.max(2, Math.floor(preparation.line_edge * width));
  const largest = preparation.line_slopes;
  const last = preparation.line_slope_count - 1;
  const step = (2 * largest) / last;
  for (let number = 0; number <= last; number++) {
    const slope = number === last ? largest : number * step - largest;
    const shifts = Int32Array.from({ length: width }, (_, x) => roundEven(slope * (x - width / 2)));
    const levels = Int32Array.from(thin, (at) => Math.floor(at / width) - shifts[at % width]);
    const lowest = levels.reduce((a, b) => Math.min(a, b));
    const count = levels.reduce((a, b) => Math.max(a, b)) - lowest + 1;
    const covered = new Uint8Array(count * width);
    thin.forEach((at, index) => {
      covered[(levels[index] - lowest) * width + (at % width)] = 1;
    });
    const found = levelsOfLines(covered, width, count, edge);
    if (!found.includes(1)) continue;
    // A line is as wide as `widest`, and has a soft edge on both sides.
    const [up, down] = [Math.floor((widest + 1) / 2), Math.floor((widest + 2) / 2)];
    thin.forEach((at, index) => {
      const level = levels[index] - lowest;
      if (found.subarray(Math.max(0, level - down), level + up + 1).includes(1)) lines[at] = 1;
    });
  }
  return lines;
}

// Of the rows of pixels, those that with their neighbors are a line from one edge on.
function levelsOfLines(covered, width, count, edge) {
  const found = new Uint8Array(count);
  for (let level = 0; level < count; level++) {
    let sum = 0;
    let reaches = false;
    for (let x = 0; x < width; x++) {
      const at = level * width + x;
      if (!covered[at] && !(level && covered[at - width]) && !(level + 1 < count && covered[at + width])) continue;
      sum += 1;
      if (x < edge || x >= width - edge) reaches = true;
    }
    if (reaches && sum >= preparation.line_length * width) found[level] = 1;
  }
  return found;
}

// The pixels of a mask that are in a run of at most `longest` pixels of their column, row by row.
function thinPixels(mask, width, height, longest) {
  const isThin = new Uint8Array(mask.length);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const start = y;
      while (y < height && mask[y * width + x]) y += 1;
      if (y > start && y - start <= longest) {
        for (let row = start; row < y; row++) isThin[row * width + x] = 1;
      }
    }
  }
  const thin = [];
  isThin.forEach((one, at) => {
    if (one) thin.push(at);
  });
  return thin;
}
