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
  const connected = partsOf(mask, values, width, height).filter((part) => isAlone(part, ink));
  const unframed = withoutFrames(withoutGrids(connected));
  const isInside = (part) =>
    part.top > 0 && part.left > 0 && part.bottom < height && part.right < width;
  const pieces = unframed.flatMap((part) => withoutLines(part, ink));
  const alone = onOnePaper(withoutRules(pieces, height), ink, isInside);
  const large = withoutSpecks(alone);
  const inside = large.filter(isInside);
  const most = inside.length ? inside : large;
  const chosen = withoutSpecks(withoutPale(most, most));
  const specks = alone.filter((part) => !large.includes(part) && isInside(part));
  return [...chosen, ...piecesOfStrokes(withoutPale(specks, chosen), chosen)];
}

// The specks that may be pieces of broken strokes: thin ones break into small pieces. Of others, pieces are
// between the parts, and not much smaller than their strokes are wide.
function piecesOfStrokes(specks, chosen) {
  if (!chosen.length) return [];
  const largest = Math.max(...chosen.map(({ size }) => size));
  const share = strokeShare(chosen, largest);
  if (share < preparation.thin) return specks;
  const strokes = share * largest;
  const reach = preparation.fray * strokes;
  const [top, left] = ["top", "left"].map((side) => Math.min(...chosen.map((part) => part[side])));
  const [bottom, right] = ["bottom", "right"].map((side) => Math.max(...chosen.map((part) => part[side])));
  return specks.filter((part) => part.size >= preparation.crumb * strokes &&
    part.top >= top - reach && part.bottom <= bottom + reach &&
    part.left >= left - reach && part.right <= right + reach);
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

// Whether there is paper around a part; else it is the end of something larger. The pixels around it are
// unlike its own, those in a shadow unlike its own in the shadow.
function isAlone(part, ink) {
  const { inner, outer, near } = around(part, ink);
  if (!outer.length) return true;
  const own = quantile(inner, 0.5);
  const differences = preparation.surroundings.map((share) => Math.abs(quantile(outer, share) - own));
  const contrast = Math.max(...differences);
  const limit = preparation.alike * contrast;
  const alike = outer.filter((value, at) => Math.abs(value - own) < limit && Math.abs(value - near(at)) < limit);
  return alike.length / outer.length < preparation.attached;
}

// Leave out what is on something much darker or brighter than the part with the most ink: the texture of a
// table around a sheet. What touches the picture's edge is no such part. A digit in a shadow absorbs as much of
// the light as others.
function onOnePaper(parts, ink, isInside) {
  if (!ink.hasLight || parts.length < 2) return parts;
  const papers = new Map(parts.map((part) => {
    const { outer } = around(part, ink);
    return [part, Math.max(preparation.darkest_paper, outer.length ? quantile(outer, 0.5) : 0)];
  }));
  const inside = parts.filter(isInside);
  const most = (inside.length ? inside : parts).reduce((one, other) => (other.amount > one.amount ? other : one));
  const main = papers.get(most);
  const least = preparation.as_strong * strengthOf(most);
  return parts.filter((part) => strengthOf(part) >= least ||
    Math.min(papers.get(part), main) >= preparation.same_paper * Math.max(papers.get(part), main));
}

// In the plane of the ink, a part's pixels, those around it, behind the soft edge of its strokes, and of each
// of these the mean of the part's own pixels in a window, twice as wide as it is away.
function around(part, { plane, width, height }) {
  const reach = preparation.soft_edge + 1;
  const mask = pad(part.mask, part.width, part.height, reach);
  const [wide, high] = [part.width + 2 * reach, part.height + 2 * reach];
  const [wider, narrower] = [reach, reach - 1].map((distance) => dilate(mask, wide, high, distance));
  const [inner, outer, places] = [[], [], []];
  for (let v = 0; v < high; v++) {
    const y = v + part.top - reach;
    if (y < 0 || y >= height) continue;
    for (let u = 0; u < wide; u++) {
      const x = u + part.left - reach;
      if (x < 0 || x >= width) continue;
      const at = v * wide + u;
      if (mask[at]) inner.push(plane[y * width + x]);
      else if (wider[at] && !narrower[at]) {
        outer.push(plane[y * width + x]);
        places.push([u, v]);
      }
    }
  }
  const near = (index) => {
    const [u, v] = places[index];
    let [sum, count] = [0, 0];
    for (let q = Math.max(0, v - reach); q <= Math.min(high - 1, v + reach); q++) {
      for (let p = Math.max(0, u - reach); p <= Math.min(wide - 1, u + reach); p++) {
        if (!mask[q * wide + p]) continue;
        sum += plane[(q + part.top - reach) * width + p + part.left - reach];
        count += 1;
      }
    }
    return sum / count;
  };
  return { inner, outer, near };
}

function withoutSpecks(parts) {
  const amount = parts.reduce((most, part) => Math.max(most, part.amount), 0);
  const size = parts.reduce((most, part) => Math.max(most, part.size), 0);
  return parts.filter((part) =>
    part.amount >= preparation.speck * amount && part.size >= preparation.speck_size * size);
}

// The root mean square of a part's ink.
const strengthOf = ({ amount, mask }) => Math.sqrt(amount / mask.reduce((sum, inside) => sum + inside, 0));

// Leave out what is pale beside that of others with the most ink, as the grain of a table.
function withoutPale(parts, others) {
  if (!others.length) return [];
  const most = others.reduce((one, other) => (other.amount > one.amount ? other : one));
  const least = preparation.pale * strengthOf(most);
  return parts.filter((part) => strengthOf(part) >= least);
}

// Leave out a form's printed lines: long beside all others, or longer and thin or aligned.
function withoutRules(parts, pictureHeight) {
  const isNarrow = ({ width, height, size }) => Math.min(height, width) <= preparation.rule_height * size;
  const longest = parts.reduce((most, part) => (isNarrow(part) ? Math.max(most, part.size) : most), 0);
  const others = parts.filter((part) => !isNarrow(part) && part.size >= preparation.enclosed * longest);
  if (!others.length) return parts;
  const largest = others.reduce((one, other) => (other.size > one.size ? other : one));
  const thin = preparation.thin_line * strokeWidth(largest.mask, largest.width, largest.height);
  const isRule = (part) => {
    const isLong = part.width >= part.height || part.height >= preparation.line_length * pictureHeight;
    return (isLong && part.size > preparation.rule * largest.size) ||
      (part.size > largest.size && (Math.min(part.height, part.width) <= thin ||
        parts.some((other) => isNarrow(other) && areAligned(part, other))));
  };
  return parts.filter((part) => !(isNarrow(part) && isRule(part)));
}

// Whether a frame is seen from the middle of a part inside it, in three of four directions. In a broken 0,
// whose box encloses one of its pieces, it is seen in two.
function surrounds({ mask, width, height, top, left }, part) {
  const row = Math.floor((part.top + part.bottom) / 2) - top;
  const column = Math.floor((part.left + part.right) / 2) - left;
  const across = mask.subarray(row * width, (row + 1) * width);
  const along = Uint8Array.from({ length: height }, (_, y) => mask[y * width + column]);
  const seen = [across.subarray(0, column), across.subarray(column), along.subarray(0, row), along.subarray(row)];
  return seen.filter((pixels) => pixels.includes(1)).length >= 3;
}

// Leave out what consists of lines around something: boxes, the cells of a form.
function withoutGrids(parts) {
  const encloses = (grid, part) => {
    const [middle, center] = [(part.top + part.bottom) / 2, (part.left + part.right) / 2];
    return grid.top < middle && middle < grid.bottom && grid.left < center && center < grid.right &&
      grid !== part && part.size >= preparation.enclosed * grid.size;
  };
  return parts.filter((grid) =>
    !(parts.some((part) => encloses(grid, part)) && hasLinesOnly(grid.mask, grid.width, grid.height)));
}

// What is left of a part without the printed lines that touch it.
function withoutLines(part, ink) {
  const { top, left, width, height, mask, size } = part;
  if (size < preparation.segment_part) return [part];
  const rest = withoutPrintedLines(mask, width, height);
  if (rest === mask) return [part];
  const values = new Float64Array(mask.length);
  for (let y = 0; y < height; y++) {
    const start = (top + y) * ink.width + left;
    values.set(ink.values.subarray(start, start + width), y * width);
  }
  return withoutSpecks(partsOf(rest, values, width, height)).map((piece) => ({
    ...piece, top: piece.top + top, left: piece.left + left, bottom: piece.bottom + top, right: piece.right + left,
  }));
}

// Whether two narrow parts begin and end at the same height, or in the same columns.
function areAligned(line, other) {
  const sides = line.height > line.width ? ["top", "bottom"] : ["left", "right"];
  return line !== other &&
    sides.every((side) => Math.abs(line[side] - other[side]) <= preparation.aligned * line.size);
}

// How much ink there is across a part's strokes.
const across = (part) => strengthOf(part) * strokeWidth(part.mask, part.width, part.height);

// Leave out the boxes and circles around other parts, not a 0 around the rest of a line.
function withoutFrames(parts) {
  const encloses = (frame, part) =>
    frame.top < part.top && frame.left < part.left &&
    frame.bottom > part.bottom && frame.right > part.right &&
    part.height >= preparation.frame * frame.height &&
    across(part) >= preparation.background * across(frame) &&
    (surrounds(frame, part) || part.size >= preparation.open_frame * frame.size);
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
  for (const slope of slopes(preparation.line_slopes, preparation.line_slope_count)) {
    const { covered, levels, count } = alongSlope(thin, width, slope);
    const found = levelsOfLines(covered, width, count, edge);
    if (!found.includes(1)) continue;
    // A line is as wide as `widest`, and has a soft edge on both sides.
    const [up, down] = [Math.floor((widest + 1) / 2), Math.floor((widest + 2) / 2)];
    thin.forEach((at, index) => {
      const level = levels[index];
      if (found.subarray(Math.max(0, level - down), level + up + 1).includes(1)) lines[at] = 1;
    });
  }
  return lines;
}

// Of the rows of pixels, those that with their neighbors are a line from one edge on.
function levelsOfLines(covered, width, count, edge) {
  return Uint8Array.from({ length: count }, (_, level) => {
    const columns = columnsOfLevel(covered, width, count, level);
    const reaches = columns.length > 0 && (columns[0] < edge || columns[columns.length - 1] >= width - edge);
    return reaches && columns.length >= preparation.line_length * width ? 1 : 0;
  });
}
