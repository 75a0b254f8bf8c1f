// Printed lines that touch a digit: the steps of keras_model/handwriting/printed_lines.py. A line is
// { pixels, start, end, length, thickness, middle }: where it is in the mask, from which column or row to
// which (exclusive), in how many it is, how thick, and its mean row, or column if it is vertical.

// A part's mask without the printed lines that touch it; the same mask, if it has none.
function withoutPrintedLines(mask, width, height) {
  const { horizontal, vertical } = straightSegments(mask, width, height, preparation.segment_length);
  const isOfGrid = isGrid(horizontal, vertical);
  for (const [across, upright] of [[horizontal, vertical], [horizontal, []], [[], vertical]]) {
    const segments = [...across, ...upright];
    if (!segments.length) continue;
    const left = withoutSegments(mask, segments);
    const rest = largestPiece(left, width, height);
    const thin = areThin(segments, rest, width, height);
    const shorter = thin ? shorterOf(left, segments, width, height) : { horizontal: [], vertical: [] };
    const isPrinted = isOfGrid ||
      (thin && isGrid([...across, ...shorter.horizontal], [...upright, ...shorter.vertical])) ||
      (goBeyond(across, upright, left, width, height) &&
        (thin || (!upright.length && areOutside(across, left, rest, width, height))));
    if (canBeDigit(rest, width, height) && isPrinted) {
      const without = withoutSegments(left, [...shorter.horizontal, ...shorter.vertical]);
      return canBeDigit(largestPiece(without, width, height), width, height) ? without : left;
    }
    if (isOfGrid) break;
  }
  return mask;
}

// What is left of the sides of a box between the strokes that cross them, in a part without its longest
// lines, the segments.
function shorterOf(left, segments, width, height) {
  const thickest = preparation.as_thin * Math.max(...segments.map(({ thickness }) => thickness));
  const { horizontal, vertical } = straightSegments(left, width, height, preparation.short_segment);
  const [across, upright] = [horizontal, vertical].map((lines) =>
    lines.filter(({ thickness }) => thickness <= thickest));
  return { horizontal: across, vertical: upright };
}

// Whether a part is a box or a grid and nothing else.
function hasLinesOnly(mask, width, height) {
  const { horizontal, vertical } = straightSegments(mask, width, height, preparation.segment_length);
  const rest = largestPiece(withoutSegments(mask, [...horizontal, ...vertical]), width, height);
  return isGrid(horizontal, vertical) && !canBeDigit(rest, width, height);
}

const isGrid = (horizontal, vertical) =>
  horizontal.length > 0 && vertical.length > 0 && horizontal.length + vertical.length >= preparation.grid;

// Whether what is left of a part can be a digit.
function canBeDigit(rest, width, height) {
  const [rows, columns] = extents(rest, width, height);
  const longer = Math.max(rows.last - rows.first, columns.last - columns.first) + 1;
  return longer >= preparation.beside_lines * Math.max(width, height);
}

function withoutSegments(mask, segments) {
  const rest = mask.slice();
  for (const { pixels } of segments) {
    for (const at of pixels) rest[at] = 0;
  }
  return rest;
}

function largestPiece(mask, width, height) {
  const { parts } = label(mask, width, height);
  const piece = new Uint8Array(mask.length);
  for (const at of parts.reduce((one, other) => (other.length > one.length ? other : one), [])) piece[at] = 1;
  return piece;
}

// The first and the last row and column of a mask.
function extents(mask, width, height) {
  const [rows, columns] = [height, width].map((length) => ({ first: length, last: length - 1 }));
  let isEmpty = true;
  mask.forEach((inside, at) => {
    if (!inside) return;
    const places = [Math.floor(at / width), at % width];
    [rows, columns].forEach((one, index) => {
      if (isEmpty || places[index] < one.first) one.first = places[index];
      if (isEmpty || places[index] > one.last) one.last = places[index];
    });
    isEmpty = false;
  });
  return [rows, columns];
}

// Whether lines are much thinner than the strokes beside them.
const areThin = (segments, rest, width, height) =>
  Math.max(...segments.map(({ thickness }) => thickness)) <=
    preparation.thin_line * strokeWidth(rest, width, height);

// Whether lines go beyond all strokes on both sides. The tail of a 2 goes on from a stroke.
function goBeyond(across, upright, left, width, height) {
  const { parts } = label(left, width, height);
  if (!parts.length) return false;
  const most = Math.max(...parts.map(({ length }) => length));
  const strokes = new Uint8Array(left.length);
  for (const pixels of parts.filter(({ length }) => length >= preparation.scrap * most)) {
    for (const at of pixels) strokes[at] = 1;
  }
  const [rows, columns] = extents(strokes, width, height);
  const least = preparation.beyond * (Math.max(rows.last - rows.first, columns.last - columns.first) + 1);
  return [[across, columns], [upright, rows]].every(([segments, { first, last }]) =>
    segments.every(({ start, end }) => start <= first - least && end > last + least));
}

