// Where everything stands in the drawing of the network.
//
// Each neuron is a card, and each of its weights a port at the left of it, so that all numbers have
// room. With many weights per neuron, weight and gradient share a line.

const GRADIENT = (name) => `∂E/∂${name}`;

// The ports of a neuron: its weights, then its bias.
const portsOf = (sumName) => [
  ...Object.keys(exercise.connections).filter((name) => exercise.connections[name][1] === sumName),
  ...Object.keys(exercise.biasTargets).filter((name) =>
    exercise.biasTargets[name].includes(sumName)),
];

const PORTS = Object.fromEntries(
  exercise.layers.flat().map(([sumName]) => [sumName, portsOf(sumName)]),
);

// The derivatives that a neuron's card shows besides its sum and its activation.
const derivativesOf = (neuron) =>
  [...neuron].reverse().map(GRADIENT).filter((name) => name in quantities);

const mostPorts = Math.max(
  ...exercise.layers.map((layer) => layer.reduce((count, [s]) => count + PORTS[s].length, 0)),
);
const isDense = mostPorts > 14;

// The widths of the parts at four levels of room, in pixels: of an input, a card, a port (of a weight
// and a gradient that share a line), the error, the least of the connections, and beside the ports.
const LEVELS = {
  large: { input: 88, card: 146, port: 148, shared: [104, 88], error: 120, curve: 60, beside: 8 },
  wide: { input: 66, card: 126, port: 128, shared: [88, 74], error: 100, curve: 36, beside: 6 },
  medium: { input: 58, card: 104, port: 96, shared: [84, 72], error: 96, curve: 28, beside: 6 },
  narrow: { input: 42, card: 72, port: 68, shared: [74, 66], error: 72, curve: 11, beside: 4 },
};

function sizes(level) {
  const widths = { ...LEVELS[level] };
  const line = isDense ? 18 : level === "large" ? 23 : 19;
  const [half, other] = widths.shared;
  // Names like h1,2 are long; there are some if there are several hidden layers.
  if (exercise.layers.length > 2) widths.card += 8;
  return {
    ...widths,
    level,
    line,
    half,
    hasLittleRoom: level === "medium" || level === "narrow",
    pad: { large: 9, wide: isDense ? 5 : 8, medium: 5, narrow: 3 }[level], // beside a number
    thickest: isDense || level === "narrow" ? 2.6 : 4.5, // connection
    pill: isDense ? half + other : widths.port,
    pillHeight: isDense ? line : 2 * line,
    curve: isDense ? Math.max(widths.curve, 28) : widths.curve,
    gap: isDense ? 12 : level === "narrow" ? 20 : 28,
    between: isDense ? 2 : 6, // between ports
    head: 34,
  };
}

const columnsOf = (size) =>
  size.input + exercise.layers.length * (size.curve + size.pill + size.beside + size.card) + 4;

const withErrors = (size) => columnsOf(size) + size.curve + size.error;

// The roomiest sizes that fit into a width. Rather than below the outputs, the errors stand beside
// them, where they do in a table; but not with the smallest numbers.
function sizesFor(available) {
  const levels = Object.keys(LEVELS).map(sizes).slice(isDense ? 1 : 0);
  const small = levels.pop();
  return levels.find((size) => withErrors(size) <= available) ??
    levels.find((size) => columnsOf(size) <= available) ?? small;
}

const portsHeight = (size, count) => count * (size.pillHeight + size.between) - size.between;

// Place the blocks of a column below each other, around the middle of the drawing.
function stack(heights, gap, middle) {
  const total = heights.reduce((sum, height) => sum + height + gap, -gap);
  let y = middle - total / 2;
  return heights.map((height) => {
    const top = y;
    y += height + gap;
    return top;
  });
}

const cardHeight = (size, neuron) => (2 + derivativesOf(neuron).length) * size.line + 12;

const heightOf = (heights, gap) => heights.reduce((sum, each) => sum + each + gap, -gap);

