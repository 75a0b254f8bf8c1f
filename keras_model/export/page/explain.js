// The computation of one selected value: what each operation of its layer does, with its numbers.

const withMinus = (text) => text.replace(/-/g, "−");

function formatNumber(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6) return withMinus(value.toExponential(4).replace("+", ""));
  return withMinus(size >= 0.001 ? value.toFixed(4) : value.toExponential(2));
}

// A number as a summand, and as what is subtracted, with its sign.
const plus = (value) => `${value < 0 ? "−" : "+"} ${formatNumber(Math.abs(value))}`;
const minus = (value) => plus(-value);

// A number of a grid or a scale, where the place is narrow.
function formatShort(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return withMinus(value.toFixed(decimals).replace(/^-(?=0\.0+$)/, "")); // no −0.000
}

// Numbers in rows, each on the color of its value; `largest` has the strongest. The one at `taken` is
// the result.
const STRONGEST = 50; // percent of the scale's color, so that the number on it can be read
function grid(values, columns, largest = largestOf(values), taken = null) {
  const body = make("tbody");
  for (let at = 0; at < values.length; at += columns) {
    const cells = values.slice(at, at + columns).map((value, column) => {
      const cell = make("td", { textContent: formatShort(value), className: at + column === taken ? "taken" : "" });
      const share = (STRONGEST * Math.min(1, Math.abs(value) / largest) ** SMALL_VALUES).toFixed(0);
      const end = value < 0 ? "negative" : "positive";
      cell.style.background = `color-mix(in srgb, var(--scale-${end}) ${share}%, var(--scale-zero))`;
      return cell;
    });
    body.append(make("tr", {}, ...cells));
  }
  return make("table", { className: "grid" }, body);
}

function table(head, rows) {
  const body = make("tbody", {}, make("tr", {}, ...head.map((text) =>
    make("th", { textContent: text, scope: "col" }))));
  for (const row of rows) {
    body.append(make("tr", {}, ...row.map((text) => make("td", { textContent: text }))));
  }
  return make("div", { className: "scroll" }, make("table", { className: "numbers" }, body));
}

// One step of a computation: its name, the formula with its numbers, and the result.
const step = (name, formula = "", result = "") => ({ name, formula, result });

function stepLine({ name, formula, result }) {
  const words = make("span", { className: "words" }, name && formula ? `${name}: ` : name);
  if (formula) words.append(make("span", { className: "formula", textContent: formula }));
  const line = make("p", { className: "step" }, words);
  if (result) line.append(" ", make("span", { className: "step-result", textContent: `= ${result}` }));
  return line;
}

// Explain a value: the steps of its computation, and below them the numbers that a sum or window reads.
function explainValue(layer, map, y, x) {
  const steps = [];
  const details = [];
  let input = layer.previous;
  layer.stage.operations.forEach((operation, index) => {
    const output = layer.steps[index];
    EXPLANATIONS[operation.kind]({ operation, input, map, y, x, value: valueAt(output, map, y, x), steps, details });
    input = output;
  });
  return { steps, details };
}

// What follows a weighted sum: the bias and the activation.
function explainSum({ operation, map, value, steps }, sum) {
  steps.push(step("sum of all products", "", formatNumber(sum)));
  let total = sum;
  if (operation.bias) {
    total += operation.bias[map];
    steps.push(step("", `${plus(operation.bias[map])} (bias)`, formatNumber(total)));
  }
  if (operation.activation !== "linear") {
    steps.push(step("", `${operation.words}(${formatNumber(total)})`, formatNumber(value)));
  }
}

