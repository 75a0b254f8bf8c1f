// The computation of one selected value: what each operation of its layer does, with its numbers.

const formatNumber = (value) => {
  if (value === 0) return "0";
  return Math.abs(value) >= 0.001 ? value.toFixed(4) : value.toExponential(2);
};

function grid(values, columns) {
  const body = make("tbody");
  for (let at = 0; at < values.length; at += columns) {
    const cells = values.slice(at, at + columns).map((value) =>
      make("td", { textContent: formatNumber(value), className: value < 0 ? "negative" : "" }),
    );
    body.append(make("tr", {}, ...cells));
  }
  return make("table", {}, body);
}

function table(head, rows) {
  const body = make("tbody", {}, make("tr", {}, ...head.map((text) =>
    make("th", { textContent: text, scope: "col" }))));
  for (const row of rows) {
    body.append(make("tr", {}, ...row.map((text) => make("td", { textContent: text }))));
  }
  return make("table", {}, body);
}

// Explain a value: what is computed as lines, and below them the numbers that a sum or window reads.
function explainValue(layer, map, y, x) {
  const lines = [];
  const details = [];
  let input = layer.previous;
  layer.stage.operations.forEach((operation, index) => {
    const output = layer.steps[index];
    EXPLANATIONS[operation.kind]({ operation, input, map, y, x, value: valueAt(output, map, y, x), lines, details });
    input = output;
  });
  return { lines, details };
}

// What follows a weighted sum: the bias and the activation.
function explainSum({ operation, map, value, lines }, sum) {
  lines.push(`sum of all products = ${formatNumber(sum)}`);
  let total = sum;
  if (operation.bias) {
    total += operation.bias[map];
    lines.push(`+ bias (${formatNumber(operation.bias[map])}) = ${formatNumber(total)}`);
  }
  if (operation.activation !== "linear") {
    lines.push(`${operation.words}(${formatNumber(total)}) = ${formatNumber(value)}`);
  }
}

const EXPLANATIONS = {
  convolution(context) {
    const { operation, input, map, y, x, details } = context;
    const places = windowPlaces(operation, input, y, x);
    const { channels, weight } = kernelOf(operation, input, map);
    let total = 0;
    const blocks = channels.map((channel) => {
      const window = places.map((place) => (place ? valueAt(input, channel, ...place) : 0));
      const weights = window.map((_, place) => weight(place, channel));
      const products = window.map((number, place) => number * weights[place]);
      const sum = products.reduce((a, b) => a + b, 0);
      total += sum;
      const label = input.maps > 1 ? `map ${channel + 1}, sum ` : "sum ";
      const columns = operation.size[1];
      return make("div", { className: "windows" },
        make("span", { className: "formula", textContent: `${label}${formatNumber(sum)}:` }),
        grid(window, columns), "×", grid(weights, columns), "=", grid(products, columns));
    });
    explainSum(context, total);
    const text = channels.length > 1
      ? `Window × kernel = products, for each of the ${channels.length} maps of the previous layer:`
      : "Window × kernel = products:";
    details.push(make("p", { className: "formula", textContent: text }), ...blocks);
  },
  pooling({ operation, input, map, y, x, value, lines, details }) {
    const name = operation.function === "maximum" ? "Maximum" : "Mean";
    const [rows, columns] = operation.size;
    const inside = windowPlaces(operation, input, y, x).filter((place) => place);
    lines.push(`${operation.function} = ${formatNumber(value)}`);
    const width = new Set(inside.map(([, column]) => column)).size;
    details.push(
      make("p", { className: "formula", textContent: `${name} of a ${rows}×${columns} window:` }),
      grid(inside.map((place) => valueAt(input, map, ...place)), width),
    );
  },
  scaling({ operation, input, map, y, x, value, lines }) {
    lines.push(
      `${operation.name}: ${formatNumber(valueAt(input, map, y, x))} × ${formatNumber(operation.scale[map])}` +
        ` + (${formatNumber(operation.shift[map])}) = ${formatNumber(value)}`,
    );
  },
  relu({ operation, input, map, y, x, value, lines }) {
    const number = formatNumber(valueAt(input, map, y, x));
    if (operation.slope || operation.threshold) {
      const edge = operation.threshold ? formatNumber(operation.threshold) : "0";
      lines.push(`${operation.words}, slope ${operation.slope} below ${edge}: ${number} → ${formatNumber(value)}`);
    } else if (operation.maximum !== null) {
      lines.push(`${operation.words}: min(${operation.maximum}, max(0, ${number})) = ${formatNumber(value)}`);
    } else {
      lines.push(`${operation.words}: max(0, ${number}) = ${formatNumber(value)}`);
    }
  },
  activation({ operation, input, map, y, x, value, lines }) {
    lines.push(`${operation.words}(${formatNumber(valueAt(input, map, y, x))}) = ${formatNumber(value)}`);
  },
  softmax({ input, map, y, x, value, lines }) {
    const number = formatNumber(valueAt(input, map, y, x));
    lines.push(`softmax over the channels: exp(${number}) / sum of exp = ${formatNumber(value)}`);
  },
  "layer normalization"({ operation, input, map, y, x, value, lines }) {
    const { mean, deviation } = momentsAt(operation, input, y, x);
    const gamma = operation.gamma?.[map] ?? 1;
    const beta = operation.beta?.[map] ?? 0;
    lines.push(`of the ${input.maps} channels: mean ${formatNumber(mean)}, √(variance + ε) ${formatNumber(deviation)}`);
    lines.push(
      `layer normalization: (${formatNumber(valueAt(input, map, y, x))} − (${formatNumber(mean)})) / ${formatNumber(deviation)}` +
        ` × ${formatNumber(gamma)} + (${formatNumber(beta)}) = ${formatNumber(value)}`,
    );
  },
  flatten({ value, lines }) {
    lines.push(`the same value of the layer before: ${formatNumber(value)}`);
  },
  padding({ value, lines }) {
    lines.push(`the value of the layer before, or 0 around it: ${formatNumber(value)}`);
  },
  dense(context) {
    const { operation, input, map, details } = context;
    const values = flattened(input);
    const units = operation.shape[2];
    let total = 0;
    const rows = Array.from(values, (number, at) => {
      const weight = operation.kernel[at * units + map];
      total += number * weight;
      return [`${at + 1}`, formatNumber(number), formatNumber(weight), formatNumber(number * weight)];
    });
    explainSum(context, total);
    details.push(table([input.height * input.width > 1 ? "input" : "map", "value", "× weight", "= product"], rows));
  },
};
