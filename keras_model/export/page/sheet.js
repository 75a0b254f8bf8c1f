// The sheet of paper on a patterned table, whose pattern would be ink: the steps of
// keras_model/handwriting/sheet.py. Cells are squares of pixels, of which there are wide × high.

// A picture { rgb, width, height } in which its sheet goes on where a pattern is around it; the same picture,
// if there is no such table.
function withoutTable(picture) {
  const { size, wide, high, means, variances } = cellsOf(picture);
  const least = Float64Array.from(variances).sort()[Math.floor(preparation.flat_quantile * variances.length)];
  const most = Math.max(preparation.flat_deviation ** 2, preparation.flat_noise ** 2 * least);
  const flat = Uint8Array.from(variances, (variance) => (variance <= most ? 1 : 0));
  const regions = flatRegions(flat, means, wide, high);
  for (const first of regions.slice(0, preparation.most_sheets)) {
    const region = withPieces(first, regions, means, wide, high);
    const sheet = filledRegion(region, wide, high);
    const around = dilate(sheet, wide, high, 2).map((inside) => 1 - inside);
    const color = medianColor(means, region);
    if (count(region) >= preparation.least_sheet * region.length && isFull(region, wide, high) &&
      count(around) >= preparation.least_table * around.length &&
      count(around.map((inside, at) => inside & ~flat[at])) >= preparation.pattern * count(around) &&
      sum(color) >= sum(medianColor(means, around)) && isOther(picture, around, size, wide, color)) {
      return onPaper(picture, sheet, size, wide, continued(means, region, wide, high));
    }
  }
  return picture;
}

const count = (mask) => mask.reduce((total, inside) => total + inside, 0);
const sum = (color) => color[0] + color[1] + color[2];

// Whether pixels of some cells are not those of squared paper with a plain part, or a plain shadow.
function isOther({ rgb, width, height }, cells, size, wide, paper) {
  let [pixels, same] = [0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!cells[Math.floor(y / size) * wide + Math.floor(x / size)]) continue;
      const at = 3 * (y * width + x);
      const light = (rgb[at] + rgb[at + 1] + rgb[at + 2]) / Math.max(1, sum(paper));
      pixels += 1;
      same += light >= preparation.shade && paper.every((value, channel) =>
        Math.abs(rgb[at + channel] - light * value) <= preparation.same_color) ? 1 : 0;
    }
  }
  return same / pixels <= preparation.same_pixels;
}

// A picture in which the sheet goes on beyond its cells.
function onPaper(picture, sheet, size, wide, color) {
  const rgb = picture.rgb.slice();
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      const cell = Math.floor(y / size) * wide + Math.floor(x / size);
      if (!sheet[cell]) rgb.set(color(cell), 3 * (y * picture.width + x));
    }
  }
  return { ...picture, rgb };
}

// For each cell the color of a region, continued to the right, and to the edges of the picture.
function continued(means, region, wide, high) {
  const rows = Array.from({ length: high }, (_, y) => {
    const own = region.subarray(y * wide, (y + 1) * wide);
    let last = own.indexOf(1);
    return last < 0 ? null : Array.from(own, (inside, x) => y * wide + (inside ? (last = x) : last));
  });
  let row = rows.find((own) => own);
  const sources = rows.flatMap((own) => (row = own ?? row));
  return (cell) => means.map((values) => values[sources[cell]]);
}

// The median of each channel of the cells' colors.
const medianColor = (means, cells) => means.map((values) => {
  const own = values.filter((_, at) => cells[at]).sort();
  return own[Math.floor(own.length / 2)];
});

// Of each cell the mean of each color, and the largest variance.
function cellsOf({ rgb, width, height }) {
  const size = Math.ceil(Math.max(width, height) / preparation.sheet_grid);
  const [wide, high] = [Math.ceil(width / size), Math.ceil(height / size)];
  const means = [0, 1, 2].map(() => new Float64Array(wide * high));
  const variances = new Float64Array(wide * high);
  for (let cell = 0; cell < variances.length; cell++) {
    const [top, left] = [Math.floor(cell / wide) * size, (cell % wide) * size];
    const [bottom, right] = [Math.min(height, top + size), Math.min(width, left + size)];
    const count = (bottom - top) * (right - left);
    for (let channel = 0; channel < 3; channel++) {
      let [total, squares] = [0, 0];
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const value = rgb[3 * (y * width + x) + channel];
          total += value;
          squares += value * value;
        }
      }
      means[channel][cell] = total / count;
      variances[cell] = Math.max(variances[cell], (count * squares - total ** 2) / count ** 2);
    }
  }
  return { size, wide, high, means, variances };
}

// The cells of a flat region and of those that go on beside it: of the same color, in any light, and both
// together have no gaps.
function withPieces(first, regions, means, wide, high) {
  const color = medianColor(means, first);
  const isShade = (other) => {
    const own = medianColor(means, other);
    const light = sum(own) / Math.max(1, sum(color));
    return own.every((value, channel) => Math.abs(value - light * color[channel]) <= preparation.flat_step);
  };
  let region = first;
  let others = regions.filter((other) => other !== first && isShade(other));
  let before = others.length + 1;
  while (others.length < before) {
    before = others.length;
    for (const other of [...others]) {
      const near = dilate(region, wide, high, preparation.near_piece);
      const both = region.map((inside, at) => inside | other[at]);
      if (!other.some((inside, at) => inside && near[at]) || !isFull(both, wide, high)) continue;
      region = both;
      others = others.filter((one) => one !== other);
    }
  }
  return region;
}

// Whether a region is flat in all but a few cells.
const isFull = (region, wide, high) =>
  count(region) >= preparation.full_sheet * count(filledRegion(region, wide, high));

// The large regions of flat cells, each cell as bright and colored as one beside it; the largest first.
function flatRegions(flat, means, wide, high) {
  const isSeen = new Uint8Array(flat.length);
  const regions = [];
  for (let start = 0; start < flat.length; start++) {
    if (!flat[start] || isSeen[start]) continue;
    const cells = [start];
    isSeen[start] = 1;
    for (let index = 0; index < cells.length; index++) {
      const at = cells[index];
      const x = at % wide;
      const beside = [x > 0 && at - 1, x < wide - 1 && at + 1, at >= wide && at - wide,
        at < wide * (high - 1) && at + wide];
      for (const next of beside) {
        if (next === false || !flat[next] || isSeen[next]) continue;
        if (means.some((values) => Math.abs(values[next] - values[at]) > preparation.flat_step)) continue;
        isSeen[next] = 1;
        cells.push(next);
      }
    }
    if (cells.length >= preparation.least_piece * flat.length) regions.push(cells);
  }
  return regions.sort((one, other) => other.length - one.length).map((cells) => {
    const region = new Uint8Array(flat.length);
    for (const at of cells) region[at] = 1;
    return region;
  });
}

// The cells that are between those of a region, in their row or in their column.
function filledRegion(region, wide, high) {
  const filled = new Uint8Array(region.length);
  const fill = (count, length, place) => {
    for (let line = 0; line < count; line++) {
      const own = Array.from({ length }, (_, index) => place(line, index));
      const inside = own.map((at) => region[at]);
      const [first, last] = [inside.indexOf(1), inside.lastIndexOf(1)];
      for (let index = first; first >= 0 && index <= last; index++) filled[own[index]] = 1;
    }
  };
  fill(high, wide, (y, x) => y * wide + x);
  fill(wide, high, (x, y) => y * wide + x);
  return filled;
}
