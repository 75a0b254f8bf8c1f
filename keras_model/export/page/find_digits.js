// The digits in a picture, in reading order, each in MNIST's format: the steps of
// keras_model/handwriting/digits.py. Boxes are { left, top, right, bottom } with exclusive ends.

// The digits of a picture { rgb, width, height }, line by line, from left to right: their 784 pixels,
// boxes in the picture, and whether each is a dash, is tiny, or may be two that touch.
function findDigits(picture) {
  const page = thumbnail(picture, preparation.page_size);
  const { values, found } = inkAndParts(page);
  const scale = { x: picture.width / page.width, y: picture.height / page.height };
  return readingOrder(withoutBlots(joined(found))).map((parts) => {
    const digit = foundDigit(values, page.width, parts, scaled(boxOf(parts), scale));
    const isSmall = page !== picture && longerSide(parts) < preparation.small_digit;
    const read = (isSmall && fromOriginal(picture, digit.box)) || digit;
    return { ...read, isTiny: isTiny(read.box, picture) };
  });
}

// Whether what was found is so small that it may be dust.
function isTiny({ left, top, right, bottom }, { width, height }) {
  return Math.max(right - left, bottom - top) <
    Math.min(preparation.tiny * Math.min(width, height), preparation.tiny_size);
}

// The digits of a drawing, whose ink is known: white 0 to 255 on 0.
function digitsOfDrawing(values, width, height) {
  const ink = { values, width, height, least: preparation.min_contrast };
  const found = withoutSpecks(partsOf(strokesOf(ink), values, width, height));
  return readingOrder(joined(found)).map((parts) => foundDigit(values, width, parts, boxOf(parts)));
}

// A picture whose longer side is at most `side`; the picture itself if it is small.
function thumbnail(picture, side) {
  const { rgb, width, height } = picture;
  const [wide, high] = thumbnailSize(width, height, side);
  if (wide === width && high === height) return picture;
  const small = new Uint8Array(3 * wide * high);
  for (let channel = 0; channel < 3; channel++) {
    const values = new Float64Array(width * height);
    for (let at = 0; at < values.length; at++) values[at] = rgb[3 * at + channel];
    const resized = resize(values, width, height, wide, high, FILTERS.box, BYTES);
    for (let at = 0; at < resized.length; at++) small[3 * at + channel] = resized[at];
  }
  return { rgb: small, width: wide, height: high };
}

// The ink of a picture and the parts that may be digits: of the kinds of ink, the one that has the most
// of such parts.
function inkAndParts(picture) {
  let best = { values: new Float64Array(picture.width * picture.height), found: [] };
  let most = 0;
  for (const ink of inksOf(withoutTable(picture))) {
    const found = digitParts(ink);
    const much = ink.weight ** 2 * found.reduce((sum, { amount }) => sum + amount, 0);
    if (much > most) [best, most] = [{ values: ink.values, found }, much];
  }
  return best;
}

// The digit that is nearest to the middle of a box of the picture, with its margin; null without one.
function fromOriginal(picture, box) {
  const margin = roundEven(preparation.digit_margin * Math.max(box.right - box.left, box.bottom - box.top)) + 2;
  const left = Math.max(0, box.left - margin);
  const top = Math.max(0, box.top - margin);
  const width = Math.min(picture.width, box.right + margin) - left;
  const height = Math.min(picture.height, box.bottom + margin) - top;
  const rgb = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const start = 3 * ((top + y) * picture.width + left);
    rgb.set(picture.rgb.subarray(start, start + 3 * width), 3 * y * width);
  }
  const small = thumbnail({ rgb, width, height }, Math.floor(preparation.page_size / 2));
  const { values, found } = inkAndParts(small);
  const scale = { x: width / small.width, y: height / small.height };
  const [x, y] = [(box.left + box.right) / 2 - left, (box.top + box.bottom) / 2 - top];
  const distance = (parts) => {
    const own = scaled(boxOf(parts), scale);
    return Math.hypot((own.left + own.right) / 2 - x, (own.top + own.bottom) / 2 - y);
  };
  const groups = joined(found);
  if (!groups.length) return null;
  const nearest = groups.reduce((best, parts) => (distance(parts) < distance(best) ? parts : best));
  const own = scaled(boxOf(nearest), scale);
  return foundDigit(values, small.width, nearest, {
    left: own.left + left, top: own.top + top, right: own.right + left, bottom: own.bottom + top,
  });
}

