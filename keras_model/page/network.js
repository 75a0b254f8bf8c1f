// The network: 784 numbers in, everything that it computes out.
//
// Maps are stored row by row, all maps of a layer one after the other: value (map, y, x) of a
// layer with side s is at map * s * s + y * s + x. A kernel is stored as Keras has it: value
// (i, j, channel, filter) is at ((i * 3 + j) * channels + channel) * filters + filter.

function decodeFloats(base64) {
  const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function decodeBytes(base64) {
  return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
}

function loadNetwork(data) {
  return {
    mean: data.mean,
    deviation: data.deviation,
    convolutions: data.convolutions.map((one) => ({
      channels: one.channels,
      filters: one.filters,
      pool: one.pool,
      kernel: decodeFloats(one.kernel),
      scale: decodeFloats(one.scale),
      shift: decodeFloats(one.shift),
    })),
    dense: decodeFloats(data.dense),
  };
}

// The forward pass. Each convolution is 3×3 with a border of zeros, then ReLU, then batch
// normalisation (a factor and a summand per map), then the largest of each pooling window.
function forward(network, pixels) {
  const normalised = Float64Array.from(
    pixels,
    (pixel) => (pixel / 255 - network.mean) / network.deviation,
  );
  const layers = [{ kind: "input", maps: 1, side: 28, values: normalised }];
  let before = layers[0];
  for (const convolution of network.convolutions) {
    const { channels, filters, kernel, scale, shift, pool } = convolution;
    const side = before.side;
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
              const value = before.values[(channel * side + row) * side + column];
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
    const normal = { kind: "convolution", maps: filters, side, values, sums, convolution, before };
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
    const pooled = { kind: "pooling", maps: filters, side: small, values: largest, pool, before: normal };
    layers.push(normal, pooled);
    before = pooled;
  }
  const logits = new Float64Array(10);
  for (let input = 0; input < before.values.length; input++) {
    for (let digit = 0; digit < 10; digit++) {
      logits[digit] += before.values[input] * network.dense[input * 10 + digit];
    }
  }
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const probabilities = Array.from(powers, (power) => power / total);
  layers.push({ kind: "logits", maps: 10, side: 1, values: logits, before });
  return { layers, logits, probabilities };
}