// Whether horizontal lines are about as long as what is above or below, not in its middle. The bar of a 4
// goes beyond its strokes, too, but in their middle.
function areOutside(across, left, rest, width, height) {
  const [own, columns] = extents(rest, width, height);
  const [rows] = extents(left, width, height);
  const size = Math.max(own.last - own.first, columns.last - columns.first) + 1;
  const most = preparation.outside * (rows.last - rows.first + 1);
  return across.every(({ length, middle }) => length >= preparation.underline * size &&
    Math.min(middle - rows.first, rows.last - middle) <= most);
}

// The nearly horizontal and the nearly vertical lines of a part, across a share of it.
function straightSegments(mask, width, height, share) {
  const turned = (at) => (at % height) * width + Math.floor(at / height);
  return {
    horizontal: horizontalSegments(mask, width, height, share),
    vertical: horizontalSegments(transpose(mask, width, height), height, width, share)
      .map((segment) => ({ ...segment, pixels: segment.pixels.map(turned) })),
  };
}

function horizontalSegments(mask, width, height, share) {
  const widest = Math.max(3, roundEven(preparation.segment_width * Math.max(width, height)));
  const segments = [];
  let thin = thinPixels(mask, width, height, widest, withoutHoles(mask, width, height));
  while (segments.length < preparation.most_segments) {
    const segment = longestSegment(thin, width, share * width, widest);
    if (!segment) break;
    segments.push(segment);
    const own = new Set(segment.pixels);
    thin = thin.filter((at) => !own.has(at));
  }
  return segments;
}

function longestSegment(thin, width, least, widest) {
  if (new Set(thin.map((at) => at % width)).size < least) return null;
  let best = { length: 0 };
  for (const slope of slopes(preparation.segment_slopes, preparation.segment_slope_count)) {
    const { covered, levels, count } = alongSlope(thin, width, slope);
    for (let level = 0; level < count; level++) {
      const columns = columnsOfLevel(covered, width, count, level);
      if (columns.length > best.length) best = { length: columns.length, columns, level, levels };
    }
  }
  if (best.length < least) return null;
  const reach = Math.floor((widest + 1) / 2);
  const pixels = thin.filter((_, index) => Math.abs(best.levels[index] - best.level) <= reach);
  const rows = pixels.reduce((sum, at) => sum + Math.floor(at / width), 0);
  return {
    pixels, length: best.length, start: best.columns[0], end: best.columns[best.length - 1] + 1,
    thickness: pixels.length / best.length, middle: rows / pixels.length,
  };
}

// Slopes from minus the largest to the largest.
function slopes(largest, count) {
  const step = (2 * largest) / (count - 1);
  return Array.from({ length: count }, (_, number) => (number === count - 1 ? largest : number * step - largest));
}

// Where pixels are if each column is moved so that lines of a slope become rows: the row of each pixel,
// from 0, how many rows there are, and the covered places.
function alongSlope(pixels, width, slope) {
  const shifts = Int32Array.from({ length: width }, (_, x) => roundEven(slope * (x - width / 2)));
  const levels = Int32Array.from(pixels, (at) => Math.floor(at / width) - shifts[at % width]);
  const lowest = levels.reduce((a, b) => Math.min(a, b));
  for (let index = 0; index < levels.length; index++) levels[index] -= lowest;
  const count = levels.reduce((a, b) => Math.max(a, b)) + 1;
  const covered = new Uint8Array(count * width);
  pixels.forEach((at, index) => {
    covered[levels[index] * width + (at % width)] = 1;
  });
  return { covered, levels, count };
}

// The columns where a row or one of its neighbors is covered.
function columnsOfLevel(covered, width, count, level) {
  const columns = [];
  for (let x = 0; x < width; x++) {
    const at = level * width + x;
    if (covered[at] || (level && covered[at - width]) || (level + 1 < count && covered[at + width])) columns.push(x);
  }
  return columns;
}

// A mask whose holes of one pixel, as dithering leaves them in strokes, are filled.
function withoutHoles(mask, width, height) {
  const filled = mask.slice();
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      if ([-width, width, -1, 1].every((step) => mask[at + step])) filled[at] = 1;
    }
  }
  return filled;
}

// The pixels of a mask that are in a run of at most `longest` pixels of their column, row by row. The runs
// are those of `filled`: of the mask, or of it without its holes.
function thinPixels(mask, width, height, longest, filled = mask) {
  const isThin = new Uint8Array(mask.length);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const start = y;
      while (y < height && filled[y * width + x]) y += 1;
      if (y > start && y - start <= longest) {
        for (let row = start; row < y; row++) isThin[row * width + x] = mask[row * width + x];
      }
    }
  }
  const thin = [];
  isThin.forEach((one, at) => {
    if (one) thin.push(at);
  });
  return thin;
}
