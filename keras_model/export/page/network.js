// The network: takes the 784 pixels of a digit and returns everything that it computes from them.
//
// A layer is { maps, height, width, values }. Its maps are stored one after the other, each row by
// row: value (map, y, x) is at (map * height + y) * width + x. A layer without maps, such as a dense
// one, has maps of 1×1. Kernels are stored as in Keras: the value (i, j, channel, filter) is at
// ((i * columns + j) * channels + channel) * filters + filter.
//
// ACTIVATIONS, the activation functions by Keras' names, comes before this script.

function decodeFloats(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function decodeBytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

// The pixels of a digit, of which each run of zeros is stored as a zero and its length.
function decodePixels(base64) {
  const stored = decodeBytes(base64);
  const pixels = new Uint8Array(784);
  let at = 0;
  for (let from = 0; from < stored.length; from++) {
    if (stored[from]) pixels[at++] = stored[from];
    else at += stored[++from];
  }
  return pixels;
}

// Error function by its series without cancellation (Abramowitz and Stegun, 7.1.6).
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function loadNetwork(data) {
  const stages = data.stages.map((stage) => ({
    ...stage,
    operations: stage.operations.map((operation) => {
      const loaded = { ...operation };
      for (const [name, values] of Object.entries(operation.arrays)) loaded[name] = decodeFloats(values);
      return loaded;
    }),
  }));
  return { scaling: data.scaling, output: data.output, stages };
}

function scalePixel(scaling, pixel) {
  return (pixel / scaling.divisor - scaling.mean) / scaling.deviation;
}

const valueAt = (layer, map, y, x) => layer.values[(map * layer.height + y) * layer.width + x];

function makeLayer(shape, valueOf) {
  const [height, width, maps] = shape;
  const values = new Float64Array(maps * height * width);
  let at = 0;
  for (let map = 0; map < maps; map++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) values[at++] = valueOf(map, y, x);
    }
  }
  return { maps, height, width, values };
}

// The places of the layer before that a window covers: [row, column] or null for the padding.
function windowPlaces(operation, input, y, x) {
  const [rows, columns] = operation.size;
  const [down, across] = operation.strides;
  const [belowStep, rightStep] = operation.dilation ?? [1, 1];
  const places = [];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const row = y * down - operation.before[0] + i * belowStep;
      const column = x * across - operation.before[1] + j * rightStep;
      const isInside = row >= 0 && column >= 0 && row < input.height && column < input.width;
      places.push(isInside ? [row, column] : null);
    }
  }
  return places;
}

// The channels of the input that a map of a convolution reads, and where its weights are.
function kernelOf(operation, input, map) {
  const [rows, columns] = operation.size;
  const cells = rows * columns;
  const outputs = operation.kernel.length / (cells * input.maps);
  if (operation.depthwise) {
    const channel = Math.floor(map / outputs);
    const filter = map % outputs;
    return { channels: [channel], weight: (place) => operation.kernel[(place * input.maps + channel) * outputs + filter] };
  }
  const channels = Array.from({ length: input.maps }, (_, channel) => channel);
  return { channels, weight: (place, channel) => operation.kernel[(place * input.maps + channel) * outputs + map] };
}

// The weights of each map of a convolution, in the order of its channels and, for each, its places.
function filtersOf(operation, input, maps) {
  const size = operation.size[0] * operation.size[1];
  return Array.from({ length: maps }, (_, map) => {
    const { channels, weight } = kernelOf(operation, input, map);
    const weights = new Float64Array(channels.length * size);
    channels.forEach((channel, index) => {
      for (let place = 0; place < size; place++) weights[index * size + place] = weight(place, channel);
    });
    return { first: channels[0] * size, weights };
  });
}

function convolve(operation, input, shape) {
  const [height, width, maps] = shape;
  const values = new Float64Array(maps * height * width);
  operation.filters ??= filtersOf(operation, input, maps);
  const size = operation.size[0] * operation.size[1];
  const mapSize = input.height * input.width;
  const window = new Float64Array(input.maps * size); // of all channels
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      windowPlaces(operation, input, y, x).forEach((place, index) => {
        const offset = place ? place[0] * input.width + place[1] : -1;
        for (let channel = 0; channel < input.maps; channel++) {
          window[channel * size + index] = place ? input.values[channel * mapSize + offset] : 0;
        }
      });
      for (let map = 0; map < maps; map++) {
        const { first, weights } = operation.filters[map];
        let sum = 0;
        for (let at = 0; at < weights.length; at++) sum += weights[at] * window[first + at];
        values[(map * height + y) * width + x] = finish(operation, sum, map);
      }
    }
  }
  return { maps, height, width, values };
}

// The bias and the activation of a weighted sum.
function finish(operation, sum, map) {
  return ACTIVATIONS[operation.activation](sum + (operation.bias ? operation.bias[map] : 0));
}

