// What the network computes: its outputs for all inputs, beside the targets of the samples. It is
// drawn for one input as a curve, and for two as a map.

const MAP_CELLS = 40; // of a map, across and down
const MAP_SIZE = 280;
const hasMap = exercise.inputs.length <= 2 && exercise.samples.length > 1;
const outputNames = exercise.layers.at(-1).map(([, activation]) => activation);
const LAST_FORWARD = INDEX.get(outputNames.at(-1));

// The outputs for inputs, with the parameters of the iteration that is shown.
function outputsFor(inputs, row) {
  exercise.inputs.forEach((name, index) => { row[name] = inputs[index]; });
  for (let index = 0; index <= LAST_FORWARD; index++) {
    const { name, value } = EQUATIONS[index];
    row[name] = value(row);
  }
  return outputNames.map((name) => row[name]);
}

// The range of an input over the samples, with room around it.
function inputRange(index) {
  const values = state.given.samples.map(([inputs]) => inputs[index]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.25 * (high - low || 1);
  return [low - room, high + room];
}

// --- one input -----------------------------------------------------------------------------------

function drawFunction() {
  const row = { ...rowNow() };
  const [first, last] = inputRange(0);
  const points = Array.from({ length: 81 }, (_, index) => {
    const x = first + ((last - first) * index) / 80;
    return [x, outputsFor([x], row)];
  });
  const targets = state.given.samples.map(([inputs, each]) => [inputs[0], each]);
  const heights = [...points, ...targets].flatMap(([, each]) => each).filter(Number.isFinite);
  const low = Math.min(...heights);
  const high = Math.max(...heights);
  const pad = 0.08 * (high - low || 1);
  const toX = (x) => 34 + ((MAP_SIZE - 44) * (x - first)) / (last - first);
  const toY = (y) => 10 + (MAP_SIZE - 44) * (1 - (y - low + pad) / (high - low + 2 * pad));
  const root = svg("svg", { viewBox: `0 0 ${MAP_SIZE} ${MAP_SIZE}`, role: "img", class: "plot" });
  root.setAttribute("aria-label", "The outputs as functions of the input, and the targets");
  const floor = MAP_SIZE - 34;
  root.append(svg("path", { d: `M34 10 V${floor} H${MAP_SIZE - 10}`, class: "axis" }));
  outputNames.forEach((_, output) => {
    const shape = points.map(([x, each]) => `${toX(x).toFixed(1)} ${toY(each[output]).toFixed(1)}`);
    root.append(svg("path", { d: `M${shape.join("L")}`, class: `curve chosen ${toColor(output)}` }));
    targets.forEach(([x, each], sample) => root.append(svg("circle", {
      cx: toX(x), cy: toY(each[output]), r: 5, class: `target${isShownSample(sample) ? " now" : ""}`,
    })));
  });
  for (const [x] of targets) {
    root.append(svg("text", { x: toX(x), y: floor + 12, class: "tick" }, short(x)));
  }
  const label = svg("text", { x: MAP_SIZE - 10, y: MAP_SIZE - 6, class: "tick end" });
  label.append(...typesetInDrawing(exercise.inputs[0]));
  root.append(label);
  $("map").replaceChildren(root);
}

const isShownSample = (index) => rowNow().sample === index + 1;

// --- two inputs ----------------------------------------------------------------------------------

// A color of the style sheet as [red, green, blue].
function styleColor(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((start) => Number.parseInt(text.slice(start, start + 2), 16));
}

const mixed = (from, to, share) => from.map((each, index) => each + (to[index] - each) * share);

// The color of the outputs: of one output, by its value; of several, by the largest one.
function outputColors() {
  const [zero, low, high] =
    ["--scale-zero", "--scale-negative", "--scale-positive"].map(styleColor);
  const isShare = ["sigmoid", "softmax"].includes(exercise.activations.at(-1));
  if (outputNames.length === 1) {
    return ([output]) => {
      const value = within(-1, isShare ? 2 * output - 1 : output, 1) || 0;
      return mixed(zero, value < 0 ? low : high, Math.abs(value));
    };
  }
  const classes = [ // those of the curves
    [0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [163, 122, 0], [86, 180, 233],
  ];
  return (outputs) => {
    const largest = Math.max(...outputs);
    const share = isShare ? within(0, largest, 1) : 0.7;
    return mixed(zero, classes[outputs.indexOf(largest) % classes.length] ?? zero, 0.85 * share);
  };
}

function drawMap() {
  const row = { ...rowNow() };
  const ranges = [inputRange(0), inputRange(1)];
  const colorOf = outputColors();
  const picture = $("map").querySelector("canvas") ?? newMap();
  const context = picture.getContext("2d");
  const image = context.createImageData(MAP_CELLS, MAP_CELLS);
  for (let cell = 0; cell < MAP_CELLS ** 2; cell++) {
    const shares = [cell % MAP_CELLS, MAP_CELLS - 1 - Math.floor(cell / MAP_CELLS)]
      .map((each) => (each + 0.5) / MAP_CELLS);
    const inputs = shares.map((share, index) =>
      ranges[index][0] + share * (ranges[index][1] - ranges[index][0]));
    image.data.set([...colorOf(outputsFor(inputs, row)).map(Math.round), 255], 4 * cell);
  }
  context.putImageData(image, 0, 0);
  drawMapSamples(ranges, colorOf);
}

function newMap() {
  const picture = make("canvas", { width: MAP_CELLS, height: MAP_CELLS });
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", "The outputs for all pairs of inputs, and the samples");
  $("map").replaceChildren(picture, svg("svg", { viewBox: "0 0 100 100", "aria-hidden": "true" }));
  return picture;
}

function drawMapSamples(ranges, colorOf) {
  const over = $("map").querySelector("svg");
  const circles = state.given.samples.map(([inputs, targets], sample) => {
    const [x, y] = inputs.map((value, index) =>
      (100 * (value - ranges[index][0])) / (ranges[index][1] - ranges[index][0]));
    const circle = svg("circle", {
      cx: x, cy: 100 - y, r: 3.2, class: `target${isShownSample(sample) ? " now" : ""}`,
    });
    circle.style.fill = `rgb(${colorOf(targets).map(Math.round).join()})`;
    return circle;
  });
  over.replaceChildren(...circles);
}

let drawnMap = {};

function updateMap() {
  const { iteration, rate, given, sample } = state;
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const isHidden = outputNames.some((name) => hooks.isHidden(name));
  $("map-figure").hidden = isHidden;
  const now = { iteration, rate, given, sample, isDark, isHidden };
  if (isHidden || isSame(now, drawnMap)) return;
  drawnMap = now;
  if (exercise.inputs.length === 1) drawFunction();
  else drawMap();
}

function startMap() {
  $("map-figure").hidden = !hasMap;
  if (!hasMap) return;
  $("map-words").append(...(exercise.inputs.length === 1
    ? ["The outputs for any ", quantity(exercise.inputs[0]), ", and the targets of the samples as dots."]
    : ["The outputs for any ", quantity(exercise.inputs[0]), " (across) and ",
      quantity(exercise.inputs[1]), " (upwards), and the samples as dots in the color of their targets."]));
  onChange(updateMap);
}
