// The page: takes a drawing, a picture or a test digit, and shows the prediction and every layer.

const data = JSON.parse(document.getElementById("data").textContent);
const { preparation } = data;
const network = loadNetwork(data);
const $ = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const formatNumber = (value) => {
  if (value === 0) return "0";
  return Math.abs(value) >= 0.001 ? value.toFixed(4) : value.toExponential(2);
};

const GRAYS = Array.from({ length: 256 }, (_, value) => [value, value, value]);

let state = null; // the digit that is shown, and everything that the network computed from it
let selected = null; // { layer, map, y, x }: the value whose computation is shown

window.digitReader = {
  logits: (pixels) => Array.from(forward(network, pixels).logits),
  read: (gray, width, height) => {
    const pixels = prepare(gray, width, height);
    if (!pixels) return null;
    const { probabilities } = forward(network, pixels);
    const digit = probabilities.indexOf(Math.max(...probabilities));
    return { digit, probabilities, pixels: Array.from(pixels) };
  },
};

// --- drawing -------------------------------------------------------------------------------------

const canvas = $("drawing");
const pen = canvas.getContext("2d");
// The canvas has the working size of picture.js, so that a drawing need not be resized.
const PEN_WIDTH = 18;
let strokes = [];
let current = null;
// The drawing as the network reads it. It is not read from the canvas, because some browsers give
// pages white or random pixels: Tor, and Firefox with privacy.resistFingerprinting.
const drawing = new Float64Array(canvas.width * canvas.height);
let drawnPoints = []; // of each stroke, the number of points that are in `drawing`

function setStrokes(others) {
  strokes = others;
  drawing.fill(0);
  drawnPoints = [];
}

// Draw the points that have been added since the last call.
function updateDrawing() {
  strokes.forEach((stroke, index) => {
    for (let at = drawnPoints[index] ?? 0; at < stroke.length; at++) {
      const from = stroke[Math.max(0, at - 1)];
      drawLine(drawing, canvas.width, canvas.height, from, stroke[at], PEN_WIDTH);
    }
    drawnPoints[index] = stroke.length;
  });
}

function paint() {
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.strokeStyle = pen.fillStyle = "#fff";
  pen.lineWidth = PEN_WIDTH;
  pen.lineCap = pen.lineJoin = "round";
  for (const stroke of strokes) {
    // A line of length 0 has no round ends: draw a dot at the start of each stroke.
    pen.beginPath();
    pen.arc(stroke[0].x, stroke[0].y, PEN_WIDTH / 2, 0, 2 * Math.PI);
    pen.fill();
    pen.beginPath();
    pen.moveTo(stroke[0].x, stroke[0].y);
    for (const point of stroke.slice(1)) pen.lineTo(point.x, point.y);
    pen.stroke();
  }
}

function grayOf(context, width, height) {
  const { data: rgba } = context.getImageData(0, 0, width, height); // only of picture files
  const gray = new Float64Array(width * height);
  for (let at = 0; at < gray.length; at++) {
    // ITU-R 601, as in Pillow.
    gray[at] = Math.round(
      0.299 * rgba[4 * at] + 0.587 * rgba[4 * at + 1] + 0.114 * rgba[4 * at + 2],
    );
  }
  return gray;
}

function readDrawing() {
  paint();
  select(null);
  if (!strokes.length) return show(null, "");
  updateDrawing();
  show(prepare(drawing, canvas.width, canvas.height), "");
}

function pointOf(event) {
  const box = canvas.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) / box.width) * canvas.width,
    y: ((event.clientY - box.top) / box.height) * canvas.height,
  };
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button || current) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  current = event.pointerId;
  strokes.push([pointOf(event)]);
  schedule();
});
canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== current) return;
  const events = event.getCoalescedEvents?.() ?? [];
  strokes.at(-1)?.push(...(events.length ? events : [event]).map(pointOf));
  schedule();
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, (event) => {
    if (event.pointerId === current) current = null;
  });
}
canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });

// Read at most once per frame, however many points arrive.
let isScheduled = false;
function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    readDrawing();
  });
}