// The input of a dense layer, in Keras' order of a flattened layer: the channels of a pixel together.
function flattened(input) {
  const values = new Float64Array(input.values.length);
  let at = 0;
  for (let y = 0; y < input.height; y++) {
    for (let x = 0; x < input.width; x++) {
      for (let map = 0; map < input.maps; map++) values[at++] = valueAt(input, map, y, x);
    }
  }
  return values;
}

function relu(operation, value) {
  if (value <= operation.threshold) return operation.slope * (value - operation.threshold);
  return operation.maximum === null ? value : Math.min(value, operation.maximum);
}

// The mean and the variance of a map in training, for batch normalization.
function trainedMoments(operation, map) {
  return { mean: operation.moving_mean[map], variance: operation.moving_variance[map] };
}

// The mean and the variance of the channels at a place, for layer normalization.
function momentsAt(input, y, x) {
  let mean = 0;
  let variance = 0;
  for (let map = 0; map < input.maps; map++) mean += valueAt(input, map, y, x) / input.maps;
  for (let map = 0; map < input.maps; map++) {
    variance += (valueAt(input, map, y, x) - mean) ** 2 / input.maps;
  }
  return { mean, variance };
}

// (value − mean) / √(variance + ε) × γ + β
function normalize(operation, value, { mean, variance }, map) {
  const normal = (value - mean) / Math.sqrt(variance + operation.epsilon);
  return normal * (operation.gamma?.[map] ?? 1) + (operation.beta?.[map] ?? 0);
}

function softmaxOf(values) {
  const largest = Math.max(...values);
  const exponentials = Array.from(values, (value) => Math.exp(value - largest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

const channelsAt = (input, y, x) =>
  Array.from({ length: input.maps }, (_, map) => valueAt(input, map, y, x));

// What each kind of operation computes: a layer of a shape [height, width, maps] from the one before.
const OPERATIONS = {
  convolution: convolve,
  pooling: (operation, input, shape) =>
    makeLayer(shape, (map, y, x) => {
      const inside = windowPlaces(operation, input, y, x).filter((place) => place);
      const values = inside.map((place) => valueAt(input, map, ...place));
      if (operation.function === "maximum") return Math.max(...values);
      return values.reduce((a, b) => a + b, 0) / values.length;
    }),
  scaling: (operation, input, shape) =>
    makeLayer(shape, (map, y, x) => valueAt(input, map, y, x) * operation.scale[map] + operation.shift[map]),
  relu: (operation, input, shape) =>
    makeLayer(shape, (map, y, x) => relu(operation, valueAt(input, map, y, x))),
  activation: (operation, input, shape) =>
    makeLayer(shape, (map, y, x) => ACTIVATIONS[operation.activation](valueAt(input, map, y, x))),
  softmax: (operation, input, shape) =>
    makeLayer(shape, (map, y, x) => softmaxOf(channelsAt(input, y, x))[map]),
  "batch normalization": (operation, input, shape) =>
    makeLayer(shape, (map, y, x) =>
      normalize(operation, valueAt(input, map, y, x), trainedMoments(operation, map), map)),
  "layer normalization": (operation, input, shape) =>
    makeLayer(shape, (map, y, x) => {
      const moments = momentsAt(input, y, x);
      return normalize(operation, valueAt(input, map, y, x), moments, map);
    }),
  flatten: (operation, input, shape) => {
    const values = flattened(input);
    return makeLayer(shape, (map, y, x) => values[(y * shape[1] + x) * shape[2] + map]);
  },
  padding: (operation, input, shape) =>
    makeLayer(shape, (map, y, x) => {
      const row = y - operation.before[0];
      const column = x - operation.before[1];
      const isInside = row >= 0 && column >= 0 && row < input.height && column < input.width;
      return isInside ? valueAt(input, map, row, column) : 0;
    }),
  dense: (operation, input, shape) => {
    const values = flattened(input);
    const units = shape[2];
    return makeLayer(shape, (unit) => {
      let sum = 0;
      for (let at = 0; at < values.length; at++) sum += values[at] * operation.kernel[at * units + unit];
      return finish(operation, sum, unit);
    });
  },
};

// The forward pass. `steps` of a layer are what each of its operations gives, from the first on.
function forward(network, pixels) {
  const first = makeLayer([28, 28, 1], (map, y, x) => scalePixel(network.scaling, pixels[y * 28 + x]));
  const layers = [{ ...first, steps: [], item: "map" }];
  for (const stage of network.stages) {
    let current = layers.at(-1);
    const previous = current;
    const steps = stage.operations.map((operation) => {
      current = OPERATIONS[operation.kind](operation, current, operation.shape);
      return current;
    });
    layers.push({ ...current, stage, previous, steps, item: stage.item });
  }
  const logits = layers.at(-1).values;
  const probabilities = network.output === "sigmoid"
    ? Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)))
    : softmaxOf(logits);
  return { layers, logits, probabilities };
}
