// The sheet of paper on a patterned table, whose pattern would be ink: the steps of
// keras_model/handwriting/sheet.py. Cells are squares of pixels, of which there are wide × high.

// A picture { rgb, width, height } with the color of its sheet instead of the pattern around it; the same
// picture, if there is no such table.
function withoutTable(picture) {
  const { size, wide, high, means, variances } = cellsOf(picture);
  const least = Float64Array.from(variances).sort()[Math.floor(preparation.flat_quantile * variances.length)];
  const most = Math.max(preparation.flat_deviation ** 2, preparation.flat_noise ** 2 * least);
  const flat = Uint8Array.from(variances, (variance) => (variance <= most ? 1 : 0));
  const region = largestRegion(flat, means, wide, high);
  const sheet = filledRegion(region, wide, high);
  const around = dilate(sheet, wide, high, 2).map((inside) => 1 - inside);
  const count = (mask) => mask.reduce((sum, inside) => sum + inside, 0);
  if (count(region) < preparation.least_sheet * region.length ||
    count(region) < preparation.full_sheet * count(sheet) ||
    count(around) < preparation.least_table * around.length ||
    count(around.map((inside, at) => inside & ~flat[at])) < preparation.pattern * count(around)) return picture;
  const color = means.map((values) => values.filter((_, at) => region[at]).sort()[Math.floor(count(region) / 2)]);
  const rgb = picture.rgb.slice();
  let [pixels, same] = [0, 0]; // of the table, and those of the sheet's color
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      const cell = Math.floor(y / size) * wide + Math.floor(x / size);
      const at = 3 * (y * picture.width + x);
      if (around[cell]) {
        pixels += 1;
        same += color.every((value, channel) => Math.abs(rgb[at + channel] - value) <= preparation.same_color) ? 1 : 0;
      }
      if (!sheet[cell]) rgb.set(color, at);
    }
  }
  return same / pixels > preparation.same_pixels ? picture : { ...picture, rgb };
}

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

// The most flat cells of which each is as bright and colored as one beside it.
function largestRegion(flat, means, wide, high) {
  const isSeen = new Uint8Array(flat.length);
  let largest = [];
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
    if (cells.length > largest.length) largest = cells;
  }
  const region = new Uint8Array(flat.length);
  for (const at of largest) region[at] = 1;
  return region;
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