// The formula of a normalization, in words and with its numbers; where there is no γ or β, without it.
function explainNormalization({ operation, input, map, y, x, value, steps }, { mean, variance }) {
  const { gamma, beta, epsilon } = operation;
  const words = ["(value − mean) / √(variance + ε)"];
  const root = `√(${formatNumber(variance)} + ${withMinus(String(Number(epsilon.toPrecision(3))))})`;
  const numbers = [`(${formatNumber(valueAt(input, map, y, x))} ${minus(mean)}) / ${root}`];
  if (gamma) {
    words.push("× γ");
    numbers.push(`× ${formatNumber(gamma[map])}`);
  }
  if (beta) {
    words.push("+ β");
    numbers.push(plus(beta[map]));
  }
  // Lines are broken before the signs of γ and β only.
  const [formula, computation] = [words, numbers].map((parts) =>
    parts.map((part) => part.replaceAll(" ", "\u00a0")).join(" "));
  steps.push(step(`${operation.kind}:\n${formula}`, computation, formatNumber(value)));
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

const NARROW = 3; // columns
const withSign = (sign, numbers) => make("div", { className: "with-sign" }, sign, numbers);
// The window of each channel, its kernel and their products; grids of one kind share a scale.
function windowBlocks(windows, columns, maps) {
  const largest = Object.fromEntries(["values", "weights", "products"].map((name) =>
    [name, largestOf(windows.flatMap((window) => window[name]))]));
  return windows.map(({ channel, values, weights, products, sum }) => {
    const label = make("span", { className: "formula", textContent: `map ${channel + 1}, sum ${formatNumber(sum)}:` });
    const block = make("div", { className: columns <= NARROW ? "windows narrow" : "windows" },
      ...(maps > 1 ? [label] : []), // the sum of one window is above
      grid(values, columns, largest.values),
      withSign("×", grid(weights, columns, largest.weights)),
      withSign("=", grid(products, columns, largest.products)));
    block.addEventListener("pointerenter", () => pointAtSource(channel));
    block.addEventListener("pointerleave", () => pointAtSource(null));
    return block;
  });
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
    drawValues(picture, values, height, width);
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
      return details.push(...productTable(`${input.item} no.`, products));
    }
    const text = channels.length > 1
      ? `Window × kernel = products, for each of the ${channels.length} maps of the previous layer:`
      : "Window × kernel = products:";
    const { shown, others } = largest(windows, MAX_WINDOWS);
    details.push(make("p", { className: "formula", textContent: text }));
    details.push(...windowBlocks(shown, operation.size[1], input.maps));
    if (others.count) {
      const rest = `the other ${others.count} maps, whose sums are smaller: ${formatNumber(others.sum)}`;
      details.push(make("p", { className: "formula", textContent: rest }));
    }
  },
  pooling({ operation, input, map, y, x, value, steps, details }) {
    const name = operation.function === "maximum" ? "Maximum" : "Mean";
    const [rows, columns] = operation.size;
    const inside = windowPlaces(operation, input, y, x).filter((place) => place);
    steps.push(step(operation.function, "", formatNumber(value)));
    const width = new Set(inside.map(([, column]) => column)).size;
    const values = inside.map((place) => valueAt(input, map, ...place));
    details.push(
      make("p", { className: "formula", textContent: `${name} of a ${rows}×${columns} window:` }),
      grid(values, width, largestOf(values), operation.function === "maximum" ? values.indexOf(Math.max(...values)) : null),
    );
  },
  scaling({ operation, input, map, y, x, value, steps }) {
    const product = `${formatNumber(valueAt(input, map, y, x))} × ${formatNumber(operation.scale[map])}`;
    steps.push(step(operation.name, `${product} ${plus(operation.shift[map])}`, formatNumber(value)));
  },
  relu({ operation, input, map, y, x, value, steps }) {
    const given = valueAt(input, map, y, x);
    const number = formatNumber(given);
    if (operation.slope || operation.threshold) {
      const edge = formatNumber(operation.threshold);
      const above = operation.maximum === null ? number : `min(${operation.maximum}, ${number})`;
      const below = `${operation.slope} × (${number}${operation.threshold ? ` − ${edge}` : ""})`;
      const name = `${operation.words}, slope ${operation.slope} below ${edge}`;
      steps.push(step(name, given > operation.threshold ? above : below, formatNumber(value)));
    } else {
      const most = operation.maximum === null ? `max(0, ${number})` : `min(${operation.maximum}, max(0, ${number}))`;
      steps.push(step(operation.words, most, formatNumber(value)));
    }
  },
  activation({ operation, input, map, y, x, value, steps }) {
    steps.push(step("", `${operation.words}(${formatNumber(valueAt(input, map, y, x))})`, formatNumber(value)));
  },
  softmax({ input, map, y, x, value, steps }) {
    const number = formatNumber(valueAt(input, map, y, x));
    steps.push(step("softmax over the channels", `exp(${number}) / sum of exp`, formatNumber(value)));
  },
  "batch normalization"(context) {
    explainNormalization(context, trainedMoments(context.operation, context.map));
  },
  "layer normalization"(context) {
    const { input, y, x, steps } = context;
    const moments = momentsAt(input, y, x);
    steps.push(step(`mean of the ${input.maps} channels`, "", formatNumber(moments.mean)));
    steps.push(step(`variance of the ${input.maps} channels`, "", formatNumber(moments.variance)));
    explainNormalization(context, moments);
  },
  flatten({ value, steps }) {
    steps.push(step("the same value of the layer before", "", formatNumber(value)));
  },
  padding({ value, steps }) {
    steps.push(step("the value of the layer before, or 0 around it", "", formatNumber(value)));
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
    const head = hasPlaces ? (maps > 1 ? "row, column, map" : "row, column") : `${input.item} no.`;
    details.push(...productPictures(input, products), ...productTable(head, products));
  },
};

