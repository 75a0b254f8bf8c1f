// Which readings are unsure: the rule of keras_model/handwriting/doubt.py, with what it measured.

const measure = {
  ...data.doubt,
  centers: decodeFloats(data.doubt.centers), // of a digit after the other
  whitening: decodeFloats(data.doubt.whitening), // a lower triangle, row by row
};

// Why a digit that was found may be none, or another one; empty if nothing speaks for that. A test digit
// is one.
function doubtOf({ layers, probabilities, box, isDash, isTiny, mayTouch }) {
  if (mayTouch) return "unsure: it may be two digits that touch";
  if (!box) return "";
  const mayBeNone = isDash || isTiny || doubtfulness(layers, probabilities) > measure.limit;
  return mayBeNone ? "unsure: it may be no digit" : "";
}

// How far the maps are from those of a digit, and how low the probability is.
function doubtfulness(layers, probabilities) {
  const logarithm = Math.log(1 - Math.max(...probabilities) + measure.rounding);
  return distanceFromDigits(layers) + measure.probability_weight * logarithm;
}

function distanceFromDigits(layers) {
  const means = measure.maps
    .flatMap(([stage, step]) => meansOfMaps(layers[stage + 1].steps[step])) // the first layer is the digit
    .filter((_, at) => at % measure.mean_stride === 0);
  const point = means.map((_, column) => {
    let sum = 0;
    for (let row = column; row < means.length; row++) {
      sum += means[row] * measure.whitening[(row * (row + 1)) / 2 + column];
    }
    return sum;
  });
  const squares = Array.from({ length: 10 }, (_, digit) =>
    point.reduce((sum, value, at) => sum + (value - measure.centers[digit * point.length + at]) ** 2, 0));
  return Math.sqrt(Math.min(...squares));
}

function meansOfMaps({ maps, values }) {
  const size = values.length / maps;
  return Array.from({ length: maps }, (_, map) =>
    values.subarray(map * size, (map + 1) * size).reduce((sum, value) => sum + value, 0) / size);
}