const foundDigit = (values, width, parts, box) =>
  ({ pixels: imageOf(values, width, parts), box, ...doubtsOfShape(parts) });

const boxOf = (parts) => ({
  left: Math.min(...parts.map(({ left }) => left)),
  top: Math.min(...parts.map(({ top }) => top)),
  right: Math.max(...parts.map(({ right }) => right)),
  bottom: Math.max(...parts.map(({ bottom }) => bottom)),
});

const scaled = ({ left, top, right, bottom }, { x, y }) => ({
  left: Math.floor(left * x), top: Math.floor(top * y),
  right: Math.ceil(right * x), bottom: Math.ceil(bottom * y),
});

function imageOf(values, valuesWidth, parts) {
  const { left, top } = boxOf(parts);
  const { mask, width, height } = maskOf(parts);
  const ink = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    const start = (top + y) * valuesWidth + left;
    ink.set(values.subarray(start, start + width), y * width);
  }
  return inMnistFormat(ink, mask, width, height);
}

// The pixels of parts in their common box.
function maskOf(parts) {
  const { left, top, right, bottom } = boxOf(parts);
  const [width, height] = [right - left, bottom - top];
  const mask = new Uint8Array(width * height);
  for (const part of parts) {
    for (let y = 0; y < part.height; y++) {
      for (let x = 0; x < part.width; x++) {
        if (part.mask[y * part.width + x]) mask[(y + part.top - top) * width + x + part.left - left] = 1;
      }
    }
  }
  return { mask, width, height };
}

// Whether what was found is a stroke that lies, or so wide that it may be two digits that touch.
function doubtsOfShape(parts) {
  const { mask, width, height } = maskOf(parts);
  const isWide = width > preparation.touching * height;
  const isDash = isWide && isStroke(mask, width, height);
  return { isDash, mayTouch: isWide && !isDash };
}

// Whether what is wide is a single stroke: hardly wider, across its direction, than the pen. The width
// across is that of a bar with the same smallest variance.
function isStroke(mask, width, height) {
  let [n, sumX, sumY, sumXX, sumXY, sumYY] = [0, 0, 0, 0, 0, 0];
  mask.forEach((inside, at) => {
    if (!inside) return;
    const [x, y] = [at % width, Math.floor(at / width)];
    n += 1;
    sumX += x;
    sumY += y;
    sumXX += x * x;
    sumXY += x * y;
    sumYY += y * y;
  });
  const xx = sumXX / n - (sumX / n) ** 2;
  const yy = sumYY / n - (sumY / n) ** 2;
  const xy = sumXY / n - (sumX / n) * (sumY / n);
  const variance = (xx + yy - Math.hypot(xx - yy, 2 * xy)) / 2;
  return Math.sqrt(12 * Math.max(0, variance)) < preparation.dash * strokeWidth(mask, width, height);
}

// Leave out what is filled, as the holes of a binder, if there is something else.
function withoutBlots(groups) {
  const large = groups.filter((parts) => {
    const { mask, width, height } = maskOf(parts);
    const size = Math.max(width, height);
    return size < preparation.blot_size || strokeWidth(mask, width, height) <= preparation.blot * size;
  });
  return large.length ? large : groups;
}

// The parts of each digit together, without specks that belong to none.
function joined(parts) {
  let groups = parts.map((part) => [part]);
  let before = groups.length + 1;
  while (parts.length && groups.length < before) { // what is joined may reach others
    before = groups.length;
    const share = strokeShare(parts, Math.max(...groups.map(longerSide)));
    groups = joinedOnce(groups, share < preparation.slender);
  }
  const large = withoutSpecks(parts);
  return groups.filter((group) => group.some((part) => large.includes(part)));
}

// The groups, each joined with the larger ones that it belongs to. Slender strokes may be broken, and so are
// those of which pieces were joined.
function joinedOnce(groups, areSlender) {
  let result = [];
  for (const group of [...groups].sort((a, b) => longerSide(b) - longerSide(a))) {
    const own = result.filter((other) => belongs(group, other) ||
      ((areSlender || group.length + other.length > 2) && isNear(group, other)));
    result = [...result.filter((other) => !own.includes(other)), [...own.flat(), ...group]];
  }
  return result;
}