function undo() {
  setStrokes(strokes.slice(0, -1));
  readDrawing();
}
$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", () => {
  setStrokes([]);
  readDrawing();
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") {
    event.preventDefault();
    undo();
  }
});

// --- pictures and gallery --------------------------------------------------------------------------

const MAX_PICTURE_PIXELS = 50e6;
const MAX_PICTURE_SIDE = 1024;

// Whether the browser gives this page the pixels of a canvas. Small changes, which some browsers make
// against tracking, do no harm.
function canReadCanvas() {
  const side = 16;
  const page = make("canvas", { width: side, height: side }).getContext("2d");
  const pattern = page.createImageData(side, side);
  for (let at = 0; at < pattern.data.length; at++) pattern.data[at] = at % 4 === 3 ? 255 : (at * 73) % 256;
  page.putImageData(pattern, 0, 0);
  try {
    const read = page.getImageData(0, 0, side, side).data;
    return read.every((value, at) => Math.abs(value - pattern.data[at]) <= 2);
  } catch {
    return false;
  }
}

async function openPicture(file) {
  setStrokes([]);
  paint();
  select(null);
  if (!canReadCanvas()) {
    return show(
      null,
      "This browser does not let the page read a picture: draw the digit, or open the page in another browser.",
    );
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return show(null, "This file is not a PNG or JPEG picture, or it is damaged.");
  }
  if (bitmap.width * bitmap.height > MAX_PICTURE_PIXELS) {
    return show(null, "This picture has more than 50 million pixels.");
  }
  const scale = Math.min(1, MAX_PICTURE_SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const page = make("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  // Transparent areas become paper: black if the visible part is bright, else white.
  page.drawImage(bitmap, 0, 0, width, height);
  const { data: rgba } = page.getImageData(0, 0, width, height);
  let opacity = 0;
  let brightness = 0;
  for (let at = 0; at < rgba.length; at += 4) {
    opacity += rgba[at + 3];
    brightness += rgba[at + 3] * (0.299 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2]);
  }
  page.fillStyle = opacity && brightness / opacity >= 128 ? "#000" : "#fff";
  page.globalCompositeOperation = "destination-over";
  if (opacity < 255 * width * height) page.fillRect(0, 0, width, height);
  const side = Math.min(canvas.width / width, canvas.height / height);
  pen.imageSmoothingEnabled = true;
  pen.drawImage(
    page.canvas,
    (canvas.width - width * side) / 2, (canvas.height - height * side) / 2,
    width * side, height * side,
  );
  const pixels = prepare(grayOf(page, width, height), width, height);
  show(pixels, pixels ? "" : "This picture has no ink on it.");
}

$("picture").addEventListener("change", (event) => {
  if (event.target.files.length) openPicture(event.target.files[0]);
  event.target.value = "";
});
for (const target of [canvas, document.body]) {
  target.addEventListener("dragover", (event) => {
    event.preventDefault();
    canvas.classList.add("dropping");
  });
}
document.body.addEventListener("dragleave", () => canvas.classList.remove("dropping"));
document.body.addEventListener("drop", (event) => {
  event.preventDefault();
  canvas.classList.remove("dropping");
  if (event.dataTransfer.files.length) openPicture(event.dataTransfer.files[0]);
});

const gallery = data.gallery.map(({ label, pixels }) => ({ label, pixels: decodeBytes(pixels) }));
gallery.forEach(({ label, pixels }, index) => {
  const picture = make("canvas", { width: 28, height: 28 });
  drawMap(picture, pixels, 28, GRAYS);
  const button = make("button", { type: "button" }, picture);
  button.setAttribute("aria-label", `Test digit ${index + 1}: ${label}`);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => chooseTestDigit(index));
  $("gallery").append(button);
});
$("gallery-note").textContent = `Data set: ${data.source}.`;

