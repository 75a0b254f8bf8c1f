// How much ink each pixel of a picture has, whatever the paper, its light and its color: the steps of
// keras_model/handwriting/ink.py. A picture is { rgb, width, height }, with three bytes per pixel.

const oddSize = (length) => Math.max(3, Math.floor(roundEven(length) / 2) * 2 + 1);

function isGray({ rgb }) {
  for (let at = 0; at < rgb.length; at += 3) {
    if (rgb[at] !== rgb[at + 1] || rgb[at] !== rgb[at + 2]) return false;
  }
  return true;
}

// What may be the ink of a picture: dark, bright, or of a color.
function inksOf(picture) {
  const { rgb, width, height } = picture;
  const inks = [];
  if (Math.min(width, height) < preparation.smallest) return inks;
  const axes = isGray(picture) ? preparation.axes.slice(0, 1) : preparation.axes;
  axes.forEach((axis, number) => {
    const plane = new Float64Array(width * height);
    for (let at = 0; at < plane.length; at++) {
      plane[at] = axis[0] * rgb[3 * at] + axis[1] * rgb[3 * at + 1] + axis[2] * rgb[3 * at + 2];
    }
    const least = Math.max(preparation.min_contrast, preparation.noise_contrast * noiseOf(plane, width, height));
    const weight = number === 0 ? preparation.luminance_weight : 1;
    const hasLight = number === 0;
    for (const values of darkAndBright(plane, width, height, hasLight)) {
      const most = Math.min(width, height) < preparation.small_picture
        ? values.reduce((a, b) => Math.max(a, b), 0)
        : largestMean(values, width, height);
      if (most >= least) {
        const faint = Math.max(least, preparation.faint * most);
        inks.push({ values, plane, width, height, least: faint, weight, hasLight });
      }
    }
  });
  return inks;
}

// The standard deviation of the noise, from differences of neighbors.
function noiseOf(plane, width, height) {
  if (width < 2) return 0;
  const differences = new Float64Array(Math.ceil(height / 2) * (width - 1));
  let count = 0;
  for (let y = 0; y < height; y += 2) {
    for (let x = 1; x < width; x++) differences[count++] = Math.abs(plane[y * width + x] - plane[y * width + x - 1]);
  }
  return quantile(differences, 0.5) / preparation.noise_median;
}

// The ink of one plane that is below the paper, and the ink that is above.
function darkAndBright(plane, width, height, hasLight) {
  const side = oddSize(preparation.stroke * Math.min(width, height));
  const { paper, brighter } = papersOf(plane, width, height, hasLight);
  const below = closing(plane, width, height, side);
  const above = opening(plane, width, height, side);
  const dark = new Float64Array(plane.length);
  const bright = new Float64Array(plane.length);
  for (let at = 0; at < plane.length; at++) {
    const under = Math.min(below[at], brighter[at]);
    const over = Math.max(above[at], paper[at]);
    dark[at] = Math.max(0, under - plane[at]);
    bright[at] = Math.max(0, plane[at] - over);
    if (hasLight) dark[at] = (255 * dark[at]) / Math.max(under, preparation.darkest_paper);
  }
  return [dark, bright];
}

// The paper around each pixel of bright ink, and of dark ink: the median of the surroundings, from a much
// smaller picture. Where most of them are a table, the paper of dark ink is a higher quantile.
function papersOf(plane, width, height, hasLight) {
  const scale = Math.min(1, preparation.paper_grid / Math.max(width, height));
  const [wide, high] = [width, height].map((length) => Math.max(1, roundEven(length * scale)));
  const small = resize(Float32Array.from(plane), width, height, wide, high, FILTERS.box);
  const window = oddSize(preparation.paper_window * Math.min(wide, high));
  const [middle, bright] = rankFilter(small, wide, high, window, [0.5, preparation.sheet]);
  const enlarged = (values) => resize(values, wide, high, width, height, FILTERS.bilinear);
  const paper = enlarged(middle);
  const isTable = (value, at) => value < preparation.table * bright[at];
  if (!hasLight || !middle.some(isTable)) return { paper, brighter: paper };
  return { paper, brighter: enlarged(middle.map((value, at) => (isTable(value, at) ? bright[at] : value))) };
}