function longerSide(parts) {
  const { left, top, right, bottom } = boxOf(parts);
  return Math.max(right - left, bottom - top);
}

const heightOf = (parts) => boxOf(parts).bottom - boxOf(parts).top;
const widthOf = (parts) => boxOf(parts).right - boxOf(parts).left;
const widthByHeight = (parts) => widthOf(parts) / heightOf(parts);

// How far the boxes of two groups are apart, beside and above; negative is shared.
function gapsOf(first, second) {
  const [a, b] = [boxOf(first), boxOf(second)];
  return {
    beside: Math.max(a.left, b.left) - Math.min(a.right, b.right),
    above: Math.max(a.top, b.top) - Math.min(a.bottom, b.bottom),
  };
}

// Whether parts may be a piece of a broken stroke of others: not if that makes them too wide.
function isNear(piece, group) {
  const both = [...piece, ...group];
  const [longer, length] = [longerSide(both), longerSide(piece)];
  const { beside, above } = gapsOf(piece, group);
  const isPiece = length < preparation.piece * longerSide(group) ||
    (length < preparation.piece * longer && !isTall(both, preparation.tallest_broken) &&
      (above < 0 || !mayBeTwo(piece, group)));
  const widest = Math.max(preparation.touching, widthByHeight(piece), widthByHeight(group));
  return isPiece && Math.max(beside, above) < preparation.gap * longer && widthByHeight(both) <= widest;
}

// Whether parts above each other are too high for one digit.
const isTall = (parts, tallest) => 1 / widthByHeight(parts) > tallest;

// Whether parts lie above, below or within others, near to them, or nearly touch them. Digits stand side
// by side, with a gap.
function belongs(piece, group) {
  const both = [...piece, ...group];
  const longer = longerSide(both);
  const isSmall = heightOf(piece) < preparation.piece * heightOf(group);
  const isPiece = isSmall || !isTall(both, preparation.tallest);
  const { beside, above } = gapsOf(piece, group);
  const overlaps = -beside >= preparation.overlap * Math.min(widthOf(piece), widthOf(group));
  const isClose = above < preparation.gap * longer && overlaps;
  if (isPiece && isClose && !mayBeTwo(piece, group)) return true;
  return piece.some((part) => group.some((other) => areNearer(part, other, preparation.crack * longer)));
}

// Whether parts are as high as each other and hardly overlap, as digits of two lines.
function mayBeTwo(piece, group) {
  const heights = [piece, group].map(heightOf);
  const least = preparation.overlap_of_alike * Math.min(widthOf(piece), widthOf(group));
  const areAlike = Math.min(...heights) >= preparation.piece * Math.max(...heights);
  return areAlike && -gapsOf(piece, group).beside < least;
}

// Whether pixels of two parts are nearer to each other than a distance.
function areNearer(part, other, distance) {
  const { beside, above } = gapsOf([part], [other]);
  if (Math.max(beside, above) >= distance) return false;
  const [first, second] = [part, other].map(({ mask, left, top, width }) => {
    const places = [];
    mask.forEach((inside, at) => {
      if (inside) places.push([Math.floor(at / width) + top, (at % width) + left]);
    });
    return places;
  });
  const step = 1 + Math.floor(Math.max(first.length, second.length) / preparation.compared_pixels);
  for (let i = 0; i < first.length; i += step) {
    for (let j = 0; j < second.length; j += step) {
      const apart = Math.max(Math.abs(first[i][0] - second[j][0]), Math.abs(first[i][1] - second[j][1]));
      if (apart < distance) return true;
    }
  }
  return false;
}

// The groups line by line, from left to right.
function readingOrder(groups) {
  const lines = [];
  const middle = (group) => (boxOf(group).top + boxOf(group).bottom) / 2;
  for (const group of [...groups].sort((a, b) => middle(a) - middle(b))) {
    const { top, bottom } = boxOf(group);
    const line = lines.find((other) => {
      const box = boxOf(other.flat());
      const shared = Math.min(bottom, box.bottom) - Math.max(top, box.top);
      return shared >= preparation.line_overlap * Math.min(bottom - top, box.bottom - box.top);
    });
    if (line) line.push(group);
    else lines.push([group]);
  }
  return lines.flatMap((line) => line.sort((a, b) => boxOf(a).left - boxOf(b).left));
}