// What follows from the width for all parts: where the errors stand, and the heights.
function measure(available) {
  const size = sizesFor(available);
  const { layers, inputs } = exercise;
  size.errorHeight = 2 * size.line + 12;
  size.inputHeight = 2 * size.line + 8;
  // In a narrow window, the errors stand below the outputs and not beside them.
  size.isBelow = withErrors(size) > available;
  size.below = size.isBelow ? size.errorHeight + 10 : 0;
  size.blocks = layers.map((layer, index) => layer.map((neuron) => {
    const ports = portsHeight(size, PORTS[neuron[0]].length);
    const below = index === layers.length - 1 ? size.below : 0;
    return Math.max(cardHeight(size, neuron), ports) + below;
  }));
  size.tallest = Math.max(
    heightOf(inputs.map(() => size.inputHeight), size.gap),
    ...size.blocks.map((heights) => heightOf(heights, size.gap)),
    size.isBelow ? 0 : heightOf(layers.at(-1).map(() => size.errorHeight), size.gap),
  );
  const least = size.isBelow ? columnsOf(size) : withErrors(size);
  size.width = Math.max(least, available);
  const curves = layers.length + (size.isBelow ? 0 : 1);
  size.curve += Math.min(150, (size.width - least) / curves);
  size.middle = size.head + size.tallest / 2;
  return size;
}

// The drawing for a width in pixels: its size, and boxes { x, y, width, height } by what they are.
function layOut(available) {
  const size = measure(available);
  const drawing = { size, inputs: [], cards: [], ports: {}, errors: [], heads: [] };
  let x = 2;
  drawing.heads.push({ x: x + size.input / 2, layer: 0 });
  const tops = stack(exercise.inputs.map(() => size.inputHeight), size.gap, size.middle);
  drawing.inputs = tops.map((y) => ({ x, y, width: size.input, height: size.inputHeight }));
  x += size.input;
  exercise.layers.forEach((_, index) => {
    x += size.curve;
    placeLayer(drawing, index, x);
    x += size.pill + size.beside + size.card;
    drawing.heads.push({ x: x - size.card / 2, layer: index + 1 });
  });
  if (!size.isBelow) {
    x += size.curve;
    drawing.heads.push({ x: x + size.error / 2, layer: -1 });
    drawing.errors = drawing.cards.at(-1).map((card) => ({
      x, y: card.y + (card.height - size.errorHeight) / 2, width: size.error,
      height: size.errorHeight,
    }));
    x += size.error;
  }
  placeTotal(drawing);
  const bottom = drawing.total.y + drawing.total.height + 6;
  drawing.height = Math.max(size.head + size.tallest + 10, bottom);
  drawing.width = Math.max(size.width, x + 2);
  return drawing;
}

// Place the neurons of a layer with their ports, and the errors below the outputs.
function placeLayer(drawing, index, x) {
  const { size } = drawing;
  // The errors do not move the outputs out of the middle.
  const below = index === exercise.layers.length - 1 ? size.below : 0;
  const tops = stack(size.blocks[index], size.gap, size.middle + below / 2);
  drawing.cards.push(exercise.layers[index].map((neuron, number) => {
    const block = size.blocks[index][number] - below;
    placePorts(drawing, neuron[0], x, tops[number] + block / 2);
    const height = cardHeight(size, neuron);
    const card = {
      x: x + size.pill + size.beside, y: tops[number] + (block - height) / 2,
      width: size.card, height,
    };
    if (below) {
      drawing.errors.push({
        x: card.x, y: tops[number] + block + 10, width: size.card, height: size.errorHeight,
      });
    }
    return card;
  }));
}

function placePorts(drawing, target, x, middle) {
  const { size } = drawing;
  const first = middle - portsHeight(size, PORTS[target].length) / 2;
  PORTS[target].forEach((name, port) => {
    (drawing.ports[name] ??= []).push({
      x, y: first + port * (size.pillHeight + size.between), width: size.pill,
      height: size.pillHeight, target,
    });
  });
}

// The total error stands below the last error.
function placeTotal(drawing) {
  const last = drawing.errors.at(-1);
  const rows = exercise.comparedError === "E_mean" ? 2 : 1;
  drawing.total = {
    x: last.x - 28, y: last.y + last.height + 18, width: last.width + 28,
    height: rows * drawing.size.line + 12,
  };
}