function chooseTestDigit(index) {
  setStrokes([]);
  paint();
  const { pixels, label } = gallery[index];
  const small = make("canvas", { width: 28, height: 28 });
  drawMap(small, pixels, 28, GRAYS);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
  select(null);
  show(pixels, `Test digit ${index + 1}; its label is ${label}.`);
  $("gallery").children[index].setAttribute("aria-pressed", "true");
}

// --- the prediction ------------------------------------------------------------------------------------

const rows = Array.from({ length: 10 }, (_, digit) => {
  const fill = make("div");
  const cell = make("td", {}, make("div", { className: "bar" }, fill));
  const head = make("th", { textContent: digit, scope: "row" });
  const share = make("td", { textContent: "–" });
  const row = make("tr", {}, head, cell, share);
  row.dataset.digit = digit;
  $("probabilities").tBodies[0].append(row);
  return { row, fill, share };
});

function show(pixels, message) {
  for (const button of $("gallery").children) button.setAttribute("aria-pressed", "false");
  $("message").textContent = message;
  state = pixels ? { pixels, ...forward(network, pixels) } : null;
  if (!state) {
    $("answer").textContent = "";
    $("runner-up").textContent = "Draw a digit, open a picture, or choose a test digit.";
    for (const { row, fill, share } of rows) {
      row.classList.remove("best");
      fill.style.width = "0";
      share.textContent = "–";
    }
    $("layers").hidden = true;
    return;
  }
  const order = [...state.probabilities.keys()].sort(
    (a, b) => state.probabilities[b] - state.probabilities[a],
  );
  const percent = (digit) => `${(100 * state.probabilities[digit]).toFixed(1)} %`;
  $("answer").textContent = order[0];
  $("runner-up").textContent =
    `Probability ${percent(order[0])}. Runner-up ${order[1]}: ${percent(order[1])}.`;
  rows.forEach(({ row, fill, share }, digit) => {
    row.classList.toggle("best", digit === order[0]);
    fill.style.width = `${100 * state.probabilities[digit]}%`;
    share.textContent = percent(digit);
  });
  $("layers").hidden = false;
  drawLayers();
  if (selected) explain();
}

// --- the layers ------------------------------------------------------------------------------------

const TITLES = [
  "Input: 28×28 pixels",
  "Convolution 1, ReLU and batch normalization: 16 maps of 28×28",
  "Max pooling 1: 16 maps of 14×14",
  "Convolution 2, ReLU and batch normalization: 32 maps of 14×14",
  "Max pooling 2: 32 maps of 3×3",
  "Convolution 3, ReLU and batch normalization: 50 maps of 3×3",
  "Max pooling 3: 50 maps of 1×1",
  "Logits: one value per digit",
];
const NAMES = [
  "Input", "Convolution 1", "Max pooling 1", "Convolution 2", "Max pooling 2", "Convolution 3",
  "Max pooling 3", "Logits",
];
const LAYERS = ["input", "conv1", "pool1", "conv2", "pool2", "conv3", "pool3", "logits"];
const SIDES = [112, 56, 56, 56, 27, 27, 27, 44];
const buttons = TITLES.map((title, layer) => {
  const maps = layer === 0 ? 1 : [16, 16, 32, 32, 50, 50, 10][layer - 1];
  const group = make("div", { className: "maps" });
  group.dataset.layer = LAYERS[layer];
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", title);
  $("layers").append(make("h3", { textContent: title }), group);
  return Array.from({ length: maps }, (_, map) => {
    const picture = make("canvas");
    picture.style.width = picture.style.height = `${SIDES[layer]}px`;
    const mark = make("span", { className: "mark" });
    const button = make("button", { type: "button", className: "map" }, picture, mark);
    if (layer === 7) button.append(make("span", { className: "caption" }));
    button.dataset.map = map;
    button.tabIndex = map ? -1 : 0;
    button.setAttribute("aria-label", `${NAMES[layer]}, ${layer === 7 ? "digit" : "map"} ${
      layer === 7 ? map : map + 1}`);
    button.addEventListener("click", (event) => clickMap(event, layer, map));
    button.addEventListener("keydown", (event) => moveInMap(event, layer, map));
    group.append(button);
    return button;
  });
});

