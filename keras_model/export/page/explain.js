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

// The terms of a sum that are shown, in their order: all, or the largest, and what the others add.
const MAX_WINDOWS = 64;
const MAX_PRODUCTS = 100;
const SHOWN_OF_MANY = 30;
function largest(terms, maximum) {
  if (terms.length <= maximum) return { shown: terms, others: { count: 0, sum: 0 } };
  const sizes = terms.map(({ sum }) => Math.abs(sum)).sort((a, b) => b - a);
  const least = sizes[SHOWN_OF_MANY - 1];
  const shown = terms.filter(({ sum }) => Math.abs(sum) >= least).slice(0, SHOWN_OF_MANY);
  const others = terms.filter((term) => !shown.includes(term));
  return { shown, others: { count: others.length, sum: others.reduce((total, { sum }) => total + sum, 0) } };
}

function windowBlock({ channel, values, weights, products, sum }, columns, maps) {
  const label = maps > 1 ? `map ${channel + 1}, sum ` : "sum ";
  return make("div", { className: "windows" },
    make("span", { className: "formula", textContent: `${label}${formatNumber(sum)}:` }),
    grid(values, columns), "×", grid(weights, columns), "=", grid(products, columns));
}

// A table of values, each times its weight; of many, those with the largest products.
function productTable(head, products) {
  const terms = products.map((product) => ({ ...product, sum: product.value * product.weight }));
  const { shown, others } = largest(terms, MAX_PRODUCTS);
  const rows = shown.map(({ label, value, weight, sum }) =>
    [label, formatNumber(value), formatNumber(weight), formatNumber(sum)]);
  if (others.count) rows.push([`the other ${others.count}`, "", "", formatNumber(others.sum)]);
  const text = `The ${shown.length} largest of ${terms.length} products:`;
  const note = others.count ? [make("p", { className: "formula", textContent: text })] : [];
  return [...note, table([head, "value", "× weight", "= product"], rows)];
}

// Pictures of a layer's map, of its weights and of the products, where it is one map of many values.
const MIN_PICTURE = 8; // rows and columns
function productPictures({ maps, height, width }, products) {
  if (maps > 1 || Math.min(height, width) < MIN_PICTURE) return [];
  const pictures = [
    ["values", products.map(({ value }) => value)],
    ["weights", products.map(({ weight }) => weight)],
    ["products", products.map(({ value, weight }) => value * weight)],
  ].map(([name, values]) => {
    const picture = make("canvas", { role: "img", ariaLabel: `The ${name} as a picture` });
    const scale = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    drawMap(picture, values, height, width, SIGNED_COLORS, { scale, zero: 255 });
    return make("figure", {}, picture, make("figcaption", { textContent: name }));
  });
  return [make("div", { className: "pictures" }, pictures[0], "×", pictures[1], "=", pictures[2])];
}

const EXPLANATIONS = {
  convolution(context) {
    const { operation, input, map, y, x, details } = context;
    const places = windowPlaces(operation, input, y, x);
    const { channels, weight } = kernelOf(operation, input, map);
    const windows = channels.map((channel) => {
      const values = places.map((place) => (place ? valueAt(input, channel, ...place) : 0));
      const weights = values.map((_, place) => weight(place, channel));
      const products = values.map((number, place) => number * weights[place]);
      return { channel, values, weights, products, sum: products.reduce((a, b) => a + b, 0) };
    });
    explainSum(context, windows.reduce((total, { sum }) => total + sum, 0));
    if (places.length === 1 && channels.length > 1) {
      const products = windows.map(({ channel, values, weights }) => ({
        label: `${channel + 1}`, value: values[0], weight: weights[0],
      }));
      return details.push(...productTable(input.item, products));
    }
    const text = channels.length > 1
      ? `Window × kernel = products, for each of the ${channels.length} maps of the previous layer:`
      : "Window × kernel = products:";
    const { shown, others } = largest(windows, MAX_WINDOWS);
    details.push(make("p", { className: "formula", textContent: text }));
    details.push(...shown.map((window) => windowBlock(window, operation.size[1], input.maps)));
    if (others.count) {
      const rest = `the other ${others.count} maps, whose sums are smaller: ${formatNumber(others.sum)}`;
      details.push(make("p", { className: "formula", textContent: rest }));
    }
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
    const { maps, height, width } = input;
    const units = operation.shape[2];
    const hasPlaces = height * width > 1;
    const products = Array.from(flattened(input), (value, at) => {
      const place = Math.floor(at / maps);
      const label = [Math.floor(place / width) + 1, (place % width) + 1, (at % maps) + 1];
      return {
        label: hasPlaces ? label.slice(0, maps > 1 ? 3 : 2).join(", ") : `${label[2]}`,
        value,
        weight: operation.kernel[at * units + map],
      };
    });
    explainSum(context, products.reduce((total, { value, weight }) => total + value * weight, 0));
    const head = hasPlaces ? (maps > 1 ? "row, column, map" : "row, column") : input.item;
    details.push(...productPictures(input, products), ...productTable(head, products));
  },
};
