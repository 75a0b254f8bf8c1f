// The network: takes the 784 pixels of a digit and returns everything that it computes from them.
//
// The maps of a layer are stored one after the other, each row by row: value (map, y, x) of a layer
// with side s is at map * s * s + y * s + x. A kernel is stored as in Keras: value
// (i, j, channel, filter) is at ((i * 3 + j) * channels + channel) * filters + filter.

function decodeFloats(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function decodeBytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function loadNetwork(data) {
  return {
    mean: data.mean,
    deviation: data.deviation,
    convolutions: data.convolutions.map((convolution) => ({
      channels: convolution.channels,
      filters: convolution.filters,
      pool: convolution.pool,
      kernel: decodeFloats(convolution.kernel),
      scale: decodeFloats(convolution.scale),
      shift: decodeFloats(convolution.shift),
    })),
    dense: decodeFloats(data.dense),
  };
}

// The forward pass. Each block is a 3×3 convolution with a padding of zeros, ReLU, batch
// normalization (one factor and one summand per map) and max pooling.
function forward(network, pixels) {
  const normalized = Float64Array.from(
    pixels,
    (pixel) => (pixel / 255 - network.mean) / network.deviation,
  );
  const layers = [{ kind: "input", maps: 1, side: 28, values: normalized }];
  let previous = layers[0];
  for (const convolution of network.convolutions) {
    const { channels, filters, kernel, scale, shift, pool } = convolution;
    const side = previous.side;
    const values = new Float64Array(filters * side * side);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        for (let channel = 0; channel < channels; channel++) {
          for (let i = 0; i < 3; i++) {
            const row = y + i - 1;
            if (row < 0 || row >= side) continue;
            for (let j = 0; j < 3; j++) {
              const column = x + j - 1;
              if (column < 0 || column >= side) continue;
              const value = previous.values[(channel * side + row) * side + column];
              const at = ((i * 3 + j) * channels + channel) * filters;
              for (let filter = 0; filter < filters; filter++) {
                values[(filter * side + y) * side + x] += value * kernel[at + filter];
              }
            }
          }
        }
      }
    }
    const sums = values.slice();
    for (let at = 0; at < values.length; at++) {
      const filter = Math.floor(at / (side * side));
      values[at] = Math.max(values[at], 0) * scale[filter] + shift[filter];
    }
    const convolved = { kind: "convolution", maps: filters, side, values, sums, convolution, previous };
    const small = Math.floor(side / pool);
    const largest = new Float64Array(filters * small * small).fill(-Infinity);
    for (let filter = 0; filter < filters; filter++) {
      for (let y = 0; y < small * pool; y++) {
        for (let x = 0; x < small * pool; x++) {
          const to = (filter * small + Math.floor(y / pool)) * small + Math.floor(x / pool);
          const value = values[(filter * side + y) * side + x];
          if (value > largest[to]) largest[to] = value;
        }
      }
    }
    const pooled = { kind: "pooling", maps: filters, side: small, values: largest, pool, previous: convolved };
    layers.push(convolved, pooled);
    previous = pooled;
  }
  const logits = new Float64Array(10);
  for (let input = 0; input < previous.values.length; input++) {
    for (let digit = 0; digit < 10; digit++) {
      logits[digit] += previous.values[input] * network.dense[input * 10 + digit];
    }
  }
  const maxLogit = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp(logit - maxLogit));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  const probabilities = Array.from(exponentials, (value) => value / total);
  layers.push({ kind: "logits", maps: 10, side: 1, values: logits, previous });
  return { layers, logits, probabilities };
}