// Colors of values from -1 to 1 in steps of 1/255: blue for negative, black for 0, orange for
// positive. Color-blind people can distinguish them.
const SIGNED_COLORS = Array.from({ length: 511 }, (_, index) => {
  const value = (index - 255) / 255;
  const color = value > 0 ? [255, 170, 60] : [70, 150, 255];
  return color.map((channel) => channel * Math.abs(value) ** 0.7);
});

// Draw side * side values from `offset` on, each in the color at 255 * value / scale + zero.
function drawMap(picture, values, side, colors, { offset = 0, scale = 255, zero = 0 } = {}) {
  if (picture.width !== side) picture.width = picture.height = side;
  const context = picture.getContext("2d");
  const image = context.createImageData(side, side);
  const rgba = image.data;
  for (let at = 0; at < side * side; at++) {
    const color = colors[Math.round((255 * values[offset + at]) / scale) + zero];
    rgba[4 * at] = color[0];
    rgba[4 * at + 1] = color[1];
    rgba[4 * at + 2] = color[2];
    rgba[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function drawLayers() {
  state.layers.forEach((layer, index) => {
    const scale = layer.values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    buttons[index].forEach((button, map) => {
      const picture = button.querySelector("canvas");
      if (index === 0) {
        drawMap(picture, state.pixels, 28, GRAYS);
      } else {
        const offset = map * layer.side * layer.side;
        drawMap(picture, layer.values, layer.side, SIGNED_COLORS, { offset, scale, zero: 255 });
      }
      if (index === 7) {
        button.querySelector(".caption").textContent = `${map}: ${layer.values[map].toFixed(2)}`;
      }
    });
  });
}

function select(position) {
  for (const button of document.querySelectorAll(".map.selected")) button.classList.remove("selected");
  selected = position;
  if (!position) return $("computation").replaceChildren();
  const button = buttons[position.layer][position.map];
  for (const other of buttons[position.layer]) other.tabIndex = other === button ? 0 : -1;
  button.classList.add("selected");
  const size = SIDES[position.layer] / state.layers[position.layer].side;
  Object.assign(button.querySelector(".mark").style, {
    left: `${position.x * size - 1}px`, top: `${position.y * size - 1}px`,
    width: `${size + 2}px`, height: `${size + 2}px`,
  });
  explain();
}

function clickMap(event, layer, map) {
  const { side } = state.layers[layer];
  const box = buttons[layer][map].querySelector("canvas").getBoundingClientRect();
  // A click with the keyboard has no position: keep the selected position, or take the middle.
  const isKeyboard = event.detail === 0;
  const limit = (value) => Math.min(side - 1, Math.max(0, Math.floor(value)));
  const same = selected && selected.layer === layer;
  const middle = Math.floor(side / 2);
  select({
    layer, map,
    x: isKeyboard ? (same ? selected.x : middle) : limit(((event.clientX - box.left) / box.width) * side),
    y: isKeyboard ? (same ? selected.y : middle) : limit(((event.clientY - box.top) / box.height) * side),
  });
}

function moveInMap(event, layer, map) {
  const step = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  }[event.key];
  if (!step || !state) return;
  event.preventDefault();
  const { side, maps } = state.layers[layer];
  const position = selected && selected.layer === layer
    ? { ...selected }
    : { layer, map, x: Math.floor(side / 2), y: Math.floor(side / 2) };
  if (event.shiftKey || side === 1) {
    position.map = Math.min(maps - 1, Math.max(0, position.map + step[0] + step[1]));
  } else {
    position.x = Math.min(side - 1, Math.max(0, position.x + step[0]));
    position.y = Math.min(side - 1, Math.max(0, position.y + step[1]));
  }
  select(position);
  buttons[layer][position.map].focus();
}

// --- the computation of one value --------------------------------------------------------------------

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

function explain() {
  const { layer: index, map, y, x } = selected;
  const layer = state.layers[index];
  const value = layer.values[(map * layer.side + y) * layer.side + x];
  const position = layer.side > 1 ? `, row ${y + 1}, column ${x + 1}` : "";
  const name = index === 7 ? `digit ${map}` : `map ${map + 1}`;
  const panel = $("computation");
  panel.replaceChildren(make("h3", { textContent: `${NAMES[index]}, ${name}${position}` }));
  const line = (text) => panel.append(make("p", { className: "formula", textContent: text }));
  if (layer.kind === "input") {
    line(`pixel = ${state.pixels[y * 28 + x]} (0 is paper, 255 is ink)`);
    line(`normalized = (${state.pixels[y * 28 + x]}/255 − ${data.mean})/${data.deviation} = ${formatNumber(value)}`);
  } else if (layer.kind === "convolution") {
    explainConvolution(layer, map, y, x, value, line, panel);
  } else if (layer.kind === "pooling") {
    const { previous, pool } = layer;
    const window = [];
    for (let i = 0; i < pool; i++) {
      for (let j = 0; j < pool && previous.side > 1; j++) {
        const row = y * pool + i;
        const column = x * pool + j;
        window.push(previous.values[(map * previous.side + row) * previous.side + column]);
      }
    }
    line(`Maximum of a ${pool}×${pool} window:`);
    panel.append(grid(window, pool));
    line(`maximum = ${formatNumber(value)}`);
  } else {
    explainLogit(layer, map, value, line, panel);
  }
}

function explainConvolution(layer, map, y, x, value, line, panel) {
  const { previous, convolution } = layer;
  const { channels, filters, kernel, scale, shift } = convolution;
  let total = 0;
  const blocks = Array.from({ length: channels }, (_, channel) => {
    const window = [];
    const weights = [];
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const row = y + i - 1;
        const column = x + j - 1;
        const inside = row >= 0 && column >= 0 && row < previous.side && column < previous.side;
        window.push(inside ? previous.values[(channel * previous.side + row) * previous.side + column] : 0);
        weights.push(kernel[((i * 3 + j) * channels + channel) * filters + map]);
      }
    }
    const products = window.map((input, at) => input * weights[at]);
    const sum = products.reduce((a, b) => a + b, 0);
    total += sum;
    const label = channels > 1 ? `map ${channel + 1}, sum ` : "sum ";
    return make("div", { className: "windows" },
      make("span", { className: "formula", textContent: `${label}${formatNumber(sum)}:` }),
      grid(window, 3), "×", grid(weights, 3), "=", grid(products, 3));
  });
  const rectified = Math.max(total, 0);
  line(`sum of all products = ${formatNumber(total)}`);
  line(`ReLU: max(0, ${formatNumber(total)}) = ${formatNumber(rectified)}`);
  line(
    `batch normalization: ${formatNumber(rectified)} × ${formatNumber(scale[map])} + (${formatNumber(shift[map])}) = ` +
      `${formatNumber(value)}`,
  );
  line(
    channels > 1
      ? `Window × kernel = products, for each of the ${channels} maps of the previous layer:`
      : "Window × kernel = products:",
  );
  panel.append(...blocks);
}

function explainLogit(layer, digit, value, line, panel) {
  const { previous } = layer;
  const body = make("tbody");
  body.append(make("tr", {}, ...["map", "value", "× weight", "= product"].map((text) =>
    make("th", { textContent: text, scope: "col" }))));
  previous.values.forEach((input, at) => {
    const weight = network.dense[at * 10 + digit];
    body.append(make("tr", {}, ...[`${at + 1}`, formatNumber(input), formatNumber(weight), formatNumber(input * weight)].map(
      (text) => make("td", { textContent: text }))));
  });
  line(`logit = sum of the 50 products = ${formatNumber(value)}`);
  const total = state.logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  line(
    `probability (softmax) = exp(logit) / (sum of exp over all ten logits) = exp(${formatNumber(value)}) / ` +
      `${formatNumber(total)} = ${(100 * state.probabilities[digit]).toFixed(2)} %`,
  );
  panel.append(make("table", {}, body));
}

paint();
chooseTestDigit(0);
$("not-running").remove();
