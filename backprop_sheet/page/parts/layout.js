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

// The widths of the parts at three levels of room, in pixels: of an input, a card, a port (of a weight
// and a gradient that share a line), the error, the least of the connections, and beside the ports.
const LEVELS = {
  wide: { input: 78, card: 126, port: 128, shared: [90, 68], error: 104, curve: 36, beside: 6 },
  medium: { input: 58, card: 104, port: 96, shared: [86, 64], error: 96, curve: 28, beside: 6 },
  narrow: { input: 42, card: 72, port: 68, shared: [76, 58], error: 72, curve: 11, beside: 4 },
};

function sizes(level) {
  const widths = LEVELS[level];
  const line = isDense ? 18 : 19;
  const [half, other] = widths.shared;
  return {
    ...widths,
    level,
    line,
    half,
    hasLittleRoom: level !== "wide",
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

// The roomiest sizes that fit into a width.
function sizesFor(available) {
  const levels = Object.keys(LEVELS).map(sizes);
  return levels.find((size) => columnsOf(size) <= available) ?? levels.at(-1);
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

// The drawing for a width in pixels: its size, and boxes { x, y, width, height } by what they are.
function layOut(available) {
  const size = sizesFor(available);
  const { layers, inputs } = exercise;
  // In a narrow window, the errors stand below the outputs and not beside them.
  const columns = columnsOf(size);
  const isBelow = columns + size.curve + size.error > available;
  size.isBelow = isBelow;
  const rows = (neuron) => 2 + derivativesOf(neuron).length;
  const cardHeight = (neuron) => rows(neuron) * size.line + 12;
  const errorHeight = 2 * size.line + 12;
  const blockHeight = (neuron, layer) => {
    const own = Math.max(cardHeight(neuron), portsHeight(size, PORTS[neuron[0]].length));
    const isLast = layer === layers.length - 1;
    return isBelow && isLast ? own + errorHeight + 10 : own;
  };
  const blocks = layers.map((layer, index) => layer.map((neuron) => blockHeight(neuron, index)));
  const inputHeight = 2 * size.line + 8;
  const totalHeight = (exercise.comparedError === "E_mean" ? 2 : 1) * size.line + 12;
  const heightOf = (heights, gap) => heights.reduce((sum, each) => sum + each + gap, -gap);
  const tallest = Math.max(
    heightOf(inputs.map(() => inputHeight), size.gap),
    ...blocks.map((heights) => heightOf(heights, size.gap)),
    isBelow ? 0 : heightOf(layers.at(-1).map(() => errorHeight), size.gap),
  );
  const least = columns + (isBelow ? 0 : size.curve + size.error);
  const width = Math.max(least, available);
  const curve = size.curve + Math.min(
    150, (width - least) / (layers.length + (isBelow ? 0 : 1)),
  );
  const middle = size.head + tallest / 2;
  const drawing = {
    size, width, height: size.head + tallest + totalHeight + 26, curve,
    inputs: [], cards: [], ports: {}, errors: [], heads: [],
  };
  let x = 2;
  drawing.heads.push({ x: x + size.input / 2, layer: 0 });
  drawing.inputs = stack(inputs.map(() => inputHeight), size.gap, middle).map((y) => ({
    x, y, width: size.input, height: inputHeight,
  }));
  x += size.input;
  layers.forEach((layer, index) => {
    x += curve;
    // Errors below the outputs do not move these out of the middle.
    const below = isBelow && index === layers.length - 1 ? errorHeight + 10 : 0;
    const tops = stack(blocks[index], size.gap, middle + below / 2);
    drawing.cards.push(layer.map((neuron, number) => {
      const block = blocks[index][number] - below;
      const ports = PORTS[neuron[0]];
      const first = tops[number] + (block - portsHeight(size, ports.length)) / 2;
      ports.forEach((name, port) => {
        (drawing.ports[name] ??= []).push({
          x, y: first + port * (size.pillHeight + size.between), width: size.pill,
          height: size.pillHeight, target: neuron[0],
        });
      });
      const card = {
        x: x + size.pill + size.beside, y: tops[number] + (block - cardHeight(neuron)) / 2,
        width: size.card, height: cardHeight(neuron),
      };
      if (below) {
        drawing.errors.push({
          x: card.x, y: tops[number] + block + 10, width: size.card, height: errorHeight,
        });
      }
      return card;
    }));
    drawing.heads.push({ x: x + size.pill + size.beside + size.card / 2, layer: index + 1 });
    x += size.pill + size.beside + size.card;
  });
  if (!isBelow) {
    x += curve;
    drawing.heads.push({ x: x + size.error / 2, layer: -1 });
    drawing.errors = drawing.cards.at(-1).map((card) => ({
      x, y: card.y + card.height / 2 - errorHeight / 2, width: size.error, height: errorHeight,
    }));
  }
  const last = drawing.errors.at(-1);
  drawing.total = {
    x: last.x - 28, y: last.y + last.height + 18, width: last.width + 28, height: totalHeight,
  };
  drawing.height = Math.max(size.head + tallest + 10, drawing.total.y + totalHeight + 6);
  drawing.width = Math.max(width, x + (isBelow ? 2 : size.error + 2));
  return drawing;
}