// --- the panel -----------------------------------------------------------------------------------------

function explain() {
  const { layer: index, map, y, x } = selected;
  const layer = state.layers[index];
  const value = valueAt(layer, map, y, x);
  const { steps, details } = index === 0
    ? { steps: explainPixel(state.pixels[y * 28 + x], value), details: [] }
    : explainValue(layer, map, y, x);
  if (index === LAST) steps.push(...explainProbability(map, value));
  const panel = $("computation");
  panel.classList.remove("empty");
  panel.replaceChildren(
    panelHead(index, map, y, x, value),
    ...steps.map(stepLine),
    make("div", { className: "details" }, ...details),
  );
  panel.scrollTop = 0;
}

function panelHead(index, map, y, x, value) {
  const { height, width } = state.layers[index];
  const { name, item } = SHOWN[index];
  const place = [];
  if (index) place.push(index === LAST ? `digit ${map}` : `${item} ${map + 1}`); // the input is one
  if (height * width > 1) place.push(`row ${y + 1}`, `column ${x + 1}`);
  const close = make("button", { type: "button", className: "quiet icon close", textContent: "×" });
  close.setAttribute("aria-label", "Close the computation");
  close.addEventListener("click", () => select(null));
  return make("div", { className: "head" },
    make("h3", { textContent: name }),
    make("p", { className: "note", textContent: place.join(", ") }),
    make("span", {
      className: `result-value ${value ? (value < 0 ? "negative" : "positive") : ""}`,
      textContent: formatNumber(value),
    }),
    close);
}

function explainNothing() {
  const panel = $("computation");
  panel.classList.add("empty");
  const textContent = state
    ? "Select a value of a map: its computation appears here."
    : "Draw a digit or choose one: its layers appear here.";
  panel.replaceChildren(make("p", { className: "note", textContent }));
}

function explainPixel(pixel, value) {
  const { divisor, mean, deviation } = data.scaling;
  const steps = [step("pixel, 0 is paper and 255 ink", "", `${pixel}`)];
  const share = divisor === 1 ? `${pixel}` : `${pixel}/${divisor}`;
  const formula = mean === 0 && deviation === 1 ? share : `(${share} − ${mean})/${deviation}`;
  if (formula !== `${pixel}`) steps.push(step("normalized", formula, formatNumber(value)));
  return steps;
}

const MAX_EXPONENT = 100;
function explainProbability(digit, logit) {
  const percent = `${(100 * state.probabilities[digit]).toFixed(2)} %`;
  if (network.output === "sigmoid") {
    return [step("probability (sigmoid)", `1 / (1 + exp(${formatNumber(-logit)}))`, percent)];
  }
  // The same number is subtracted from large logits, whose exp a computer cannot compute.
  const most = Math.max(...state.logits);
  const subtracted = Math.abs(most) > MAX_EXPONENT ? most : 0;
  const power = formatNumber(Math.exp(logit - subtracted));
  const total = formatNumber(state.logits.reduce((sum, other) => sum + Math.exp(other - subtracted), 0));
  const less = subtracted ? ` ${minus(subtracted)}` : "";
  return [
    step("", `exp(${formatNumber(logit)}${less})`, power),
    step(`sum of exp(logit${subtracted ? " − the largest logit" : ""}) of the ten digits`, "", total),
    step("probability (softmax)", `${power} / ${total}`, percent),
  ];
}
